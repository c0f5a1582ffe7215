//! The keys of a node that runs: what is generated or deleted meanwhile holds at once.

use synod_client::{KeyRing, MemberSigner};
use synod_crypto::{Hash, KeyUsages, Signature, SigningError, SigningPrivateKey};
use synod_node_admin::KeyObserver;
use synod_ordering::frame::FrameSigner;
use synod_pipeline::HeadReceiver;
use synod_runtime::Chain;
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

/// Signs what a sequencer hands to CometBFT, with the key that the topology has for it by the last block.
#[derive(Debug)]
pub(super) struct FrameKeys {
    pub(super) signer: MemberSigner,
    pub(super) head: HeadReceiver,
}

impl FrameSigner for FrameKeys {
    fn sign(&self, hash: &Hash) -> Result<Signature, SigningError> {
        let state = &self.head.current().state;
        let key = self.signer.protocol_key(&state.snapshot(state.approximate_time())).map_err(|error| {
            tracing::error!(error = %Chain(&error), "what is to be ordered cannot be signed");
            SigningError::Fault
        })?;
        key.sign(hash, KeyUsages::PROTOCOL)
    }
}
