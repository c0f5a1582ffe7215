//! Keys that change while the member runs.

use std::time::Duration;

use synod_client::{ClientError, KeyRing, MemberSigner, Submission, max_sequencing_time};
use synod_crypto::{KeyUsages, SigningKeySpec, SigningPrivateKey};
use synod_topology::build;
use synod_types::{Fingerprint, MessageId, ProtocolVersion};
use synod_wire::{Batch, SignedContent};

use crate::fake::Fake;
use crate::pool_group::{Group, next_time, subscribe};
use crate::session;

fn new_key(usages: KeyUsages) -> SigningPrivateKey {
    SigningPrivateKey::generate(SigningKeySpec::EcCurve25519, usages).unwrap()
}

fn name(key: &SigningPrivateKey) -> Fingerprint {
    key.public_key().fingerprint().clone()
}

#[tokio::test]
async fn a_submission_is_signed_with_the_last_listed_key_that_is_here() {
    const VERSION: ProtocolVersion = ProtocolVersion::V35;
    let group = Group::start(1).await;
    let pool = group.pool(group.config(&[0], 1)).await;
    let mut subscription = subscribe(&pool, None).await;
    let keys = group.identity.keys();
    let (old, new, elsewhere) = (&keys.protocol, new_key(KeyUsages::PROTOCOL), new_key(KeyUsages::PROTOCOL));
    let signed_with = |subscription: &synod_client::PoolSubscription, signer: &MemberSigner| {
        let until = max_sequencing_time(Duration::from_secs(60));
        let submission = Submission::new(MessageId::parse("m").unwrap(), Batch::empty(VERSION), until);
        let snapshot = subscription.topology().unwrap().head_snapshot();
        let signed = submission.sign_in(signer, &snapshot)?;
        let content = SignedContent::parse(&signed.bytes).unwrap();
        Ok::<_, ClientError>(content.last_signature().signed_by().clone())
    };
    let mut serial = 1;
    let mut list = |listed: &[&SigningPrivateKey]| {
        serial += 1;
        let listed = [&[&keys.authentication], listed].concat();
        let member = group.identity.member().clone();
        let encryption = keys.encryption.as_slice();
        build::owner_to_key_mapping(member, &keys.namespace, &listed, encryption, serial, VERSION).unwrap()
    };

    assert_eq!(signed_with(&subscription, pool.signer()).unwrap(), name(old));
    // A key that is here is not used before the topology lists it.
    group.identity.signer().keys().add(new.clone());
    assert_eq!(signed_with(&subscription, pool.signer()).unwrap(), name(old));
    for (listed, expected) in [
        (vec![old, &new], Some(name(&new))),
        (vec![old, &new, &elsewhere], Some(name(&new))),
        (vec![&new], Some(name(&new))),
        (vec![&elsewhere], None),
        (vec![old], Some(name(old))),
    ] {
        let envelope = group.fakes[0].broadcast(&[list(&listed)]);
        let event = group.fakes[0].next_event("rotation", vec![envelope]);
        group.send_from(&[0], &event);
        next_time(&mut subscription).await;
        match (signed_with(&subscription, pool.signer()), expected) {
            (Ok(found), Some(expected)) => assert_eq!(found, expected),
            (Err(ClientError::NoProtocolKey(member)), None) => assert_eq!(member, *group.identity.member()),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }
    assert!(pool.signer().keys().remove(&name(old)));
    assert!(!pool.signer().keys().remove(&name(old)));
    assert!(signed_with(&subscription, pool.signer()).is_err());
}

#[tokio::test]
async fn a_login_uses_the_key_that_the_sequencer_offers() {
    let fake = Fake::start().await;
    let session = session(&fake).await;
    session.time().await.unwrap();
    let next = new_key(KeyUsages::SEQUENCER_AUTHENTICATION);
    let member = session.member().to_string();
    fake.state().members.get_mut(&member).unwrap().0 = next.public_key().clone();
    fake.forget_tokens();
    assert!(matches!(session.time().await, Err(ClientError::NoLoginKey)));
    session.signer().keys().add(next);
    session.time().await.unwrap();
    assert_eq!(fake.state().logins, 2);
}

#[test]
fn a_ring_has_each_key_once_and_shows_none() {
    let key = new_key(KeyUsages::PROTOCOL);
    let ring = KeyRing::new([key.clone(), key.clone()]);
    ring.add(key.clone());
    assert_eq!(ring.key(&name(&key)).map(|key| name(&key)), Some(name(&key)));
    assert_eq!(format!("{ring:?}").matches(name(&key).as_str()).count(), 1);
    assert!(ring.remove(&name(&key)) && ring.key(&name(&key)).is_none());
}
