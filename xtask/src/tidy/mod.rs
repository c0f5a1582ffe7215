//! `cargo xtask tidy`: rules on the text of the workspace that no compiler knows.

mod code;
mod readmes;
mod sizes;
mod words;

use crate::workspace::text_files;

/// Everything that breaks a rule, one line each.
pub(crate) fn faults() -> Result<Vec<String>, String> {
    let files = text_files()?;
    let mut faults = Vec::new();
    faults.extend(sizes::faults(&files));
    faults.extend(words::faults(&files));
    faults.extend(readmes::faults(&files)?);
    Ok(faults)
}

/// Writes what is too long today into the ratchet, for things that were longer before; refuses to add new ones.
pub(crate) fn lower_ratchet() -> Result<String, String> {
    sizes::lower_ratchet(&text_files()?)
}
