//! Topology mappings as JSON: the form that protobuf defines for Canton's messages, with the names of the `.proto` files.

use std::sync::OnceLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;
use synod_proto::protocol::v30::TopologyMapping;
use synod_topology::{InvalidMessage, Mapping};
use thiserror::Error;

const NAME: &str = "com.digitalasset.canton.protocol.v30.TopologyMapping";

/// JSON that is no mapping.
#[derive(Debug, Error)]
pub(crate) enum InvalidMappingJson {
    #[error("the mapping has another form than `synod topology list --json` prints")]
    Form(#[source] serde_json::Error),
    #[error("the mapping is not valid")]
    Mapping(#[from] InvalidMessage),
}

fn descriptor() -> &'static MessageDescriptor {
    static DESCRIPTOR: OnceLock<MessageDescriptor> = OnceLock::new();
    DESCRIPTOR.get_or_init(|| {
        let pool = DescriptorPool::decode(synod_rpc::FILE_DESCRIPTOR_SET).expect("made with the stubs");
        pool.get_message_by_name(NAME).expect("one of the messages of the stubs")
    })
}

/// A mapping as JSON. Fields that are not set are left out where that is not their default.
pub(super) fn mapping_to_json(mapping: &TopologyMapping) -> Value {
    let bytes = mapping.encode_to_vec();
    let message = DynamicMessage::decode(descriptor().clone(), bytes.as_slice()).expect("encoded by the same schema");
    let options = SerializeOptions::new().use_proto_field_name(true).skip_default_fields(false);
    message.serialize_with_options(serde_json::value::Serializer, &options).expect("all values have a form in JSON")
}

/// The mapping of this JSON, and its message as it is to be sent.
///
/// # Errors
/// [`InvalidMappingJson`].
pub(crate) fn mapping_from_json(json: Value) -> Result<(TopologyMapping, Mapping), InvalidMappingJson> {
    let message = DynamicMessage::deserialize(descriptor().clone(), json).map_err(InvalidMappingJson::Form)?;
    let proto = TopologyMapping::decode(message.encode_to_vec().as_slice()).expect("encoded by the same schema");
    let mapping = Mapping::from_proto(proto.clone())?;
    Ok((proto, mapping))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn permission() -> Value {
        json!({ "participant_permission": {
            "synchronizer_id": format!("net::1220{}", "ab".repeat(32)),
            "participant_uid": format!("alice::1220{}", "cd".repeat(32)),
            "permission": "PARTICIPANT_PERMISSION_SUBMISSION",
            "limits": { "confirmation_requests_max_rate": 5 },
            "login_after": "1700000000000000",
        }})
    }

    #[test]
    fn what_is_printed_is_read() {
        let (proto, mapping) = mapping_from_json(permission()).expect("a mapping");
        assert_eq!(mapping_to_json(&proto), permission());
        assert_eq!(mapping.to_proto(), proto);
    }

    #[test]
    fn names_of_the_other_form_of_protobuf_are_read_too() {
        let text = permission().to_string().replace("participant_uid", "participantUid");
        assert!(mapping_from_json(text.parse().expect("JSON")).is_ok());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let mut unknown = permission();
        unknown["participant_permission"]["colour"] = json!("red");
        let mut foreign = permission();
        foreign["participant_permission"]["participant_uid"] = json!("nobody");
        for (json, expected) in
            [(unknown, "colour"), (foreign, "participant_uid"), (json!({}), "mapping"), (json!({ "x": {} }), "x")]
        {
            let error = mapping_from_json(json).expect_err("wrong");
            let told = synod_runtime::Chain(&error).to_string();
            assert!(told.contains(expected), "{told}");
        }
    }
}
