//! `identifiers.jsonl`: what parses, and how it is written again.

use std::fmt::Display;

use synod_testkit::vectors::Case;
use synod_testkit::{Tally, fields};
use synod_types::{
    CantonTimestamp, Fingerprint, MediatorId, Member, MemberKind, MessageId, ParticipantId, PartyId,
    PhysicalSynchronizerId, ProtocolVersion, Recipient, SequencerId, SynchronizerId, UniqueIdentifier,
};

use super::verdict::accepted;

/// Fields of the vectors that are for the reader only.
pub(super) const NOT_COMPARED: &[&str] = &["protocol_version.status", "protocol_version.deleted"];

/// Compares one case of `identifiers.jsonl`.
pub(super) fn check(case: &Case, tally: &mut Tally) {
    tally.case(case.kind(), case.label(), compare(case));
}

fn compare(case: &Case) -> Result<(), String> {
    let text = case.text("text")?;
    match case.kind() {
        "uid" => accepted(case, UniqueIdentifier::parse(text), |uid| {
            same_text(case, "canonical", &uid)?;
            same_text(case, "identifier", uid.identifier())?;
            same_text(case, "namespace", uid.namespace_str())
        }),
        "member" => accepted(case, Member::parse(text), |member| {
            same_text(case, "canonical", &member)?;
            same_text(case, "class", member_class(&member))
        }),
        "participant_proto" => accepted(case, ParticipantId::parse(text), |id| {
            same_text(case, "canonical", &id)?;
            same_text(case, "uid", id.uid())
        }),
        "mediator_proto" => accepted(case, MediatorId::parse(text), |id| {
            same_text(case, "canonical", &id)?;
            same_text(case, "uid", id.uid())
        }),
        "sequencer_proto" => accepted(case, SequencerId::parse(text), |id| {
            same_text(case, "canonical", &id)?;
            same_text(case, "uid", id.uid())
        }),
        "party" => accepted(case, PartyId::parse(text), |party| same_text(case, "canonical", &party)),
        "psid" => accepted(case, PhysicalSynchronizerId::parse(text), |psid| {
            same_text(case, "canonical", &psid)?;
            same_text(case, "logical", psid.logical())?;
            same_number(case, "pv", i64::from(psid.protocol_version().number()))?;
            same_number(case, "serial", i64::from(psid.serial()))
        }),
        "synchronizer_id" => accepted(case, SynchronizerId::parse(text), |id| same_text(case, "canonical", &id)),
        "recipient" => accepted(case, Recipient::parse(text), |recipient| {
            same_text(case, "canonical", &recipient)?;
            same_text(case, "class", recipient_class(&recipient))
        }),
        "fingerprint" => accepted(case, Fingerprint::parse(text), |print| same_text(case, "canonical", &print)),
        "message_id" => accepted(case, MessageId::parse(text), |id| same_text(case, "canonical", &id)),
        "protocol_version" => accepted(case, ProtocolVersion::parse(text), |version| {
            same_text(case, "canonical", version)?;
            same_number(case, "v", i64::from(version.number()))?;
            fields::same("supported", &case.boolean("supported")?, &true)
        }),
        "timestamp_int64_micros" => {
            let micros = text.parse().map_err(|_| format!("{text} is no 64-bit number"))?;
            accepted(case, CantonTimestamp::from_micros(micros), |time| {
                same_number(case, "micros", time.as_micros())?;
                same_text(case, "display", time)?;
                same_text(case, "instant", time)
            })
        }
        "timestamp_google_seconds_nanos" => {
            let (seconds, nanos) = seconds_and_nanos(text)?;
            accepted(case, CantonTimestamp::from_seconds_and_nanos(seconds, nanos), |time| {
                same_number(case, "micros", time.as_micros())
            })
        }
        other => Err(format!("unknown kind {other}")),
    }
}

fn same_text(case: &Case, field: &str, found: impl Display) -> Result<(), String> {
    fields::same(field, &case.text(field)?, &found.to_string().as_str())
}

fn same_number(case: &Case, field: &str, found: i64) -> Result<(), String> {
    fields::same(field, &case.integer(field)?, &found)
}

fn member_class(member: &Member) -> &'static str {
    match member.kind() {
        MemberKind::Mediator => "MediatorId",
        MemberKind::Participant => "ParticipantId",
        MemberKind::Sequencer => "SequencerId",
    }
}

fn recipient_class(recipient: &Recipient) -> &'static str {
    match recipient {
        Recipient::AllMembersOfSynchronizer => "AllMembersOfSynchronizer",
        Recipient::MediatorGroup(_) => "MediatorGroupRecipient",
        Recipient::Member(_) => "MemberRecipient",
        Recipient::SequencersOfSynchronizer => "SequencersOfSynchronizer",
    }
}

fn seconds_and_nanos(text: &str) -> Result<(i64, i32), String> {
    let parts = text.split_once('/').and_then(|(left, right)| Some((left.parse().ok()?, right.parse().ok()?)));
    parts.ok_or_else(|| format!("{text} is not of the form seconds/nanos"))
}
