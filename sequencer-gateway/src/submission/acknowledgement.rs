//! This sequencer's own acknowledgements: what is pruned waits for every member, and the sequencer is one.

use bytes::Bytes;
use synod_crypto::acknowledgement_hash;
use synod_machine::OrderedKind;
use synod_ordering::Entry;
use synod_types::CantonTimestamp;
use synod_wire::{AcknowledgeRequest, SignedContent};

use crate::core::Core;
use crate::signing::SigningFault;

/// Acknowledges the newest event again and again, as long as it is polled. A sequencer has processed what it has committed,
/// so it acknowledges the newest event of all, of whichever member: its own alone are as rare as changes of the topology.
/// Nothing is ordered while nothing happens: acknowledgements are no events.
pub(crate) async fn acknowledge_forever(core: &Core) {
    let mut acknowledged = None;
    loop {
        tokio::time::sleep(core.settings.own_acknowledgement_interval).await;
        let Some(newest) = core.events.newest_event_time().filter(|newest| Some(*newest) > acknowledged) else {
            continue;
        };
        match acknowledge(core, newest).await {
            Ok(()) => acknowledged = Some(newest),
            // The next one is as good.
            Err(error) => tracing::info!(error, "the sequencer could not acknowledge its events"),
        }
    }
}

async fn acknowledge(core: &Core, time: CantonTimestamp) -> Result<(), String> {
    let bytes = signed(core, time).map_err(|fault| synod_runtime::Chain(&fault).to_string())?;
    let entry = Entry { kind: OrderedKind::Acknowledge, bytes };
    core.orderer.submit(entry).await.map_err(|error| error.to_string())
}

/// Signed with the key of that time, which is what it is verified with (ch. 03 §2.4).
fn signed(core: &Core, time: CantonTimestamp) -> Result<Bytes, SigningFault> {
    let request = AcknowledgeRequest::new(core.sequencer.member(), time, core.version());
    let signature = core.signer.sign(&core.head(), time, &acknowledgement_hash(&request.bytes))?;
    Ok(SignedContent::new(request.bytes, signature, None).to_versioned_bytes(core.version()))
}
