//! How commands show what they found: tables for people, JSON for scripts.

mod mapping;
mod mapping_json;
mod table;
mod text;
mod transaction;

pub(crate) use mapping::permission as permission_name;
pub(crate) use mapping_json::mapping_from_json;
pub(crate) use table::Table;
pub(crate) use text::{UNKNOWN, key_usages, optional, spec_name};
pub(crate) use transaction::{table, to_json};
