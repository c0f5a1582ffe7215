//! Canton's texts: clients and operators know them, some clients match them.

mod conversion;
mod names;
mod parse_error;
mod signature;
mod topology;

use conversion::{failed_conversion, unreadable_member};

pub(crate) use names::{short_fingerprint, short_member, short_synchronizer};
pub(crate) use parse_error::{member_failure, parse_failure, submission_failure};
pub(crate) use signature::signature_failure;
pub(crate) use topology::signed_transaction;
