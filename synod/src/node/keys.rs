//! The keys of a node that runs: what is generated or deleted meanwhile holds at once.

use synod_client::KeyRing;
use synod_crypto::{KeyUsages, SigningPrivateKey};
use synod_node_admin::KeyObserver;
use synod_sequencer_gateway::PrivateKeys;
use synod_types::Fingerprint;

/// What a sequencer signs with: keys of the protocol alone.
#[derive(Debug)]
pub(super) struct SequencerKeys(pub(super) PrivateKeys);

impl KeyObserver for SequencerKeys {
    fn added(&self, key: &SigningPrivateKey) {
        if key.public_key().usages().allows(KeyUsages::PROTOCOL) {
            self.0.add(key.clone());
        }
    }

    fn deleted(&self, fingerprint: &Fingerprint) {
        self.0.remove(fingerprint);
    }
}

/// What a member logs in and signs with.
#[derive(Debug)]
pub(super) struct MemberKeyRing(pub(super) KeyRing);

impl KeyObserver for MemberKeyRing {
    fn added(&self, key: &SigningPrivateKey) {
        self.0.add(key.clone());
    }

    fn deleted(&self, fingerprint: &Fingerprint) {
        self.0.remove(fingerprint);
    }
}
