//! Questions to several sequencers, of which enough have to give the same answer.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use synod_crypto::Hash;
use synod_proto::topology::admin::v30::topology_transactions::Item;
use synod_topology::Snapshot;
use synod_types::CantonTimestamp;
use synod_wire::TrafficState;
use tokio::task::JoinSet;

use super::SequencerPool;
use super::state::LinkId;
use crate::call::within;
use crate::error::causes;
use crate::request::acknowledgement;
use crate::{ClientError, MemberTopology, Retry, Session};

/// Longest wait for one of several sequencers that could be asked instead.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(30);

impl SequencerPool {
    /// The topology that the member starts from: its hash is the same from as many sequencers as have to agree, the content
    /// is that of one of them and has the hash.
    ///
    /// # Errors
    /// [`ClientError::NoSequencer`], [`ClientError::Disagreement`] (also while the member is not registered everywhere:
    /// try again later), [`ClientError::Topology`].
    pub async fn initial_topology(&self) -> Result<Vec<Item>, ClientError> {
        const CALL: &str = "DownloadTopologyStateForInitHash";
        let (hash, sessions): (Hash, _) =
            self.agree(CALL, |session| async move { session.initial_topology_hash().await }).await?;
        let mut last = None;
        for (link, session) in sessions {
            match session.download_topology(hash).await {
                Ok(items) => return Ok(items),
                Err(error) => {
                    tracing::warn!(
                        url = session.connection().url(),
                        error = causes(&error),
                        "the topology did not arrive"
                    );
                    self.shared().doubt(link, &error);
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or_else(|| self.shared().no_sequencer()))
    }

    /// Downloads and takes up the topology that the member starts from.
    ///
    /// # Errors
    /// As [`Self::initial_topology`]; also when a transaction was judged wrongly.
    pub async fn start_topology(&self) -> Result<MemberTopology, ClientError> {
        let items = self.initial_topology().await?;
        let no_sequencer = || self.shared().no_sequencer();
        let (psid, parameters) = (self.psid().ok_or_else(no_sequencer)?, self.static_parameters());
        let parameters = parameters.ok_or_else(no_sequencer)?;
        MemberTopology::start(psid, &parameters, self.member(), items).map_err(ClientError::Topology)
    }

    /// A time that as many sequencers as have to agree have reached; `None` when they have none yet.
    ///
    /// # Errors
    /// [`ClientError::NoSequencer`], [`ClientError::Disagreement`].
    pub async fn time(&self) -> Result<Option<CantonTimestamp>, ClientError> {
        const CALL: &str = "GetTime";
        let mut asked = self.ask(|session| async move { session.time().await })?;
        let (threshold, mut times, mut failures) = (self.threshold(), Vec::new(), Vec::new());
        while let Some((link, session, answer)) = asked.next().await {
            match answer {
                Ok(time) => times.push(time),
                Err(error) => failures.push(self.failed(link, &session, &error)),
            }
            if times.len() >= threshold {
                return Ok(times.into_iter().min().flatten());
            }
        }
        Err(ClientError::Disagreement { call: CALL, agreeing: times.len(), threshold, failures: failures.join("; ") })
    }

    /// The member's traffic after the events up to `time`, the same from as many sequencers as have to agree; `None` when it
    /// has none.
    ///
    /// # Errors
    /// [`ClientError::NoSequencer`], [`ClientError::Disagreement`].
    pub async fn traffic_state(&self, time: CantonTimestamp) -> Result<Option<TrafficState>, ClientError> {
        let ask = move |session: Session| async move { session.traffic_state(time).await };
        self.agree("GetTrafficStateForMember", ask).await.map(|(state, _)| state)
    }

    /// Acknowledges everything up to `time`, signed with the key that the member has in `topology`: that at `time`, by which
    /// sequencers verify it (chapter 01 §6.4). Returns when it is sequenced. To acknowledge again does no harm.
    ///
    /// # Errors
    /// [`ClientError`] of the last sequencer that was asked.
    pub async fn acknowledge(&self, time: CantonTimestamp, topology: &Snapshot) -> Result<(), ClientError> {
        const CALL: &str = "AcknowledgeSigned";
        let (signer, version) = (self.signer(), topology.psid().protocol_version());
        let signed = acknowledgement(signer, time, version, |hash| signer.sign(hash, topology))?;
        let mut last = None;
        for (_, link, session) in self.shared().choose(super::state::PoolState::one_each) {
            let error = match within(CALL, ATTEMPT_LIMIT, session.acknowledge_signed(signed.clone())).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            self.shared().doubt(link, &error);
            if error.retry() == Retry::Never && error.status().is_some_and(|status| !is_about_login(status.code())) {
                return Err(error);
            }
            last = Some(error);
        }
        Err(last.unwrap_or_else(|| self.shared().no_sequencer()))
    }

    /// What as many sequencers as have to agree answer alike, and who they are.
    async fn agree<T, F>(
        &self,
        call: &'static str,
        question: impl Fn(Session) -> F,
    ) -> Result<(T, Vec<(LinkId, Session)>), ClientError>
    where
        T: PartialEq + Send + 'static,
        F: Future<Output = Result<T, ClientError>> + Send + 'static,
    {
        let mut asked = self.ask(question)?;
        let threshold = self.threshold();
        let mut answers: Vec<(T, Vec<(LinkId, Session)>)> = Vec::new();
        let mut failures = Vec::new();
        while let Some((link, session, answer)) = asked.next().await {
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => {
                    failures.push(self.failed(link, &session, &error));
                    continue;
                }
            };
            let place = answers.iter().position(|(known, _)| *known == answer);
            let place = place.unwrap_or_else(|| {
                answers.push((answer, Vec::new()));
                answers.len() - 1
            });
            answers[place].1.push((link, session));
            if answers[place].1.len() >= threshold {
                return Ok(answers.swap_remove(place));
            }
        }
        let agreeing = answers.iter().map(|(_, sessions)| sessions.len()).max().unwrap_or(0);
        Err(ClientError::Disagreement { call, agreeing, threshold, failures: failures.join("; ") })
    }

    fn failed(&self, link: LinkId, session: &Session, error: &ClientError) -> String {
        self.shared().doubt(link, error);
        format!("{}: {}", session.connection().sequencer(), causes(error))
    }

    /// Asks every sequencer that can be used.
    fn ask<T, F>(&self, question: impl Fn(Session) -> F) -> Result<Asked<T>, ClientError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ClientError>> + Send + 'static,
    {
        let mut calls = JoinSet::new();
        for (_, link, session) in self.shared().choose(super::state::PoolState::one_each) {
            let answering = question(session.clone());
            calls.spawn(async move { (link, session, answering.await) });
        }
        if calls.is_empty() { Err(Arc::clone(self.shared()).no_sequencer()) } else { Ok(Asked(calls)) }
    }
}

struct Asked<T>(JoinSet<(LinkId, Session, Result<T, ClientError>)>);

impl<T: Send + 'static> Asked<T> {
    async fn next(&mut self) -> Option<(LinkId, Session, Result<T, ClientError>)> {
        loop {
            // A call that panicked counts as none.
            if let Ok(answer) = self.0.join_next().await? {
                return Some(answer);
            }
        }
    }
}

const fn is_about_login(code: tonic::Code) -> bool {
    matches!(code, tonic::Code::PermissionDenied | tonic::Code::Unauthenticated)
}
