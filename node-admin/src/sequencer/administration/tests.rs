use std::sync::Mutex;

use synod_proto::protocol::v30::TrafficState;
use tonic::Code;

use super::super::onboarding::{OnboardingReference, OnboardingRefused, OnboardingState};
use super::super::pruning::SequencerPruneRefused;
use super::*;
use crate::NodeFault;
use crate::mediator::testing::{NAMESPACE, running, stage, stages_before_running, time, uid};

/// A sequencer that notes what it is asked for.
#[derive(Debug, Default)]
struct Fake {
    disabled: Mutex<Vec<Member>>,
    asked: Mutex<Vec<(Vec<Member>, TrafficTime)>>,
    purchased: Mutex<Vec<(Member, u32, u64)>>,
}

#[async_trait]
impl SequencerPruning for Fake {
    async fn pruning_state(&self) -> Result<SequencerPruningState, NodeFault> {
        let member = |name, last_acknowledged, is_enabled| SequencerMember {
            member: participant(name),
            registered_at: CantonTimestamp::MIN.immediate_successor(),
            last_acknowledged,
            is_enabled,
        };
        let members = vec![member("a", Some(time(7)), true), member("b", None, false)];
        Ok(SequencerPruningState { now: time(9), lower_bound: Some(time(3)), members })
    }

    async fn prune(&self, _: CantonTimestamp) -> Result<String, SequencerPruneRefused> {
        Err(NodeFault::Unavailable.into())
    }

    async fn disable_member(&self, member: &Member) -> Result<(), NodeFault> {
        self.disabled.lock().expect("no panic").push(member.clone());
        Ok(())
    }
}

#[async_trait]
impl SequencerOnboarding for Fake {
    /// It orders alone when it is asked for a time before 1970, and has no blocks after it.
    async fn onboarding_state(&self, reference: OnboardingReference) -> Result<OnboardingState, OnboardingRefused> {
        Err(match reference {
            OnboardingReference::Sequencer(sequencer) => OnboardingRefused::NotListed(sequencer),
            OnboardingReference::Time(time) if time < CantonTimestamp::EPOCH => OnboardingRefused::NotPossible,
            OnboardingReference::Time(time) => OnboardingRefused::NoBlock(time),
        })
    }
}

#[async_trait]
impl SequencerTraffic for Fake {
    async fn traffic_states(
        &self,
        members: &[Member],
        time: TrafficTime,
    ) -> Result<Vec<(Member, TrafficState)>, NodeFault> {
        self.asked.lock().expect("no panic").push((members.to_vec(), time));
        let state = |extra_traffic_purchased| TrafficState { extra_traffic_purchased, ..TrafficState::default() };
        Ok(vec![(participant("b"), state(2)), (participant("a"), state(1))])
    }

    /// Every member has purchased once, and one cannot.
    async fn purchase(&self, member: &Member, serial: NonZeroU32, total: u64) -> Result<(), PurchaseRefused> {
        if *member == participant("b") {
            return Err(PurchaseRefused::Disabled);
        }
        if serial.get() <= 2 {
            return Err(PurchaseRefused::SerialTooLow { serial, latest: 2 });
        }
        self.purchased.lock().expect("no panic").push((member.clone(), serial.get(), total));
        Ok(())
    }
}

fn participant(name: &str) -> Member {
    Member::parse(&format!("PAR::{name}::{NAMESPACE}")).expect("a member")
}

fn admin(stage: StageReceiver) -> (SequencerAdministrationAdmin, Arc<Fake>) {
    let fake = Arc::new(Fake::default());
    (
        SequencerAdministrationAdmin::new(
            stage,
            Arc::clone(&fake) as _,
            Arc::clone(&fake) as _,
            Arc::clone(&fake) as _,
        ),
        fake,
    )
}

#[tokio::test]
async fn members_are_listed_with_what_they_acknowledged() {
    let answer =
        admin(running()).0.pruning_status(Request::new(Default::default())).await.expect("answers").into_inner();
    let member = |name, last_acknowledged, enabled| SequencerMemberStatus {
        member: participant(name).to_string(),
        registered_at: -62_135_596_799_999_999,
        last_acknowledged,
        enabled,
    };
    let members = vec![member("a", Some(7), true), member("b", None, false)];
    let status = SequencerPruningStatus { now: 9, earliest_event_timestamp: 3, members };
    assert_eq!(answer, PruningStatusResponse { pruning_status: Some(status) });
}

#[tokio::test]
async fn a_member_is_disabled_but_not_the_sequencer_itself() {
    let (admin, fake) = admin(running());
    let request = |member: &str| Request::new(DisableMemberRequest { member: member.to_owned() });
    admin.disable_member(request(&participant("a").to_string())).await.expect("disabled");
    let refused = admin.disable_member(request(&format!("SEQ::{}", uid()))).await.expect_err("itself");
    let text = "CANNOT_DISABLE_LOCAL_SEQUENCER_MEMBER(8,0): Sequencer SEQ::mediator1::12201243db81... cannot disable its \
                local sequencer subscription";
    assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, text));
    let refused = admin.disable_member(request("nobody")).await.expect_err("no member");
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(*fake.disabled.lock().expect("no panic"), [participant("a")]);
}

#[tokio::test]
async fn traffic_is_asked_for_as_of_four_kinds_of_times() {
    let (admin, fake) = admin(running());
    let mut ask = Vec::new();
    for selector in [
        None,
        Some(TimestampSelector::RelativeTimestamp(0)),
        Some(TimestampSelector::RelativeTimestamp(1)),
        Some(TimestampSelector::RelativeTimestamp(2)),
        Some(TimestampSelector::ExactTimestamp(5)),
    ] {
        ask.push(Request::new(TrafficControlStateRequest {
            members: vec![participant("a").to_string(), "nobody".to_owned()],
            timestamp_selector: selector,
        }));
    }
    for request in ask {
        let answer = admin.traffic_control_state(request).await.expect("answers").into_inner();
        let told = answer.traffic_states.iter().map(|(member, state)| (member.as_str(), state.extra_traffic_purchased));
        let (a, b) = (participant("a").to_string(), participant("b").to_string());
        assert_eq!(told.collect::<Vec<_>>(), [(a.as_str(), 1), (b.as_str(), 2)]);
    }
    let times: Vec<_> = fake.asked.lock().expect("no panic").iter().map(|(_, time)| *time).collect();
    let expected = [
        TrafficTime::LatestSafe,
        TrafficTime::LatestSafe,
        TrafficTime::LastUpdatePerMember,
        TrafficTime::LatestApproximate,
        TrafficTime::Exact(time(5)),
    ];
    assert_eq!(times, expected);
    assert!(fake.asked.lock().expect("no panic").iter().all(|(members, _)| *members == [participant("a")]));
    for selector in [TimestampSelector::RelativeTimestamp(3), TimestampSelector::ExactTimestamp(u64::MAX)] {
        let request = TrafficControlStateRequest { members: Vec::new(), timestamp_selector: Some(selector) };
        let refused = admin.traffic_control_state(Request::new(request)).await.expect_err("no time");
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn a_purchase_needs_a_member_a_serial_and_a_total() {
    let (admin, fake) = admin(running());
    let request = |member: &str, serial, total_traffic_purchased| {
        let member = if member.is_empty() { String::new() } else { participant(member).to_string() };
        Request::new(SetTrafficPurchasedRequest { member, serial, total_traffic_purchased })
    };
    admin.set_traffic_purchased(request("a", 3, 100)).await.expect("sent");
    for wrong in [request("", 3, 1), request("a", 0, 1), request("a", 1 << 31, 1), request("a", 3, -1)] {
        let refused = admin.set_traffic_purchased(wrong).await.expect_err("malformed");
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().starts_with("PROTO_DESERIALIZATION_FAILURE(8,0): "), "{}", refused.message());
    }
    let refused = admin.set_traffic_purchased(request("a", 1, 1)).await.expect_err("an old serial");
    let text = "TRAFFIC_CONTROL_SERIAL_TOO_LOW(11,0): The provided serial value 1 is too low. Latest serial used by this \
                member is Some(2)";
    assert_eq!((refused.code(), refused.message()), (Code::NotFound, text));
    let refused = admin.set_traffic_purchased(request("b", 3, 1)).await.expect_err("no traffic control");
    let text = "TRAFFIC_CONTROL_DISABLED(11,0): TrafficControlDisabled";
    assert_eq!((refused.code(), refused.message()), (Code::NotFound, text));
    assert_eq!(*fake.purchased.lock().expect("no panic"), [(participant("a"), 3, 100)]);
}

#[tokio::test]
async fn nothing_is_served_before_the_sequencer_runs() {
    for early in stages_before_running() {
        let (admin, fake) = admin(stage(early));
        let request =
            SetTrafficPurchasedRequest { member: participant("a").to_string(), serial: 3, total_traffic_purchased: 1 };
        let codes = [
            admin.pruning_status(Request::new(Default::default())).await.map(drop),
            admin
                .disable_member(Request::new(DisableMemberRequest { member: participant("a").to_string() }))
                .await
                .map(drop),
            admin.traffic_control_state(Request::new(Default::default())).await.map(drop),
            admin.set_traffic_purchased(Request::new(request)).await.map(drop),
            admin.generate_authentication_token(Request::new(Default::default())).await.map(drop),
        ];
        for refused in codes {
            assert_eq!(refused.expect_err("too early").code(), Code::Unimplemented);
        }
        assert!(
            fake.disabled.lock().expect("no panic").is_empty() && fake.purchased.lock().expect("no panic").is_empty()
        );
    }
}

#[tokio::test]
async fn what_belongs_to_upgrades_is_not_served() {
    let (admin, _) = admin(running());
    let refusals = [
        admin.get_lsu_traffic_control_state(Request::new(Default::default())).await.map(drop),
        admin.set_lsu_traffic_control_state(Request::new(Default::default())).await.map(drop),
        admin.perform_lsu_sequencing_test(Request::new(Default::default())).await.map(drop),
        admin.set_throughput_cap(Request::new(Default::default())).await.map(drop),
        admin.get_throughput_cap(Request::new(Default::default())).await.map(drop),
        admin.snapshot(Request::new(Default::default())).await.map(drop),
        admin.onboarding_state(Request::new(Default::default())).await.map(drop),
    ];
    for refused in refusals {
        let refused = refused.expect_err("not served");
        assert_eq!(refused.code(), Code::Unimplemented);
        assert!(refused.message().ends_with("is not served by this node"), "{}", refused.message());
    }
    let refused = admin.generate_authentication_token(Request::new(Default::default())).await.expect_err("refused");
    assert_eq!(refused.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn without_an_onboarding_state_the_error_is_that_of_canton() {
    use synod_proto::sequencer::admin::v30::onboarding_state_v2_request::Request as Asked;
    let (admin, _) = admin(running());
    let refused = async |asked| {
        let request = Request::new(OnboardingStateV2Request { request: asked });
        let status = admin.onboarding_state_v2(request).await.err().expect("nothing is there");
        (status.code(), status.message().to_owned())
    };
    let time = |seconds| Some(Asked::Timestamp(prost_types::Timestamp { seconds, nanos: 0 }));
    let (code, text) = refused(Some(Asked::SequencerUid(uid().to_string()))).await;
    assert_eq!(code, Code::NotFound);
    let member = format!("SEQ::{}", uid());
    let missing = "The following members are missing certain topology mappings";
    assert_eq!(text, format!("TOPOLOGY_MISSING_MAPPING(11,0): {missing}: {member}: SequencerSynchronizerState"));
    let (code, text) = refused(time(7)).await;
    assert_eq!(
        (code, text.as_str()),
        (Code::FailedPrecondition, "BLOCK_NOT_FOUND(9,0): Invalid timestamp 1970-01-01T00:00:07Z")
    );
    let (code, text) = refused(time(-7)).await;
    assert_eq!(code, Code::FailedPrecondition);
    assert!(text.starts_with("SEQUENCER_ONBOARDING_NOT_POSSIBLE(9,0): "), "{text}");
    for malformed in [None, Some(Asked::SequencerUid("nobody".to_owned())), time(i64::MAX)] {
        let (code, text) = refused(malformed).await;
        assert_eq!(code, Code::InvalidArgument);
        assert!(text.starts_with("PROTO_DESERIALIZATION_FAILURE(8,0): "), "{text}");
    }
}
