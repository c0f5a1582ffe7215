//! The last block, and the blocks before it.

use synod_types::CantonTimestamp;

use crate::codec::{column, hash_of, number_of, opt_time_of, time_of};
use crate::sql::{Arg, Row};
use crate::{Store, StoreFault};

/// Where the synchronizer stands after a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockRow {
    /// Height; `None` for the state at genesis, before the first block.
    pub height: Option<u64>,
    /// Base time.
    pub base_time: CantonTimestamp,
    /// Time of the last event of this or an earlier block.
    pub last_time: CantonTimestamp,
    /// Time of the last event that addressed all sequencers or everybody.
    pub latest_sequencer_event: Option<CantonTimestamp>,
    /// Time of the last topology broadcast that no tick has made observable.
    pub latest_pending_topology: Option<CantonTimestamp>,
    /// Hash of the state.
    pub app_hash: [u8; 32],
}

const COLUMNS: &str = "height, base_time, last_time, latest_sequencer_event, latest_pending_topology, app_hash";

impl Store {
    /// The last block, or the genesis; `None` when there is no synchronizer yet.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn head(&self) -> Result<Option<BlockRow>, StoreFault> {
        let select = format!("SELECT {COLUMNS} FROM head WHERE height IS NOT NULL");
        self.block_row(&select, &[]).await
    }

    /// The block of a height; `None` when it is not stored, or pruned.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn block(&self, height: u64) -> Result<Option<BlockRow>, StoreFault> {
        let select = format!("SELECT {COLUMNS} FROM blocks WHERE height = $1");
        self.block_row(&select, &[Arg::Int(column("height", height)?)]).await
    }

    /// The first block whose last event is at or after `time` (ch. 03 §7.3); `None` when there is none yet.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn first_block_reaching(&self, time: CantonTimestamp) -> Result<Option<BlockRow>, StoreFault> {
        let select = format!("SELECT {COLUMNS} FROM blocks WHERE last_time >= $1 ORDER BY last_time, height LIMIT 1");
        self.block_row(&select, &[Arg::Int(time.as_micros())]).await
    }

    async fn block_row(&self, select: &str, args: &[Arg<'_>]) -> Result<Option<BlockRow>, StoreFault> {
        let mut connection = self.reader().await?;
        let row = connection.session().fetch_optional(select, args).await?;
        row.map(|row| read_block(&row)).transpose()
    }
}

fn read_block(row: &Row) -> Result<BlockRow, StoreFault> {
    const TABLE: &str = "blocks";
    let height = row.int(0)?;
    Ok(BlockRow {
        height: if height < 0 { None } else { Some(number_of(TABLE, height)?) },
        base_time: time_of(TABLE, row.int(1)?)?,
        last_time: time_of(TABLE, row.int(2)?)?,
        latest_sequencer_event: opt_time_of(TABLE, row.opt_int(3)?)?,
        latest_pending_topology: opt_time_of(TABLE, row.opt_int(4)?)?,
        app_hash: hash_of(TABLE, row.slice(5)?)?,
    })
}

pub(crate) async fn read_head(session: &mut crate::sql::Session<'_>) -> Result<Option<BlockRow>, StoreFault> {
    let select = format!("SELECT {COLUMNS} FROM head WHERE height IS NOT NULL");
    let row = session.fetch_optional(&select, &[]).await?;
    row.map(|row| read_block(&row)).transpose()
}
