//! The token that an operator has fixed (`CantonAdminTokenAuthService`, `CantonAdminTokenDispenser`).

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

/// A token that is good for ever. Only its digest is kept, so that how long a comparison takes tells nothing about it.
#[derive(Clone)]
pub struct AdminToken {
    digest: [u8; 32],
    admin_claim: bool,
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminToken").field("admin_claim", &self.admin_claim).finish_non_exhaustive()
    }
}

impl AdminToken {
    /// A token; without `admin_claim` it is known and allows nothing.
    #[must_use]
    pub fn fixed(token: &str, admin_claim: bool) -> Self {
        Self { digest: digest_of(token), admin_claim }
    }

    /// Whether this is the token.
    pub(super) fn is(&self, token: &str) -> bool {
        verify_slices_are_equal(&self.digest, &digest_of(token)).is_ok()
    }

    /// Whether who has it may administer.
    pub(super) const fn admin_claim(&self) -> bool {
        self.admin_claim
    }
}

fn digest_of(token: &str) -> [u8; 32] {
    digest(&SHA256, token.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}
