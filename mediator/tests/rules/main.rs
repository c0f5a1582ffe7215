//! The scenarios of chapter 04 §10.2, each from the event that a mediator receives to what follows from it.

mod bed;
mod expected;
mod requests;
mod responses;
mod root_hashes;
mod sending;
mod verdicts;
mod version_34;
