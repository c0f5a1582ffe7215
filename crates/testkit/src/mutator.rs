//! Small changes of bytes, the same in every run.

/// Mutates bytes as a careless or hostile sender might. Two mutators of the same seed do the same.
#[derive(Debug, Clone)]
pub struct Mutator(u64);

impl Mutator {
    /// A mutator of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        // The generator stands still at zero.
        Self(if seed == 0 { 1 } else { seed })
    }

    /// A number below `below`; 0 when that is 0.
    #[allow(clippy::cast_possible_truncation, reason = "any bits will do")]
    pub fn below(&mut self, below: usize) -> usize {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as usize % below.max(1)
    }

    /// From one to three changes: cut, insert, remove, flip a bit, set an odd byte, repeat a part.
    #[must_use]
    pub fn mutate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(6) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, u8::try_from(self.below(256)).unwrap_or_default()),
                2 if !bytes.is_empty() => drop(bytes.remove(at)),
                3 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                4 if !bytes.is_empty() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                _ => {
                    let end = (at + self.below(20)).min(bytes.len());
                    let copy = bytes[at..end].to_vec();
                    let to = self.below(bytes.len() + 1);
                    bytes.splice(to..to, copy);
                }
            }
        }
        bytes
    }
}
