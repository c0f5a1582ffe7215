//! `SendAsync`: checks a submission and hands it to ordering.

use synod_machine::OrderedKind;
use synod_ordering::{Entry, SubmitError};
use synod_proto::sequencer::api::v30::SendAsyncRequest;
use tonic::Status;

use super::{Inner, MemberCall};
use crate::submission::{Refused, check};

impl Inner {
    /// Returns when the submission is durable; success says nothing about its outcome.
    pub(super) async fn send_async(&self, call: MemberCall<SendAsyncRequest>) -> Result<(), Status> {
        let timer = self.core.metrics.submit_seconds.start_timer();
        let bytes = call.message.signed_submission_request;
        self.core.metrics.processed_bytes.inc_by(u64::try_from(bytes.len()).unwrap_or(0));
        // The head is given back before the wait: a submission that waits keeps no old state.
        let checked = check(&self.core, &self.rates, &self.core.head(), &call.caller.member, &bytes);
        let ordered = match checked {
            Ok(()) => self.core.orderer.submit(Entry { kind: OrderedKind::Send, bytes }).await.map_err(refused),
            Err(refused) => Err(refused),
        };
        if ordered.is_ok() {
            timer.observe_duration();
        } else {
            timer.stop_and_discard();
        }
        ordered.map_err(|refused| {
            self.core.metrics.refused.with_label_values(&[refused.label()]).inc();
            tracing::debug!(member = %call.caller.member, reason = ?refused, "submission refused");
            call.context.status(&refused.status())
        })
    }
}

/// The refusal of whoever orders.
pub(super) fn refused(error: SubmitError) -> Refused {
    match error {
        SubmitError::Overloaded => Refused::Overloaded("Too many requests are waiting to be ordered".to_owned()),
        SubmitError::Unavailable => Refused::Unavailable,
    }
}
