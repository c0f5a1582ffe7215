//! PEM (RFC 7468).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Characters of a line.
const WIDTH: usize = 64;

/// A DER text with its label, as PEM.
pub(super) fn encode(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(WIDTH).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// A certificate.
pub(super) fn certificate(der: &[u8]) -> String {
    encode("CERTIFICATE", der)
}
