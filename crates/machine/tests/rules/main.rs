//! Rules that no recording pins: each test fails when its rule is changed.

mod acknowledgements;
mod aggregation;
mod bench;
mod history;
mod order;
mod recipients;
mod restart;
mod signatures;
mod ticks;
mod times;
mod topology;
mod traffic;
