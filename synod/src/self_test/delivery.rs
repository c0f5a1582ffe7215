//! One sends, all receive.

use bytes::Bytes;
use synod_client::ClientError;
use synod_types::Recipient;
use synod_wire::Recipients;

use super::member::{TestMember, unexpected};
use crate::transactions::unsigned;

const NAME: &str = "self-test";
const CONTENT: &[u8] = b"synod self-test";

/// The first member sends to all, and each has it from its own sequencer.
pub(super) async fn deliver(members: &mut [TestMember]) -> Result<(), ClientError> {
    let recipients = members.iter().map(|member| Recipient::Member(member.participant.member().clone()));
    let recipients = Recipients::group(recipients).ok_or_else(|| unexpected("no members"))?;
    if let Some(sender) = members.first().map(|member| member.participant.clone()) {
        sender.send(NAME, vec![(unsigned(Bytes::from_static(CONTENT)), recipients)]).await?;
    }
    let receiving =
        members.iter_mut().map(|member| member.find(|_, envelope| (envelope.content == CONTENT).then_some(())));
    futures::future::try_join_all(receiving).await?;
    Ok(())
}
