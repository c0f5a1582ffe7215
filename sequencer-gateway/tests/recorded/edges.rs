//! Calls at the edge and beyond (`pv35-edges`), sent again byte for byte: each ends with the recorded status, text and
//! trailers, and the members receive what they received then.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use synod_proto::sequencer::api::v30::sequencer_authentication::AuthenticateResponse;
use synod_testkit::recordings::{Call, End, Recording};
use synod_types::Member;
use tokio::time::timeout;
use tonic::Status;

use crate::cases::cases;
use crate::events::Seen;
use crate::raw;
use crate::served::{Served, recording};

pub(crate) const CONNECTION: &str = "participant1-sequencer1";
/// The first call after the two members have logged in and subscribed.
pub(crate) const FIRST_RPC: i64 = 63;
/// Longest wait for an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// Longest wait for an event.
const EVENT_LIMIT: Duration = Duration::from_secs(30);
/// How long a token is good.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);

/// A call whose answer depended on how far Canton's sequencer was: the same participant's registration had been sequenced
/// 71 ms before, and events took 200 to 300 ms in that run. Both ask for the head state; ours knows the registration
/// then, and answers as Canton did a second later (call 191).
const REGISTERED_TWICE: (i64, i64) = (190, 191);

/// Texts without the times of that run.
pub(crate) fn mask(text: &str) -> String {
    let is_time = |word: &str| {
        let word = word.trim_start_matches(|first: char| !first.is_ascii_digit());
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        digits >= 14 && word.contains('T') && word.contains('Z')
    };
    let words: Vec<_> = text.split(' ').map(|word| if is_time(word) { "(time)" } else { word }).collect();
    let text = words.join(" ");
    let (before, after) = ("has exceeded by ", " the max-sequencing-time");
    match (text.split_once(before), text.split_once(after)) {
        (Some((start, _)), Some((_, end))) => format!("{start}{before}(time){after}{end}"),
        _ => text,
    }
}

/// Status, text and trailers of a call, as far as they are the same in every run.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    status: String,
    text: String,
    trailers: Vec<String>,
}

impl Outcome {
    fn recorded(end: &End) -> Self {
        let mut trailers: Vec<_> = end.trailers.iter().map(|(key, _)| key.clone()).collect();
        trailers.sort();
        Self { status: end.status.clone(), text: mask(&end.details), trailers }
    }

    fn of(status: Option<&Status>) -> Self {
        let Some(status) = status else {
            return Self { status: "OK".to_owned(), text: String::new(), trailers: Vec::new() };
        };
        let own = ["content-type", "date", "content-length"];
        let keys = status.metadata().keys().map(|key| match key {
            tonic::metadata::KeyRef::Ascii(key) => key.as_str().to_owned(),
            tonic::metadata::KeyRef::Binary(key) => key.as_str().to_owned(),
        });
        let mut trailers: Vec<_> = keys.filter(|key| !own.contains(&key.as_str())).collect();
        if !status.details().is_empty() {
            trailers.push("grpc-status-details-bin".to_owned());
        }
        trailers.sort();
        trailers.dedup();
        let name = format!("{:?}", status.code());
        let status_name = name.chars().enumerate().fold(String::new(), |mut text, (index, letter)| {
            if index > 0 && letter.is_ascii_uppercase() {
                text.push('_');
            }
            text.push(letter.to_ascii_uppercase());
            text
        });
        Self { status: status_name, text: mask(status.message()), trailers }
    }
}

/// The recorded members, served again, with tokens that are good here.
struct Edges {
    served: Served,
    calls: Vec<Call>,
    /// Tokens of that run, and those that stand for them.
    tokens: BTreeMap<Bytes, Bytes>,
}

impl Edges {
    /// Registers the two members as they did, and logs them in.
    async fn start(recording: &Recording) -> Self {
        let served = Served::start(recording).await;
        let calls = recording.calls(CONNECTION).expect("calls");
        let before: Vec<&Call> = calls.iter().filter(|call| call.rpc < FIRST_RPC).collect();
        let mut tokens = BTreeMap::new();
        for (index, call) in before.iter().enumerate() {
            match call.method_name() {
                "RegisterOnboardingTopologyTransactions" => {
                    served.replay(call).await;
                    served.until_active(&before[index..]).await;
                }
                "Authenticate" => {
                    let response = call.responses[0].bytes.clone().expect("not left out");
                    let recorded = AuthenticateResponse::decode(response).expect("a token").token;
                    let registered = before[..index].iter().rev().find_map(|call| call.metadata_text("memberid"));
                    let member = Member::parse(registered.expect("it registered")).expect("a member");
                    let (token, _) = served.handle.generate_token(&member, TOKEN_LIFETIME).expect("random numbers");
                    tokens.insert(recorded, token);
                }
                _ => {}
            }
        }
        assert_eq!(tokens.len(), 2);
        Self { served, calls, tokens }
    }

    /// A message or a value of metadata, with the tokens that are good here.
    fn substitute(&self, bytes: &Bytes) -> Bytes {
        let mut bytes = bytes.to_vec();
        for (recorded, token) in &self.tokens {
            assert_eq!(recorded.len(), token.len());
            if let Some(start) = bytes.windows(recorded.len()).position(|window| window == recorded) {
                bytes[start..start + token.len()].copy_from_slice(token);
            }
        }
        bytes.into()
    }

    /// When a submission was sequenced, microseconds since the epoch: the time of the first event afterwards that its
    /// sender got for a submission of its own. None when it got none before the next call.
    fn sequenced_us(&self, call: &Call) -> Option<i64> {
        let next = self.calls.iter().map(|call| call.opened_us).find(|opened| *opened > call.opened_us)?;
        let subscriptions = self.calls.iter().filter(|call| is_stream(call) && call.rpc < FIRST_RPC);
        let own = subscriptions.filter(|stream| stream.metadata_text("memberid") == call.metadata_text("memberid"));
        let times = own.flat_map(recorded_times);
        times.filter(|time| (call.opened_us..next).contains(time)).min().filter(|_| call.method_name() == "SendAsync")
    }

    /// Sends a call again, and says what differs.
    async fn compare(&self, call: &Call) -> Option<String> {
        let name = format!("{} (call {})", call.method_name(), call.rpc);
        let now = self.sequenced_us(call).unwrap_or(call.opened_us);
        let answering = self.served.send_at(now, call, |bytes| self.substitute(bytes));
        let answer = match timeout(ANSWER_LIMIT, answering).await {
            Ok(answer) => answer,
            Err(_) => return Some(format!("{name}: no answer within {ANSWER_LIMIT:?}")),
        };
        let (twice, later) = REGISTERED_TWICE;
        let recorded_as = if call.rpc == twice { later } else { call.rpc };
        let ended = self.calls.iter().find(|call| call.rpc == recorded_as).and_then(|call| call.end.as_ref());
        let expected = Outcome::recorded(ended.expect("it ended"));
        let found = Outcome::of(answer.status.as_ref());
        if found != expected {
            return Some(format!("{name}:\n  expected {expected:?}\n  found    {found:?}"));
        }
        // Challenges, times and states of traffic are those of the moment.
        let is_of_the_moment = ["Challenge", "GetTime", "GetTrafficStateForMember"].contains(&call.method_name());
        if expected.status != "OK" {
            return None;
        }
        let recorded: Vec<_> = call.responses.iter().filter_map(|response| response.bytes.clone()).collect();
        let is_same =
            if is_of_the_moment { answer.messages.len() == recorded.len() } else { answer.messages == recorded };
        (!is_same).then(|| format!("{name}: expected {recorded:?}, found {:?}", answer.messages))
    }

    /// The first `count` events of the member that had this subscription, ticks left out.
    async fn events(&self, subscription: &Call, count: usize) -> Vec<Seen> {
        let opened = raw::open(&self.served.channel, subscription, |bytes| self.substitute(bytes)).await;
        let mut stream = opened.expect("subscribed");
        let mut seen = Vec::new();
        let reading = async {
            while seen.len() < count {
                let response = stream.message().await.expect("no error").expect("the stream goes on");
                seen.extend(Some(Seen::of(&response)).filter(|event| !event.is_tick()));
            }
        };
        if timeout(EVENT_LIMIT, reading).await.is_err() {
            panic!("{} of {count} events within {EVENT_LIMIT:?}; the last: {:?}", seen.len(), seen.last());
        }
        seen
    }
}

/// Times of a member's events, microseconds since the epoch.
fn recorded_times(subscription: &Call) -> Vec<i64> {
    let bytes = subscription.responses.iter().map(|response| response.bytes.clone().expect("not left out"));
    bytes.map(|bytes| Seen::of(&bytes)).filter(|event| event.message_id.is_some()).map(|event| event.time_us).collect()
}

/// What a member received then, ticks left out.
fn recorded_events(subscription: &Call) -> Vec<Seen> {
    let bytes = subscription.responses.iter().map(|response| response.bytes.clone().expect("not left out"));
    bytes.map(|bytes| Seen::of(&bytes)).filter(|event| !event.is_tick()).collect()
}

/// Whether a call was answered by a stream of events.
pub(crate) fn is_stream(call: &Call) -> bool {
    let refusals = ["FAILED_PRECONDITION", "PERMISSION_DENIED", "INVALID_ARGUMENT"];
    let is_refused = call.end.as_ref().is_some_and(|end| refusals.contains(&end.status.as_str()));
    call.method_name() == "Subscribe" && !is_refused
}

#[tokio::test(flavor = "multi_thread")]
async fn every_edge_ends_as_recorded() {
    let recording = recording("pv35-edges");
    let edges = Edges::start(&recording).await;
    let cases = cases(&recording, &edges.calls);
    let sent: Vec<&Call> = cases.iter().filter(|case| case.is_sent()).flat_map(|case| case.calls.clone()).collect();
    let logout = sent.iter().position(|call| call.method_name() == "Logout").expect("it logs out");
    let mut different = Vec::new();
    for call in &sent[..logout] {
        different.extend(edges.compare(call).await);
    }
    // The first two subscriptions are those of the two members.
    let subscriptions = edges.calls.iter().filter(|call| is_stream(call) && call.rpc < FIRST_RPC);
    for subscription in subscriptions {
        let mut expected = recorded_events(subscription);
        if subscription.end.as_ref().is_some_and(|end| end.status == "UNAVAILABLE") {
            // It ended before the registration of a third member, which everybody sees.
            expected.push(Seen {
                message_id: None,
                outcome: Ok(1),
                has_receipt: false,
                has_topology_time: false,
                time_us: 0,
            });
        }
        let found = edges.events(subscription, expected.len()).await;
        for (expected, found) in expected.iter().zip(&found).filter(|(expected, found)| expected != found) {
            different.push(format!("an event:\n  expected {expected:?}\n  found    {found:?}"));
        }
    }
    for call in &sent[logout..] {
        different.extend(edges.compare(call).await);
    }
    assert!(different.is_empty(), "{} of {}:\n{}", different.len(), sent.len(), different.join("\n"));
    edges.served.stop().await;
}
