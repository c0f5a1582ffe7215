//! Challenges that were handed out and not answered yet (ch. 01 §4.8).

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use synod_crypto::Nonce;
use synod_types::{CantonTimestamp, Member};
use thiserror::Error;

use super::random::{NoRandomness, draw};

/// Why a nonce is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum InvalidNonce {
    /// The member was not given it, or has used it, or was given too many since.
    #[error("the member has not been given this nonce, or has used it")]
    Missing,
    /// It is too old.
    #[error("the nonce has expired")]
    Expired,
}

#[derive(Debug)]
struct Issued {
    nonce: Nonce,
    expires_at: CantonTimestamp,
}

/// Nonces by member. Each is good once, for a short time; a member has a bounded number of them.
#[derive(Debug)]
pub(crate) struct Nonces {
    by_member: Mutex<BTreeMap<Member, VecDeque<Issued>>>,
    lifetime: Duration,
    most_per_member: usize,
}

impl Nonces {
    /// Nonces that are good for `lifetime`. A member that asks for more than `most_per_member` loses its oldest ones.
    pub(crate) const fn new(lifetime: Duration, most_per_member: usize) -> Self {
        Self { by_member: Mutex::new(BTreeMap::new()), lifetime, most_per_member }
    }

    /// A new nonce for `member`.
    pub(crate) fn issue(&self, member: &Member, now: CantonTimestamp) -> Result<Nonce, NoRandomness> {
        let nonce = Nonce::new(draw()?);
        let mut by_member = self.lock();
        let issued = by_member.entry(member.clone()).or_default();
        issued.retain(|issued| issued.expires_at > now);
        issued.push_back(Issued { nonce, expires_at: now.saturating_add(self.lifetime) });
        while issued.len() > self.most_per_member {
            issued.pop_front();
        }
        Ok(nonce)
    }

    /// Uses up a nonce, whether it is still good or not.
    pub(crate) fn redeem(&self, member: &Member, nonce: &Nonce, now: CantonTimestamp) -> Result<(), InvalidNonce> {
        let mut by_member = self.lock();
        let issued = by_member.get_mut(member).ok_or(InvalidNonce::Missing)?;
        let place = issued.iter().position(|issued| issued.nonce == *nonce).ok_or(InvalidNonce::Missing)?;
        let found = issued.remove(place).ok_or(InvalidNonce::Missing)?;
        if issued.is_empty() {
            by_member.remove(member);
        }
        if found.expires_at > now { Ok(()) } else { Err(InvalidNonce::Expired) }
    }

    /// Forgets the nonces of a member.
    pub(crate) fn revoke(&self, member: &Member) {
        self.lock().remove(member);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Member, VecDeque<Issued>>> {
        // Nothing between lock and unlock leaves the map half changed.
        self.by_member.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn member(name: &str) -> Member {
        Member::parse(&format!("PAR::{name}::1220")).expect("member")
    }

    #[test]
    fn a_nonce_is_good_once_and_for_its_member() {
        let (nonces, now) = (Nonces::new(SECOND, 25), CantonTimestamp::EPOCH);
        let nonce = nonces.issue(&member("a"), now).expect("random");
        assert_eq!(nonces.redeem(&member("b"), &nonce, now), Err(InvalidNonce::Missing));
        assert_eq!(nonces.redeem(&member("a"), &nonce, now), Ok(()));
        assert_eq!(nonces.redeem(&member("a"), &nonce, now), Err(InvalidNonce::Missing));
    }

    #[test]
    fn a_nonce_expires_and_is_gone_then() {
        let (nonces, now) = (Nonces::new(SECOND, 25), CantonTimestamp::EPOCH);
        let nonce = nonces.issue(&member("a"), now).expect("random");
        let later = now.saturating_add(SECOND);
        assert_eq!(nonces.redeem(&member("a"), &nonce, later), Err(InvalidNonce::Expired));
        assert_eq!(nonces.redeem(&member("a"), &nonce, now), Err(InvalidNonce::Missing));
    }

    #[test]
    fn the_oldest_give_way_and_a_revoked_member_has_none() {
        let (nonces, now) = (Nonces::new(SECOND, 2), CantonTimestamp::EPOCH);
        let issued: Vec<Nonce> = (0..3).map(|_| nonces.issue(&member("a"), now).expect("random")).collect();
        assert_eq!(nonces.redeem(&member("a"), &issued[0], now), Err(InvalidNonce::Missing));
        assert_eq!(nonces.redeem(&member("a"), &issued[1], now), Ok(()));
        nonces.revoke(&member("a"));
        assert_eq!(nonces.redeem(&member("a"), &issued[2], now), Err(InvalidNonce::Missing));
    }
}
