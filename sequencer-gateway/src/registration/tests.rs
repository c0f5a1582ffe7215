//! The texts, against what Canton answered to bad registrations (recording `pv35-edges`).

use std::path::Path;

use synod_proto::sequencer::api::v30::sequencer_connect::RegisterOnboardingTopologyTransactionsRequest;
use synod_testkit::recordings::Recording;
use synod_types::ProtocolVersion;

use super::*;

#[test]
fn a_mapping_of_somebody_else_is_shown_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings/pv35-edges");
    let recording = Recording::open(&folder).expect("the recording opens");
    let calls = recording.calls("participant1-sequencer1").expect("the calls are sound");
    let mut compared = 0;
    for call in &calls {
        let details = call.end.as_ref().map(|end| end.details.as_str()).unwrap_or_default();
        if !details.starts_with("Mappings for unexpected UIDs") {
            continue;
        }
        let bytes = call.requests[0].bytes.clone().expect("recorded");
        let request = RegisterOnboardingTopologyTransactionsRequest::decode(bytes).expect("a request");
        let parse = |proto: &v30::SignedTopologyTransaction| {
            SignedTopologyTransaction::parse_unversioned(&proto.encode_to_vec(), ProtocolVersion::V35)
        };
        let transactions: Vec<SignedTopologyTransaction> =
            request.topology_transactions.iter().map(parse).collect::<Result<_, _>>().expect("they parse");
        let member = Member::parse(call.metadata_text("memberid").expect("the header")).expect("a member");
        let participant = ParticipantId::try_from(member.clone()).expect("a participant");
        let refused = RegistrationRefused::OtherIdentifier { participant };
        assert_eq!(text_of(&member, &transactions, &refused), details);
        compared += 1;
    }
    assert_eq!(compared, 2);
}
