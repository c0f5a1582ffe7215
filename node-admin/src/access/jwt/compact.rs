//! A token in its compact form (RFC 7515 §7.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::access::RefusalCause;

/// A token whose signature has not been looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CompactToken<'a> {
    /// Which algorithm it says that it is signed by. Never believed: it has to be that of the key.
    pub(super) algorithm: String,
    /// What is signed.
    pub(super) signed: &'a str,
    /// JSON, as long as the signature is right.
    pub(super) payload: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    /// What one has to understand; nothing of it is understood here.
    crit: Option<Value>,
}

impl<'a> CompactToken<'a> {
    pub(super) fn parse(token: &'a str) -> Result<Self, RefusalCause> {
        Self::parts(token).ok_or(RefusalCause::Malformed)
    }

    fn parts(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        if payload.contains('.') {
            return None;
        }
        let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
        if header.crit.is_some() {
            return None;
        }
        Some(Self { algorithm: header.alg, signed, payload: decode(payload)?, signature: decode(signature)? })
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, payload: &str) -> String {
        format!(
            "{}.{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(payload),
            URL_SAFE_NO_PAD.encode("s")
        )
    }

    #[test]
    fn a_token_has_three_parts() {
        let text = token(r#"{"alg":"RS256","typ":"JWT"}"#, "{}");
        let parsed = CompactToken::parse(&text).unwrap();
        assert_eq!((parsed.algorithm.as_str(), parsed.payload.as_slice()), ("RS256", b"{}".as_slice()));
        assert_eq!(format!("{}.cw", parsed.signed), text);
        assert_eq!(parsed.signature, b"s");
    }

    #[test]
    fn anything_else_is_no_token() {
        let good = token(r#"{"alg":"RS256"}"#, "{}");
        let bad = [
            String::new(),
            "..".to_owned(),
            "a.b".to_owned(),
            format!("{good}.x"),
            format!("{good}="),
            format!("+{good}"),
            token("[]", "{}"),
            token("{}", "{}"),
            token(r#"{"alg":7}"#, "{}"),
            token(r#"{"alg":"RS256","crit":["exp"]}"#, "{}"),
            token(r#"{"alg":"RS256""#, "{}"),
        ];
        for text in bad {
            assert_eq!(CompactToken::parse(&text), Err(RefusalCause::Malformed), "{text}");
        }
    }
}
