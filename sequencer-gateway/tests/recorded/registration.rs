//! What participants send to connect gets the recorded answers, and their registrations become active (`pv35-basic`).

use synod_testkit::recordings::Call;

use crate::served::{Served, recording};

#[tokio::test(flavor = "multi_thread")]
async fn recorded_participants_register_at_the_recorded_synchronizer() {
    let recording = recording("pv35-basic");
    let served = Served::start(&recording).await;
    for participant in ["participant1", "participant2"] {
        let calls = recording.calls(&format!("{participant}-sequencer1")).expect("calls");
        let calls: Vec<&Call> = calls.iter().filter(|call| call.service_name() == "SequencerConnectService").collect();
        let registration = calls.iter().position(|call| call.method_name() == "RegisterOnboardingTopologyTransactions");
        let registration = registration.expect("it registers");
        assert!(registration >= 6, "it asks first");
        for call in &calls[..=registration] {
            served.replay(call).await;
        }
        // When exactly it becomes active depends on when it is sequenced.
        served.until_active(&calls[registration..]).await;
    }
    served.stop().await;
}
