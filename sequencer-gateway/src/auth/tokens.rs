//! Tokens of members that have logged in (ch. 01 §4.8).

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use synod_types::{CantonTimestamp, Member};

use super::random::{NoRandomness, SECRET_BYTES, draw};

/// What a member sends with each call. Never printed.
pub(crate) struct Token([u8; SECRET_BYTES]);

impl Token {
    /// The bytes, for the member alone.
    pub(crate) const fn as_bytes(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// SHA-256 of a token. Only this is kept: nothing leaks tokens, and how long a look-up takes tells nothing about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TokenDigest([u8; 32]);

/// A token that is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GoodToken {
    pub(crate) digest: TokenDigest,
    pub(crate) expires_at: CantonTimestamp,
}

#[derive(Debug)]
struct Issued {
    member: Member,
    expires_at: CantonTimestamp,
}

#[derive(Debug, Default)]
struct Inner {
    by_digest: BTreeMap<TokenDigest, Issued>,
    by_member: BTreeMap<Member, VecDeque<TokenDigest>>,
}

/// The tokens that are good. A member has a bounded number of them.
#[derive(Debug)]
pub(crate) struct Tokens {
    inner: RwLock<Inner>,
    most_per_member: usize,
}

impl Tokens {
    /// No tokens yet. A member that gets more than `most_per_member` loses its oldest ones.
    pub(crate) fn new(most_per_member: usize) -> Self {
        Self { inner: RwLock::default(), most_per_member }
    }

    /// A new token for `member`, good for `lifetime`, and until when.
    pub(crate) fn issue(
        &self,
        member: &Member,
        now: CantonTimestamp,
        lifetime: Duration,
    ) -> Result<(Token, CantonTimestamp), NoRandomness> {
        let token = Token(draw()?);
        let (expires_at, key) = (now.saturating_add(lifetime), digest_of(&token.0));
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let Inner { by_digest, by_member } = &mut *inner;
        let tokens = by_member.entry(member.clone()).or_default();
        tokens.retain(|token| {
            let is_good = by_digest.get(token).is_some_and(|issued| issued.expires_at > now);
            if !is_good {
                by_digest.remove(token);
            }
            is_good
        });
        tokens.push_back(key);
        by_digest.insert(key, Issued { member: member.clone(), expires_at });
        while tokens.len() > self.most_per_member {
            tokens.pop_front().map(|oldest| by_digest.remove(&oldest));
        }
        Ok((token, expires_at))
    }

    /// The token of `member`, if it is good.
    pub(crate) fn validate(&self, member: &Member, token: &[u8], now: CantonTimestamp) -> Option<GoodToken> {
        let digest = digest_of(token);
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let issued = inner.by_digest.get(&digest)?;
        let is_good = issued.member == *member && issued.expires_at > now;
        is_good.then_some(GoodToken { digest, expires_at: issued.expires_at })
    }

    /// Whether a token that was good is known still: it was not revoked since.
    pub(crate) fn is_known(&self, digest: &TokenDigest) -> bool {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).by_digest.contains_key(digest)
    }

    /// Whose token this is, whether it has expired or not.
    pub(crate) fn member_of(&self, token: &[u8]) -> Option<Member> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        inner.by_digest.get(&digest_of(token)).map(|issued| issued.member.clone())
    }

    /// Makes all tokens of a member bad.
    pub(crate) fn revoke(&self, member: &Member) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        for token in inner.by_member.remove(member).unwrap_or_default() {
            inner.by_digest.remove(&token);
        }
    }

    /// The members that have tokens.
    pub(crate) fn members(&self) -> Vec<Member> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).by_member.keys().cloned().collect()
    }
}

fn digest_of(token: &[u8]) -> TokenDigest {
    TokenDigest(digest(&SHA256, token).as_ref().try_into().expect("SHA-256 has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const NOW: CantonTimestamp = CantonTimestamp::EPOCH;

    fn member(name: &str) -> Member {
        Member::parse(&format!("PAR::{name}::1220")).expect("member")
    }

    #[test]
    fn a_token_is_good_for_its_member_until_it_expires() {
        let tokens = Tokens::new(25);
        let (token, expires_at) = tokens.issue(&member("a"), NOW, HOUR).expect("random");
        assert_eq!(expires_at, NOW.saturating_add(HOUR));
        let good = tokens.validate(&member("a"), token.as_bytes(), NOW).expect("good");
        assert_eq!(good.expires_at, expires_at);
        assert!(tokens.is_known(&good.digest));
        assert_eq!(tokens.validate(&member("b"), token.as_bytes(), NOW), None);
        assert_eq!(tokens.validate(&member("a"), token.as_bytes(), expires_at), None);
        assert_eq!(tokens.validate(&member("a"), b"another token here..", NOW), None);
        assert_eq!(tokens.member_of(token.as_bytes()), Some(member("a")));
    }

    #[test]
    fn the_oldest_give_way() {
        let tokens = Tokens::new(2);
        let issued: Vec<Token> = (0..3).map(|_| tokens.issue(&member("a"), NOW, HOUR).expect("random").0).collect();
        let good = issued.iter().map(|token| tokens.validate(&member("a"), token.as_bytes(), NOW).is_some());
        assert_eq!(good.collect::<Vec<_>>(), [false, true, true]);
    }

    #[test]
    fn revoked_tokens_are_gone() {
        let tokens = Tokens::new(25);
        let (token, _) = tokens.issue(&member("a"), NOW, HOUR).expect("random");
        let (other, _) = tokens.issue(&member("b"), NOW, HOUR).expect("random");
        tokens.revoke(&member("a"));
        assert_eq!(tokens.validate(&member("a"), token.as_bytes(), NOW), None);
        assert_eq!(tokens.member_of(token.as_bytes()), None);
        assert!(!tokens.is_known(&digest_of(token.as_bytes())));
        assert!(tokens.validate(&member("b"), other.as_bytes(), NOW).is_some());
        assert_eq!(tokens.members(), [member("b")]);
        assert_eq!(format!("{other:?}"), "Token(..)");
    }
}
