//! From when until when a token is good, in whole seconds (as the library java-jwt judges it for Canton).

use synod_types::CantonTimestamp;

use super::payload::Payload;
use crate::access::RefusalCause;

const MICROS: i64 = 1_000_000;

/// By how many seconds clocks may differ (`JwtTimestampLeeway`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JwtLeeway {
    /// Of a time that is not named below.
    pub default: Option<u32>,
    /// Of `exp`.
    pub expires_at: Option<u32>,
    /// Of `iat`.
    pub issued_at: Option<u32>,
    /// Of `nbf`.
    pub not_before: Option<u32>,
}

impl JwtLeeway {
    /// Whether a token is good now.
    pub(super) fn check(&self, token: &Payload, now: CantonTimestamp) -> Result<(), RefusalCause> {
        let now = now.as_micros().div_euclid(MICROS);
        let by = |leeway: Option<u32>| i64::from(leeway.or(self.default).unwrap_or_default());
        if token.expires_at.is_some_and(|expires_at| now.saturating_sub(by(self.expires_at)) >= expires_at) {
            return Err(RefusalCause::Expired);
        }
        let is_ahead = |from: Option<i64>, leeway| from.is_some_and(|from| now.saturating_add(by(leeway)) < from);
        if is_ahead(token.not_before, self.not_before) || is_ahead(token.issued_at, self.issued_at) {
            return Err(RefusalCause::NotYetValid);
        }
        Ok(())
    }
}

/// Whether a token is good for at most so many milliseconds from now (`JwtVerifier.checkTokenLifeTime`); one that never
/// expires is not.
pub(super) fn check_life(token: &Payload, most_ms: u64, now: CantonTimestamp) -> Result<(), RefusalCause> {
    let Some(expires_at) = token.expires_at else { return Err(RefusalCause::Lifetime) };
    let now_ms = i128::from(now.as_micros().div_euclid(1_000));
    let left_ms = i128::from(expires_at) * 1_000 - now_ms;
    if left_ms > i128::from(most_ms) { Err(RefusalCause::Lifetime) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(expires_at: Option<i64>, not_before: Option<i64>, issued_at: Option<i64>) -> Payload {
        let user = String::new();
        Payload { user, audiences: Vec::new(), scopes: Vec::new(), expires_at, not_before, issued_at }
    }

    fn at(micros: i64) -> CantonTimestamp {
        CantonTimestamp::EPOCH.saturating_add_micros(micros)
    }

    #[test]
    fn a_token_is_good_until_it_expires() {
        let check = |leeway: JwtLeeway, now| leeway.check(&token(Some(100), None, None), now);
        assert_eq!(check(JwtLeeway::default(), at(99_999_999)), Ok(()));
        assert_eq!(check(JwtLeeway::default(), at(100_000_000)), Err(RefusalCause::Expired));
        let lenient = JwtLeeway { default: Some(10), ..JwtLeeway::default() };
        assert_eq!(check(lenient, at(109_999_999)), Ok(()));
        assert_eq!(check(lenient, at(110_000_000)), Err(RefusalCause::Expired));
        let strict = JwtLeeway { expires_at: Some(0), ..lenient };
        assert_eq!(check(strict, at(100_000_000)), Err(RefusalCause::Expired));
    }

    #[test]
    fn a_token_is_not_good_before_its_time() {
        for token in [token(None, Some(100), None), token(None, None, Some(100))] {
            let strict = JwtLeeway::default();
            assert_eq!(strict.check(&token, at(99_999_999)), Err(RefusalCause::NotYetValid));
            assert_eq!(strict.check(&token, at(100_000_000)), Ok(()));
            let lenient = JwtLeeway { not_before: Some(1), issued_at: Some(1), ..strict };
            assert_eq!(lenient.check(&token, at(99_000_000)), Ok(()));
        }
    }

    #[test]
    fn extreme_times_are_judged_too() {
        let leeway = JwtLeeway { default: Some(u32::MAX), ..JwtLeeway::default() };
        assert_eq!(leeway.check(&token(Some(i64::MIN), None, None), at(0)), Err(RefusalCause::Expired));
        assert_eq!(leeway.check(&token(Some(i64::MAX), Some(i64::MIN), None), at(0)), Ok(()));
        assert_eq!(leeway.check(&token(None, Some(i64::MAX), None), at(0)), Err(RefusalCause::NotYetValid));
        assert_eq!(check_life(&token(Some(i64::MAX), None, None), u64::MAX, at(0)), Err(RefusalCause::Lifetime));
    }

    #[test]
    fn the_life_of_a_token_can_be_limited() {
        assert_eq!(check_life(&token(Some(5), None, None), 5_000, at(0)), Ok(()));
        assert_eq!(check_life(&token(Some(5), None, None), 4_999, at(0)), Err(RefusalCause::Lifetime));
        assert_eq!(check_life(&token(None, None, None), 5_000, at(0)), Err(RefusalCause::Lifetime));
    }
}
