//! Values of columns: numbers, times, hashes, and small lists packed into one byte string (little endian).

use synod_types::CantonTimestamp;

use crate::StoreFault;

pub(crate) fn time_of(table: &'static str, micros: i64) -> Result<CantonTimestamp, StoreFault> {
    CantonTimestamp::from_micros(micros).map_err(|error| StoreFault::corrupt(table, error))
}

pub(crate) fn hash_of(table: &'static str, bytes: &[u8]) -> Result<[u8; 32], StoreFault> {
    bytes.try_into().map_err(|_| StoreFault::corrupt(table, format!("a hash of {} bytes", bytes.len())))
}
