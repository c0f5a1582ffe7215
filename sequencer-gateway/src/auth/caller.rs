//! Who makes a call: the member of the token, or the member that only names itself.

use std::sync::Arc;

use synod_types::{CantonTimestamp, Member, PhysicalSynchronizerId};
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, BinaryMetadataKey, MetadataMap};
use tonic::service::Interceptor;
use tonic::{Code, Request, Status};

use super::tokens::{GoodToken, TokenDigest};
use crate::core::Core;
use crate::texts::{member_failure, short_member, short_synchronizer};

const MEMBER: &str = "memberid";
const SYNCHRONIZER: &str = "synchronizerid";
const TOKEN: &str = "authtoken-bin";
const ERROR_CODE: &str = "autherrorcode";

/// The member of a call with a good token.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) member: Member,
    pub(crate) token: TokenDigest,
    pub(crate) expires_at: CantonTimestamp,
}

impl Caller {
    /// The caller that [`TokenInterceptor`] found.
    pub(crate) fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        request.extensions().get().cloned().ok_or_else(|| Status::internal("the call was not authenticated"))
    }
}

/// Lets only calls with a good token pass (`SequencerAuthenticationServerInterceptor`).
#[derive(Debug, Clone)]
pub(crate) struct TokenInterceptor(pub(crate) Arc<Core>);

impl Interceptor for TokenInterceptor {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let caller = authenticate(&self.0, request.metadata())?;
        request.extensions_mut().insert(caller);
        Ok(request)
    }
}

fn authenticate(core: &Core, headers: &MetadataMap) -> Result<Caller, Status> {
    let text = |key: &str| headers.get(key).and_then(|value| value.to_str().ok());
    let (Some(member), Some(synchronizer), Some(token)) = (text(MEMBER), text(SYNCHRONIZER), headers.get_bin(TOKEN))
    else {
        return Err(unauthenticated("Authentication headers are not set".to_owned(), headers, None));
    };
    let failed = |reason: &str, code| {
        unauthenticated(format!("Verification failed for member {member}: {reason}"), headers, code)
    };
    let parsed = Member::parse(member).map_err(|error| {
        failed(&format!("Failed to deserialize member id: {}", member_failure("memberId", member, &error)), None)
    })?;
    let intended = PhysicalSynchronizerId::parse(synchronizer).map_err(|error| failed(&error.to_string(), None))?;
    if intended != core.psid {
        let reason = format!(
            "Synchronizer id {} provided by member {} does not match the synchronizer id of the synchronizer the {} is \
             trying to connect to",
            short_synchronizer(&intended),
            short_member(&parsed),
            kind_name(&parsed),
        );
        return Err(failed(&reason, Some("NonMatchingSynchronizerId")));
    }
    let good = token.to_bytes().ok().and_then(|token| core.sessions.tokens.validate(&parsed, &token, core.clock.now()));
    let Some(GoodToken { digest, expires_at }) = good else {
        let member = short_member(&parsed);
        let reason = format!("Authentication token for member {member} has expired. Please reauthenticate.");
        return Err(failed(&reason, Some("MissingToken")));
    };
    Ok(Caller { member: parsed, token: digest, expires_at })
}

fn kind_name(member: &Member) -> &'static str {
    match member.kind() {
        synod_types::MemberKind::Participant => "participant",
        synod_types::MemberKind::Mediator => "mediator",
        synod_types::MemberKind::Sequencer => "sequencer",
    }
}

/// The headers by which the call was to be authenticated come back as trailers: a client that finds its token there gets
/// itself a new one.
fn unauthenticated(message: String, headers: &MetadataMap, code: Option<&'static str>) -> Status {
    let mut trailers = MetadataMap::new();
    for key in [MEMBER, SYNCHRONIZER] {
        if let Some(value) = headers.get(key) {
            trailers.insert(AsciiMetadataKey::from_static(key), value.clone());
        }
    }
    if let Some(token) = headers.get_bin(TOKEN) {
        trailers.insert_bin(BinaryMetadataKey::from_static(TOKEN), token.clone());
    }
    if let Some(code) = code {
        trailers.insert(ERROR_CODE, AsciiMetadataValue::from_static(code));
    }
    Status::with_metadata(Code::Unauthenticated, message, trailers)
}

/// The member that a call without token names, if it names one. Nobody has proven anything.
#[derive(Debug, Clone)]
pub(crate) struct NamedMember(pub(crate) Member);

/// Reads the member that a call names (`SequencerConnectServerInterceptor`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct NamedMemberInterceptor;

impl Interceptor for NamedMemberInterceptor {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let Some(value) = request.metadata().get(MEMBER) else { return Ok(request) };
        let text = value.to_str().unwrap_or_default().to_owned();
        match Member::parse(&text) {
            Ok(member) => {
                request.extensions_mut().insert(NamedMember(member));
                Ok(request)
            }
            Err(error) => {
                let reason = member_failure("memberId", &text, &error);
                Err(Status::invalid_argument(format!("Failed to deserialize member id: {reason}")))
            }
        }
    }
}
