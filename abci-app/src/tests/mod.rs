//! The application on a mock consensus: its calls in their order, over the real socket.

mod calls;
mod consensus;
mod faults;
mod mock;
mod vectors;
