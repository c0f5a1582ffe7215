//! What members received: `Subscribe` on the wire, and the events that nodes kept of what they received.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;
use synod_crypto::{KeyUsages, sequenced_event_hash};
use synod_machine::delivery::{Reader, is_visible, member_event};
use synod_machine::{EventRecord, Registration};
use synod_proto::sequencer::api::v30::{SubscriptionRequest, SubscriptionResponse};
use synod_testkit::{Tally, fields};
use synod_types::{CantonTimestamp, Member};
use synod_wire::{SequencedEvent, SequencedEventContent, SignedContent};

use super::feed::{Replayed, chain};
use super::node::{Node, parse_member};

/// Compares what all members received from this sequencer.
pub(super) fn compare_subscriptions(node: &Node<'_>, replayed: &Replayed, tally: &mut Tally) -> Result<(), String> {
    let mut streams = Streams::new(node, replayed);
    let suffix = format!("-{}", node.name);
    let connections = node.recording.connections();
    for connection in connections.into_iter().filter(|connection| connection.ends_with(&suffix)) {
        let calls = node.recording.calls(connection).map_err(|error| chain(&error))?;
        // A call that was refused has no answer, and may not even name a member.
        for call in calls.iter().filter(|call| call.method_name() == "Subscribe" && !call.responses.is_empty()) {
            let request = call.requests.first().and_then(|message| message.bytes.clone()).ok_or("no request")?;
            let request = SubscriptionRequest::decode(request).map_err(|error| error.to_string())?;
            let member = parse_member(&request.member)?;
            for (index, response) in call.responses.iter().enumerate() {
                let label = format!("{connection} call {} event {index}", call.rpc);
                let result = response.bytes.clone().ok_or_else(|| "was not recorded".to_owned()).and_then(|bytes| {
                    let response = SubscriptionResponse::decode(bytes).map_err(|error| error.to_string())?;
                    streams.same(&member, &response.signed_sequenced_event, &node.member)
                });
                tally.case("subscriptions", label, result);
            }
        }
    }
    Ok(())
}

/// Compares the events that a node kept, which it received as `member` from one of the sequencers.
pub(super) fn compare_kept(
    (node, replayed): (&Node<'_>, &Replayed),
    (name, member): (&str, &Member),
    tally: &mut Tally,
) -> Result<(), String> {
    let mut streams = Streams::new(node, replayed);
    let kept = node.recording.table(name, "common_sequenced_events").map_err(|error| chain(&error))?;
    for row in kept {
        let bytes = fields::bytes(&row, "sequenced_event")?;
        let label = format!("{name} {}", fields::integer(&row, "ts")?);
        tally.case("kept events", label, streams.same_kept(&row, member, &bytes));
    }
    Ok(())
}

/// The events that the replay gives to members, made when the first one of a member is asked for.
struct Streams<'a> {
    node: &'a Node<'a>,
    replayed: &'a Replayed,
    of: BTreeMap<Member, BTreeMap<CantonTimestamp, Bytes>>,
}

impl<'a> Streams<'a> {
    const fn new(node: &'a Node<'a>, replayed: &'a Replayed) -> Self {
        Self { node, replayed, of: BTreeMap::new() }
    }

    fn same_kept(&mut self, row: &serde_json::Value, member: &Member, signed: &Bytes) -> Result<(), String> {
        let content = SignedContent::parse(signed).map_err(|error| chain(&error))?;
        let event = parse(&content.content, self.replayed)?;
        fields::same("ts", &fields::integer(row, "ts")?, &event.timestamp.as_micros())?;
        let kind = match event.content {
            SequencedEventContent::Deliver { .. } => "del",
            SequencedEventContent::Error { .. } => "err",
        };
        fields::same("type", &fields::text(row, "type")?, &kind)?;
        // Any of the sequencers may have signed it.
        let sequencers: Vec<Member> =
            self.replayed.keys.get(&event.timestamp).into_iter().flat_map(|keys| keys.keys().cloned()).collect();
        let mut result = Err("no sequencer signed it".to_owned());
        for sequencer in sequencers {
            result = self.same(member, signed, &sequencer);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// Whether the recorded event is the one that the replay makes, and `sequencer` signed it.
    fn same(&mut self, member: &Member, signed: &Bytes, sequencer: &Member) -> Result<(), String> {
        let recorded = SignedContent::parse(signed).map_err(|error| chain(&error))?;
        let time = parse(&recorded.content, self.replayed)?.timestamp;
        if !self.of.contains_key(member) {
            let stream = self.stream(member)?;
            self.of.insert(member.clone(), stream);
        }
        let found = self.of.get(member).and_then(|stream| stream.get(&time));
        let found = found.ok_or_else(|| format!("{member} gets no event at {time}"))?;
        fields::same_bytes("content", &recorded.content, found)?;
        fields::same("timestamp_of_signing_key", &None, &recorded.timestamp_of_signing_key)?;
        let keys = self.replayed.keys.get(&time).and_then(|keys| keys.get(sequencer)).ok_or("no keys")?;
        let verified = self.replayed.state.verifier().verify(
            time,
            keys,
            &sequenced_event_hash(&recorded.content),
            recorded.last_signature(),
            KeyUsages::PROTOCOL,
        );
        verified.map_err(|error| chain(&error))
    }

    fn stream(&self, member: &Member) -> Result<BTreeMap<CantonTimestamp, Bytes>, String> {
        let found = self.replayed.members.iter().find(|registration| registration.member == *member);
        let found = found.ok_or_else(|| format!("{member} is not registered"))?;
        stream(self.replayed, found, *member == self.node.member)
    }
}

fn parse(content: &Bytes, replayed: &Replayed) -> Result<SequencedEvent, String> {
    SequencedEvent::parse(content, replayed.state.protocol_version(), usize::MAX).map_err(|error| chain(&error))
}

/// All events of a member, by time.
pub(super) fn stream(
    replayed: &Replayed,
    registration: &Registration,
    is_this_sequencer: bool,
) -> Result<BTreeMap<CantonTimestamp, Bytes>, String> {
    let reader = Reader {
        member: &registration.member,
        index: registration.index,
        registered_from: registration.registered_from,
        is_this_sequencer,
    };
    let mut previous = replayed.start.previous.get(&registration.member).copied();
    let mut stream = BTreeMap::new();
    let visible = |event: &&EventRecord| is_visible(event, &reader);
    for event in replayed.events().filter(visible) {
        let bytes =
            member_event(&replayed.start.checkpoint.psid, event, &reader, previous).map_err(|error| chain(&error))?;
        stream.insert(event.time, bytes);
        previous = Some(event.time);
    }
    Ok(stream)
}
