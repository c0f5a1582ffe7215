//! Signatures that are to be verified, and those that were.
//!
//! Verifying is apart from deciding: it depends on nothing but the signature, the key and the static parameters, so its
//! results are remembered (merges and repetitions bring the same signatures again and again) and may be computed in
//! advance and in parallel.

use imbl::{OrdSet, Vector};
use synod_crypto::{
    CryptoRestrictions, Hash, HashBuilder, HashPurpose, KeyUsages, Signature, SignatureError, SigningPublicKey,
    verify_restricted,
};

/// How many valid signatures are remembered.
const REMEMBERED: usize = 1 << 14;

/// A signature on a topology transaction, and the key to verify it with.
#[derive(Debug, Clone)]
pub struct SignatureTask {
    pub(crate) hash: Hash,
    pub(crate) key: SigningPublicKey,
    pub(crate) signature: Signature,
    pub(crate) required: KeyUsages,
}

impl SignatureTask {
    /// Verifies it.
    ///
    /// # Errors
    /// [`SignatureError`] of Canton's class.
    pub fn verify(&self, restrictions: &CryptoRestrictions) -> Result<(), SignatureError> {
        verify_restricted(&self.hash, &self.key, &self.signature, self.required, restrictions)
    }

    /// Hash of everything that the result depends on but the static parameters.
    fn name(&self) -> Hash {
        let (key, signature) = (&self.key, &self.signature);
        // Any purpose serves: the hash stays inside of this process.
        HashBuilder::new(HashPurpose::of_id(0))
            .add_hash(&self.hash)
            .add_byte_string(key.key_bytes())
            .add_int(key.spec().number())
            .add_int(key.format().number())
            .add_sequence(key.usages().numbers(), HashBuilder::add_int)
            .add_byte_string(signature.bytes())
            .add_int(signature.format().number())
            .add_int(signature.algorithm().map_or(0, |algorithm| algorithm.number()))
            .add_string(signature.signed_by().as_str())
            .add_sequence(self.required.numbers(), HashBuilder::add_int)
            .finish()
    }
}

/// Signatures that are known to be valid.
#[derive(Debug, Clone, Default)]
pub(crate) struct ValidSignatures {
    names: OrdSet<Hash>,
    /// The names in the order in which they came: the oldest is forgotten first.
    order: Vector<Hash>,
}

impl ValidSignatures {
    /// Verifies `task`, unless it is known to be valid.
    pub(crate) fn verify(
        &mut self,
        task: &SignatureTask,
        restrictions: &CryptoRestrictions,
    ) -> Result<(), SignatureError> {
        if self.names.contains(&task.name()) {
            return Ok(());
        }
        task.verify(restrictions)?;
        self.remember(task);
        Ok(())
    }

    /// Whether `task` is known to be valid.
    pub(crate) fn knows(&self, task: &SignatureTask) -> bool {
        self.names.contains(&task.name())
    }

    /// Remembers that `task` is valid.
    pub(crate) fn remember(&mut self, task: &SignatureTask) {
        let name = task.name();
        if self.names.insert(name).is_some() {
            return;
        }
        self.order.push_back(name);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.names.remove(&oldest);
        }
    }
}
