//! Whether something is accepted, as Canton accepts it.

use std::fmt::{Debug, Display};

use synod_testkit::vectors::Case;

/// Compares the verdict, and what came out when both accept.
pub(super) fn accepted<T, E: Debug + Display>(
    case: &Case,
    parsed: Result<T, E>,
    compare: impl FnOnce(T) -> Result<(), String>,
) -> Result<(), String> {
    match (case.boolean("accept")?, parsed) {
        (true, Ok(value)) => compare(value),
        (false, Err(_)) => Ok(()),
        (true, Err(error)) => Err(format!("refused, should be accepted: {error} ({error:?})")),
        (false, Ok(_)) => Err("accepted, should be refused".to_owned()),
    }
}
