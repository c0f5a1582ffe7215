//! Which sequencers a member uses, and how (`SequencerConnections`, chapter 05 §1.6).

use std::collections::BTreeSet;
use std::time::Duration;

use synod_types::SequencerId;
use thiserror::Error;
use tonic::transport::Uri;

/// A configuration that contradicts itself. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidPoolConfig {
    /// There is nothing to connect to.
    #[error("there is no connection")]
    NoConnection,
    /// Nobody has to agree.
    #[error("the trust threshold is 0")]
    NoThreshold,
    /// More have to agree than there are.
    #[error("the trust threshold is {threshold}, but there are {connections} connections")]
    Threshold {
        /// The threshold.
        threshold: u32,
        /// How many connections there are.
        connections: usize,
    },
    /// A submission would not be sent.
    #[error("the amplification factor is 0")]
    NoFactor,
    /// `SubmissionRequestAmplification.validate`.
    #[error("the patience for responses is {} ms; at least {} ms", patience.as_millis(), MIN_RESPONSE_PATIENCE.as_millis())]
    ResponsePatience {
        /// The patience.
        patience: Duration,
    },
    /// Two connections have the same name.
    #[error("there are two connections called `{0}`")]
    DuplicateAlias(String),
    /// Two connections lead to the same place.
    #[error("there are two connections to {0}")]
    DuplicateEndpoint(String),
    /// A connection leads nowhere.
    #[error("the connection `{0}` has no endpoint")]
    NoEndpoint(String),
    /// An endpoint is no URL of a sequencer.
    #[error("the connection `{alias}` leads to `{url}`; expected http://HOST:PORT or https://HOST:PORT")]
    Url {
        /// Name of the connection.
        alias: String,
        /// The endpoint.
        url: String,
    },
    /// Some endpoints of a connection use TLS, others do not (`Endpoint.fromUris`).
    #[error("the connection `{0}` has endpoints with and without TLS")]
    MixedSecurity(String),
    /// The shortest delay is longer than the longest.
    #[error("the restart delay is at least {} ms and at most {} ms", min.as_millis(), max.as_millis())]
    Delays {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// A message has a field that is missing or out of range.
    #[error("`{field}`: {reason}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// Shortest patience for responses (`SubmissionRequestAmplification`).
const MIN_RESPONSE_PATIENCE: Duration = Duration::from_secs(1);

/// How one sequencer is reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionConfig {
    /// Name of the connection, for people.
    pub alias: String,
    /// URLs of endpoints of the same sequencer, at least one.
    pub endpoints: Vec<String>,
    /// Certificates (PEM) of authorities to trust; those of the system when absent.
    pub trusted_certificates: Option<Vec<u8>>,
    /// Who has to be there; anybody of the synchronizer when absent.
    pub sequencer: Option<SequencerId>,
}

/// Repeating a submission through other sequencers (`SubmissionRequestAmplification`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amplification {
    /// How many sequencers get the submission at most; at least 1.
    pub factor: u32,
    /// How long each has until the receipt comes, before the next one gets it.
    pub patience: Duration,
}

impl Amplification {
    /// To one sequencer.
    pub const NONE: Self = Self { factor: 1, patience: Duration::ZERO };
}

/// Delays in the management of connections (`SequencerConnectionPoolDelays`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolDelays {
    /// Before a lost connection is opened again; doubled with every failure.
    pub min_restart: Duration,
    /// At most.
    pub max_restart: Duration,
    /// An event that too few sequencers have delivered for so long is asked for at further ones.
    pub subscription_request: Duration,
    /// A connection that was not valid for so long is warned about.
    pub warn_validation: Duration,
}

impl Default for PoolDelays {
    fn default() -> Self {
        Self {
            min_restart: Duration::from_millis(10),
            max_restart: Duration::from_secs(10),
            subscription_request: Duration::from_secs(1),
            warn_validation: Duration::from_secs(20),
        }
    }
}

/// Which sequencers a member uses, and how; free of contradictions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolConfig {
    connections: Vec<ConnectionConfig>,
    trust_threshold: u32,
    liveness_margin: u32,
    amplification: Amplification,
    response_factor: Option<u32>,
    response_patience: Option<Duration>,
    delays: PoolDelays,
}

impl PoolConfig {
    /// These connections, of which `trust_threshold` distinct sequencers have to agree; no margin, no amplification,
    /// Canton's delays.
    ///
    /// # Errors
    /// [`InvalidPoolConfig`].
    pub fn new(connections: Vec<ConnectionConfig>, trust_threshold: u32) -> Result<Self, InvalidPoolConfig> {
        check_connections(&connections)?;
        if trust_threshold == 0 {
            return Err(InvalidPoolConfig::NoThreshold);
        }
        if usize::try_from(trust_threshold).map_or(true, |threshold| threshold > connections.len()) {
            let connections = connections.len();
            return Err(InvalidPoolConfig::Threshold { threshold: trust_threshold, connections });
        }
        Ok(Self {
            connections,
            trust_threshold,
            liveness_margin: 0,
            amplification: Amplification::NONE,
            response_factor: None,
            response_patience: None,
            delays: PoolDelays::default(),
        })
    }

    /// One sequencer at one URL, which is believed.
    ///
    /// # Errors
    /// [`InvalidPoolConfig::Url`].
    pub fn single(url: &str) -> Result<Self, InvalidPoolConfig> {
        let connection = ConnectionConfig {
            alias: "sequencer".to_owned(),
            endpoints: vec![url.to_owned()],
            trusted_certificates: None,
            sequencer: None,
        };
        Self::new(vec![connection], 1)
    }

    /// With subscriptions at so many sequencers beyond the threshold.
    #[must_use]
    pub const fn with_liveness_margin(mut self, margin: u32) -> Self {
        self.liveness_margin = margin;
        self
    }

    /// With this amplification.
    ///
    /// # Errors
    /// [`InvalidPoolConfig::NoFactor`].
    pub fn with_amplification(mut self, amplification: Amplification) -> Result<Self, InvalidPoolConfig> {
        if amplification.factor == 0 {
            return Err(InvalidPoolConfig::NoFactor);
        }
        self.amplification = amplification;
        Ok(self)
    }

    /// With other values for confirmation responses; those of all others where absent.
    ///
    /// # Errors
    /// [`InvalidPoolConfig::NoFactor`], [`InvalidPoolConfig::ResponsePatience`].
    pub fn with_response_amplification(
        mut self,
        factor: Option<u32>,
        patience: Option<Duration>,
    ) -> Result<Self, InvalidPoolConfig> {
        if factor == Some(0) {
            return Err(InvalidPoolConfig::NoFactor);
        }
        if let Some(patience) = patience.filter(|patience| *patience < MIN_RESPONSE_PATIENCE) {
            return Err(InvalidPoolConfig::ResponsePatience { patience });
        }
        (self.response_factor, self.response_patience) = (factor, patience);
        Ok(self)
    }

    /// With these delays.
    ///
    /// # Errors
    /// [`InvalidPoolConfig::Delays`].
    pub fn with_delays(mut self, delays: PoolDelays) -> Result<Self, InvalidPoolConfig> {
        let (min, max) = (delays.min_restart, delays.max_restart);
        if min > max {
            return Err(InvalidPoolConfig::Delays { min, max });
        }
        self.delays = delays;
        Ok(self)
    }

    /// The connections.
    #[must_use]
    pub fn connections(&self) -> &[ConnectionConfig] {
        &self.connections
    }

    /// How many distinct sequencers have to agree; at least 1.
    #[must_use]
    pub const fn trust_threshold(&self) -> u32 {
        self.trust_threshold
    }

    /// How many subscriptions there are beyond the threshold.
    #[must_use]
    pub const fn liveness_margin(&self) -> u32 {
        self.liveness_margin
    }

    /// How submissions are repeated.
    #[must_use]
    pub const fn amplification(&self) -> Amplification {
        self.amplification
    }

    /// How confirmation responses are repeated.
    #[must_use]
    pub fn response_amplification(&self) -> Amplification {
        Amplification {
            factor: self.response_factor.unwrap_or(self.amplification.factor),
            patience: self.response_patience.unwrap_or(self.amplification.patience),
        }
    }

    /// The delays.
    #[must_use]
    pub const fn delays(&self) -> PoolDelays {
        self.delays
    }

    pub(super) const fn response_values(&self) -> (Option<u32>, Option<Duration>) {
        (self.response_factor, self.response_patience)
    }

    pub(super) fn threshold(&self) -> usize {
        usize::try_from(self.trust_threshold).unwrap_or(usize::MAX)
    }

    /// How many subscriptions there should be.
    pub(super) fn subscriptions(&self) -> usize {
        self.threshold().saturating_add(usize::try_from(self.liveness_margin).unwrap_or(usize::MAX))
    }
}

fn check_connections(connections: &[ConnectionConfig]) -> Result<(), InvalidPoolConfig> {
    if connections.is_empty() {
        return Err(InvalidPoolConfig::NoConnection);
    }
    let (mut aliases, mut endpoints) = (BTreeSet::new(), BTreeSet::new());
    for ConnectionConfig { alias, endpoints: urls, .. } in connections {
        if !aliases.insert(alias) {
            return Err(InvalidPoolConfig::DuplicateAlias(alias.clone()));
        }
        let Some(first) = urls.first() else { return Err(InvalidPoolConfig::NoEndpoint(alias.clone())) };
        for url in urls {
            if !is_endpoint(url) {
                return Err(InvalidPoolConfig::Url { alias: alias.clone(), url: url.clone() });
            }
            if is_secure(url) != is_secure(first) {
                return Err(InvalidPoolConfig::MixedSecurity(alias.clone()));
            }
            if !endpoints.insert(url) {
                return Err(InvalidPoolConfig::DuplicateEndpoint(url.clone()));
            }
        }
    }
    Ok(())
}

fn is_endpoint(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let is_known = matches!(uri.scheme_str(), Some("http" | "https"));
    let leads_somewhere = uri.host().is_some_and(|host| !host.is_empty());
    is_known && leads_somewhere && uri.path() == "/" && uri.query().is_none()
}

pub(super) fn is_secure(url: &str) -> bool {
    url.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(alias: &str, endpoints: &[&str]) -> ConnectionConfig {
        let endpoints = endpoints.iter().map(|url| (*url).to_owned()).collect();
        ConnectionConfig { alias: alias.to_owned(), endpoints, trusted_certificates: None, sequencer: None }
    }

    fn two() -> Vec<ConnectionConfig> {
        vec![connection("one", &["http://127.0.0.1:1", "http://127.0.0.1:2"]), connection("two", &["https://two:3"])]
    }

    #[test]
    fn contradictions_are_refused() {
        use InvalidPoolConfig as Invalid;
        let refused =
            |connections: Vec<ConnectionConfig>, threshold| PoolConfig::new(connections, threshold).unwrap_err();
        assert_eq!(refused(Vec::new(), 1), Invalid::NoConnection);
        assert_eq!(refused(two(), 0), Invalid::NoThreshold);
        assert_eq!(refused(two(), 3), Invalid::Threshold { threshold: 3, connections: 2 });
        assert_eq!(refused(vec![connection("one", &[])], 1), Invalid::NoEndpoint("one".to_owned()));
        let twice = |alias, url| [two(), vec![connection(alias, &[url])]].concat();
        assert_eq!(refused(twice("two", "http://h:4"), 1), Invalid::DuplicateAlias("two".to_owned()));
        let known = "http://127.0.0.1:2";
        assert_eq!(refused(twice("three", known), 1), Invalid::DuplicateEndpoint(known.to_owned()));
        let mixed = vec![connection("one", &["http://h:1", "https://h:2"])];
        assert_eq!(refused(mixed, 1), Invalid::MixedSecurity("one".to_owned()));
        for url in ["", "h:1", "ftp://h:1", "http://", "http://h:1/path", "http://h:1?query"] {
            let expected = Invalid::Url { alias: "one".to_owned(), url: url.to_owned() };
            assert_eq!(refused(vec![connection("one", &[url])], 1), expected);
        }
        let config = || PoolConfig::new(two(), 2).unwrap();
        let patience = Duration::from_millis(999);
        let factor = config().with_amplification(Amplification { factor: 0, patience });
        assert_eq!(factor.unwrap_err(), Invalid::NoFactor);
        assert_eq!(config().with_response_amplification(Some(0), None).unwrap_err(), Invalid::NoFactor);
        let response = config().with_response_amplification(None, Some(patience));
        assert_eq!(response.unwrap_err(), Invalid::ResponsePatience { patience });
        let (min, max) = (Duration::from_secs(2), Duration::from_secs(1));
        let delays = PoolDelays { min_restart: min, max_restart: max, ..PoolDelays::default() };
        assert_eq!(config().with_delays(delays).unwrap_err(), Invalid::Delays { min, max });
    }

    #[test]
    fn responses_have_the_values_of_all_others_unless_they_have_their_own() {
        let general = Amplification { factor: 3, patience: Duration::from_secs(10) };
        let config = PoolConfig::new(two(), 2).unwrap().with_amplification(general).unwrap();
        assert_eq!(config.response_amplification(), general);
        let own = config.with_response_amplification(Some(2), Some(Duration::from_secs(1))).unwrap();
        assert_eq!(own.response_amplification(), Amplification { factor: 2, patience: Duration::from_secs(1) });
        assert_eq!(own.amplification(), general);
    }
}
