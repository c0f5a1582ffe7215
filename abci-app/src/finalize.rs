//! FinalizeBlock: applies a decided block in memory.

use bytes::Bytes;
use synod_machine::State;
use synod_ordering::frame::OpenedBlock;
use synod_pipeline::StagedBlock;
use synod_types::CantonTimestamp;
use tendermint_proto::google::protobuf::Timestamp;
use tendermint_proto::v0_38::abci::{ExecTxResult, RequestFinalizeBlock, ResponseFinalizeBlock};

use crate::app::{Consensus, Shared};
use crate::height::to_comet;
use crate::metrics::Call;
use crate::{AbciFault, codes};

/// A block that was applied and waits for its commit.
#[derive(Debug)]
pub(crate) struct Finalized {
    pub(crate) height: i64,
    pub(crate) hash: Bytes,
    pub(crate) response: ResponseFinalizeBlock,
    pub(crate) block: StagedBlock,
}

/// Opens the frames and applies their events. What is wrong with a frame or an event is in its result, as on every other
/// node; what is wrong with this node ends it before it answers. Nothing is stored: after a crash the block comes again
/// and finds the same state. The same block again before its commit gets the same answer.
pub(crate) fn finalize(
    shared: &Shared,
    consensus: &mut Consensus,
    request: &RequestFinalizeBlock,
) -> Result<ResponseFinalizeBlock, AbciFault> {
    if let Some(staged) = &consensus.staged {
        let is_same = staged.height == request.height && staged.hash == request.hash;
        return if is_same {
            Ok(staged.response.clone())
        } else {
            Err(AbciFault::SecondBlock { height: request.height })
        };
    }
    let state = next_height(consensus, "FinalizeBlock", request.height)?;
    let time = header_time(request.time.as_ref(), request.height)?;
    let OpenedBlock { block, verdicts } = OpenedBlock::open(state, time, &request.txs);
    let tx_results = verdicts
        .iter()
        .map(|verdict| match verdict {
            Ok(_) => {
                shared.metrics.accepted(Call::FinalizeBlock);
                codes::OK
            }
            Err(rejection) => {
                shared.metrics.rejected(Call::FinalizeBlock, rejection);
                codes::code_of(rejection)
            }
        })
        .map(|code| ExecTxResult { code, ..ExecTxResult::default() })
        .collect();
    let staged = consensus.executor.stage(&block).map_err(AbciFault::Stage)?;
    let app_hash = Bytes::copy_from_slice(&staged.outcome.app_hash);
    let response = ResponseFinalizeBlock { tx_results, app_hash, ..ResponseFinalizeBlock::default() };
    consensus.staged = Some(Finalized {
        height: request.height,
        hash: request.hash.clone(),
        response: response.clone(),
        block: staged,
    });
    Ok(response)
}

/// The state that a block of this height follows.
pub(crate) fn next_height<'a>(
    consensus: &'a Consensus,
    call: &'static str,
    found: i64,
) -> Result<&'a State, AbciFault> {
    let state = consensus.executor.state();
    let expected = to_comet(Some(state.next_height()));
    if found == expected { Ok(state) } else { Err(AbciFault::Height { call, expected, found }) }
}

/// The header's time, floored to microseconds.
pub(crate) fn header_time(time: Option<&Timestamp>, height: i64) -> Result<CantonTimestamp, AbciFault> {
    time.and_then(|time| CantonTimestamp::from_seconds_and_nanos(time.seconds, time.nanos).ok())
        .ok_or(AbciFault::HeaderTime { height })
}
