//! What is known of the connections, and what follows from it. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use synod_topology::StaticSynchronizerParameters;
use synod_types::{PhysicalSynchronizerId, SequencerId};
use tokio::sync::Notify;

use super::config::PoolConfig;
use super::health::{ConnectionHealth, ConnectionState, PoolHealth};
use crate::Session;

/// Number of a link; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LinkId(u64);

/// Where a link leads: one endpoint of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) alias: String,
    pub(super) url: String,
    pub(super) certificates: Option<Vec<u8>>,
    /// Who has to be there.
    pub(super) sequencer: Option<SequencerId>,
}

impl Target {
    /// Those of all connections.
    pub(super) fn all(config: &PoolConfig) -> Vec<Self> {
        let of_connection = |connection: &super::ConnectionConfig| {
            let (alias, certificates) = (connection.alias.clone(), connection.trusted_certificates.clone());
            let sequencer = connection.sequencer.clone();
            let target = move |url: &String| Self {
                alias: alias.clone(),
                url: url.clone(),
                certificates: certificates.clone(),
                sequencer: sequencer.clone(),
            };
            connection.endpoints.iter().map(target).collect::<Vec<_>>()
        };
        config.connections().iter().flat_map(of_connection).collect()
    }
}

/// What all sequencers have to agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agreed {
    pub(super) psid: PhysicalSynchronizerId,
    pub(super) static_parameters: StaticSynchronizerParameters,
}

impl Agreed {
    fn of(session: &Session) -> Self {
        let connection = session.connection();
        Self { psid: connection.psid().clone(), static_parameters: connection.static_parameters().clone() }
    }
}

#[derive(Debug, Clone)]
struct Link {
    target: Target,
    /// Wakes the task of the link when the connection seems lost.
    doubt: Arc<Notify>,
    /// Since the sequencer was reached first.
    session: Option<Session>,
    /// Why the connection is not valid now.
    down: Option<String>,
}

/// The connections of a pool.
#[derive(Debug, Clone)]
pub(super) struct PoolState {
    config: PoolConfig,
    expected: Option<PhysicalSynchronizerId>,
    agreed: Option<Agreed>,
    links: BTreeMap<LinkId, Link>,
    next_link: u64,
    /// Sequencers that are not believed any more, and why.
    excluded: BTreeMap<SequencerId, String>,
    /// Sequencers that the topology lists, once it is known.
    active: Option<BTreeSet<SequencerId>>,
    turn: usize,
    is_closed: bool,
}

/// A link that is new: where it leads, and what makes its task look whether the sequencer is still there.
pub(super) type AddedLink = (LinkId, Target, Arc<Notify>);

impl PoolState {
    pub(super) const fn new(config: PoolConfig, expected: Option<PhysicalSynchronizerId>, turn: usize) -> Self {
        Self {
            config,
            expected,
            agreed: None,
            links: BTreeMap::new(),
            next_link: 0,
            excluded: BTreeMap::new(),
            active: None,
            turn,
            is_closed: false,
        }
    }

    pub(super) const fn config(&self) -> &PoolConfig {
        &self.config
    }

    pub(super) const fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.is_closed
    }

    pub(super) fn close(&mut self) -> Vec<Session> {
        self.is_closed = true;
        std::mem::take(&mut self.links).into_values().filter_map(|link| link.session).collect()
    }

    /// Takes up another configuration. Links to targets that stay, stay. Returns the new ones and those that are gone.
    pub(super) fn set_config(&mut self, config: PoolConfig) -> (Vec<AddedLink>, Vec<LinkId>) {
        if self.is_closed {
            return (Vec::new(), Vec::new());
        }
        let targets = Target::all(&config);
        let gone: Vec<LinkId> =
            self.links.iter().filter(|(_, link)| !targets.contains(&link.target)).map(|(id, _)| *id).collect();
        for id in &gone {
            self.links.remove(id);
        }
        let is_new = |target: &Target| self.links.values().all(|link| link.target != *target);
        let added: Vec<Target> = targets.into_iter().filter(is_new).collect();
        self.config = config;
        (added.into_iter().map(|target| self.add(target)).collect(), gone)
    }

    fn add(&mut self, target: Target) -> AddedLink {
        let (id, doubt) = (LinkId(self.next_link), Arc::new(Notify::new()));
        self.next_link += 1;
        let down = Some("not reached yet".to_owned());
        self.links.insert(id, Link { target: target.clone(), doubt: Arc::clone(&doubt), session: None, down });
        (id, target, doubt)
    }

    /// The sequencer is reached (again).
    pub(super) fn up(&mut self, id: LinkId, session: Session) {
        if let Some(link) = self.links.get_mut(&id) {
            (link.session, link.down) = (Some(session), None);
        }
        self.settle();
    }

    /// The sequencer is not reached. Returns whether it was until now.
    pub(super) fn down(&mut self, id: LinkId, reason: String) -> bool {
        let Some(link) = self.links.get_mut(&id) else { return false };
        link.down.replace(reason).is_none()
    }

    /// Makes the task of the link look whether the sequencer is still there.
    pub(super) fn doubt(&mut self, id: LinkId, reason: String) {
        if self.down(id, reason)
            && let Some(link) = self.links.get(&id)
        {
            link.doubt.notify_one();
        }
    }

    /// Once enough distinct sequencers say the same, it holds for good (`SequencerConnectionPool`, bootstrap).
    pub(super) fn settle(&mut self) {
        if self.agreed.is_some() {
            return;
        }
        let mut groups: Vec<(Agreed, BTreeSet<&SequencerId>)> = Vec::new();
        for (_, link) in self.links.iter().filter(|(_, link)| link.down.is_none()) {
            let Some(session) = link.session.as_ref().filter(|session| self.contradiction(link, session).is_none())
            else {
                continue;
            };
            let (said, sequencer) = (Agreed::of(session), session.connection().sequencer());
            match groups.iter_mut().find(|(agreed, _)| *agreed == said) {
                Some((_, sequencers)) => drop(sequencers.insert(sequencer)),
                None => groups.push((said, BTreeSet::from([sequencer]))),
            }
        }
        let threshold = self.config.threshold();
        let reached = groups.into_iter().find(|(_, sequencers)| sequencers.len() >= threshold);
        self.agreed = reached.map(|(agreed, _)| agreed);
    }

    /// Why a sequencer that was reached does not count.
    fn contradiction(&self, link: &Link, session: &Session) -> Option<String> {
        let connection = session.connection();
        let (psid, sequencer) = (connection.psid(), connection.sequencer());
        if let Some(wanted) = link.target.sequencer.as_ref().filter(|wanted| *wanted != sequencer) {
            return Some(format!("{sequencer} is there instead of {wanted}"));
        }
        if let Some(wanted) = self.expected.as_ref().filter(|wanted| *wanted != psid) {
            return Some(format!("it serves {psid} instead of {wanted}"));
        }
        let agreed = self.agreed.as_ref()?;
        if agreed.psid != *psid {
            return Some(format!("it serves {psid}, the others serve {}", agreed.psid));
        }
        let is_same = agreed.static_parameters == *connection.static_parameters();
        (!is_same).then(|| "it has other static parameters than the others".to_owned())
    }

    fn state_of(&self, link: &Link) -> ConnectionState {
        let Some(session) = &link.session else {
            return ConnectionState::Down { reason: link.down.clone().unwrap_or_default() };
        };
        if let Some(reason) = self.contradiction(link, session) {
            return ConnectionState::Contradicting { reason };
        }
        if let Some(reason) = self.excluded.get(session.connection().sequencer()) {
            return ConnectionState::Excluded { reason: reason.clone() };
        }
        match &link.down {
            Some(reason) => ConnectionState::Down { reason: reason.clone() },
            None => ConnectionState::Valid,
        }
    }

    pub(super) fn health(&self) -> PoolHealth {
        let connection = |link: &Link| ConnectionHealth {
            alias: link.target.alias.clone(),
            url: link.target.url.clone(),
            sequencer: link.session.as_ref().map(|session| session.connection().sequencer().clone()),
            state: self.state_of(link),
        };
        PoolHealth {
            valid_sequencers: self.valid().len(),
            trust_threshold: self.config.threshold(),
            liveness_margin: self.config.subscriptions() - self.config.threshold(),
            connections: self.links.values().map(connection).collect(),
        }
    }

    /// The sequencers that can be used now, with all links to each. Nobody can before they agree.
    pub(super) fn valid(&self) -> BTreeMap<SequencerId, Vec<(LinkId, Session)>> {
        let mut valid: BTreeMap<_, Vec<_>> = BTreeMap::new();
        if self.agreed.is_none() {
            return valid;
        }
        for (id, link) in &self.links {
            if let (Some(session), ConnectionState::Valid) = (&link.session, self.state_of(link)) {
                let sequencer = session.connection().sequencer().clone();
                valid.entry(sequencer).or_default().push((*id, session.clone()));
            }
        }
        valid
    }

    /// One link to each sequencer that can be used, beginning with another one each time.
    pub(super) fn one_each(&mut self) -> Vec<(SequencerId, LinkId, Session)> {
        self.turn = self.turn.wrapping_add(1);
        let turn = self.turn;
        let one = |(sequencer, mut links): (SequencerId, Vec<(LinkId, Session)>)| {
            let (id, session) = links.swap_remove(turn % links.len());
            (sequencer, id, session)
        };
        let mut all: Vec<_> = self.valid().into_iter().map(one).collect();
        if !all.is_empty() {
            let first = turn % all.len();
            all.rotate_left(first);
        }
        all
    }

    /// A sequencer to send to that the topology lists: one that was not tried, otherwise any (`getNextLink`).
    pub(super) fn pick(&mut self, tried: &[SequencerId]) -> Option<(SequencerId, LinkId, Session)> {
        let mut all = self.one_each();
        if let Some(active) = &self.active {
            all.retain(|(sequencer, ..)| active.contains(sequencer));
        }
        let fresh = all.iter().position(|(sequencer, ..)| !tried.contains(sequencer)).unwrap_or(0);
        (!all.is_empty()).then(|| all.swap_remove(fresh))
    }

    /// Whether a sequencer is still there, reached or not, and may be believed.
    pub(super) fn is_trusted(&self, sequencer: &SequencerId) -> bool {
        let leads_there =
            |link: &&Link| link.session.as_ref().is_some_and(|session| session.connection().sequencer() == sequencer);
        let mut states = self.links.values().filter(leads_there).map(|link| self.state_of(link));
        states.any(|state| matches!(state, ConnectionState::Valid | ConnectionState::Down { .. }))
    }

    /// Whether the link is still there and may be believed.
    pub(super) fn may_be_used(&self, id: LinkId) -> bool {
        let state = self.links.get(&id).map(|link| self.state_of(link));
        matches!(state, Some(ConnectionState::Valid | ConnectionState::Down { .. }))
    }

    /// How many distinct sequencers could still be subscribed to, if everybody comes whom nothing is held against.
    pub(super) fn possible(&self, is_refusing: impl Fn(&SequencerId) -> bool) -> usize {
        let mut known: BTreeMap<&str, Option<&SequencerId>> = BTreeMap::new();
        for link in self.links.values() {
            match self.state_of(link) {
                ConnectionState::Contradicting { .. } | ConnectionState::Excluded { .. } => {}
                ConnectionState::Valid | ConnectionState::Down { .. } => {
                    let sequencer = link.session.as_ref().map(|session| session.connection().sequencer());
                    if !sequencer.is_some_and(&is_refusing) {
                        let entry = known.entry(&link.target.alias).or_default();
                        *entry = entry.or(sequencer);
                    }
                }
            }
        }
        let unknown = known.values().filter(|sequencer| sequencer.is_none()).count();
        unknown + known.values().flatten().collect::<BTreeSet<_>>().len()
    }

    /// Never believes the sequencer again.
    pub(super) fn exclude(&mut self, sequencer: SequencerId, reason: String) {
        self.excluded.entry(sequencer).or_insert(reason);
    }

    pub(super) fn set_active(&mut self, active: Option<BTreeSet<SequencerId>>) {
        self.active = active;
    }

    /// All sessions, valid or not.
    pub(super) fn sessions(&self) -> Vec<Session> {
        self.links.values().filter_map(|link| link.session.clone()).collect()
    }

    /// Which targets are there that have not changed, for a trial of another configuration.
    pub(super) fn links_to(&self, target: &Target) -> Option<LinkId> {
        self.links.iter().find(|(_, link)| link.target == *target).map(|(id, _)| *id)
    }
}

/// Each connection and what is wrong with it.
pub(super) struct Why<'a>(pub(super) &'a PoolState);

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, link) in self.0.links.values().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}`{}` ({}): {}", link.target.alias, link.target.url, self.0.state_of(link))?;
        }
        Ok(())
    }
}
