//! The running mediator: its store on SQLite, a clock that the test moves, and a scripted sequencer behind the ports.

#[allow(dead_code)]
#[path = "../rules/bed.rs"]
mod bed;
#[allow(dead_code)]
#[path = "../rules/expected.rs"]
mod expected;

mod ends;
mod requests;
mod restarts;
mod script;
mod sending;
mod sequencer;
mod time;
mod world;
