//! Settings of a process: a TOML file, overridden by environment variables, over defaults.
//!
//! The type of the settings is the schema: a struct that implements [`Settings`], derived with
//! `#[serde(default, deny_unknown_fields)]`, in which tables are structs of the same kind. All mistakes of both sources
//! are reported at once, with the line or the variable that they stand in; a mistake in one place does not hide another.
//! Every value knows where it comes from.

mod errors;
mod extract;
mod layer;
mod load;
mod nearest;
mod secret;
#[cfg(test)]
mod tests;

pub use errors::{Mistake, Mistakes, SettingsErrors};
pub use layer::Origin;
pub use load::{Entry, Loaded, Settings, Sources};
pub use secret::{Secret, SecretError, SecretFile};
