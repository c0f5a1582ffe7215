//! Canton's message of a configuration, as consoles send it and nodes store it (`SequencerConnections`).

use std::time::Duration;

use synod_proto::admin::sequencer::v30::sequencer_connection::{Grpc, Type};
use synod_proto::admin::sequencer::v30::{
    SequencerConnection, SequencerConnectionPoolDelays, SequencerConnections, SubmissionRequestAmplification,
};
use synod_types::SequencerId;

use super::config::{Amplification, ConnectionConfig, InvalidPoolConfig, PoolConfig, PoolDelays, is_secure};

impl PoolConfig {
    /// Reads the message. A message without delays, as older consoles send it, has the default ones.
    ///
    /// # Errors
    /// [`InvalidPoolConfig`].
    pub fn from_proto(proto: &SequencerConnections) -> Result<Self, InvalidPoolConfig> {
        let connections = proto.sequencer_connections.iter().map(connection).collect::<Result<_, _>>()?;
        let amplification = proto.submission_request_amplification.as_ref();
        let amplification = amplification.ok_or_else(|| missing("submission_request_amplification"))?;
        let patience = amplification.patience.as_ref().ok_or_else(|| missing("patience"))?;
        let response_patience = amplification.confirmation_response_patience.as_ref();
        let response_patience = response_patience.map(|patience| span("confirmation_response_patience", patience));
        let delays = proto.sequencer_connection_pool_delays.as_ref().map_or_else(|| Ok(PoolDelays::default()), delays);
        Self::new(connections, proto.sequencer_trust_threshold)?
            .with_liveness_margin(proto.sequencer_liveness_margin)
            .with_amplification(Amplification { factor: amplification.factor, patience: span("patience", patience)? })?
            .with_response_amplification(amplification.confirmation_response_factor, response_patience.transpose()?)?
            .with_delays(delays?)
    }

    /// The message.
    #[must_use]
    pub fn to_proto(&self) -> SequencerConnections {
        let (amplification, delays) = (self.amplification(), self.delays());
        let (response_factor, response_patience) = self.response_values();
        SequencerConnections {
            sequencer_connections: self.connections().iter().map(connection_message).collect(),
            sequencer_trust_threshold: self.trust_threshold(),
            submission_request_amplification: Some(SubmissionRequestAmplification {
                factor: amplification.factor,
                patience: Some(span_message(amplification.patience)),
                confirmation_response_factor: response_factor,
                confirmation_response_patience: response_patience.map(span_message),
            }),
            sequencer_liveness_margin: self.liveness_margin(),
            sequencer_connection_pool_delays: Some(SequencerConnectionPoolDelays {
                min_restart_delay: Some(span_message(delays.min_restart)),
                max_restart_delay: Some(span_message(delays.max_restart)),
                subscription_request_delay: Some(span_message(delays.subscription_request)),
                warn_validation_delay: Some(span_message(delays.warn_validation)),
            }),
        }
    }
}

fn connection(proto: &SequencerConnection) -> Result<ConnectionConfig, InvalidPoolConfig> {
    let Some(Type::Grpc(grpc)) = &proto.r#type else { return Err(missing("type")) };
    let sequencer = proto.sequencer_id.as_deref().map(SequencerId::parse).transpose();
    Ok(ConnectionConfig {
        alias: proto.alias.clone(),
        endpoints: grpc.connections.clone(),
        trusted_certificates: grpc.custom_trust_certificates.as_ref().map(|bytes| bytes.to_vec()),
        sequencer: sequencer.map_err(|error| field("sequencer_id", error))?,
    })
}

fn connection_message(config: &ConnectionConfig) -> SequencerConnection {
    SequencerConnection {
        r#type: Some(Type::Grpc(Grpc {
            connections: config.endpoints.clone(),
            transport_security: config.endpoints.first().is_some_and(|url| is_secure(url)),
            custom_trust_certificates: config.trusted_certificates.clone().map(Into::into),
        })),
        alias: config.alias.clone(),
        sequencer_id: config.sequencer.as_ref().map(ToString::to_string),
    }
}

/// `SequencerConnectionPoolDelays.fromProtoV30`: only the delay of the warning has a default.
fn delays(proto: &SequencerConnectionPoolDelays) -> Result<PoolDelays, InvalidPoolConfig> {
    let required = |field: &'static str, value: &Option<prost_types::Duration>| {
        value.as_ref().ok_or_else(|| missing(field)).and_then(|value| span(field, value))
    };
    let warn_validation = proto.warn_validation_delay.as_ref().map(|delay| span("warn_validation_delay", delay));
    Ok(PoolDelays {
        min_restart: required("min_restart_delay", &proto.min_restart_delay)?,
        max_restart: required("max_restart_delay", &proto.max_restart_delay)?,
        subscription_request: required("subscription_request_delay", &proto.subscription_request_delay)?,
        warn_validation: warn_validation.unwrap_or(Ok(PoolDelays::default().warn_validation))?,
    })
}

fn span(name: &'static str, proto: &prost_types::Duration) -> Result<Duration, InvalidPoolConfig> {
    Duration::try_from(*proto).map_err(|error| field(name, error))
}

fn span_message(span: Duration) -> prost_types::Duration {
    let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    let nanos = i32::try_from(span.subsec_nanos()).unwrap_or_default();
    prost_types::Duration { seconds, nanos }
}

fn missing(name: &'static str) -> InvalidPoolConfig {
    field(name, "is missing")
}

fn field(name: &'static str, reason: impl ToString) -> InvalidPoolConfig {
    InvalidPoolConfig::Field { field: name, reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use synod_types::UniqueIdentifier;

    use super::*;

    fn config() -> PoolConfig {
        let sequencer = SequencerId::new(UniqueIdentifier::parse(&format!("one::1220{}", "ab".repeat(32))).unwrap());
        let one = ConnectionConfig {
            alias: "one".to_owned(),
            endpoints: vec!["https://one:1".to_owned(), "https://one:2".to_owned()],
            trusted_certificates: Some(b"pem".to_vec()),
            sequencer: Some(sequencer),
        };
        let two = ConnectionConfig {
            alias: "two".to_owned(),
            endpoints: vec!["http://two:1".to_owned()],
            trusted_certificates: None,
            sequencer: None,
        };
        PoolConfig::new(vec![one, two], 2)
            .unwrap()
            .with_liveness_margin(1)
            .with_amplification(Amplification { factor: 2, patience: Duration::from_millis(1_500) })
            .unwrap()
            .with_response_amplification(Some(3), Some(Duration::from_secs(4)))
            .unwrap()
            .with_delays(PoolDelays { max_restart: Duration::from_secs(7), ..PoolDelays::default() })
            .unwrap()
    }

    #[test]
    fn a_message_says_all_of_a_configuration() {
        let proto = config().to_proto();
        assert_eq!(PoolConfig::from_proto(&proto).unwrap(), config());
        let security = |connection: &SequencerConnection| match &connection.r#type {
            Some(Type::Grpc(grpc)) => grpc.transport_security,
            None => panic!("no type"),
        };
        assert!(proto.sequencer_connections.iter().map(security).eq([true, false]));
        let sequencer = proto.sequencer_connections[0].sequencer_id.as_deref().unwrap();
        assert!(sequencer.starts_with("SEQ::one::1220"), "{sequencer}");
    }

    #[test]
    fn what_canton_requires_is_required() {
        type Break = fn(&mut SequencerConnections);
        let cases: [(&str, Break); 6] = [
            ("submission_request_amplification", |proto| proto.submission_request_amplification = None),
            ("patience", |proto| proto.submission_request_amplification.as_mut().unwrap().patience = None),
            ("type", |proto| proto.sequencer_connections[0].r#type = None),
            ("sequencer_id", |proto| proto.sequencer_connections[0].sequencer_id = Some("PAR::x".to_owned())),
            ("min_restart_delay", |proto| {
                proto.sequencer_connection_pool_delays.as_mut().unwrap().min_restart_delay = None;
            }),
            ("max_restart_delay", |proto| {
                let negative = prost_types::Duration { seconds: -1, nanos: 0 };
                proto.sequencer_connection_pool_delays.as_mut().unwrap().max_restart_delay = Some(negative);
            }),
        ];
        for (field, break_it) in cases {
            let mut proto = config().to_proto();
            break_it(&mut proto);
            let error = PoolConfig::from_proto(&proto).unwrap_err();
            assert!(matches!(&error, InvalidPoolConfig::Field { field: found, .. } if *found == field), "{error:?}");
        }
    }

    #[test]
    fn delays_may_be_missing() {
        let mut proto = config().to_proto();
        proto.sequencer_connection_pool_delays.as_mut().unwrap().warn_validation_delay = None;
        let delays = PoolConfig::from_proto(&proto).unwrap().delays();
        assert_eq!((delays.warn_validation, delays.max_restart), (Duration::from_secs(20), Duration::from_secs(7)));
        proto.sequencer_connection_pool_delays = None;
        assert_eq!(PoolConfig::from_proto(&proto).unwrap().delays(), PoolDelays::default());
    }
}
