//! Loading the state after the last block. The cost depends on the size of the state, not of the history.

use std::collections::BTreeMap;

use synod_crypto::Hash;
use synod_machine::{Checkpoint, Contribution, FrameStamp, InFlightAggregation};

use synod_wire::AggregationId;

use crate::codec::{hash_of, member_of, opt_time_of, time_of, unpack_signatures};
use crate::head::read_head;
use crate::members::{read_acknowledgements, read_registrations};
use crate::node::read_configuration;
use crate::sql::{Arg, Session};
use crate::traffic::{read_latest_consumed, read_latest_purchased};
use crate::{Store, StoreFault};

impl Store {
    /// The state after the last committed block; `None` when there is no synchronizer yet.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails or holds what cannot be a state.
    pub async fn load_checkpoint(&self) -> Result<Option<Checkpoint>, StoreFault> {
        let mut transaction = self.begin_read().await?;
        let mut session = transaction.session();
        let Some(head) = read_head(&mut session).await? else { return Ok(None) };
        let (psid, static_parameters) = read_configuration(&mut session)
            .await?
            .ok_or_else(|| StoreFault::corrupt("synchronizer_configuration", "is empty"))?;
        let members = read_registrations(&mut session).await?;
        if (0..).zip(&members).any(|(index, member)| member.index.0 != index) {
            return Err(StoreFault::corrupt("members", "numbers of members have a gap"));
        }
        let checkpoint = Checkpoint {
            psid,
            static_parameters,
            height: head.height,
            base_time: head.base_time,
            last_time: head.last_time,
            latest_sequencer_event: head.latest_sequencer_event,
            latest_pending_topology: head.latest_pending_topology,
            topology: session.topology_state_rows().await?,
            members,
            traffic_consumed: read_latest_consumed(&mut session).await?,
            traffic_purchased: read_latest_purchased(&mut session).await?,
            aggregations: read_aggregations(&mut session).await?,
            acknowledgements: read_acknowledgements(&mut session).await?,
            frames: read_frames(&mut session, head.base_time.as_micros()).await?,
            app_hash: head.app_hash,
        };
        transaction.commit().await?;
        Ok(Some(checkpoint))
    }
}

async fn read_aggregations(session: &mut Session<'_>) -> Result<Vec<InFlightAggregation>, StoreFault> {
    let mut contributions = read_contributions(session).await?;
    let select = "SELECT id, max_sequencing_time, rule, delivered_at FROM aggregations";
    let mut aggregations = Vec::new();
    for row in session.fetch(select, &[]).await? {
        const TABLE: &str = "aggregations";
        aggregations.push(InFlightAggregation {
            id: aggregation_id(TABLE, row.slice(0)?)?,
            max_sequencing_time: time_of(TABLE, row.int(1)?)?,
            rule: row.bytes(2)?,
            contributions: contributions.remove(row.slice(0)?).unwrap_or_default(),
            delivered_at: opt_time_of(TABLE, row.opt_int(3)?)?,
        });
    }
    aggregations.sort_by_key(|aggregation| aggregation.id);
    Ok(aggregations)
}

/// Contributions by aggregation, each in order of time.
async fn read_contributions(session: &mut Session<'_>) -> Result<BTreeMap<Vec<u8>, Vec<Contribution>>, StoreFault> {
    const TABLE: &str = "contributions";
    let select = "SELECT aggregation_id, sender, time, signatures FROM contributions ORDER BY time, sender";
    let mut contributions: BTreeMap<Vec<u8>, Vec<Contribution>> = BTreeMap::new();
    for row in session.fetch(select, &[]).await? {
        let contribution = Contribution {
            sender: member_of(TABLE, row.int(1)?)?,
            time: time_of(TABLE, row.int(2)?)?,
            signatures: unpack_signatures(row.slice(3)?)?,
        };
        contributions.entry(row.slice(0)?.to_vec()).or_default().push(contribution);
    }
    Ok(contributions)
}

async fn read_frames(session: &mut Session<'_>, base_time: i64) -> Result<Vec<FrameStamp>, StoreFault> {
    const TABLE: &str = "frames";
    let select = "SELECT id, valid_until FROM frames WHERE valid_until >= $1";
    let rows = session.fetch(select, &[Arg::Int(base_time)]).await?;
    let mut frames: Vec<FrameStamp> = rows
        .iter()
        .map(|row| Ok(FrameStamp { id: hash_of(TABLE, row.slice(0)?)?, valid_until: time_of(TABLE, row.int(1)?)? }))
        .collect::<Result<_, StoreFault>>()?;
    frames.sort_unstable();
    Ok(frames)
}

fn aggregation_id(table: &'static str, bytes: &[u8]) -> Result<AggregationId, StoreFault> {
    Ok(AggregationId(Hash::from_digest(hash_of(table, bytes)?)))
}
