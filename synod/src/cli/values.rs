//! Values on the command line that are more than a number or a text.

use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use synod_crypto::{KeyUsages, SigningKeySpec};
use synod_proto::topology::admin::v30::ForceFlag;
use synod_topology::MappingCode;
use synod_topology::mapping::ParticipantPermission;
use synod_types::{CantonTimestamp, Fingerprint, Member, ParticipantId, UniqueIdentifier};

/// A topology store, as it is named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreArg {
    /// The node's own.
    Authorized,
    /// That of the node's synchronizer.
    Synchronizer,
    /// One in the node's memory.
    Temporary(String),
}

impl StoreArg {
    /// How the node's own store is named.
    pub(crate) const AUTHORIZED: &str = "authorized";
}

impl FromStr for StoreArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("temporary", name)) if !name.is_empty() => Ok(Self::Temporary(name.to_owned())),
            None if text == Self::AUTHORIZED => Ok(Self::Authorized),
            None if text == "synchronizer" => Ok(Self::Synchronizer),
            _ => Err("expected `authorized`, `synchronizer` or `temporary:NAME`".to_owned()),
        }
    }
}

/// A time, e.g. 2026-01-31T12:00:00Z.
pub(crate) fn time(text: &str) -> Result<CantonTimestamp, String> {
    let expected = || "expected a time such as 2026-01-31T12:00:00Z".to_owned();
    let time = prost_types::Timestamp::from_str(text).map_err(|_| expected())?;
    CantonTimestamp::from_seconds_and_nanos(time.seconds, time.nanos).map_err(|error| error.to_string())
}

/// A duration, e.g. 90s, 5m, 12h, 30d.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a duration such as 90s, 5m, 12h or 30d".to_owned();
    let unit = text.chars().next_back().ok_or_else(expected)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(expected()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| expected())?;
    count.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "is too long".to_owned())
}

/// A kind of mapping by Canton's three letters.
pub(crate) fn mapping_code(text: &str) -> Result<MappingCode, String> {
    MappingCode::of_short_code(text).ok_or_else(|| {
        let codes: Vec<_> = MappingCode::ALL.iter().map(|code| code.short_code()).collect();
        format!("expected one of {}", codes.join(", "))
    })
}

/// The fingerprint of a key.
pub(crate) fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    Fingerprint::parse(text).map_err(|error| error.to_string())
}

/// A member, e.g. PAR::alice::1220….
pub(crate) fn member(text: &str) -> Result<Member, String> {
    Member::parse(text).map_err(|error| format!("{error}; expected a member such as PAR::alice::1220…"))
}

/// A participant, with its kind in front or without.
pub(crate) fn participant(text: &str) -> Result<ParticipantId, String> {
    let uid = UniqueIdentifier::parse(text.strip_prefix("PAR::").unwrap_or(text));
    uid.map(ParticipantId::new).map_err(|error| format!("{error}; expected a participant such as PAR::alice::1220…"))
}

/// A check of the topology manager that is to be passed over, by Canton's name, e.g. alien-member.
pub(crate) fn force_flag(text: &str) -> Result<ForceFlag, String> {
    let name = |flag: &ForceFlag| {
        let name = flag.as_str_name().trim_start_matches("FORCE_FLAG_");
        name.to_ascii_lowercase().replace('_', "-")
    };
    let all = || (1..32).filter_map(|number| ForceFlag::try_from(number).ok());
    all().find(|flag| name(flag) == text).ok_or_else(|| {
        let names: Vec<_> = all().map(|flag| name(&flag)).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// What a signing key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum UsageArg {
    /// Topology transactions of its namespace
    Namespace,
    /// Login at sequencers
    SequencerAuthentication,
    /// Everything that is sent through sequencers
    Protocol,
}

impl UsageArg {
    /// In the crypto API.
    pub(crate) const fn usages(self) -> KeyUsages {
        match self {
            Self::Namespace => KeyUsages::NAMESPACE,
            Self::SequencerAuthentication => KeyUsages::SEQUENCER_AUTHENTICATION,
            Self::Protocol => KeyUsages::PROTOCOL,
        }
    }
}

/// Kinds of signing keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SpecArg {
    /// Ed25519
    EcCurve25519,
    /// NIST P-256
    EcP256,
    /// NIST P-384
    EcP384,
    /// secp256k1
    EcSecp256k1,
}

impl SpecArg {
    /// In the crypto API.
    pub(crate) const fn spec(self) -> SigningKeySpec {
        match self {
            Self::EcCurve25519 => SigningKeySpec::EcCurve25519,
            Self::EcP256 => SigningKeySpec::EcP256,
            Self::EcP384 => SigningKeySpec::EcP384,
            Self::EcSecp256k1 => SigningKeySpec::EcSecp256k1,
        }
    }
}

/// What a participant may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PermissionArg {
    /// Submit, confirm and see
    Submission,
    /// Confirm and see
    Confirmation,
    /// See
    Observation,
}

impl PermissionArg {
    /// In the topology.
    pub(crate) const fn permission(self) -> ParticipantPermission {
        match self {
            Self::Submission => ParticipantPermission::Submission,
            Self::Confirmation => ParticipantPermission::Confirmation,
            Self::Observation => ParticipantPermission::Observation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_have_names() {
        assert_eq!("authorized".parse(), Ok(StoreArg::Authorized));
        assert_eq!("synchronizer".parse(), Ok(StoreArg::Synchronizer));
        assert_eq!("temporary:a:b".parse(), Ok(StoreArg::Temporary("a:b".to_owned())));
        for wrong in ["", "temporary", "temporary:", "Authorized", "authorized:x"] {
            assert!(wrong.parse::<StoreArg>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_have_a_unit() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("12h", 43_200), ("30d", 2_592_000), ("0s", 0)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
        }
        for wrong in ["", "s", "5", "5x", "-1s", "1.5h", "5ä", "99999999999999999999s", "999999999999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_read_as_they_are_shown() {
        let at = time("2026-01-31T12:00:00.000001Z").expect("a time");
        assert_eq!(time(&at.to_string()), Ok(at));
        assert_eq!(time("2026-01-31T13:00:00.000001+01:00"), Ok(at));
        assert_eq!(time("2026-01-31"), time("2026-01-31T00:00:00Z"), "a day begins at midnight");
        for wrong in ["", "tomorrow", "2026-13-31T12:00:00Z"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn kinds_and_checks_have_cantons_names() {
        assert_eq!(mapping_code("pdp"), Ok(MappingCode::ParticipantSynchronizerPermission));
        assert!(mapping_code("xyz").expect_err("unknown").contains("nsd, dnd, otk"));
        assert_eq!(force_flag("alien-member"), Ok(ForceFlag::AlienMember));
        let told = force_flag("all").expect_err("unknown");
        assert!(told.contains("allow-out-of-bounds-value") && !told.contains("unspecified"), "{told}");
    }

    #[test]
    fn participants_may_have_their_kind_in_front() {
        let uid = format!("alice::1220{}", "ab".repeat(32));
        assert_eq!(participant(&uid), participant(&format!("PAR::{uid}")));
        for wrong in ["alice", "MED::m::1220", "SEQ::"] {
            assert!(participant(wrong).is_err(), "{wrong}");
        }
    }
}
