//! Becoming a member.

use std::time::Duration;

use synod_client::{ClientError, MemberIdentity, OnboardingLimits};
use synod_topology::{TopologyState, registration};
use synod_types::{CantonTimestamp, MemberKind};

use crate::fake::Fake;
use crate::{connect, soon};

const QUICK: OnboardingLimits = OnboardingLimits { active: Duration::from_secs(20), poll: Duration::from_millis(1) };

#[tokio::test]
async fn a_participant_registers_itself_once() {
    let fake = Fake::start().await;
    let connection = connect(&fake).await;
    let identity = MemberIdentity::fresh_participant("alice").unwrap();
    soon("the registration", connection.onboard(&identity, QUICK)).await.unwrap();
    let registered = std::mem::take(&mut fake.state().registered);
    assert_eq!(registered.len(), 3);

    // What the sequencer would check: complete, of this participant only, fully authorized.
    let mut topology = TopologyState::new(fake.network().psid().clone(), &fake.state().parameters);
    let mediator = synod_testkit::requests::TestMember::new(MemberKind::Mediator, "mediator");
    let genesis = fake.network().genesis(Default::default(), &[fake.sequencer()], (1, &[&mediator]), &[]);
    let time = CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME;
    topology.apply(time, time, genesis, true);
    let checked =
        registration::check(&topology, identity.member(), registered.clone(), CantonTimestamp::EPOCH).unwrap();
    assert_eq!(checked.len(), 3);

    fake.state().registered = registered;
    connection.onboard(&identity, QUICK).await.unwrap();
    assert!(connection.is_active(&identity).await.unwrap());
}

#[tokio::test]
async fn the_wait_for_it_has_a_name_and_a_limit() {
    let fake = Fake::start().await;
    fake.state().may_become_active = false;
    let connection = connect(&fake).await;
    let identity = MemberIdentity::fresh_participant("alice").unwrap();
    let limits = OnboardingLimits { active: Duration::from_millis(50), ..QUICK };
    let error = soon("the limit", connection.onboard(&identity, limits)).await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { what: "the registration of the member", .. }), "{error:?}");
    assert!(fake.state().questions > 2);
}
