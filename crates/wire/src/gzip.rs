//! gzip as the JVM writes and reads it (chapter 01 §6.2, `ByteStringUtil`).

use std::cell::RefCell;

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, Decompress, FlushCompress, FlushDecompress, Status};

use crate::ParseError;
use crate::error::GzipFault;

/// What `java.util.zip.GZIPOutputStream` begins with since JDK 16: no time, no flags, unknown operating system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Checksum and size at the end.
const TRAILER_BYTES: usize = 8;

const FLAG_HEADER_CRC: u8 = 2;
const FLAG_EXTRA: u8 = 4;
const FLAG_NAME: u8 = 8;
const FLAG_COMMENT: u8 = 16;
const FLAGS_RESERVED: u8 = 0xe0;

/// Memory asked for ahead of decompression, at most. More is asked for only once that much came out.
const FIRST_OUTPUT_BYTES: usize = 16 * 1024;

thread_local! {
    /// Setting up a compressor is dearer than compressing a small message: one is kept for each thread.
    static COMPRESS: RefCell<Compress> = RefCell::new(Compress::new(Compression::new(6), false));
    static DECOMPRESS: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

/// Compresses `input` to the bytes that Canton makes of it: zlib at level 6.
#[must_use]
pub fn compress(input: &[u8]) -> Bytes {
    // More than deflate can need: stored blocks of at least 16 kB with 5 bytes each.
    let mut output = Vec::with_capacity(HEADER.len() + input.len() + input.len() / 1000 + 32 + TRAILER_BYTES);
    output.extend_from_slice(&HEADER);
    COMPRESS.with_borrow_mut(|deflate| {
        deflate.reset();
        loop {
            let consumed = usize::try_from(deflate.total_in()).expect("no more than the input");
            let status = deflate.compress_vec(&input[consumed..], &mut output, FlushCompress::Finish);
            match status.expect("compression in memory does not fail") {
                Status::StreamEnd => break,
                Status::Ok | Status::BufError => output.reserve(input.len() / 2 + 64),
            }
        }
    });
    let mut crc = Crc::new();
    crc.update(input);
    output.extend_from_slice(&crc.sum().to_le_bytes());
    output.extend_from_slice(&crc.amount().to_le_bytes());
    output.into()
}

/// Decompresses one gzip member of at most `limit` bytes; what follows it is ignored. Exactly `limit` bytes are
/// allowed. Memory is asked for as output comes, never far beyond `limit`.
///
/// # Errors
/// [`ParseError::Gzip`] exactly when Canton's decompression refuses (`GzipCompressorInputStream`).
pub fn decompress(input: &[u8], limit: usize) -> Result<Bytes, ParseError> {
    let deflated = skip_header(input)?;
    let ceiling = limit.saturating_add(1);
    let mut output = Vec::with_capacity(first_capacity(input).min(ceiling));
    let consumed = DECOMPRESS.with_borrow_mut(|inflate| {
        inflate.reset(false);
        loop {
            let consumed = usize::try_from(inflate.total_in()).expect("no more than the input");
            let before = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress_vec(&deflated[consumed..], &mut output, FlushDecompress::None);
            let consumed = usize::try_from(inflate.total_in()).expect("no more than the input");
            if output.len() > limit {
                return Err(GzipFault::TooLarge { limit });
            }
            match status.map_err(|_| GzipFault::Damaged)? {
                Status::StreamEnd => return Ok(consumed),
                // There is no room left: `ceiling` is not reached yet.
                _ if output.len() == output.capacity() => {
                    output.reserve_exact(output.capacity().max(64).min(ceiling - output.len()));
                }
                _ if before == (inflate.total_in(), inflate.total_out()) => return Err(GzipFault::Truncated),
                _ => {}
            }
        }
    })?;
    check_trailer(&deflated[consumed..], &output)?;
    Ok(output.into())
}

/// The size that the input claims to have, if nothing follows the member.
fn first_capacity(input: &[u8]) -> usize {
    let claimed = input.last_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    // One more byte than claimed tells whether there is more, without growing.
    usize::try_from(claimed).unwrap_or(usize::MAX).saturating_add(1).min(FIRST_OUTPUT_BYTES)
}

fn check_trailer(trailer: &[u8], output: &[u8]) -> Result<(), GzipFault> {
    let (checksum, rest) = trailer.split_first_chunk::<4>().ok_or(GzipFault::Truncated)?;
    let mut crc = Crc::new();
    crc.update(output);
    if u32::from_le_bytes(*checksum) != crc.sum() {
        return Err(GzipFault::Checksum);
    }
    let size = rest.first_chunk::<4>().ok_or(GzipFault::Truncated)?;
    if u32::from_le_bytes(*size) != crc.amount() {
        return Err(GzipFault::Checksum);
    }
    Ok(())
}

/// Reads the header. Its checksum, if there is one, is not verified.
fn skip_header(input: &[u8]) -> Result<&[u8], GzipFault> {
    let Some((magic, rest)) = input.split_first_chunk::<2>() else { return Err(GzipFault::Header) };
    if *magic != [0x1f, 0x8b] {
        return Err(GzipFault::Header);
    }
    let (&method, rest) = rest.split_first().ok_or(GzipFault::Truncated)?;
    if method != 8 {
        return Err(GzipFault::Header);
    }
    let (&flags, rest) = rest.split_first().ok_or(GzipFault::Truncated)?;
    if flags & FLAGS_RESERVED != 0 {
        return Err(GzipFault::Header);
    }
    // Time, extra flags, operating system.
    let mut rest = skip(rest, 6)?;
    if flags & FLAG_EXTRA != 0 {
        let (length, after) = rest.split_first_chunk::<2>().ok_or(GzipFault::Truncated)?;
        rest = skip(after, u16::from_le_bytes(*length).into())?;
    }
    for flag in [FLAG_NAME, FLAG_COMMENT] {
        if flags & flag != 0 {
            let end = rest.iter().position(|byte| *byte == 0).ok_or(GzipFault::Truncated)?;
            rest = skip(rest, end + 1)?;
        }
    }
    if flags & FLAG_HEADER_CRC != 0 {
        rest = skip(rest, 2)?;
    }
    Ok(rest)
}

fn skip(input: &[u8], count: usize) -> Result<&[u8], GzipFault> {
    input.get(count..).ok_or(GzipFault::Truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compresses_as_the_jvm_does() {
        // Chapter 01 §6.2, measured on JDK 17.
        assert_eq!(&compress(b"")[..], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let hello = compress(b"hello hello hello");
        assert_eq!(&hello[10..20], [0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x90, 0x00]);
        assert_eq!(decompress(&hello, 17), Ok(Bytes::from_static(b"hello hello hello")));
        assert_eq!(decompress(&hello, 16), Err(GzipFault::TooLarge { limit: 16 }.into()));
    }

    #[test]
    fn large_inputs_come_back_whatever_the_limit() {
        let input: Vec<u8> = (0..3_000_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for length in [0, 1, 63, 64, 16_383, 16_384, 16_385, 100_000, 3_000_000] {
            let input = &input[..length];
            let compressed = compress(input);
            assert_eq!(decompress(&compressed, length).as_deref(), Ok(input));
            assert_eq!(decompress(&compressed, usize::MAX).as_deref(), Ok(input));
            if let Some(limit) = length.checked_sub(1) {
                assert_eq!(decompress(&compressed, limit), Err(GzipFault::TooLarge { limit }.into()));
            }
        }
    }

    #[test]
    fn a_bomb_costs_no_more_than_the_limit() {
        let bomb = compress(&vec![0; 50_000_000]);
        assert!(bomb.len() < 60_000);
        assert_eq!(decompress(&bomb, 1000), Err(GzipFault::TooLarge { limit: 1000 }.into()));
    }

    #[test]
    fn optional_header_fields_are_skipped() {
        let plain = compress(b"x");
        let mut full = vec![0x1f, 0x8b, 8, 0x1f, 1, 2, 3, 4, 5, 6, 3, 0, 7, 7, 7];
        full.extend_from_slice(b"name\0comment\0");
        full.extend_from_slice(&[9, 9]);
        full.extend_from_slice(&plain[10..]);
        assert_eq!(decompress(&full, 1).as_deref(), Ok(&b"x"[..]));
        for cut in 0..full.len() {
            assert!(decompress(&full[..cut], 1).is_err(), "{cut}");
        }
    }
}
