//! Whether the mediators have signed a verdict.

use std::collections::BTreeMap;

use synod_crypto::{KeyUsages, SignatureError, SignatureVerifier, SigningPublicKey, protocol_message_hash};
use synod_topology::TopologyState;
use synod_types::{CantonTimestamp, MediatorGroupIndex, Member};
use synod_wire::Envelope;
use thiserror::Error;

/// A verdict that nobody has to believe.
#[derive(Debug, Error)]
pub(super) enum Unbelievable {
    #[error("there is no group {}", .0.as_i32())]
    NoGroup(MediatorGroupIndex),
    #[error(transparent)]
    Signatures(#[from] SignatureError),
}

/// Verifies that as many active mediators of the group as its threshold says have signed the envelope, with keys that they
/// have at `sequenced`, the time of the verdict. In protocol version 34 it is the time of the request
/// (`ProtocolProcessor.performResultProcessing`, `SignedProtocolMessage.verifyMediatorSignatures`).
pub(super) fn verify(
    topology: &TopologyState,
    group: MediatorGroupIndex,
    sequenced: CantonTimestamp,
    verdict: &Envelope,
) -> Result<(), Unbelievable> {
    let snapshot = topology.snapshot(sequenced);
    let group = snapshot.mediator_group(group).ok_or(Unbelievable::NoGroup(group))?;
    let keys_of = |member: Member| -> (Member, Vec<SigningPublicKey>) {
        let keys = snapshot.signing_keys_for(&member, KeyUsages::PROTOCOL).cloned().collect();
        (member, keys)
    };
    let members: BTreeMap<_, _> = group.active.iter().map(|mediator| keys_of(mediator.member())).collect();
    let threshold = usize::try_from(group.threshold).unwrap_or(usize::MAX);
    let psid = topology.psid();
    let verifier =
        SignatureVerifier::new(psid.logical().clone(), psid.protocol_version(), *topology.crypto_restrictions());
    let hash = protocol_message_hash(&verdict.content);
    verifier.verify_group(sequenced, &members, threshold, &hash, &verdict.signatures, KeyUsages::PROTOCOL)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use synod_client::{MemberIdentity, MemberKeys};
    use synod_topology::build::{Founding, sign};
    use synod_topology::genesis::Genesis;
    use synod_topology::{DynamicSynchronizerParameters, StaticSynchronizerParameters};
    use synod_types::{MediatorId, MemberKind, ProtocolVersion, SequencerId};

    use super::*;

    const VERSION: ProtocolVersion = ProtocolVersion::V35;

    fn member(kind: MemberKind, name: &str) -> MemberIdentity {
        MemberIdentity::new(kind, name, MemberKeys::generate(kind).expect("keys")).expect("an identity")
    }

    /// A synchronizer with these mediators, of which two have to agree.
    fn topology(mediators: &[&MemberIdentity]) -> TopologyState {
        let sequencer = member(MemberKind::Sequencer, "sequencer");
        let owner =
            synod_crypto::SigningPrivateKey::generate(synod_crypto::SigningKeySpec::EcCurve25519, KeyUsages::NAMESPACE);
        let owner = owner.expect("a key");
        let root = synod_topology::build::root_certificate(&owner, VERSION).expect("a root certificate");
        let namespace = root.transaction().mapping().namespace();
        let founding = Founding::new("s", [namespace].into(), 1, VERSION).expect("an owner");
        let ids = mediators.iter().map(|one| MediatorId::new(one.member().uid().clone())).collect();
        let group = MediatorGroupIndex::new(0).expect("a group");
        let state = [
            founding.namespace(),
            founding.parameters(DynamicSynchronizerParameters::default()),
            founding.mediators(group, 2, ids, Vec::new()),
            founding.sequencers(1, vec![SequencerId::new(sequencer.member().uid().clone())], Vec::new()),
        ];
        let mut transactions = vec![root];
        for identity in mediators.iter().copied().chain([&sequencer]) {
            transactions.extend(identity.identity_transactions(VERSION).expect("signs"));
        }
        transactions.extend(state.map(|one| sign(one.expect("valid"), [&owner], false).expect("signed")));
        let parameters = StaticSynchronizerParameters::jce_defaults(VERSION);
        Genesis::new(parameters, Genesis::prepare(transactions)).expect("a genesis").state
    }

    #[test]
    fn a_verdict_counts_when_enough_mediators_of_the_group_signed_it() {
        let mediators = ["one", "two", "three"].map(|name| member(MemberKind::Mediator, name));
        let stranger = member(MemberKind::Mediator, "stranger");
        let topology = topology(&mediators.each_ref());
        let content = Bytes::from_static(b"approved");
        let signed = |signers: &[&MemberIdentity]| {
            let sign = |signer: &&MemberIdentity| {
                let key = signer.signer().first_protocol_key().expect("a key");
                key.sign(&protocol_message_hash(&content), KeyUsages::PROTOCOL).expect("signs")
            };
            Envelope { content: content.clone(), signatures: signers.iter().map(sign).collect() }
        };
        let group = MediatorGroupIndex::new(0).expect("a group");
        let at = CantonTimestamp::EPOCH;
        let judge = |envelope: &Envelope| verify(&topology, group, at, envelope).is_ok();
        let [one, two, three] = &mediators;
        assert!(judge(&signed(&[one, three])));
        assert!(!judge(&signed(&[one])), "below the threshold");
        assert!(!judge(&signed(&[two, two])), "one counts once");
        assert!(!judge(&signed(&[one, &stranger])), "not of the group");
        let other = Envelope { content: Bytes::from_static(b"rejected"), ..signed(&[one, two]) };
        assert!(!judge(&other), "something else was signed");
        let nobody = MediatorGroupIndex::new(7).expect("a group");
        assert!(matches!(verify(&topology, nobody, at, &signed(&[one, two])), Err(Unbelievable::NoGroup(_))));
        let before = CantonTimestamp::MIN;
        assert!(verify(&topology, group, before, &signed(&[one, two])).is_err(), "they had no keys then");
    }
}
