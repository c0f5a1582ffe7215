//! The administration API against what the Console of recorded runs sent and was answered.

mod changes;
mod compare;
mod data;
mod first_calls;
mod mediator;
mod node;
mod onboarding;
mod operations;
mod raw;
mod refusals;
mod replay;
mod synchronizer;
