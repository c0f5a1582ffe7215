//! Who uses the keys of a node while it runs.

use std::fmt::Debug;

use synod_crypto::SigningPrivateKey;
use synod_types::Fingerprint;

/// Is told which private keys the node has. The calls are quick, and may repeat what was told before.
pub trait KeyObserver: Debug + Send + Sync {
    /// The node has this key.
    fn added(&self, key: &SigningPrivateKey);

    /// The node does not have this key any more.
    fn deleted(&self, fingerprint: &Fingerprint);
}
