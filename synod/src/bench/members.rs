//! The members that make the load.

use std::sync::Arc;

use synod_client::{ClientError, ConnectOptions, MemberIdentity, OnboardingLimits, SequencerConnection, Session};
use synod_types::ProtocolVersion;
use tokio::task::JoinHandle;

use super::Members;
use super::plain::PlainTable;
use super::tally::Tally;

/// Message ids are this and the number of the submission.
pub(super) const MESSAGE_ID_PREFIX: &str = "bench-";

/// A member and the way its submissions go.
#[derive(Debug)]
pub(super) struct BenchMember {
    pub(super) identity: Arc<MemberIdentity>,
    pub(super) way: Way,
}

/// Where submissions go.
#[derive(Debug)]
pub(super) enum Way {
    /// To a sequencer, over a connection of the member's own.
    Sequencer(Box<Session>),
    /// Into a table.
    Table(PlainTable),
}

impl BenchMember {
    pub(super) fn version(&self) -> ProtocolVersion {
        match &self.way {
            Way::Sequencer(session) => session.connection().psid().protocol_version(),
            Way::Table(_) => ProtocolVersion::V35,
        }
    }
}

/// Registers fresh participants, each with its own connection.
pub(super) async fn onboard(connection: &SequencerConnection, url: &str, count: usize) -> Result<Members, ClientError> {
    let mut members = Vec::with_capacity(count);
    for index in 0..count {
        let identity = Arc::new(MemberIdentity::fresh_participant(&format!("bench{index}"))?);
        connection.onboard(&identity, OnboardingLimits::default()).await?;
        let own = SequencerConnection::open(url, &ConnectOptions::default()).await?;
        let way = Way::Sequencer(Box::new(Session::new(own, Arc::clone(&identity))));
        members.push(Arc::new(BenchMember { identity, way }));
    }
    Ok(members)
}

/// Fresh participants whose submissions go into a table.
pub(super) fn of_table(table: &PlainTable, count: usize) -> Result<Members, ClientError> {
    let member = |index| {
        let identity = Arc::new(MemberIdentity::fresh_participant(&format!("bench{index}"))?);
        Ok(Arc::new(BenchMember { identity, way: Way::Table(table.clone()) }))
    };
    (0..count).map(member).collect()
}

/// Reads the events of all members and counts those of their own submissions.
pub(super) async fn read_all(members: &Members, tally: &Arc<Tally>) -> Result<Vec<JoinHandle<()>>, ClientError> {
    let mut readers = Vec::with_capacity(members.len());
    for member in members {
        let Way::Sequencer(session) = &member.way else { continue };
        let mut events = session.subscribe(None, Vec::new()).await?;
        let tally = Arc::clone(tally);
        readers.push(tokio::spawn(async move {
            let reason = loop {
                let received = match events.next().await {
                    Ok(Some(received)) => received,
                    Ok(None) => break "the sequencer ended it".to_owned(),
                    Err(error) => break error.to_string(),
                };
                let number =
                    received.event.message_id.as_ref().and_then(|id| {
                        id.as_str().strip_prefix(MESSAGE_ID_PREFIX).and_then(|number| number.parse().ok())
                    });
                if let Some(number) = number {
                    tally.delivered(number);
                }
            };
            tally.subscription_ended(reason);
        }));
    }
    Ok(readers)
}
