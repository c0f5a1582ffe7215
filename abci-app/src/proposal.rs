//! PrepareProposal and ProcessProposal: what a block may hold. Both judge by the rules of FinalizeBlock, against the same
//! state and the same header time, so that an honest proposal is always accepted.

use bytes::Bytes;
use synod_ordering::frame::Opening;
use tendermint_proto::v0_38::abci::response_process_proposal::ProposalStatus;
use tendermint_proto::v0_38::abci::{
    RequestPrepareProposal, RequestProcessProposal, ResponsePrepareProposal, ResponseProcessProposal,
};

use crate::AbciFault;
use crate::app::{Consensus, Shared};
use crate::finalize::{header_time, next_height};
use crate::metrics::Call;

/// A proposal is closed before it becomes larger than this, unless it is empty: larger blocks take longer than the
/// round has time for, while the mempools spread more of the load.
const FULL_BLOCK_BYTES: usize = 4 * 1024 * 1024;
/// Most bytes of frames that no block can use any more which one block carries out of the mempools.
const MAX_CARRIED_BYTES: usize = 1024 * 1024;

/// Takes the frames that count, in the order of the mempool, as many as there is room for. What is left out stays in
/// the mempool, except that frames which will never count are put in as well: only a block makes CometBFT forget them.
pub(crate) fn prepare(
    shared: &Shared,
    consensus: &Consensus,
    request: RequestPrepareProposal,
) -> Result<ResponsePrepareProposal, AbciFault> {
    let state = next_height(consensus, "PrepareProposal", request.height)?;
    let mut opening = Opening::of_block(state, header_time(request.time.as_ref(), request.height)?);
    let limit = usize::try_from(request.max_tx_bytes).unwrap_or(0);
    let (mut txs, mut bytes, mut carried) = (Vec::with_capacity(request.txs.len()), 0, 0);
    for tx in request.txs {
        let size = size_in_block(&tx);
        if bytes + size > limit || (bytes > 0 && bytes + size > FULL_BLOCK_BYTES) {
            break;
        }
        match opening.admit(&tx) {
            Ok(_) => shared.metrics.accepted(Call::PrepareProposal),
            Err(rejection) => {
                shared.metrics.rejected(Call::PrepareProposal, &rejection);
                if !rejection.is_final() || carried + size > MAX_CARRIED_BYTES {
                    continue;
                }
                carried += size;
            }
        }
        bytes += size;
        txs.push(tx);
    }
    Ok(ResponsePrepareProposal { txs })
}

/// Accepts a block whose frames all count, or never will again.
pub(crate) fn process(
    shared: &Shared,
    consensus: &Consensus,
    request: &RequestProcessProposal,
) -> Result<ResponseProcessProposal, AbciFault> {
    let state = next_height(consensus, "ProcessProposal", request.height)?;
    let mut opening = Opening::of_block(state, header_time(request.time.as_ref(), request.height)?);
    let mut status = ProposalStatus::Accept;
    for tx in &request.txs {
        match opening.admit(tx) {
            Ok(_) => shared.metrics.accepted(Call::ProcessProposal),
            Err(rejection) => {
                shared.metrics.rejected(Call::ProcessProposal, &rejection);
                if !rejection.is_final() {
                    tracing::warn!(height = request.height, reason = %rejection, "a proposal is rejected");
                    status = ProposalStatus::Reject;
                    break;
                }
            }
        }
    }
    Ok(ResponseProcessProposal { status: status.into() })
}

/// Bytes that a transaction takes in a block: a tag, its length, itself (`types.ComputeProtoSizeForTxs`).
fn size_in_block(tx: &Bytes) -> usize {
    1 + prost::length_delimiter_len(tx.len()) + tx.len()
}
