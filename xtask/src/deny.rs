//! `cargo xtask deny`: bans, licences and sources of dependencies by `deny.toml`.
//!
//! The advisory database is not asked, because a build must not depend on a host that is not a registry: its floors
//! stand as bans in `deny.toml`.

use crate::command::{command, run};
use crate::tools;

/// Runs the checks; its findings go to the output.
pub(crate) fn check() -> Result<(), String> {
    let program = tools::cargo_deny()?;
    let arguments = ["--all-features", "--locked", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"];
    run(&mut command(&program.to_string_lossy(), &arguments))
}
