//! Confirmation requests of transactions (chapter 04 §1.3, §1.4).

use bytes::Bytes;
use prost::Message;
use synod_crypto::{Hash, KeyUsages, SigningError, SigningPrivateKey};
use synod_proto::protocol::{v30, v31};
use synod_types::{CantonTimestamp, MediatorGroupIndex, ParticipantId, PhysicalSynchronizerId, ProtocolVersion};
use synod_wire::{MessageKind, versioned};
use thiserror::Error;

use super::salts::{Salts, shown};
use super::tree::{ViewToConfirm, sequence};
use crate::messages::{FullInformeeTree, InvalidMessage, LfParty, RequestUuid, ViewPosition, ViewType};

/// Whole seconds of a day: how long a command is remembered.
const DEDUPLICATION_SECONDS: i64 = 86_400;

/// A transaction that participants have to confirm.
#[derive(Debug, Clone)]
pub struct TransactionRequest {
    /// The synchronizer.
    pub psid: PhysicalSynchronizerId,
    /// The mediators that decide.
    pub mediator_group: MediatorGroupIndex,
    /// What tells it from all other requests.
    pub uuid: RequestUuid,
    /// Who sends it.
    pub submitting_participant: ParticipantId,
    /// For whom, at least one.
    pub act_as: Vec<LfParty>,
    /// Until when it has to be sequenced.
    pub max_sequencing_time: CantonTimestamp,
    /// Its views.
    pub views: Vec<ViewToConfirm>,
    /// What all salts are made of.
    pub seed: [u8; 32],
}

/// A request as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltRequest {
    /// Versioned `EnvelopeContent` with the `InformeeMessage`.
    pub content: Bytes,
    /// The root hash.
    pub root_hash: Hash,
    /// Where its views are: each before its subviews.
    pub positions: Vec<ViewPosition>,
}

/// The request cannot be made.
#[derive(Debug, Error)]
pub enum RequestError {
    /// It would be refused.
    #[error("the request is not valid")]
    Invalid(#[from] InvalidMessage),
    /// It cannot be signed.
    #[error("the request cannot be signed")]
    Sign(#[from] SigningError),
}

impl TransactionRequest {
    /// Builds and signs the request.
    ///
    /// # Errors
    /// [`RequestError`] when a mediator would not read it, or when the key is not for the protocol.
    pub fn build(&self, key: &SigningPrivateKey, version: ProtocolVersion) -> Result<BuiltRequest, RequestError> {
        let tree = v30::FullInformeeTree { tree: Some(self.tree(version)) };
        let read = FullInformeeTree::parse_proto(&tree.encode_to_vec().into(), version)?;
        let signature = key.sign(read.root_hash(), KeyUsages::PROTOCOL)?;
        let message = v30::InformeeMessage {
            full_informee_tree: Some(tree),
            submitting_participant_signature: Some(signature.to_proto()),
        };
        let content = v31::envelope_content::SomeEnvelopeContent::InformeeMessage(message);
        let positions = read.views().iter().map(|view| read.position(view)).collect();
        Ok(BuiltRequest { content: envelope_content(content, version), root_hash: *read.root_hash(), positions })
    }

    fn tree(&self, version: ProtocolVersion) -> v30::GenTransactionTree {
        let mut salts = Salts::new(self.seed);
        let period = prost_types::Duration { seconds: DEDUPLICATION_SECONDS, nanos: 0 };
        let submitter = v31::SubmitterMetadata {
            salt: Some(salts.salt()),
            act_as: self.act_as.iter().map(ToString::to_string).collect(),
            user_id: "synod".to_owned(),
            command_id: self.uuid.to_string(),
            submitting_participant_uid: self.submitting_participant.uid().to_string(),
            submission_id: String::new(),
            dedup_period: Some(v30::DeduplicationPeriod {
                period: Some(v30::deduplication_period::Period::Duration(period)),
            }),
            max_sequencing_time: self.max_sequencing_time.as_micros(),
            external_authorization: None,
        };
        let common = v30::CommonMetadata {
            salt: Some(salts.salt()),
            physical_synchronizer_id: self.psid.to_string(),
            uuid: self.uuid.to_string(),
            mediator_group: self.mediator_group.as_i32(),
        };
        v30::GenTransactionTree {
            submitter_metadata: Some(shown(MessageKind::SubmitterMetadata.wrap(version, &submitter.encode_to_vec()))),
            common_metadata: Some(shown(versioned::wrap(30, &common.encode_to_vec()))),
            participant_metadata: Some(salts.blinded()),
            root_views: Some(sequence(&self.views, &mut salts)),
        }
    }
}

/// The root hash message of a request: versioned `EnvelopeContent`. The same for all participants.
#[must_use]
pub fn root_hash_message(
    request: &BuiltRequest,
    psid: &PhysicalSynchronizerId,
    view_type: ViewType,
    submission_topology_time: CantonTimestamp,
) -> Bytes {
    let message = v30::RootHashMessage {
        root_hash: Bytes::copy_from_slice(&request.root_hash.multihash()),
        physical_synchronizer_id: psid.to_string(),
        view_type: view_type.number(),
        submission_topology_time: submission_topology_time.as_micros(),
        payload: Bytes::new(),
    };
    let content = v31::envelope_content::SomeEnvelopeContent::RootHashMessage(message);
    envelope_content(content, psid.protocol_version())
}

/// Both versions have these contents under the same numbers (chapter 04 §1.2).
fn envelope_content(content: v31::envelope_content::SomeEnvelopeContent, version: ProtocolVersion) -> Bytes {
    let content = v31::EnvelopeContent { some_envelope_content: Some(content) };
    MessageKind::EnvelopeContent.wrap(version, &content.encode_to_vec())
}

#[cfg(test)]
mod tests {
    use synod_crypto::SigningKeySpec;
    use synod_types::UniqueIdentifier;

    use super::*;
    use crate::messages::{MediatorContent, MerkleSeqIndex, RootHashMessage};

    fn party(name: &str) -> LfParty {
        LfParty::parse(name, "party").expect("a party")
    }

    fn request(views: Vec<ViewToConfirm>) -> TransactionRequest {
        TransactionRequest {
            psid: PhysicalSynchronizerId::parse("sync::1220aa::35-0").expect("a synchronizer"),
            mediator_group: MediatorGroupIndex::new(0).expect("a group"),
            uuid: RequestUuid::parse("1-2-3-4-5").expect("a number"),
            submitting_participant: ParticipantId::new(UniqueIdentifier::parse("p::1220bb").expect("a participant")),
            act_as: vec![party("alice::1220bb")],
            max_sequencing_time: CantonTimestamp::EPOCH,
            views,
            seed: [7; 32],
        }
    }

    #[test]
    fn a_mediator_reads_what_is_built() {
        let key = SigningPrivateKey::generate(SigningKeySpec::EcCurve25519, KeyUsages::PROTOCOL).expect("a key");
        let leaf = |name| ViewToConfirm::of_all([party(name)]);
        let mut nested = ViewToConfirm::of_all([party("alice::1220bb"), party("bob::1220cc")]);
        nested.subviews = vec![leaf("carol::1220dd")];
        let request = request(vec![nested, leaf("bob::1220cc"), leaf("dave::1220ee")]);
        let built = request.build(&key, ProtocolVersion::V35).expect("a request");
        let MediatorContent::InformeeMessage(read) =
            MediatorContent::parse(&built.content, ProtocolVersion::V35).expect("it reads")
        else {
            panic!("another content");
        };
        assert_eq!(*read.tree.root_hash(), built.root_hash);
        assert_eq!(read.tree.common_metadata().uuid, request.uuid);
        assert_eq!(read.tree.submitter_metadata().submitting_participant, request.submitting_participant);
        let index = |steps: &[bool]| MerkleSeqIndex(steps.to_vec());
        let root = |steps| ViewPosition(vec![index(steps)]);
        let expected = [
            root(&[false, false]),
            ViewPosition(vec![index(&[]), index(&[false, false])]),
            root(&[true, false]),
            root(&[true]),
        ];
        assert_eq!(built.positions, expected);
        let first = &read.tree.views()[0].common_data.parameters;
        assert_eq!(first.informees.len(), 2);
        assert_eq!(first.quorums[0].threshold, 2);
        assert_eq!(request.build(&key, ProtocolVersion::V35).expect("again").content, built.content);
        let root_hash = root_hash_message(&built, &request.psid, ViewType::Transaction, CantonTimestamp::EPOCH);
        let expected = RootHashMessage {
            root_hash: built.root_hash,
            psid: request.psid,
            view_type: ViewType::Transaction,
            submission_topology_time: CantonTimestamp::EPOCH,
            payload: Bytes::new(),
        };
        let read = MediatorContent::parse(&root_hash, ProtocolVersion::V35).expect("it reads");
        assert!(matches!(read, MediatorContent::RootHashMessage(read) if read == expected));
    }
}
