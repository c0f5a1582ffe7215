//! Frames on their way into a block of CometBFT.
//!
//! A frame is here from before its call is answered until a committed block holds it (then the commit removes it)
//! or it is replaced after its validity has passed.

use bytes::Bytes;
use synod_types::CantonTimestamp;

use crate::codec::{hash_of, time_of};
use crate::sql::{Arg, Column, Insert, Session};
use crate::{Store, StoreFault};

/// A frame that waits for a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxFrame {
    /// Hash of the frame.
    pub id: [u8; 32],
    /// Its bytes: each attempt sends the same.
    pub frame: Bytes,
    /// It may be in blocks with a base time up to this one.
    pub valid_until: CantonTimestamp,
}

impl Store {
    /// Adds frames. One that is already there stays as it is.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails; then it is not known whether the frames are stored.
    pub async fn put_outbox(&self, frames: &[OutboxFrame]) -> Result<(), StoreFault> {
        self.replace_outbox(&[], frames).await
    }

    /// Removes frames and adds others, in one transaction.
    ///
    /// # Errors
    /// As [`put_outbox`](Self::put_outbox).
    pub async fn replace_outbox(&self, remove: &[[u8; 32]], add: &[OutboxFrame]) -> Result<(), StoreFault> {
        let mut transaction = self.begin_write().await?;
        let mut session = transaction.session();
        remove_frames(&mut session, remove.iter()).await?;
        let mut insert = Insert::new(
            "outbox",
            &[Column::Bytes("frame_id"), Column::Bytes("frame"), Column::Int("valid_until")],
            "ON CONFLICT (frame_id) DO NOTHING",
        );
        for frame in add {
            insert.row([frame.id.as_slice().into(), (&frame.frame).into(), frame.valid_until.as_micros().into()]);
        }
        insert.run(&mut session).await?;
        transaction.commit().await
    }

    /// All waiting frames, in the order in which they were added.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails.
    pub async fn outbox(&self) -> Result<Vec<OutboxFrame>, StoreFault> {
        const TABLE: &str = "outbox";
        let select = "SELECT frame_id, frame, valid_until FROM outbox ORDER BY position";
        let mut connection = self.reader().await?;
        let rows = connection.session().fetch(select, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(OutboxFrame {
                    id: hash_of(TABLE, row.slice(0)?)?,
                    frame: row.bytes(1)?,
                    valid_until: time_of(TABLE, row.int(2)?)?,
                })
            })
            .collect()
    }
}

pub(crate) async fn remove_frames(
    session: &mut Session<'_>,
    ids: impl Iterator<Item = &[u8; 32]> + Send,
) -> Result<(), StoreFault> {
    let ids: Vec<&[u8]> = ids.map(<[u8; 32]>::as_slice).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let delete = format!("DELETE FROM outbox WHERE {}", session.dialect().among_bytes("frame_id", 1));
    session.execute(&delete, &[Arg::ByteList(&ids)]).await.map(|_| ())
}
