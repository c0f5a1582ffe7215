//! Sequencer connections in calls: what is wrong with them, and their usual form (Canton's `SequencerConnections`).

use std::collections::BTreeSet;

use prost_types::Duration as ProtoDuration;
use synod_proto::admin::sequencer::v30::sequencer_connection::{Grpc, Type};
use synod_proto::admin::sequencer::v30::{
    SequencerConnection, SequencerConnectionPoolDelays, SequencerConnectionValidation, SequencerConnections,
    SubmissionRequestAmplification,
};
use synod_types::SequencerId;
use thiserror::Error;
use tonic::transport::Uri;

use crate::times;

/// What a connection without a name is called.
const DEFAULT_ALIAS: &str = "DefaultSequencer";
/// Most characters of a name.
const MAX_ALIAS_LENGTH: usize = 255;
/// Least patience with confirmation responses, in seconds.
const MIN_CONFIRMATION_RESPONSE_PATIENCE_S: u64 = 1;

/// What is wrong with sequencer connections.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidConnections {
    /// They are no connections.
    #[error("{0}")]
    Malformed(String),
    /// Submissions of confirmation responses would be repeated too soon.
    #[error("Confirmation response patience {0:?} should be at least {MIN_CONFIRMATION_RESPONSE_PATIENCE_S} s")]
    ShortPatience(std::time::Duration),
}

/// Checks connections, and brings them into the form in which they are kept and shown: every endpoint once, with scheme
/// and port, every connection with a name, all delays set. Delays that are missing altogether are Canton's defaults; Canton
/// itself refuses such a call.
///
/// # Errors
/// [`InvalidConnections`]: no connection or no endpoint, a name twice, a threshold of zero or above their number, an
/// amplification factor of zero, a negative duration, an endpoint that is no URL with `http` or `https`, or endpoints of
/// one connection with both.
pub fn check_connections(connections: SequencerConnections) -> Result<SequencerConnections, InvalidConnections> {
    let checked = normalized(connections).map_err(InvalidConnections::Malformed)?;
    let amplification = checked.submission_request_amplification.as_ref();
    let patience = amplification.and_then(|amplification| amplification.confirmation_response_patience);
    match patience.map(std::time::Duration::try_from) {
        Some(Ok(patience)) if patience.as_secs() < MIN_CONFIRMATION_RESPONSE_PATIENCE_S => {
            Err(InvalidConnections::ShortPatience(patience))
        }
        _ => Ok(checked),
    }
}

/// Reads how connections are to be validated. Nothing depends on it: a mediator always needs as many as its threshold.
pub(super) fn check_validation(number: i32) -> Result<(), String> {
    match SequencerConnectionValidation::try_from(number) {
        Ok(SequencerConnectionValidation::Unspecified) | Err(_) => {
            Err(format!("Unable to convert field `sequencer_connection_validation`: Unknown value: {number}"))
        }
        Ok(_) => Ok(()),
    }
}

fn normalized(connections: SequencerConnections) -> Result<SequencerConnections, String> {
    let threshold = positive("sequencer_trust_threshold", connections.sequencer_trust_threshold)?;
    let margin = not_negative("sequencer_liveness_margin", connections.sequencer_liveness_margin)?;
    let amplification = connections.submission_request_amplification;
    let amplification = amplification.ok_or_else(|| times::not_set("submission_request_amplification"))?;
    let amplification = check_amplification(amplification)?;
    let all: Result<Vec<_>, _> = connections.sequencer_connections.into_iter().map(connection).collect();
    let all = all?;
    if all.is_empty() {
        return Err(times::not_set("sequencer_connections"));
    }
    let aliases: BTreeSet<&str> = all.iter().map(|one| one.alias.as_str()).collect();
    if aliases.len() != all.len() {
        return Err("Every sequencer connection must have a unique sequencer alias".to_owned());
    }
    if usize::try_from(threshold).is_ok_and(|threshold| threshold > all.len()) {
        return Err(format!(
            "sequencerTrustThreshold cannot be greater than number of sequencer connections. Found threshold of \
             {threshold} and {} sequencer connections",
            all.len()
        ));
    }
    Ok(SequencerConnections {
        sequencer_trust_threshold: threshold,
        submission_request_amplification: Some(amplification),
        sequencer_liveness_margin: margin,
        sequencer_connection_pool_delays: Some(delays(connections.sequencer_connection_pool_delays)?),
        sequencer_connections: all,
    })
}

fn check_amplification(given: SubmissionRequestAmplification) -> Result<SubmissionRequestAmplification, String> {
    positive("factor", given.factor)?;
    times::duration("patience", given.patience)?;
    given.confirmation_response_factor.map(|factor| positive("confirmation_response_factor", factor)).transpose()?;
    if given.confirmation_response_patience.is_some() {
        times::duration("confirmation_response_patience", given.confirmation_response_patience)?;
    }
    Ok(given)
}

fn delays(given: Option<SequencerConnectionPoolDelays>) -> Result<SequencerConnectionPoolDelays, String> {
    let default = SequencerConnectionPoolDelays {
        min_restart_delay: Some(ProtoDuration { seconds: 0, nanos: 10_000_000 }),
        max_restart_delay: Some(ProtoDuration { seconds: 10, nanos: 0 }),
        subscription_request_delay: Some(ProtoDuration { seconds: 1, nanos: 0 }),
        warn_validation_delay: Some(ProtoDuration { seconds: 20, nanos: 0 }),
    };
    let Some(given) = given else { return Ok(default) };
    // Added later than the others, so older callers do not set it.
    let warn_validation_delay = given.warn_validation_delay.or(default.warn_validation_delay);
    times::duration("min_restart_delay", given.min_restart_delay)?;
    times::duration("max_restart_delay", given.max_restart_delay)?;
    times::duration("subscription_request_delay", given.subscription_request_delay)?;
    times::duration("warn_validation_delay", warn_validation_delay)?;
    Ok(SequencerConnectionPoolDelays { warn_validation_delay, ..given })
}

fn connection(given: SequencerConnection) -> Result<SequencerConnection, String> {
    let Some(Type::Grpc(grpc)) = given.r#type else { return Err(times::not_set("type")) };
    let alias = if given.alias.is_empty() { DEFAULT_ALIAS.to_owned() } else { given.alias };
    if alias.chars().count() > MAX_ALIAS_LENGTH {
        return Err(format!("The name of a connection has more than {MAX_ALIAS_LENGTH} characters"));
    }
    if let Some(id) = &given.sequencer_id {
        SequencerId::parse(id).map_err(|error| error.to_string())?;
    }
    Ok(SequencerConnection { alias, sequencer_id: given.sequencer_id, r#type: Some(Type::Grpc(endpoints(grpc)?)) })
}

/// The endpoints of one sequencer. Whether they are reached with TLS is told by the flag, as at Canton, not by the scheme.
fn endpoints(given: Grpc) -> Result<Grpc, String> {
    let mut authorities: Vec<String> = Vec::new();
    let mut schemes = BTreeSet::new();
    for url in &given.connections {
        let (is_secure, authority) = endpoint(url)?;
        schemes.insert(is_secure);
        if !authorities.contains(&authority) {
            authorities.push(authority);
        }
    }
    if authorities.is_empty() {
        return Err(times::not_set("connections"));
    }
    if schemes.len() > 1 {
        return Err("All synchronizer connections must either use TLS or all not use TLS".to_owned());
    }
    let scheme = if given.transport_security { "https" } else { "http" };
    let connections = authorities.into_iter().map(|authority| format!("{scheme}://{authority}")).collect();
    Ok(Grpc { connections, ..given })
}

/// Whether the URL asks for TLS, and `host:port`.
fn endpoint(url: &str) -> Result<(bool, String), String> {
    let invalid = |reason: String| format!("Connection `{url}` is invalid: {reason}");
    let parsed: Uri = url.parse().map_err(|error| invalid(format!("Url `{url}` is invalid: {error}")))?;
    let (is_secure, default_port) = match parsed.scheme_str() {
        Some("http") => (false, 80),
        Some("https") => (true, 443),
        other => return Err(invalid(format!("Scheme `{}` is invalid", other.unwrap_or_default()))),
    };
    let host = parsed.host().filter(|host| !host.is_empty()).ok_or_else(|| invalid("Invalid host".to_owned()))?;
    // A port that is there but is no port makes the authority longer than the host.
    let has_port = parsed.authority().is_some_and(|authority| authority.as_str().trim_end_matches(':') != host);
    let port = match parsed.port_u16() {
        Some(0) => return Err(invalid("Port 0 is invalid".to_owned())),
        Some(port) => port,
        None if has_port => return Err(invalid("Invalid port".to_owned())),
        None => default_port,
    };
    Ok((is_secure, format!("{host}:{port}")))
}

fn positive(field: &str, number: u32) -> Result<u32, String> {
    if number == 0 || i32::try_from(number).is_err() {
        return Err(format!("Unable to convert field `{field}`: {number} is not a positive 32-bit number"));
    }
    Ok(number)
}

fn not_negative(field: &str, number: u32) -> Result<u32, String> {
    i32::try_from(number)
        .map(|_| number)
        .map_err(|_| format!("Unable to convert field `{field}`: {number} is not a 32-bit number"))
}

#[cfg(test)]
mod tests;
