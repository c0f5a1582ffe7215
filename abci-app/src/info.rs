//! Info and InitChain: where this node stands, out of the store and nothing else.

use bytes::Bytes;
use tendermint_proto::v0_38::abci::{RequestInitChain, ResponseInfo, ResponseInitChain};

use crate::AbciFault;
use crate::app::{Consensus, Shared};
use crate::height::to_comet;

/// Version of the rules by which blocks are processed; `genesis.json` and the first Info fix it for a chain.
const APP_VERSION: u64 = 1;

/// The stored height and app hash. CometBFT replays the blocks after it. Never a default: a height of 0 out of a store
/// that cannot be read would replay everything.
pub(crate) fn info(shared: &Shared) -> Result<ResponseInfo, AbciFault> {
    let head = shared.runtime.block_on(shared.store.head()).map_err(AbciFault::Store)?.ok_or(AbciFault::NoGenesis)?;
    Ok(ResponseInfo {
        data: "synod".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        app_version: APP_VERSION,
        last_block_height: to_comet(head.height),
        last_block_app_hash: Bytes::copy_from_slice(&head.app_hash),
    })
}

/// Checks that CometBFT begins the chain of this sequencer, and gives the hash of the genesis state. The validators and
/// parameters of `genesis.json` stay as they are.
pub(crate) fn init_chain(
    shared: &Shared,
    consensus: &Consensus,
    request: &RequestInitChain,
) -> Result<ResponseInitChain, AbciFault> {
    if request.chain_id != shared.chain_id || request.initial_height != 1 {
        return Err(AbciFault::OtherChain {
            expected: shared.chain_id.clone(),
            found: request.chain_id.clone(),
            initial_height: request.initial_height,
        });
    }
    let state = consensus.executor.state();
    if state.height().is_some() {
        let expected = to_comet(Some(state.next_height()));
        return Err(AbciFault::Height { call: "InitChain", expected, found: 1 });
    }
    let app_hash = Bytes::copy_from_slice(&state.app_hash());
    Ok(ResponseInitChain { app_hash, ..ResponseInitChain::default() })
}
