//! Tells the sequencers what need not be kept for this mediator (chapter 04 §6).

use std::sync::Arc;

use synod_runtime::Chain;

use super::head::HeadReceiver;
use super::link::SequencerLink;
use super::settings::MediatorSettings;

/// Acknowledges the clean time now and then, if it has moved. Until there are no more heads.
pub(super) async fn acknowledge(link: Arc<dyn SequencerLink>, mut head: HeadReceiver, settings: MediatorSettings) {
    let mut acknowledged = None;
    loop {
        let now = head.borrow_and_update().clone();
        if let Some(clean) = now.clean.filter(|_| now.clean != acknowledged) {
            match link.acknowledge(clean, &now.topology.snapshot(clean)).await {
                Ok(()) => acknowledged = Some(clean),
                Err(error) => tracing::info!(error = %Chain(&error), "events could not be acknowledged"),
            }
        }
        tokio::time::sleep(settings.acknowledgement_interval).await;
        if head.has_changed().is_err() {
            return;
        }
    }
}
