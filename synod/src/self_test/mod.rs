//! Members that register, send, receive and confirm: whether a synchronizer does what it is for.

mod confirmation;
mod delivery;
mod member;
mod verdict;

use std::fmt;
use std::time::{Duration, Instant};

use synod_client::{ClientError, SequencerConnection};
use synod_types::Member;

use self::member::TestMember;
use crate::transactions::Place;

/// What a self-test found.
#[derive(Debug, Clone)]
pub(crate) struct SelfTest {
    /// Who registered, sent and received. They will not acknowledge anything more.
    pub(crate) members: Vec<Member>,
    /// From the submission of a transaction until all had its approval; `None` when the synchronizer has no mediator.
    pub(crate) approved_in: Option<Duration>,
    /// How long it took.
    pub(crate) took: Duration,
}

impl fmt::Display for SelfTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} members registered, sent and received in {} ms", self.members.len(), self.took.as_millis())?;
        match self.approved_in {
            Some(approved_in) => write!(f, ", a transaction was approved in {} ms", approved_in.as_millis()),
            None => Ok(()),
        }
    }
}

/// Registers a fresh member at each sequencer, at least two in all, has the first send to all, and waits until each has
/// received it from its own sequencer. Where there are mediators, the first then submits a transaction that all confirm.
pub(crate) async fn self_test(sequencers: &[SequencerConnection]) -> Result<SelfTest, ClientError> {
    let started = Instant::now();
    let count = sequencers.len().max(2);
    let members = (1..).zip(sequencers.iter().cycle()).take(count);
    let registering = members.map(|(number, sequencer)| TestMember::register(sequencer, format!("probe{number}")));
    let mut members = futures::future::try_join_all(registering).await?;
    delivery::deliver(&mut members).await?;
    let place = match members.first().map(|member| member.participant.clone()) {
        Some(first) => Place::find(&first.session).await?,
        None => None,
    };
    let approved_in = match place {
        Some(place) => Some(confirmation::confirm(&mut members, &place).await?),
        None => None,
    };
    let members = members.iter().map(|member| member.participant.member().clone()).collect();
    Ok(SelfTest { members, approved_in, took: started.elapsed() })
}
