//! `topology_queries.jsonl.gz`: the answers of snapshots after a whole trace, which is in a file beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use prost::Message as _;
use serde_json::{Map, Value};
use synod_crypto::KeyUsages;
use synod_testkit::vectors::{Case, read_cases};
use synod_testkit::{Tally, fields};
use synod_topology::mapping::ParticipantPermission;
use synod_topology::{DynamicSynchronizerParameters, MediatorGroup, PartyHosting, Snapshot, TopologyState, Validity};
use synod_types::{CantonTimestamp, MediatorId, Member, ParticipantId, PartyId, SequencerId};

use super::aliases::Aliases;
use super::input::Input;
use super::topology_traces::{Replay, time};

/// The files with traces.
const TRACES: [&str; 2] = ["topology_traces_scripted.jsonl.gz", "topology_traces_random.jsonl.gz"];

/// Compares the file.
pub(crate) fn check(input: &mut Input<'_>, tally: &mut Tally) {
    let mut aliases = Aliases::default();
    while let Some(case) = input.next() {
        let result = match case.kind() {
            "key" | "encryption_key" => match aliases.define(&case) {
                Ok(()) => continue,
                Err(reason) => Err(reason),
            },
            "query" => states(input.folder()).and_then(|states| query(&case, &states, &aliases)),
            other => Err(format!("unknown kind {other}")),
        };
        tally.case(case.kind(), case.label(), result);
    }
}

/// The states at the end of all traces of a folder, by name.
type States = BTreeMap<String, TopologyState>;

/// The states of a folder. They are computed once in this process: the self-test asks for them again and again.
fn states(folder: &Path) -> Result<Arc<States>, String> {
    static CACHE: Mutex<BTreeMap<PathBuf, Arc<States>>> = Mutex::new(BTreeMap::new());
    let mut cache = CACHE.lock().map_err(|error| error.to_string())?;
    if let Some(known) = cache.get(folder) {
        return Ok(known.clone());
    }
    let states = Arc::new(replay_all(folder)?);
    cache.insert(folder.to_owned(), states.clone());
    Ok(states)
}

fn replay_all(folder: &Path) -> Result<States, String> {
    let mut states = States::new();
    for file in TRACES {
        for case in read_cases(&folder.join(file)).map_err(|error| error.to_string())? {
            let case = case.map_err(|error| error.to_string())?;
            if case.kind() == "trace" {
                let mut replay = Replay::new(&case)?;
                for batch in case.list("batches")? {
                    replay.batch(batch)?;
                }
                states.insert(case.name().to_owned(), replay.state);
            }
        }
    }
    Ok(states)
}

fn query(case: &Case, states: &States, aliases: &Aliases) -> Result<(), String> {
    let trace = case.text("trace")?;
    let state = states.get(trace).ok_or_else(|| format!("there is no trace {trace}"))?;
    let snapshot = state.snapshot(time(&case.value, "timestamp")?);
    fields::same("pv", &case.integer("pv")?, &i64::from(snapshot.psid().protocol_version().number()))?;
    members(case, &snapshot)?;
    keys(case, &snapshot, aliases)?;
    groups(case, &snapshot)?;
    participants(case, &snapshot)?;
    parties(case, &snapshot, aliases)?;
    packages(case, &snapshot)?;
    parameters(case, &snapshot)?;
    let lsu = snapshot.announced_lsu();
    let expected = case.optional("announced_lsu").map(|lsu| {
        Ok::<_, String>((fields::text(lsu, "psid")?.to_owned(), time(lsu, "upgrade_time")?, time(lsu, "effective")?))
    });
    let found = lsu.map(|lsu| (lsu.successor.to_string(), lsu.upgrade_time, lsu.effective));
    fields::same("announced_lsu", &expected.transpose()?, &found)
}

fn texts(case: &Case, field: &str) -> Result<BTreeSet<String>, String> {
    Ok(fields::texts(&case.value, field)?.into_iter().map(ToOwned::to_owned).collect())
}

fn object<'a>(case: &'a Case, field: &str) -> Result<&'a Map<String, Value>, String> {
    fields::value(&case.value, field)?.as_object().ok_or_else(|| format!("field {field} is no object"))
}

fn member(text: &str) -> Result<Member, String> {
    Member::parse(text).map_err(|error| error.to_string())
}

/// Everybody who is asked about: those with an entry in `first_known_at`.
fn asked(case: &Case) -> Result<Vec<Member>, String> {
    object(case, "first_known_at")?.keys().map(|text| member(text)).collect()
}

fn participants_asked(case: &Case) -> Result<Vec<ParticipantId>, String> {
    Ok(asked(case)?.into_iter().filter_map(|member| ParticipantId::try_from(member).ok()).collect())
}

fn members(case: &Case, snapshot: &Snapshot) -> Result<(), String> {
    let known: BTreeSet<String> = snapshot.known_members().iter().map(ToString::to_string).collect();
    fields::same("known_members", &texts(case, "known_members")?, &known)?;
    let asked = asked(case)?;
    let subset = asked.iter().filter(|member| snapshot.is_known(member)).map(ToString::to_string).collect();
    fields::same("members_known_subset", &texts(case, "members_known_subset")?, &subset)?;
    for (name, expected) in object(case, "first_known_at")? {
        let expected = match expected {
            Value::Null => None,
            Value::Array(times) => Some(times.iter().map(fields::as_integer).collect::<Result<Vec<_>, _>>()?),
            other => return Err(format!("first_known_at: {other}")),
        };
        let found = snapshot.first_known(&member(name)?);
        let found = found.map(|known| vec![known.sequenced.as_micros(), known.effective.as_micros()]);
        fields::same(&format!("first_known_at of {name}"), &expected, &found)?;
    }
    Ok(())
}

fn keys(case: &Case, snapshot: &Snapshot, aliases: &Aliases) -> Result<(), String> {
    let (mut signing, mut encryption) = (BTreeMap::new(), BTreeMap::new());
    for member in asked(case)? {
        let usages = [
            ("protocol", KeyUsages::PROTOCOL),
            ("auth", KeyUsages::SEQUENCER_AUTHENTICATION),
            ("namespace", KeyUsages::NAMESPACE),
            ("all", KeyUsages::ALL),
        ];
        for (name, usages) in usages {
            let keys = snapshot.signing_keys_for(&member, usages).map(|key| aliases.of(key.fingerprint()).to_owned());
            insert(&mut signing, format!("{member}/{name}"), keys.collect());
        }
        let keys = snapshot.encryption_keys(&member).map(|key| key.fingerprint().as_str().to_owned());
        insert(&mut encryption, member.to_string(), keys.collect());
    }
    fields::same("signing_keys", &lists(case, "signing_keys")?, &signing)?;
    fields::same("encryption_keys", &lists(case, "encryption_keys")?, &encryption)
}

fn insert(lists: &mut BTreeMap<String, Vec<String>>, name: String, items: Vec<String>) {
    if !items.is_empty() {
        lists.insert(name, items);
    }
}

fn lists(case: &Case, field: &str) -> Result<BTreeMap<String, Vec<String>>, String> {
    let object = object(case, field)?;
    let value = fields::value(&case.value, field)?;
    object
        .keys()
        .map(|name| Ok((name.clone(), fields::texts(value, name)?.into_iter().map(ToOwned::to_owned).collect())))
        .collect()
}

fn groups(case: &Case, snapshot: &Snapshot) -> Result<(), String> {
    let expected = case.list("mediator_groups")?;
    let groups = snapshot.mediator_groups();
    fields::same("number of mediator groups", &expected.len(), &groups.len())?;
    for (expected, found) in expected.iter().zip(&groups) {
        mediator_group(expected, found)?;
        fields::same("mediator_group", &Some(found), &snapshot.mediator_group(found.index).as_ref())?;
    }
    let mediators = asked(case)?.into_iter().filter_map(|member| MediatorId::try_from(member).ok());
    let active = mediators.filter(|mediator| snapshot.is_mediator_active(mediator)).map(|id| id.to_string()).collect();
    fields::same("mediator_active", &texts(case, "mediator_active")?, &active)?;

    let found = snapshot.sequencer_group();
    let expected = case.optional("sequencer_group");
    fields::same("sequencer_group", &expected.is_some(), &found.is_some())?;
    if let (Some(expected), Some(found)) = (expected, found) {
        fields::same("threshold", &fields::integer(expected, "threshold")?, &i64::from(found.threshold))?;
        names(expected, "active", found.active.iter())?;
        names(expected, "passive", found.passive.iter())?;
    }
    let sequencers = asked(case)?.into_iter().filter_map(|member| SequencerId::try_from(member).ok());
    let active =
        sequencers.filter(|sequencer| snapshot.is_sequencer_active(sequencer)).map(|id| id.to_string()).collect();
    fields::same("sequencer_active", &texts(case, "sequencer_active")?, &active)
}

fn mediator_group(expected: &Value, found: &MediatorGroup) -> Result<(), String> {
    fields::same("index", &fields::integer(expected, "index")?, &i64::from(found.index.as_i32()))?;
    fields::same("threshold", &fields::integer(expected, "threshold")?, &i64::from(found.threshold))?;
    fields::same("is_active", &fields::boolean(expected, "is_active")?, &found.is_active())?;
    names(expected, "active", found.active.iter())?;
    names(expected, "passive", found.passive.iter())
}

fn names<T: ToString>(expected: &Value, field: &str, found: impl Iterator<Item = T>) -> Result<(), String> {
    let expected: BTreeSet<String> = fields::texts(expected, field)?.into_iter().map(ToOwned::to_owned).collect();
    fields::same(field, &expected, &found.map(|id| id.to_string()).collect())
}

fn permission_name(permission: ParticipantPermission) -> &'static str {
    match permission {
        ParticipantPermission::Submission => "Submission",
        ParticipantPermission::Confirmation => "Confirmation",
        ParticipantPermission::Observation => "Observation",
    }
}

fn participants(case: &Case, snapshot: &Snapshot) -> Result<(), String> {
    let asked = participants_asked(case)?;
    let those = |holds: &dyn Fn(&ParticipantId) -> bool| -> BTreeSet<String> {
        asked.iter().filter(|participant| holds(participant)).map(ToString::to_string).collect()
    };
    let onboarded = those(&|participant| snapshot.was_ever_onboarded(participant));
    fields::same("participant_ever_onboarded", &texts(case, "participant_ever_onboarded")?, &onboarded)?;
    let active = those(&|participant| snapshot.is_participant_active(participant));
    let may_log_in = those(&|participant| snapshot.may_log_in(participant));
    // Canton fails where there are no parameters.
    let fails = fields::value(&case.value, "participant_active")?.get("exception").is_some();
    fields::same("participants cannot be judged", &fails, &snapshot.parameters().is_none())?;
    if fails {
        for field in ["participant_active", "participant_can_login_now", "participant_states"] {
            let text = fields::text(fields::value(&case.value, field)?, "exception")?;
            fields::same(
                field,
                &text.starts_with("IllegalStateException: Unable to locate synchronizer parameters"),
                &true,
            )?;
        }
        return fields::same("active participants", &(0, 0), &(active.len(), may_log_in.len()));
    }
    fields::same("participant_active", &texts(case, "participant_active")?, &active)?;
    fields::same("participant_can_login_now", &texts(case, "participant_can_login_now")?, &may_log_in)?;
    let expected = object(case, "participant_states")?;
    fields::same("participant_states", &expected.keys().cloned().collect(), &active)?;
    for participant in asked {
        let Some(expected) = expected.get(&participant.to_string()) else { continue };
        let found = snapshot.participant(&participant).ok_or_else(|| format!("{participant} is not active"))?;
        fields::same("permission", &fields::text(expected, "permission")?, &permission_name(found.permission))?;
        let login_after = found.login_after.map(CantonTimestamp::as_micros);
        fields::same("login_after", &fields::optional_integer(expected, "login_after")?, &login_after)?;
        let features: BTreeSet<i64> = found.features.iter().map(|feature| i64::from(*feature)).collect();
        fields::same("features", &fields::integers(expected, "features")?.into_iter().collect(), &features)?;
    }
    Ok(())
}

fn parties(case: &Case, snapshot: &Snapshot, aliases: &Aliases) -> Result<(), String> {
    let expected = object(case, "parties")?;
    let parse = |text: &String| PartyId::parse(text).map_err(|error| error.to_string());
    let parties = expected.keys().map(parse).collect::<Result<Vec<_>, _>>()?;
    let mut signing_keys = BTreeMap::new();
    for party in &parties {
        let (expected, found) = (&expected[party.as_str()], snapshot.hosting(party));
        hosting(expected, found.as_ref()).map_err(|reason| format!("{party}: {reason}"))?;
        if let Some(keys) = snapshot.party_signing_keys(party) {
            let names: BTreeSet<String> =
                keys.keys.iter().map(|key| aliases.of(key.fingerprint()).to_owned()).collect();
            signing_keys.insert(party.to_string(), (i64::from(keys.threshold), names));
        }
    }
    let of_keys = fields::value(&case.value, "party_signing_keys")?;
    let mut expected_keys = BTreeMap::new();
    for (party, keys) in object(case, "party_signing_keys")? {
        let names = fields::texts(keys, "keys")?.into_iter().map(ToOwned::to_owned).collect::<BTreeSet<_>>();
        expected_keys.insert(party.clone(), (fields::integer(&of_keys[party.as_str()], "threshold")?, names));
    }
    fields::same("party_signing_keys", &expected_keys, &signing_keys)?;
    let without = parties.iter().filter(|party| !snapshot.has_confirmer(party)).map(ToString::to_string).collect();
    fields::same("parties_without_confirmer", &texts(case, "parties_without_confirmer")?, &without)?;
    let mut can_confirm = BTreeMap::new();
    for participant in participants_asked(case)? {
        let confirmed = parties.iter().filter(|party| snapshot.can_confirm(&participant, party));
        can_confirm.insert(participant.to_string(), confirmed.map(ToString::to_string).collect::<BTreeSet<_>>());
    }
    let expected =
        lists(case, "can_confirm")?.into_iter().map(|(name, list)| (name, list.into_iter().collect())).collect();
    fields::same("can_confirm", &expected, &can_confirm)
}

fn hosting(expected: &Value, found: Option<&PartyHosting>) -> Result<(), String> {
    let threshold = found.map_or(1, |hosting| i64::from(hosting.threshold));
    fields::same("threshold", &fields::integer(expected, "threshold")?, &threshold)?;
    let participants = fields::value(expected, "participants")?.as_object().ok_or("participants is no object")?;
    let empty = BTreeMap::new();
    let found = found.map_or(&empty, |hosting| &hosting.participants);
    let names: BTreeSet<String> = found.keys().map(ToString::to_string).collect();
    fields::same("participants", &participants.keys().cloned().collect(), &names)?;
    for (participant, found) in found {
        let expected = &participants[&participant.to_string()];
        fields::same("permission", &fields::text(expected, "permission")?, &permission_name(found.permission))?;
        let login_after = found.login_after.map(CantonTimestamp::as_micros);
        fields::same("login_after", &fields::optional_integer(expected, "login_after")?, &login_after)?;
        fields::same("onboarding", &fields::boolean(expected, "onboarding")?, &found.onboarding)?;
        fields::same("can_confirm", &fields::boolean(expected, "can_confirm")?, &found.can_confirm())?;
    }
    Ok(())
}

fn packages(case: &Case, snapshot: &Snapshot) -> Result<(), String> {
    let mut found = BTreeMap::new();
    for participant in participants_asked(case)? {
        let packages = snapshot.vetted_packages(&participant);
        let ids: BTreeSet<String> = packages.into_iter().map(|package| package.package_id).collect();
        if !ids.is_empty() {
            found.insert(participant.to_string(), ids);
        }
    }
    let expected =
        lists(case, "vetted_packages")?.into_iter().map(|(name, list)| (name, list.into_iter().collect())).collect();
    fields::same("vetted_packages", &expected, &found)
}

fn parameters(case: &Case, snapshot: &Snapshot) -> Result<(), String> {
    let expected = fields::value(&case.value, "dynamic_parameters")?;
    match snapshot.parameters_with_validity() {
        Some(found) => {
            validity(expected, &found)?;
            let (parameters, at) = (found.value, snapshot.timestamp());
            let tolerance = parameters.sequencer_topology_timestamp_tolerance().as_micros().to_string();
            let field = "sequencer_topology_timestamp_tolerance_micros";
            fields::same(field, &fields::integer(expected, field)?.to_string(), &tolerance)?;
            let decision = at.saturating_add(parameters.decision_timeout());
            fields::same("decision_time", &time(expected, "decision_time")?, &decision)?;
            let deadline = at.saturating_add(parameters.confirmation_response_timeout);
            fields::same(
                "participant_response_deadline",
                &time(expected, "participant_response_deadline")?,
                &deadline,
            )?;
        }
        None => fails(expected, "Unable to fetch synchronizer parameters")?,
    }
    let (expected, found) = (case.list("dynamic_parameters_changes")?, snapshot.parameter_changes());
    fields::same("number of dynamic_parameters_changes", &expected.len(), &found.len())?;
    for (expected, found) in expected.iter().zip(&found) {
        validity(expected, found)?;
    }
    let expected = fields::value(&case.value, "sequencing_parameters")?;
    match snapshot.sequencing_parameters() {
        Some(found) => {
            times(expected, &found)?;
            let payload = fields::optional_bytes(expected, "payload")?;
            fields::same("payload", &payload.as_ref(), &found.value)
        }
        None => fails(expected, "Unable to fetch sequencing parameters"),
    }
}

fn fails(expected: &Value, text: &str) -> Result<(), String> {
    fields::same("error", &fields::text(expected, "error")?.starts_with(text), &true)
}

fn validity(expected: &Value, found: &Validity<&DynamicSynchronizerParameters>) -> Result<(), String> {
    times(expected, found)?;
    fields::same_bytes("proto", &fields::bytes(expected, "proto")?, &found.value.to_proto().encode_to_vec())
}

fn times<T>(expected: &Value, found: &Validity<T>) -> Result<(), String> {
    fields::same("valid_from", &time(expected, "valid_from")?, &found.valid_from)?;
    let until = found.valid_until.map(CantonTimestamp::as_micros);
    fields::same("valid_until", &fields::optional_integer(expected, "valid_until")?, &until)
}
