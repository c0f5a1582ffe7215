//! `TopologyAggregationService`: questions that several mappings together answer, of the synchronizer of the node.

mod key_owners;
mod parties;

use synod_proto::topology::admin::v30 as admin;
use synod_rpc::topology::admin::v30::topology_aggregation_service_server::{
    TopologyAggregationService, TopologyAggregationServiceServer,
};
use synod_topology::{MappingCode, Operation, TopologyRow};
use synod_types::{CantonTimestamp, MemberKind, PhysicalSynchronizerId, SynchronizerId};
use tonic::{Request, Response, Status, async_trait};

use crate::StageReceiver;
use crate::errors::{AdminError, Trace, fault, malformed};
use crate::stores::{StoreName, TopologyStores};
use key_owners::OwnerFilter;
use parties::{PartyFilter, UidFilter};

/// Serves parties and keys of members, as the synchronizer of a node has them.
#[derive(Debug, Clone)]
pub struct TopologyAggregationAdmin {
    stage: StageReceiver,
    stores: TopologyStores,
}

/// The rows of a synchronizer, and the time at which they are looked at.
#[derive(Debug)]
struct Looked {
    psid: PhysicalSynchronizerId,
    as_of: CantonTimestamp,
    /// In order of insertion.
    rows: Vec<TopologyRow>,
}

impl Looked {
    /// The rows in force that set something.
    fn in_force(&self) -> impl Iterator<Item = &TopologyRow> {
        let is_in_force = |row: &&TopologyRow| {
            row.operation == Operation::Replace
                && row.valid_from < self.as_of
                && row.valid_until.is_none_or(|until| self.as_of <= until)
        };
        self.rows.iter().filter(is_in_force)
    }
}

impl TopologyAggregationAdmin {
    /// The service of the node whose stage this is, over its stores.
    #[must_use]
    pub const fn new(stage: StageReceiver, stores: TopologyStores) -> Self {
        Self { stage, stores }
    }

    /// As a service.
    #[must_use]
    pub fn into_service(self) -> TopologyAggregationServiceServer<Self> {
        TopologyAggregationServiceServer::new(self)
    }

    /// The content of a call and its trace, once the service exists.
    fn enter<T>(&self, request: Request<T>) -> Result<(T, Trace), Status> {
        self.stage.uid_or_unimplemented("TopologyAggregationService")?;
        let trace = Trace::of(&request);
        Ok((request.into_inner(), trace))
    }

    /// The synchronizer of the node, which all that are asked for have to be. `None` when none is asked for and there is
    /// none.
    async fn look(
        &self,
        synchronizers: &[String],
        as_of: Option<prost_types::Timestamp>,
        codes: &[MappingCode],
    ) -> Result<Option<Looked>, AdminError> {
        let parse = |id: &String| SynchronizerId::parse(id).map_err(malformed);
        let asked: Vec<SynchronizerId> = synchronizers.iter().map(parse).collect::<Result<_, _>>()?;
        let as_of = as_of.map(|at| CantonTimestamp::from_seconds_and_nanos(at.seconds, at.nanos).map_err(malformed));
        let as_of = as_of.transpose()?;
        let is_synchronizer = |name: &StoreName| matches!(name, StoreName::PhysicalSynchronizer(_));
        let names = match asked.is_empty() {
            true => self.stores.names().into_iter().filter(is_synchronizer).collect(),
            false => asked.into_iter().map(StoreName::Synchronizer).collect::<Vec<_>>(),
        };
        let mut looked = None;
        for name in names {
            let found = self.stores.rows(&name, codes, false).await?;
            if let StoreName::PhysicalSynchronizer(psid) = found.store {
                let as_of = as_of.or(found.as_of).unwrap_or(CantonTimestamp::MAX);
                looked = Some(Looked { psid, as_of, rows: found.rows });
            }
        }
        Ok(looked)
    }

    async fn parties(&self, request: admin::ListPartiesRequest) -> Result<admin::ListPartiesResponse, AdminError> {
        let filter = PartyFilter {
            party: UidFilter::parse(&request.filter_party),
            participant: UidFilter::parse(&request.filter_participant),
            limit: limit(request.limit),
        };
        let looked = self.look(&request.synchronizer_ids, request.as_of, parties::CODES).await?;
        let results =
            looked.map(|looked| parties::list(&looked, &filter)).transpose().map_err(|error| fault(&error))?;
        Ok(admin::ListPartiesResponse { results: results.unwrap_or_default() })
    }

    async fn key_owners(
        &self,
        request: admin::ListKeyOwnersRequest,
    ) -> Result<admin::ListKeyOwnersResponse, AdminError> {
        let filter = OwnerFilter {
            kind: kind(&request.filter_key_owner_type)?,
            uid_prefix: request.filter_key_owner_uid,
            max_keys: limit(request.limit),
        };
        let looked = self.look(&request.synchronizer_ids, request.as_of, key_owners::CODES).await?;
        let listed = looked.map(|looked| key_owners::list(&looked, &filter));
        let results = listed.transpose().map_err(|error| fault(&error))?;
        Ok(admin::ListKeyOwnersResponse { results: results.unwrap_or_default() })
    }
}

/// Below zero is as zero: nothing.
fn limit(limit: i32) -> usize {
    usize::try_from(limit).unwrap_or(0)
}

/// A kind by its three letters; none for all.
fn kind(code: &str) -> Result<Option<MemberKind>, AdminError> {
    if code.is_empty() {
        return Ok(None);
    }
    let mut kinds = [MemberKind::Mediator, MemberKind::Participant, MemberKind::Sequencer].into_iter();
    let kind = kinds.find(|kind| kind.code() == code);
    kind.map(Some).ok_or_else(|| malformed(format!("Unknown three letter type {code}")))
}

#[async_trait]
impl TopologyAggregationService for TopologyAggregationAdmin {
    async fn list_parties(
        &self,
        request: Request<admin::ListPartiesRequest>,
    ) -> Result<Response<admin::ListPartiesResponse>, Status> {
        let (request, trace) = self.enter(request)?;
        self.parties(request).await.map(Response::new).map_err(|error| error.status(&trace))
    }

    async fn list_key_owners(
        &self,
        request: Request<admin::ListKeyOwnersRequest>,
    ) -> Result<Response<admin::ListKeyOwnersResponse>, Status> {
        let (request, trace) = self.enter(request)?;
        self.key_owners(request).await.map(Response::new).map_err(|error| error.status(&trace))
    }
}

#[cfg(test)]
mod tests;
