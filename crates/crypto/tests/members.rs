//! Verification with the keys of members and groups, and session keys.

use std::collections::BTreeMap;

use synod_crypto::{
    CryptoRestrictions, EnumSet, Hash, HashPurpose, KeyUsages, Signature, SignatureDelegation, SignatureError,
    SignatureVerifier, SigningKeySpec, SigningPrivateKey, SigningPublicKey, ValidityPeriod, session_delegation_hash,
};
use synod_types::{CantonTimestamp, ProtocolVersion, SynchronizerId};

const START: i64 = 1_750_000_000_000_000;
const SECOND: i64 = 1_000_000;

fn key(usages: KeyUsages) -> SigningPrivateKey {
    key_of(SigningKeySpec::EcCurve25519, usages)
}

fn key_of(spec: SigningKeySpec, usages: KeyUsages) -> SigningPrivateKey {
    SigningPrivateKey::generate(spec, usages).expect("the system has random numbers")
}

fn synchronizer(name: &str) -> SynchronizerId {
    SynchronizerId::parse(&format!("{name}::1220{}", "ab".repeat(32))).expect("a synchronizer")
}

fn verifier(version: ProtocolVersion) -> SignatureVerifier {
    SignatureVerifier::new(synchronizer("da"), version, CryptoRestrictions::jce())
}

fn at(seconds: i64) -> CantonTimestamp {
    CantonTimestamp::from_micros(START + seconds * SECOND).expect("a time")
}

fn some_hash() -> Hash {
    Hash::digest(HashPurpose::of_id(-1), b"some message")
}

fn sign(key: &SigningPrivateKey) -> Signature {
    key.sign(&some_hash(), key.public_key().usages()).expect("its own usages")
}

/// A signature by `session`, which `long_term` authorizes for 300 s from [`START`] on.
fn sign_delegated(long_term: &SigningPrivateKey, session: &SigningPrivateKey, on: &SynchronizerId) -> Signature {
    let validity = ValidityPeriod::new(at(0), 300).expect("a validity");
    let hash = session_delegation_hash(on, session.public_key(), &validity);
    let authorization = long_term.sign(&hash, long_term.public_key().usages()).expect("its own usages");
    let delegation =
        SignatureDelegation::new(session.public_key().clone(), validity, authorization).expect("a delegation");
    let sent = sign(session).with_delegation(delegation).to_proto();
    Signature::from_proto(sent).expect("a signature")
}

fn class(result: Result<(), SignatureError>) -> Option<&'static str> {
    result.err().map(|error| error.class())
}

#[test]
fn only_keys_of_the_required_usage_count() {
    let (protocol, authentication) = (key(KeyUsages::PROTOCOL), key(KeyUsages::SEQUENCER_AUTHENTICATION));
    let keys = [protocol.public_key().clone(), authentication.public_key().clone()];
    let check = |signature: &Signature, keys: &[SigningPublicKey], required| {
        class(verifier(ProtocolVersion::V35).verify(at(0), keys, &some_hash(), signature, required))
    };
    assert_eq!(check(&sign(&protocol), &keys, KeyUsages::PROTOCOL), None);
    assert_eq!(check(&sign(&authentication), &keys, KeyUsages::SEQUENCER_AUTHENTICATION), None);
    assert_eq!(check(&sign(&authentication), &keys, KeyUsages::PROTOCOL), Some("SignatureWithWrongKey"));
    assert_eq!(check(&sign(&protocol), &keys[1..], KeyUsages::PROTOCOL), Some("SignerHasNoValidKeys"));
    // Proof of ownership, which every key here has, does not make it a key of the signer's for this.
    assert_eq!(check(&sign(&protocol), &keys, KeyUsages::PROOF_OF_OWNERSHIP), Some("SignerHasNoValidKeys"));
}

#[test]
fn the_synchronizer_restricts_keys_and_signatures() {
    let signer = key_of(SigningKeySpec::EcP256, KeyUsages::PROTOCOL);
    let check = |restrictions| {
        let verifier = SignatureVerifier::new(synchronizer("da"), ProtocolVersion::V35, restrictions);
        class(verifier.verify(at(0), [signer.public_key()], &some_hash(), &sign(&signer), KeyUsages::PROTOCOL))
    };
    let all = CryptoRestrictions::jce();
    assert_eq!(check(all), None);
    let none = CryptoRestrictions { signing_keys: EnumSet::empty().with(SigningKeySpec::EcCurve25519), ..all };
    assert_eq!(check(none), Some("UnsupportedKeySpec"));
    assert_eq!(
        check(CryptoRestrictions { signing_algorithms: EnumSet::empty(), ..all }),
        Some("UnsupportedAlgorithmSpec")
    );
    assert_eq!(
        check(CryptoRestrictions { signature_formats: EnumSet::empty(), ..all }),
        Some("UnsupportedSignatureFormat")
    );
    assert_eq!(check(CryptoRestrictions { key_formats: EnumSet::empty(), ..all }), Some("UnsupportedKeyFormat"));
}

#[test]
fn a_session_key_signs_during_its_validity() {
    let (long_term, session) = (key(KeyUsages::PROTOCOL), key(KeyUsages::PROTOCOL));
    let signature = sign_delegated(&long_term, &session, &synchronizer("da"));
    assert_eq!(signature.signed_by(), session.public_key().fingerprint());
    assert_eq!(signature.authorizing_key(), long_term.public_key().fingerprint());
    let check = |version, seconds, required| {
        class(verifier(version).verify(at(seconds), [long_term.public_key()], &some_hash(), &signature, required))
    };
    let (v34, v35) = (ProtocolVersion::V34, ProtocolVersion::V35);
    assert_eq!(check(v35, 0, KeyUsages::PROTOCOL), None);
    assert_eq!(check(v35, 299, KeyUsages::PROTOCOL), None);
    assert_eq!(check(v35, -1, KeyUsages::PROTOCOL), Some("InvalidSignatureDelegation"));
    assert_eq!(check(v35, 300, KeyUsages::PROTOCOL), Some("InvalidSignatureDelegation"));
    assert_eq!(check(v34, 0, KeyUsages::PROTOCOL), Some("UnsupportedDelegationSignatureError"));
    assert_eq!(check(v35, 0, KeyUsages::SEQUENCER_AUTHENTICATION), Some("UnsupportedDelegationSignatureError"));
}

#[test]
fn a_session_key_needs_a_key_of_the_signer_behind_it() {
    let (long_term, session, stranger) = (key(KeyUsages::PROTOCOL), key(KeyUsages::PROTOCOL), key(KeyUsages::PROTOCOL));
    let check = |signature: &Signature| {
        let keys = [long_term.public_key()];
        class(verifier(ProtocolVersion::V35).verify(at(0), keys, &some_hash(), signature, KeyUsages::PROTOCOL))
    };
    let by_stranger = sign_delegated(&stranger, &session, &synchronizer("da"));
    assert_eq!(check(&by_stranger), Some("SignatureWithWrongKey"));

    let elsewhere = sign_delegated(&long_term, &session, &synchronizer("another"));
    assert_eq!(check(&elsewhere), Some("InvalidSignatureDelegation"));

    // The delegation is in order, but another key made the signature.
    let genuine = sign_delegated(&long_term, &session, &synchronizer("da"));
    let mut forged = genuine.to_proto();
    forged.signature = sign(&stranger).bytes().clone();
    assert_eq!(check(&Signature::from_proto(forged).expect("a signature")), Some("InvalidSignature"));

    // Canton verifies no session keys but of Ed25519.
    let session = key_of(SigningKeySpec::EcP256, KeyUsages::PROTOCOL);
    assert_eq!(check(&sign_delegated(&long_term, &session, &synchronizer("da"))), Some("UnsupportedAlgorithmSpec"));
}

#[test]
fn authorization_alone_ignores_what_was_signed() {
    let (long_term, session) = (key(KeyUsages::PROTOCOL), key(KeyUsages::PROTOCOL));
    let verifier = verifier(ProtocolVersion::V35);
    for genuine in [sign(&long_term), sign_delegated(&long_term, &session, &synchronizer("da"))] {
        let mut proto = genuine.to_proto();
        proto.signature = vec![0; 64].into();
        let signature = Signature::from_proto(proto).expect("a signature");
        let keys = [long_term.public_key()];
        let found = verifier.verify_authorization(at(0), keys, &signature, KeyUsages::PROTOCOL);
        assert_eq!(found, Ok(long_term.public_key()));
        assert!(verifier.verify(at(0), keys, &some_hash(), &signature, KeyUsages::PROTOCOL).is_err());
    }
}

#[test]
fn a_group_needs_different_members() {
    let (one, two, three) = (key(KeyUsages::PROTOCOL), key(KeyUsages::PROTOCOL), key(KeyUsages::PROTOCOL));
    let members = BTreeMap::from([
        (1, vec![one.public_key().clone()]),
        (2, vec![two.public_key().clone()]),
        (3, vec![three.public_key().clone()]),
    ]);
    let check = |threshold, signatures: &[Signature]| {
        verifier(ProtocolVersion::V35).verify_group(
            at(0),
            &members,
            threshold,
            &some_hash(),
            signatures,
            KeyUsages::PROTOCOL,
        )
    };
    assert_eq!(check(2, &[sign(&one), sign(&three)]), Ok(vec![]));
    let stranger = sign(&key(KeyUsages::PROTOCOL));
    let unneeded = check(2, &[sign(&one), stranger, sign(&three)]).expect("two of the group");
    assert_eq!(unneeded.iter().map(SignatureError::class).collect::<Vec<_>>(), ["SignatureWithWrongKey"]);
    let error = check(2, &[sign(&one), sign(&one)]).expect_err("one member twice");
    assert_eq!(error, SignatureError::ThresholdNotReached { valid: 1, threshold: 2, errors: vec![] });
    assert_eq!(error.class(), "MultipleErrors");
}

#[test]
fn a_shared_key_counts_for_nobody_from_version_35_on() {
    let (own, shared) = (key(KeyUsages::PROTOCOL), key(KeyUsages::PROTOCOL));
    let members = BTreeMap::from([
        (1, vec![own.public_key().clone()]),
        (2, vec![shared.public_key().clone()]),
        (3, vec![shared.public_key().clone()]),
    ]);
    let check = |version, threshold| {
        let signatures = [sign(&own), sign(&shared)];
        let (hash, usage) = (some_hash(), KeyUsages::PROTOCOL);
        verifier(version).verify_group(at(0), &members, threshold, &hash, &signatures, usage)
    };
    assert_eq!(check(ProtocolVersion::V34, 2), Ok(vec![]));
    assert!(check(ProtocolVersion::V34, 3).is_err());
    assert!(check(ProtocolVersion::V35, 2).is_err());
    let shared_by = shared.public_key().fingerprint().clone();
    assert_eq!(check(ProtocolVersion::V35, 1), Ok(vec![SignatureError::SharedKey { signed_by: shared_by }]));
}
