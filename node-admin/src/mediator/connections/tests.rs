use synod_proto::admin::sequencer::v30::sequencer_connection;

use super::*;
use crate::mediator::testing::{connection, connections};

fn urls(connections: &SequencerConnections) -> Vec<Vec<String>> {
    let urls = |one: &SequencerConnection| match &one.r#type {
        Some(sequencer_connection::Type::Grpc(grpc)) => grpc.connections.clone(),
        None => Vec::new(),
    };
    connections.sequencer_connections.iter().map(urls).collect()
}

fn changed(change: impl FnOnce(&mut SequencerConnections)) -> SequencerConnections {
    let mut all = connections();
    change(&mut all);
    all
}

#[test]
fn connections_are_brought_into_one_form() {
    let given = changed(|all| {
        all.sequencer_connections[1] =
            connection("", &["http://host", "http://host:80/path", "http://[::1]:7000", "http://host:80"]);
        all.sequencer_trust_threshold = 2;
    });
    let checked = check_connections(given).expect("valid");
    assert_eq!(urls(&checked), [vec!["http://127.0.0.1:7511"], vec!["http://host:80", "http://[::1]:7000"]]);
    assert_eq!(checked.sequencer_connections[1].alias, "DefaultSequencer");
    let delays = checked.sequencer_connection_pool_delays.expect("set");
    assert_eq!(delays.min_restart_delay, Some(ProtoDuration { seconds: 0, nanos: 10_000_000 }));
    assert_eq!(delays.warn_validation_delay, Some(ProtoDuration { seconds: 20, nanos: 0 }));
    assert_eq!(check_connections(checked.clone()), Ok(checked), "it is in that form already");
}

#[test]
fn the_flag_tells_whether_there_is_tls() {
    let given = changed(|all| {
        all.sequencer_connections = vec![connection("one", &["https://host"])];
        let Some(sequencer_connection::Type::Grpc(grpc)) = &mut all.sequencer_connections[0].r#type else {
            panic!("it is set")
        };
        grpc.transport_security = true;
    });
    assert_eq!(urls(&check_connections(given).expect("valid")), [["https://host:443"]]);
    let given = changed(|all| all.sequencer_connections = vec![connection("one", &["https://host"])]);
    assert_eq!(urls(&check_connections(given).expect("valid")), [["http://host:443"]], "the port is of the scheme");
}

#[test]
fn delays_that_are_given_are_kept() {
    let delay = |seconds| Some(ProtoDuration { seconds, nanos: 0 });
    let given = SequencerConnectionPoolDelays {
        min_restart_delay: delay(1),
        max_restart_delay: delay(2),
        subscription_request_delay: delay(3),
        warn_validation_delay: None,
    };
    let all = changed(|all| all.sequencer_connection_pool_delays = Some(given));
    let checked = check_connections(all).expect("valid").sequencer_connection_pool_delays;
    assert_eq!(checked, Some(SequencerConnectionPoolDelays { warn_validation_delay: delay(20), ..given }));
}

#[test]
fn what_are_no_connections_is_refused() {
    let negative = Some(ProtoDuration { seconds: -1, nanos: 0 });
    let one = |urls: &[&str]| changed(|all| all.sequencer_connections[0] = connection("sequencer1", urls));
    let amplified = |change: fn(&mut SubmissionRequestAmplification)| {
        changed(|all| change(all.submission_request_amplification.as_mut().expect("set")))
    };
    for (wrong, expected) in [
        (changed(|all| all.sequencer_connections.clear()), "`sequencer_connections` is not set"),
        (changed(|all| all.sequencer_trust_threshold = 0), "`sequencer_trust_threshold`"),
        (changed(|all| all.sequencer_trust_threshold = 3), "Found threshold of 3 and 2 sequencer connections"),
        (changed(|all| all.sequencer_trust_threshold = u32::MAX), "`sequencer_trust_threshold`"),
        (changed(|all| all.sequencer_liveness_margin = u32::MAX), "`sequencer_liveness_margin`"),
        (changed(|all| all.submission_request_amplification = None), "`submission_request_amplification` is not set"),
        (changed(|all| all.sequencer_connections[1].alias = "sequencer1".to_owned()), "unique sequencer alias"),
        (changed(|all| all.sequencer_connections[1].alias = "x".repeat(256)), "255 characters"),
        (changed(|all| all.sequencer_connections[1].r#type = None), "`type` is not set"),
        (changed(|all| all.sequencer_connections[1].sequencer_id = Some("PAR::x::y".to_owned())), "PAR"),
        (
            changed(|all| all.sequencer_connection_pool_delays = Some(SequencerConnectionPoolDelays::default())),
            "`min_restart_delay` is not set",
        ),
        (amplified(|given| given.factor = 0), "`factor`"),
        (amplified(|given| given.patience = None), "`patience` is not set"),
        (amplified(|given| given.confirmation_response_factor = Some(0)), "`confirmation_response_factor`"),
        (changed(|all| all.submission_request_amplification.as_mut().expect("set").patience = negative), "`patience`"),
        (one(&[]), "`connections` is not set"),
        (one(&["127.0.0.1:7511"]), "is invalid"),
        (one(&["ftp://host:1"]), "Scheme `ftp` is invalid"),
        (one(&["http://"]), "is invalid"),
        (one(&["http://host:0"]), "Port 0"),
        (one(&["http://host:70000"]), "is invalid"),
        (one(&["http://host:1", "https://host:1"]), "must either use TLS or all not use TLS"),
    ] {
        match check_connections(wrong) {
            Err(InvalidConnections::Malformed(reason)) => assert!(reason.contains(expected), "{reason}: {expected}"),
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn patience_with_confirmation_responses_is_a_second_at_least() {
    let patient = |seconds, nanos| {
        changed(|all| {
            let amplification = all.submission_request_amplification.as_mut().expect("set");
            amplification.confirmation_response_patience = Some(ProtoDuration { seconds, nanos });
        })
    };
    let refused = check_connections(patient(0, 999_000_000)).expect_err("too short");
    assert_eq!(refused, InvalidConnections::ShortPatience(std::time::Duration::from_millis(999)));
    check_connections(patient(1, 0)).expect("long enough");
}
