//! The gateway against what real participants and a hand-made client said to a real Canton.

mod cases;
mod edges;
mod events;
mod raw;
mod registration;
mod served;
