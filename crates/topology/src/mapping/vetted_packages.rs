//! The packages that a participant vets (`VettedPackages`).

use std::collections::BTreeSet;

use synod_crypto::Hash;
use synod_proto::protocol::v30;
use synod_types::{CantonTimestamp, Namespace, ParticipantId, UniqueIdentifier};

use super::{MappingCode, MappingKind, UniqueKey, parse};
use crate::InvalidMessage;
use crate::error::ensure;

/// Longest id of a package (`Ref.PackageId`).
const MAX_PACKAGE_ID: usize = 64;

/// A package, and when it is vetted. The period may be empty or reversed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VettedPackage {
    /// Id of the package.
    pub package_id: String,
    /// First time at which it is vetted; always when `None`.
    pub valid_from_inclusive: Option<CantonTimestamp>,
    /// First time at which it is no longer vetted; never when `None`.
    pub valid_until_exclusive: Option<CantonTimestamp>,
}

/// The packages that a participant vets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VettedPackages {
    /// The participant.
    pub participant: ParticipantId,
    /// The packages; one may be there with several periods.
    pub packages: Vec<VettedPackage>,
}

fn package_id(field: &'static str, text: &str) -> Result<String, InvalidMessage> {
    if text.is_empty() {
        return Err(InvalidMessage::FieldNotSet { field });
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ' ');
    ensure(text.chars().all(allowed) && text.len() <= MAX_PACKAGE_ID, "an id of a package is not valid")?;
    Ok(text.to_owned())
}

impl VettedPackages {
    pub(super) fn from_proto(proto: &v30::VettedPackages) -> Result<Self, InvalidMessage> {
        let participant = parse::participant("participant_uid", &proto.participant_uid)?;
        let mut packages = Vec::with_capacity(proto.package_ids.len() + proto.packages.len());
        for id in &proto.package_ids {
            packages.push(VettedPackage {
                package_id: package_id("package_ids", id)?,
                valid_from_inclusive: None,
                valid_until_exclusive: None,
            });
        }
        let unbounded: BTreeSet<String> = proto.package_ids.iter().cloned().collect();
        for package in &proto.packages {
            let package_id = package_id("package_id", &package.package_id)?;
            ensure(!unbounded.contains(&package_id), "a package is listed in both lists")?;
            let time =
                |field, time: Option<prost_types::Timestamp>| time.map(|time| parse::time(field, time)).transpose();
            packages.push(VettedPackage {
                package_id,
                valid_from_inclusive: time("valid_from_inclusive", package.valid_from_inclusive)?,
                valid_until_exclusive: time("valid_until_exclusive", package.valid_until_exclusive)?,
            });
        }
        Ok(Self { participant, packages })
    }

    pub(super) fn to_proto(&self) -> v30::VettedPackages {
        let package = |package: &VettedPackage| v30::vetted_packages::VettedPackage {
            package_id: package.package_id.clone(),
            valid_from_inclusive: package.valid_from_inclusive.map(parse::time_to_proto),
            valid_until_exclusive: package.valid_until_exclusive.map(parse::time_to_proto),
        };
        v30::VettedPackages {
            participant_uid: self.participant.uid().as_str().to_owned(),
            package_ids: Vec::new(),
            packages: self.packages.iter().map(package).collect(),
        }
    }
}

impl MappingKind for VettedPackages {
    const CODE: MappingCode = MappingCode::VettedPackages;

    fn namespace(&self) -> Namespace {
        self.participant.uid().namespace()
    }

    fn uid(&self) -> Option<&UniqueIdentifier> {
        Some(self.participant.uid())
    }

    fn unique_key(&self) -> Hash {
        UniqueKey::vetted_packages(&self.participant)
    }
}
