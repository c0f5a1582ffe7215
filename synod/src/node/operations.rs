//! Members, traffic and pruning of a running sequencer, as its administration sees them.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use synod_machine::State;
use synod_machine::traffic::TrafficStatus;
use synod_node_admin::NodeFault;
use synod_node_admin::sequencer::{
    OnboardingReference, OnboardingRefused, OnboardingState, PurchaseRefused, SequencerMember, SequencerOnboarding,
    SequencerPruneRefused, SequencerPruning, SequencerPruningState, SequencerTraffic, TrafficTime,
};
use synod_ordering::Clock;
use synod_proto::protocol::v30::TrafficState;
use synod_sequencer_gateway::PurchaseError;
use synod_store::{Store, StoreError, StoreFault, StoreRefused};
use synod_types::{CantonTimestamp, Member, MemberIndex, MemberKind};
use tokio::sync::Mutex;
use tonic::async_trait;

use super::onboarding;
use super::status::{NodeStatus, Running};

/// The sequencer of one node.
#[derive(Debug)]
pub(super) struct Operations {
    status: Arc<NodeStatus>,
    store: Store,
    clock: Arc<dyn Clock>,
    /// One pruning at a time.
    pruning: Mutex<()>,
}

impl Operations {
    pub(super) fn new(status: Arc<NodeStatus>, store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { status, store, clock, pruning: Mutex::default() }
    }

    fn running(&self) -> Result<&Arc<Running>, NodeFault> {
        self.status.running.get().ok_or(NodeFault::Unavailable)
    }

    /// The members that are asked for and whose traffic is counted: not sequencers.
    fn members(state: &State, asked: &[Member]) -> Vec<(Member, MemberIndex)> {
        let known = state.snapshot(state.approximate_time()).known_members();
        let counted = known
            .iter()
            .filter(|member| member.kind() != MemberKind::Sequencer && (asked.is_empty() || asked.contains(member)));
        let registered = counted.filter_map(|member| {
            let registration = state.members().get(member)?;
            Some((member.clone(), registration.index))
        });
        registered.collect()
    }

    async fn traffic_state(
        &self,
        state: &State,
        (member, index): (&Member, MemberIndex),
        time: Option<CantonTimestamp>,
    ) -> Result<TrafficState, NodeFault> {
        let (balance, before) = state.traffic_balance_at(index, time);
        let newest = state.traffic().purchased(member);
        // In memory is the newest one alone.
        let purchased = match newest {
            Some(newest) if newest.time >= before => {
                let stored = self.store.traffic_state_at(member, index, before).await;
                stored.map_err(NodeFault::broken)?.purchased
            }
            newest => newest.cloned(),
        };
        let told = TrafficStatus::new(balance, purchased.as_ref());
        Ok(TrafficState {
            extra_traffic_purchased: told.extra_purchased,
            extra_traffic_consumed: told.extra_consumed,
            base_traffic_remainder: told.base_remainder,
            last_consumed_cost: u64::try_from(told.last_cost).unwrap_or(0),
            timestamp: told.time.as_micros(),
            serial: told.serial,
        })
    }

    async fn stored_state(&self) -> Result<SequencerPruningState, StoreFault> {
        let members = self.store.members().await?.into_iter().map(|row| SequencerMember {
            member: row.registration.member,
            registered_at: row.registration.registered_from,
            last_acknowledged: row.acknowledged,
            is_enabled: row.enabled,
        });
        let (members, lower_bound) = (members.collect(), self.store.lower_bound().await?);
        Ok(SequencerPruningState { now: self.clock.now(), lower_bound, members })
    }
}

#[async_trait]
impl SequencerPruning for Operations {
    async fn pruning_state(&self) -> Result<SequencerPruningState, NodeFault> {
        self.running()?;
        self.stored_state().await.map_err(NodeFault::broken)
    }

    async fn prune(&self, before: CantonTimestamp) -> Result<String, SequencerPruneRefused> {
        self.running()?;
        let _one = self.pruning.lock().await;
        let pruned = self.store.prune(before, self.clock.now()).await.map_err(|error| match error {
            StoreError::Refused(StoreRefused::UnsafePruningPoint { requested, safe }) => {
                SequencerPruneRefused::Unsafe { requested, safe }
            }
            error => NodeFault::broken(error).into(),
        })?;
        tracing::info!(%before, ?pruned, "the sequencer is pruned");
        Ok(format!(
            "Removed {} blocks\nRemoved {} events\nRemoved {} traffic entries",
            pruned.blocks, pruned.events, pruned.traffic
        ))
    }

    async fn disable_member(&self, member: &Member) -> Result<(), NodeFault> {
        let was_there = self.running()?.gateway.set_enabled(member, false).await.map_err(NodeFault::broken)?;
        if !was_there {
            tracing::warn!(%member, "a member that is not registered cannot be disabled");
        }
        Ok(())
    }
}

#[async_trait]
impl SequencerOnboarding for Operations {
    async fn onboarding_state(&self, reference: OnboardingReference) -> Result<OnboardingState, OnboardingRefused> {
        let running = Arc::clone(self.running()?);
        let chain = running.chain.clone().ok_or(OnboardingRefused::NotPossible)?;
        let mut head = running.head.clone();
        match reference {
            OnboardingReference::Sequencer(sequencer) => {
                let known = head.current().state.topology().first_known(&sequencer.member());
                let effective = known.ok_or(OnboardingRefused::NotListed(sequencer))?.effective;
                // A tick follows when nothing else does.
                let reached = head.wait_until(|head| head.state.last_time() >= effective).await;
                reached.ok_or(NodeFault::Unavailable)?;
            }
            OnboardingReference::Time(time) if head.current().state.last_time() < time => {
                return Err(OnboardingRefused::NoBlock(time));
            }
            OnboardingReference::Time(_) => {}
        }
        let state = OnboardingState::read(&self.store, |app_hash| onboarding::additional(app_hash, &chain)).await;
        Ok(state.map_err(NodeFault::broken)?.ok_or(NodeFault::Unavailable)?)
    }
}

#[async_trait]
impl SequencerTraffic for Operations {
    async fn traffic_states(
        &self,
        members: &[Member],
        time: TrafficTime,
    ) -> Result<Vec<(Member, TrafficState)>, NodeFault> {
        let head = self.running()?.head.current();
        let safe = head.state.approximate_time();
        let time = match time {
            TrafficTime::LatestSafe => Some(safe),
            TrafficTime::LastUpdatePerMember => None,
            TrafficTime::LatestApproximate => Some(safe.max(self.clock.now())),
            TrafficTime::Exact(time) => Some(time),
        };
        let mut states = BTreeMap::new();
        for (member, index) in Self::members(&head.state, members) {
            let state = self.traffic_state(&head.state, (&member, index), time).await?;
            states.insert(member, state);
        }
        Ok(states.into_iter().collect())
    }

    async fn purchase(&self, member: &Member, serial: NonZeroU32, total: u64) -> Result<(), PurchaseRefused> {
        let gateway = &self.running()?.gateway;
        gateway.purchase(member, serial, total).await.map_err(|error| match error {
            PurchaseError::Disabled => PurchaseRefused::Disabled,
            PurchaseError::SerialTooLow { latest } => PurchaseRefused::SerialTooLow { serial, latest },
            PurchaseError::NotOrdered(error) => PurchaseRefused::NotSent(error.to_string()),
        })
    }
}
