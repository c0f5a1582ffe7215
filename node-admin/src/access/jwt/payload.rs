//! What a token says (`AuthServiceJWTCodec`).

use serde_json::{Map, Value};

use crate::access::RefusalCause;

/// The claims that are looked at. The rest of a token may be anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Payload {
    /// `sub`; may be empty, and has to be there.
    pub(super) user: String,
    /// `aud`: a text or a list of them.
    pub(super) audiences: Vec<String>,
    /// `scope`, separated by spaces, or else `scp`, a text or a list of them.
    pub(super) scopes: Vec<String>,
    /// `exp`, in seconds since 1970.
    pub(super) expires_at: Option<i64>,
    /// `nbf`
    pub(super) not_before: Option<i64>,
    /// `iat`
    pub(super) issued_at: Option<i64>,
}

impl Payload {
    pub(super) fn parse(json: &[u8]) -> Result<Self, RefusalCause> {
        Self::of_claims(json).ok_or(RefusalCause::Claims)
    }

    fn of_claims(json: &[u8]) -> Option<Self> {
        let claims: Map<String, Value> = serde_json::from_slice(json).ok()?;
        let scope = claims.get("scope").and_then(Value::as_str).unwrap_or_default();
        let scopes: Vec<String> = scope.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        Some(Self {
            user: claims.get("sub")?.as_str()?.to_owned(),
            audiences: texts(&claims, "aud")?,
            scopes: if scopes.is_empty() { texts(&claims, "scp")? } else { scopes },
            expires_at: seconds(&claims, "exp")?,
            not_before: seconds(&claims, "nbf")?,
            issued_at: seconds(&claims, "iat")?,
        })
    }
}

/// A text or a list of texts; none when the claim is missing or null.
fn texts(claims: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    match claims.get(name) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::String(text)) => Some(vec![text.clone()]),
        Some(Value::Array(items)) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        Some(_) => None,
    }
}

/// A time; none when the claim is missing or null. Parts of a second are not allowed, as by Canton.
#[expect(clippy::option_option, reason = "a claim that is not there is another thing than one that is wrong")]
fn seconds(claims: &Map<String, Value>, name: &str) -> Option<Option<i64>> {
    match claims.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(value) => value.as_i64().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_in_the_forms_that_they_have() {
        let payload = Payload::parse(br#"{"sub":"alice","aud":"a","scope":"x y","scp":["z"],"exp":5,"other":{}}"#);
        let expected = Payload {
            user: "alice".to_owned(),
            audiences: vec!["a".to_owned()],
            scopes: vec!["x".to_owned(), "y".to_owned()],
            expires_at: Some(5),
            not_before: None,
            issued_at: None,
        };
        assert_eq!(payload, Ok(expected));
        let payload = Payload::parse(br#"{"sub":"","aud":["a","b"],"scp":["z"],"exp":null,"nbf":1,"iat":2}"#).unwrap();
        assert_eq!((payload.audiences.len(), payload.scopes), (2, vec!["z".to_owned()]));
        assert_eq!((payload.expires_at, payload.not_before, payload.issued_at), (None, Some(1), Some(2)));
    }

    #[test]
    fn claims_of_another_type_are_refused() {
        for json in [
            "",
            "[]",
            "{}",
            r#"{"sub":1}"#,
            r#"{"sub":null}"#,
            r#"{"sub":"a","aud":1}"#,
            r#"{"sub":"a","aud":[1]}"#,
            r#"{"sub":"a","exp":"5"}"#,
            r#"{"sub":"a","exp":5.5}"#,
            r#"{"sub":"a","nbf":true}"#,
            r#"{"sub":"a","scp":{}}"#,
            r#"{"sub":"a","exp":99999999999999999999}"#,
        ] {
            assert_eq!(Payload::parse(json.as_bytes()), Err(RefusalCause::Claims), "{json}");
        }
    }
}
