//! The fields of topology messages (`protocol/v30/topology.proto` and what it imports).

use crate::protobuf::Kind::{self, Bool, Bytes, Enums, Int32, Int64};
use crate::protobuf::Schema;

macro_rules! schemas {
    ($($name:ident { $($number:literal: $kind:expr,)* })+) => {
        $(pub(crate) static $name: Schema = Schema(&[$(($number, $kind),)*]);)+
    };
}

const fn message(schema: &'static Schema) -> Kind {
    Kind::Message(schema)
}

schemas! {
    EMPTY {}
    TIMESTAMP { 1: Int64, 2: Int32, }
    DURATION { 1: Int64, 2: Int32, }

    SIGNATURE { 1: Int32, 2: Bytes, 3: Bytes, 4: Int32, 5: message(&SIGNATURE_DELEGATION), }
    SIGNATURE_DELEGATION { 1: Bytes, 2: Int32, 3: Int64, 4: Int32, 5: Int32, 6: Bytes, 7: Int32, }
    SIGNING_PUBLIC_KEY { 2: Int32, 3: Bytes, 4: Int32, 5: Enums, 6: Int32, }
    ENCRYPTION_PUBLIC_KEY { 2: Int32, 3: Bytes, 4: Int32, 5: Int32, }
    PUBLIC_KEY { 1: message(&SIGNING_PUBLIC_KEY), 2: message(&ENCRYPTION_PUBLIC_KEY), }
    SIGNING_KEYS_WITH_THRESHOLD { 1: message(&SIGNING_PUBLIC_KEY), 2: Int32, }
    REQUIRED_SPECS { 1: Enums, 2: Enums, }

    STATIC_SYNCHRONIZER_PARAMETERS {
        1: message(&REQUIRED_SPECS), 2: message(&REQUIRED_SPECS), 3: Enums, 4: Enums, 5: Enums, 6: Enums, 7: Int32,
        8: Int32, 9: Bool, 10: message(&DURATION),
    }
    PARTICIPANT_SYNCHRONIZER_LIMITS { 1: Int32, }
    ACS_COMMITMENTS_CATCH_UP { 1: Int32, 2: Int32, }
    TRAFFIC_CONTROL_PARAMETERS {
        1: Int64, 3: message(&DURATION), 4: Int32, 5: message(&DURATION), 6: Bool, 7: Int64, 8: Bool,
    }
    DYNAMIC_SYNCHRONIZER_PARAMETERS {
        1: message(&DURATION), 2: message(&DURATION), 3: message(&DURATION), 5: message(&DURATION),
        6: message(&DURATION), 7: message(&DURATION), 8: Int32, 9: Int32,
        13: message(&PARTICIPANT_SYNCHRONIZER_LIMITS), 15: message(&DURATION),
        16: message(&TRAFFIC_CONTROL_PARAMETERS), 17: message(&ACS_COMMITMENTS_CATCH_UP), 18: message(&DURATION),
    }
    DYNAMIC_SEQUENCING_PARAMETERS { 1: Bytes, }

    CAN_SIGN_SPECIFIC_MAPPINGS { 1: Enums, }
    NAMESPACE_DELEGATION {
        1: Bytes, 2: message(&SIGNING_PUBLIC_KEY), 3: Bool, 4: message(&EMPTY), 5: message(&EMPTY),
        6: message(&CAN_SIGN_SPECIFIC_MAPPINGS),
    }
    DECENTRALIZED_NAMESPACE_DEFINITION { 1: Bytes, 2: Int32, 3: Bytes, }
    OWNER_TO_KEY_MAPPING { 1: Bytes, 2: message(&PUBLIC_KEY), }
    PARTY_TO_KEY_MAPPING { 1: Bytes, 3: Int32, 4: message(&SIGNING_PUBLIC_KEY), }
    SYNCHRONIZER_TRUST_CERTIFICATE { 1: Bytes, 2: Bytes, 5: Enums, }
    PARTICIPANT_SYNCHRONIZER_PERMISSION {
        1: Bytes, 2: Bytes, 3: Int32, 4: message(&PARTICIPANT_SYNCHRONIZER_LIMITS), 5: Int64,
    }
    PARTY_HOSTING_LIMITS { 1: Bytes, 2: Bytes, }
    VETTED_PACKAGE { 1: Bytes, 2: message(&TIMESTAMP), 3: message(&TIMESTAMP), }
    VETTED_PACKAGES { 1: Bytes, 2: Bytes, 4: message(&VETTED_PACKAGE), }
    HOSTING_PARTICIPANT { 1: Bytes, 2: Int32, 3: message(&EMPTY), }
    PARTY_TO_PARTICIPANT {
        1: Bytes, 2: Int32, 3: message(&HOSTING_PARTICIPANT), 6: message(&SIGNING_KEYS_WITH_THRESHOLD),
    }
    SYNCHRONIZER_PARAMETERS_STATE { 1: Bytes, 2: message(&DYNAMIC_SYNCHRONIZER_PARAMETERS), }
    DYNAMIC_SEQUENCING_PARAMETERS_STATE { 1: Bytes, 2: message(&DYNAMIC_SEQUENCING_PARAMETERS), }
    MEDIATOR_SYNCHRONIZER_STATE { 1: Bytes, 2: Int32, 3: Int32, 4: Bytes, 5: Bytes, }
    SEQUENCER_SYNCHRONIZER_STATE { 1: Bytes, 2: Int32, 3: Bytes, 4: Bytes, }
    LSU_ANNOUNCEMENT { 1: Bytes, 2: message(&TIMESTAMP), }
    SEQUENCER_CONNECTION { 1: Bytes, 2: Bytes, }
    LSU_SEQUENCER_CONNECTION_SUCCESSOR { 1: Bytes, 2: Bytes, 3: message(&SEQUENCER_CONNECTION), }

    TOPOLOGY_MAPPING {
        1: message(&NAMESPACE_DELEGATION), 3: message(&DECENTRALIZED_NAMESPACE_DEFINITION),
        4: message(&OWNER_TO_KEY_MAPPING), 5: message(&SYNCHRONIZER_TRUST_CERTIFICATE),
        6: message(&PARTICIPANT_SYNCHRONIZER_PERMISSION), 7: message(&PARTY_HOSTING_LIMITS),
        8: message(&VETTED_PACKAGES), 9: message(&PARTY_TO_PARTICIPANT), 11: message(&SYNCHRONIZER_PARAMETERS_STATE),
        12: message(&MEDIATOR_SYNCHRONIZER_STATE), 13: message(&SEQUENCER_SYNCHRONIZER_STATE),
        15: message(&DYNAMIC_SEQUENCING_PARAMETERS_STATE), 16: message(&PARTY_TO_KEY_MAPPING),
        17: message(&LSU_ANNOUNCEMENT), 18: message(&LSU_SEQUENCER_CONNECTION_SUCCESSOR),
    }
    TOPOLOGY_TRANSACTION { 1: Int32, 2: Int32, 3: message(&TOPOLOGY_MAPPING), }
    MULTI_TRANSACTION_SIGNATURES { 1: Bytes, 2: message(&SIGNATURE), }
    SIGNED_TOPOLOGY_TRANSACTION {
        1: Bytes, 2: message(&SIGNATURE), 3: Bool, 4: message(&MULTI_TRANSACTION_SIGNATURES),
    }
    SIGNED_TOPOLOGY_TRANSACTIONS { 1: Bytes, }
    TOPOLOGY_TRANSACTIONS_BROADCAST { 1: Bytes, 2: message(&SIGNED_TOPOLOGY_TRANSACTIONS), }
    STORED_TOPOLOGY_TRANSACTION {
        1: message(&TIMESTAMP), 2: message(&TIMESTAMP), 3: Bytes, 4: message(&TIMESTAMP), 5: Bytes,
    }
    STORED_TOPOLOGY_TRANSACTIONS { 1: message(&STORED_TOPOLOGY_TRANSACTION), }
}
