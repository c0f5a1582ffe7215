//! How many calls of a method are served at once (ch. 03 §7.5, `ActiveRequestLimitsConfig`).

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use crate::errors::{CallContext, SERVER_OVERLOADED};

/// A place among the calls that are served; none is needed where there is no limit.
pub(crate) type CallPermit = Option<OwnedSemaphorePermit>;

/// Limits by the full name of the method.
#[derive(Debug)]
pub(crate) struct CallLimits(BTreeMap<String, Arc<Semaphore>>);

impl CallLimits {
    pub(crate) fn new(limits: &BTreeMap<String, usize>) -> Self {
        let semaphore = |limit: &usize| Arc::new(Semaphore::new((*limit).min(Semaphore::MAX_PERMITS)));
        Self(limits.iter().map(|(method, limit)| (method.clone(), semaphore(limit))).collect())
    }

    /// Takes a place for a call of `service/method`; it is free again when the permit is dropped.
    ///
    /// # Errors
    /// `SERVER_OVERLOADED` at once when all are taken.
    pub(crate) fn enter(&self, service: &str, method: &str, call: &CallContext) -> Result<CallPermit, Status> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let name = format!("{service}/{method}");
        let Some(semaphore) = self.0.get(&name) else { return Ok(None) };
        Arc::clone(semaphore).try_acquire_owned().map(Some).map_err(|_| {
            let text = format!("Reached the limit of concurrent requests for {name}. Please try again later");
            call.of_rpc(SERVER_OVERLOADED.rpc_status(&text))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_has_as_many_places_as_set() {
        let call = CallContext::new("sequencer1".into(), None);
        let limits = CallLimits::new(&BTreeMap::from([("Service/Method".to_owned(), 1)]));
        let permit = limits.enter("Service", "Method", &call).expect("a place");
        let refused = limits.enter("Service", "Method", &call).expect_err("taken");
        assert_eq!(
            refused.message(),
            "SERVER_OVERLOADED(2,0): Reached the limit of concurrent requests for Service/Method. Please try again later"
        );
        assert!(limits.enter("Service", "Other", &call).expect("no limit").is_none());
        drop(permit);
        assert!(limits.enter("Service", "Method", &call).expect("free again").is_some());
    }
}
