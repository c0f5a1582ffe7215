//! CheckTx: which frames may wait for a block.

use synod_ordering::frame::Opening;
use tendermint_proto::v0_38::abci::{RequestCheckTx, ResponseCheckTx};

use crate::app::Shared;
use crate::codes;
use crate::metrics::Call;

/// Judges a frame by the rules of blocks, after the last committed one. The verdict is this node's own business: what
/// it lets in or keeps out changes nothing but what its mempool spreads.
pub(crate) fn check_tx(shared: &Shared, request: &RequestCheckTx) -> ResponseCheckTx {
    let head = shared.head.current();
    let verdict = Opening::of_mempool(&head.state).admit(&request.tx);
    match verdict {
        Ok(_) => {
            shared.metrics.accepted(Call::CheckTx);
            ResponseCheckTx { code: codes::OK, ..ResponseCheckTx::default() }
        }
        Err(rejection) => {
            shared.metrics.rejected(Call::CheckTx, &rejection);
            ResponseCheckTx {
                code: codes::code_of(&rejection),
                log: rejection.to_string(),
                ..ResponseCheckTx::default()
            }
        }
    }
}

/// This node cannot judge: it has a fault and is about to end.
pub(crate) fn unavailable(shared: &Shared) -> ResponseCheckTx {
    shared.metrics.unavailable(Call::CheckTx);
    ResponseCheckTx { code: codes::UNAVAILABLE, log: "this node is stopping".to_owned(), ..ResponseCheckTx::default() }
}
