//! Joining a synchronizer that runs (ADR 008): the sequencer follows all blocks from the beginning, which it knows from the
//! onboarding state, and serves when it has reached the block of that state and is in the same state then.

use bytes::Bytes;
use synod_node_admin::sequencer::{InitializeRefused, OnboardingState};
use synod_pipeline::HeadReceiver;
use synod_proto::sequencer::admin::v30::ImplementationSpecificInfo;
use synod_store::{Store, StoreFault};
use synod_topology::Mapping;
use synod_topology::genesis::StoredTransaction;
use synod_types::{CantonTimestamp, SequencerId};

use super::StartError;

/// Who ordered, in an onboarding state.
const IMPLEMENTATION: &str = "synod-cometbft";
/// Name under which a node that follows keeps where it is going.
const SETTING: &str = "onboarding";
/// Every so many blocks a node that follows says where it is.
const TOLD_BLOCKS: u64 = 10_000;

/// What the ordering layer adds to an onboarding state: the hash of the state after the block, then the name of the chain.
pub(super) fn additional(app_hash: &[u8; 32], chain: &str) -> ImplementationSpecificInfo {
    let info = [app_hash.as_slice(), chain.as_bytes()].concat();
    ImplementationSpecificInfo { implementation_name: IMPLEMENTATION.to_owned(), info: info.into() }
}

/// Where a sequencer that joins is going.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Onboarding {
    /// The block of the onboarding state.
    height: u64,
    /// The last time of it: the sequencer serves what comes after.
    last_time: CantonTimestamp,
    /// Hash of the state after it.
    app_hash: [u8; 32],
    /// The chain that the blocks are of.
    pub(super) chain: String,
}

impl Onboarding {
    /// What a state for `sequencer` says.
    ///
    /// # Errors
    /// [`InitializeRefused::Invalid`] when it is not one for this sequencer, or not of this kind of synchronizer.
    pub(super) fn of(state: &OnboardingState, sequencer: &SequencerId) -> Result<Self, InitializeRefused> {
        let invalid = |text: String| InitializeRefused::Invalid(text);
        if !lists(state, sequencer).map_err(|error| invalid(synod_runtime::Chain(&error).to_string()))? {
            return Err(invalid(format!("the onboarding state does not list {sequencer} as a sequencer")));
        }
        let snapshot = &state.snapshot;
        let own = snapshot.additional.as_ref().filter(|info| info.implementation_name == IMPLEMENTATION);
        let own = own
            .ok_or_else(|| invalid("the onboarding state is not of a sequencer that orders by CometBFT".to_owned()))?;
        let (app_hash, chain) = own
            .info
            .split_first_chunk::<32>()
            .ok_or_else(|| invalid("the onboarding state does not say the hash of the state".to_owned()))?;
        Ok(Self {
            height: snapshot.last_block_height,
            last_time: CantonTimestamp::from_micros(snapshot.latest_timestamp)
                .map_err(|error| invalid(format!("the time of the onboarding state: {error}")))?,
            app_hash: *app_hash,
            chain: String::from_utf8_lossy(chain).into_owned(),
        })
    }

    /// Where the node is going; `None` when it has arrived, or did not join later.
    pub(super) async fn stored(store: &Store) -> Result<Option<Self>, StoreFault> {
        let Some(stored) = store.setting(SETTING).await? else { return Ok(None) };
        Self::from_bytes(&stored).map(Some).ok_or_else(|| StoreFault::corrupt("settings", "where the node joins"))
    }

    /// Keeps it for a restart.
    pub(super) async fn keep(&self, store: &Store) -> Result<(), StoreFault> {
        store.set_setting(SETTING, &self.to_bytes()).await
    }

    /// What was kept by a joining that did not begin counts no more.
    pub(super) async fn forget(store: &Store) -> Result<(), StoreFault> {
        store.remove_setting(SETTING).await.map(|_| ())
    }

    fn to_bytes(&self) -> Vec<u8> {
        let (height, time) = (self.height.to_be_bytes(), self.last_time.as_micros().to_be_bytes());
        [height.as_slice(), &time, &self.app_hash, self.chain.as_bytes()].concat()
    }

    fn from_bytes(bytes: &Bytes) -> Option<Self> {
        let (height, rest) = bytes.split_first_chunk::<8>()?;
        let (time, rest) = rest.split_first_chunk::<8>()?;
        let (app_hash, chain) = rest.split_first_chunk::<32>()?;
        Some(Self {
            height: u64::from_be_bytes(*height),
            last_time: CantonTimestamp::from_micros(i64::from_be_bytes(*time)).ok()?,
            app_hash: *app_hash,
            chain: String::from_utf8(chain.to_vec()).ok()?,
        })
    }

    /// Follows the blocks up to that of the onboarding state, compares, and bounds what is served.
    ///
    /// # Errors
    /// [`StartError::OtherState`] when the blocks lead to another state; also at each restart.
    pub(super) async fn follow(&self, mut head: HeadReceiver, store: &Store) -> Result<(), StartError> {
        let mut next = 0;
        loop {
            let goal = self.height.min(next);
            let reached = head.wait_until(|head| head.state.height().is_some_and(|height| height >= goal)).await;
            let Some(height) = reached.and_then(|head| head.state.height()) else { return Err(StartError::Stopping) };
            if height >= self.height {
                break;
            }
            tracing::info!(height, goal = self.height, "the sequencer follows the blocks of its synchronizer");
            next = height.saturating_add(TOLD_BLOCKS);
        }
        let block = store.block(self.height).await?;
        if block.is_none_or(|block| (block.app_hash, block.last_time) != (self.app_hash, self.last_time)) {
            return Err(StartError::OtherState { height: self.height });
        }
        store.set_lower_bound(self.last_time).await?;
        Self::forget(store).await?;
        tracing::info!(height = self.height, from = %self.last_time, "the sequencer has joined its synchronizer");
        Ok(())
    }
}

/// Whether the topology ever listed the sequencer.
fn lists(state: &OnboardingState, sequencer: &SequencerId) -> Result<bool, synod_topology::InvalidMessage> {
    let version = state.protocol_version()?;
    for row in state.topology.iter().filter(|row| row.rejection.is_none() && !row.is_proposal) {
        let stored = StoredTransaction::from_row(row, version)?;
        if let Mapping::SequencerSynchronizerState(listed) = stored.transaction.transaction().mapping()
            && listed.all().any(|one| one == sequencer)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The genesis of the state with its parameters, as a checkpoint.
pub(super) fn beginning(state: &OnboardingState) -> Result<synod_machine::Checkpoint, InitializeRefused> {
    let invalid =
        |error: &(dyn std::error::Error + 'static)| InitializeRefused::Invalid(synod_runtime::Chain(error).to_string());
    let genesis = state.genesis().map_err(|error| invalid(&error))?;
    synod_machine::genesis(&state.static_parameters, &genesis).map_err(|error| invalid(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_node_is_going_survives_a_restart_or_is_found_damaged() {
        let last_time = CantonTimestamp::from_micros(-7).expect("in range");
        let goal = Onboarding { height: 44, last_time, app_hash: [3; 32], chain: "chain".to_owned() };
        let bytes = Bytes::from(goal.to_bytes());
        assert_eq!(Onboarding::from_bytes(&bytes), Some(goal));
        assert_eq!(Onboarding::from_bytes(&bytes.slice(..47)), None);
    }
}
