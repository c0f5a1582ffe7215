//! Why a command came to nothing, in words for who gave it, with what to do about it.

use std::error::Error;
use std::path::Path;
use std::{fmt, io};

use synod_runtime::{Chain, SettingsErrors, exit};
use tonic::{Code, Status};

use crate::admin_client::AdminCallError;

/// A command came to nothing.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    text: String,
    /// What to do about it.
    help: Option<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "\nhelp: {help}"))
    }
}

impl Error for Failure {}

impl Failure {
    fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), help: None }
    }

    /// The command is wrong, or a file that it names.
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::new(exit::USAGE, text)
    }

    /// The command was right, and what it was for is not so.
    pub(super) fn negative(text: impl Into<String>) -> Self {
        Self::new(exit::NEGATIVE, text)
    }

    /// A file cannot be read or written.
    pub(super) fn file(what: &str, path: &Path, error: &io::Error) -> Self {
        Self::usage(format!("{} cannot be {what}: {error}", path.display()))
    }

    /// With what to do about it.
    #[must_use]
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// The exit code of a process that ends with `error`.
pub(crate) fn code_of(error: &(dyn Error + 'static)) -> u8 {
    error.downcast_ref::<Failure>().map_or_else(|| exit::code_of(error), |failure| failure.code)
}

impl From<SettingsErrors> for Failure {
    fn from(errors: SettingsErrors) -> Self {
        Self::new(exit::CONFIGURATION, Chain(&errors).to_string())
    }
}

impl From<AdminCallError> for Failure {
    fn from(error: AdminCallError) -> Self {
        match &error {
            AdminCallError::Access { .. } => Self::new(exit::CONFIGURATION, Chain(&error).to_string()),
            AdminCallError::Connect { .. } => Self::new(exit::UNAVAILABLE, Chain(&error).to_string())
                .help("is the node running, and is this its administration API? --admin URL and -c FILE name others"),
            AdminCallError::NoSynchronizer(_) => Self::negative(error.to_string())
                .help("`synod bootstrap` founds one; `--store authorized` is the node's own topology"),
            AdminCallError::Call { status, .. } => refused(&error, status),
            _ => Self::negative(Chain(&error).to_string()),
        }
    }
}

fn refused(error: &AdminCallError, status: &Status) -> Failure {
    let code = if status.code() == Code::Unavailable { exit::UNAVAILABLE } else { exit::NEGATIVE };
    let failure = Failure::new(code, format!("{error}: {:?}: {}", status.code(), status.message()));
    match help(status) {
        Some(help) => failure.help(help),
        None => failure,
    }
}

/// What to do about a refusal.
fn help(status: &Status) -> Option<&'static str> {
    let of_message = HELP.iter().find(|(part, _)| status.message().contains(part)).map(|(_, help)| *help);
    of_message.or(match status.code() {
        Code::Unimplemented => {
            Some("the node is of another kind, or not part of a synchronizer yet: see `synod status`")
        }
        Code::Unauthenticated | Code::PermissionDenied => {
            Some("--token-file names a token that may administer the node")
        }
        _ => None,
    })
}

/// What a message has in it, and what to do then.
const HELP: [(&str, &str); 14] = [
    ("TOPOLOGY_STORE_NOT_FOUND", "stores are `authorized`, `synchronizer`, and `temporary:NAME`"),
    (
        "TOPOLOGY_SERIAL_MISMATCH",
        "without a serial it is the next one; `synod topology list` shows the one that is in force",
    ),
    ("TOPOLOGY_MAPPING_ALREADY_EXISTS", "this is so already"),
    ("TOPOLOGY_TRANSACTION_NOT_FOUND", "`synod topology list --proposals` shows what may be signed"),
    ("TOPOLOGY_NO_APPROPRIATE_SIGNING_KEY_IN_STORE", "no key of this node may sign it: call the node of an owner"),
    ("TOPOLOGY_SECRET_KEY_NOT_IN_STORE", "the key is at another node: `synod keys list` shows which node has which"),
    (
        "TOPOLOGY_DANGEROUS_COMMAND_REQUIRES_FORCE_ALIEN_MEMBER",
        "it is about another member than the node; if that is meant, `--force alien-member`",
    ),
    (
        "TOPOLOGY_INCREASE_OF_PREPARATION_TIME_TOLERANCE",
        "if that is meant, `--force preparation-time-record-time-tolerance-increase`",
    ),
    ("TOPOLOGY_VALUE_OUT_OF_BOUNDS", "if that is meant, `--force allow-out-of-bounds-value`"),
    ("TRAFFIC_CONTROL_DISABLED", "`synod parameters set traffic_control.enforce_rate_limiting=true` turns it on"),
    ("TRAFFIC_CONTROL_SERIAL_TOO_LOW", "without --serial it is the next one; `synod traffic state` shows the last"),
    ("Remote export of private keys", "set `features.enable_preview_commands = true` in the configuration of the node"),
    (
        "earliest safe pruning point",
        "`synod prune status` shows who has not read that far; `--disable-lagging` shuts them out for ever",
    ),
    (
        "did not complete within",
        "it may still come into force, when others sign it: see `synod topology list --proposals`",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn call(status: Status) -> Failure {
        AdminCallError::Call { node: "first".to_owned(), call: "Authorize", status: Box::new(status) }.into()
    }

    #[test]
    fn a_refusal_is_told_with_what_to_do() {
        let refused = call(Status::failed_precondition("TOPOLOGY_SERIAL_MISMATCH(9,0): The given serial 1 …"));
        assert_eq!(
            refused.to_string(),
            "first refused Authorize: FailedPrecondition: TOPOLOGY_SERIAL_MISMATCH(9,0): The given serial 1 …\n\
             help: without a serial it is the next one; `synod topology list` shows the one that is in force"
        );
        assert_eq!(code_of(&refused), exit::NEGATIVE);
        assert!(call(Status::unauthenticated("")).to_string().contains("--token-file"));
        assert!(!call(Status::internal("broken")).to_string().contains("help"));
    }

    #[test]
    fn causes_have_their_codes() {
        assert_eq!(code_of(&call(Status::unavailable("stopping"))), exit::UNAVAILABLE);
        assert_eq!(code_of(&Failure::usage("")), exit::USAGE);
        assert_eq!(code_of(&io::Error::other("disk")), exit::FAULT);
    }
}
