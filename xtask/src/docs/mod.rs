//! `cargo xtask check-docs`: what the documents point to exists, and what they have to name they name.

mod errors;
mod links;
mod markdown;
mod names;

use std::fs;

use crate::workspace::{root, text_files};

/// Everything that points nowhere, one line each.
pub(crate) fn faults() -> Result<Vec<String>, String> {
    let files = text_files()?;
    let manifest = root().join("Cargo.toml");
    let manifest = fs::read_to_string(&manifest).map_err(|error| format!("read {}: {error}", manifest.display()))?;
    let mut faults = links::faults(&files);
    faults.extend(names::paths(&files));
    faults.extend(names::claims(&files));
    faults.extend(names::dependencies(&files, &manifest)?);
    faults.extend(names::decisions(&files));
    faults.extend(errors::faults(&files));
    Ok(faults)
}
