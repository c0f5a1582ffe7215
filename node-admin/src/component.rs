//! The health of a part of a node, as status calls tell it.

use synod_proto::admin::health::v30::{ComponentStatus, component_status};

/// The part of this name, and what is wrong with it, if anything.
pub(crate) fn component(name: &str, problem: Option<String>) -> ComponentStatus {
    let failed = problem.is_some();
    let data = component_status::StatusData { description: problem };
    let status = if failed { component_status::Status::Failed(data) } else { component_status::Status::Ok(data) };
    ComponentStatus { name: name.to_owned(), status: Some(status) }
}
