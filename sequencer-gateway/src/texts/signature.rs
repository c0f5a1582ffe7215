//! What Canton says about a signature that it does not accept (`SignatureCheckError`).

use synod_crypto::{Hash, KeyUsages, Signature, SignatureError, SigningPublicKey};
use synod_types::Member;

use super::{short_fingerprint, short_member};

/// Bytes of a signature and of a hash that are shown.
const SHOWN_BYTES: usize = 6;

/// The text for an error of `signature` over `hash`, which should be that of `signer`. `keys` are the signer's.
pub(crate) fn signature_failure<'a>(
    error: &SignatureError,
    signature: &Signature,
    hash: &Hash,
    signer: &Member,
    keys: impl IntoIterator<Item = &'a SigningPublicKey>,
) -> String {
    let class = error.class();
    match error {
        SignatureError::InvalidSignature { .. } => format!(
            "{class}(\n  signature = {},\n  bytes = {},\n  error = \"Failed to verify signature: \
             java.security.GeneralSecurityException: Invalid signature\"\n)",
            shown(signature),
            hex::encode(&hash.multihash()[..SHOWN_BYTES]),
        ),
        SignatureError::SignatureWithWrongKey { .. } => {
            let valid: Vec<&str> = keys
                .into_iter()
                .filter(|key| key.usages().matches(KeyUsages::PROTOCOL))
                .map(|key| key.fingerprint().as_str())
                .collect();
            format!(
                "{class}(\n  Key {} used to generate signature is not a valid key for {}. Valid keys are List({})\n)",
                short_fingerprint(signature.authorizing_key().as_str()),
                short_member(signer),
                valid.join(", "),
            )
        }
        SignatureError::SignerHasNoValidKeys { .. } => {
            format!(
                "{class}(There are no valid keys for {} but received message signed with {})",
                short_member(signer),
                short_fingerprint(signature.authorizing_key().as_str())
            )
        }
        other => format!("{class}({other})"),
    }
}

fn shown(signature: &Signature) -> String {
    let bytes = signature.bytes();
    let format = signature.format().name();
    let algorithm = signature.algorithm().map_or_else(|| "None".to_owned(), |spec| format!("Some({})", spec.name()));
    format!(
        "Signature(signature = {}, format = {format}, signedBy = {}, signingAlgorithmSpec = {algorithm})",
        hex::encode(&bytes[..SHOWN_BYTES.min(bytes.len())]),
        short_fingerprint(signature.signed_by().as_str()),
    )
}

#[cfg(test)]
mod tests;
