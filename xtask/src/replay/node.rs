//! The recorded sequencers: where each starts, and the names of its database.

use std::collections::BTreeMap;

use synod_machine::OrderedBlock;
use synod_testkit::fields;
use synod_testkit::recordings::{Recording, Row};
use synod_types::Member;

use super::feed::{self, Replayed};
use super::start::{self, Start};

/// One recorded sequencer.
pub(super) struct Node<'a> {
    pub(super) recording: &'a Recording,
    /// `sequencer1`, …
    pub(super) name: &'a str,
    /// The sequencer.
    pub(super) member: Member,
    /// Members by the numbers of its database.
    members: BTreeMap<i64, Member>,
}

impl<'a> Node<'a> {
    pub(super) fn open(recording: &'a Recording, name: &'a str) -> Result<Self, String> {
        let member = member(recording, name, "SEQ")?;
        let mut node = Self { recording, name, member, members: BTreeMap::new() };
        for row in node.table("sequencer_members")? {
            node.members.insert(fields::integer(&row, "id")?, parse_member(fields::text(&row, "member")?)?);
        }
        Ok(node)
    }

    /// The rows of a table.
    pub(super) fn table(&self, table: &str) -> Result<Vec<Row>, String> {
        self.recording.table(self.name, table).map_err(|error| feed::chain(&error))
    }

    /// The member with a number of this database.
    pub(super) fn member_of(&self, id: i64) -> Result<&Member, String> {
        self.members.get(&id).ok_or_else(|| format!("the database has no member {id}"))
    }

    /// The name of the order that this sequencer follows.
    fn order(&self) -> Result<&'a str, String> {
        let orders = self.recording.orders();
        let number = self.name.trim_start_matches("sequencer");
        let own = format!("ordered{number}");
        let found =
            orders.iter().find(|order| **order == own).or_else(|| orders.iter().find(|order| **order == "ordered"));
        found.copied().ok_or_else(|| format!("there is no order for {}", self.name))
    }

    /// Replays the order from where this sequencer started to where it stopped.
    pub(super) fn replay(&self) -> Result<Replayed, String> {
        let (start, blocks) = self.input()?;
        feed::feed(start, &blocks)
    }

    /// Where this sequencer started, and the blocks from there to where it stopped. It may have stopped before the order did.
    pub(super) fn input(&self) -> Result<(Start, Vec<OrderedBlock>), String> {
        let start = start::start(self)?;
        let heights = self.table("seq_block_height")?;
        let heights: Vec<i64> = heights.iter().map(|row| fields::integer(row, "height")).collect::<Result<_, _>>()?;
        let last = heights.iter().max().ok_or("the sequencer has no block")?;
        let last = u64::try_from(*last).map_err(|error| error.to_string())?;
        let next = start.checkpoint.height.map_or(0, |height| height + 1);
        let rows = self.recording.ordered(self.order()?).map_err(|error| feed::chain(&error))?;
        let blocks: Result<Vec<OrderedBlock>, String> =
            rows.iter().filter(|row| (next..=last).contains(&row.height)).map(feed::block).collect();
        Ok((start, blocks?))
    }
}

/// The member that a node is, by its identity and the code of its kind.
pub(super) fn member(recording: &Recording, name: &str, code: &str) -> Result<Member, String> {
    let identity = recording.table(name, "common_node_id").map_err(|error| feed::chain(&error))?;
    let [identity] = identity.as_slice() else { return Err(format!("{name} has not one identity")) };
    let (identifier, namespace) = (fields::text(identity, "identifier")?, fields::text(identity, "namespace")?);
    parse_member(&format!("{code}::{identifier}::{namespace}"))
}

/// Reads a member.
pub(super) fn parse_member(text: &str) -> Result<Member, String> {
    Member::parse(text).map_err(|error| error.to_string())
}
