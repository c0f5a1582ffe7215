//! The first state of a synchronizer.

use bytes::Bytes;
use synod_topology::genesis::Genesis;
use synod_types::CantonTimestamp;

use crate::{Checkpoint, Fault, Registration, State, app_hash};
