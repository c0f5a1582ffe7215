//! Random changes of bytes, the same in every run: for tests that a decoder survives whatever it is given.

/// Bytes that are meant to hurt: ends of ranges, beginnings of long numbers, wire types of protobuf.
const INTERESTING: [u8; 16] =
    [0x00, 0x01, 0x02, 0x03, 0x04, 0x07, 0x08, 0x0a, 0x0b, 0x0c, 0x10, 0x7f, 0x80, 0xc0, 0xfe, 0xff];

/// The most changes that are made to one input.
const MOST_CHANGES: usize = 4;

/// The longest run of bytes that is copied, removed or inserted at once.
const LONGEST_RUN: usize = 64;

/// Makes changed copies of inputs. Equal seeds and inputs give equal changes.
#[derive(Debug, Clone)]
pub struct Mutator {
    state: u64,
}

impl Mutator {
    /// A mutator that begins with this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next random number (SplitMix64).
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A random number below `end`; 0 when `end` is.
    pub fn below(&mut self, end: usize) -> usize {
        let bound = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.number() % bound).unwrap_or(0)
    }

    /// One of the items.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// A copy of the input with one to four changes.
    #[must_use]
    pub fn mutate(&mut self, input: &[u8]) -> Vec<u8> {
        self.mutate_one_of(&[input])
    }

    /// A copy of one of the inputs with one to four changes. Other inputs serve as material.
    ///
    /// # Panics
    /// When there is no input.
    pub fn mutate_one_of<B: AsRef<[u8]>>(&mut self, inputs: &[B]) -> Vec<u8> {
        let mut bytes = self.pick(inputs).as_ref().to_vec();
        for _ in 0..=self.below(MOST_CHANGES) {
            let other = self.pick(inputs).as_ref();
            self.change(&mut bytes, other);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len());
        let run = self.range(bytes.len());
        match self.below(9) {
            // Cuts off the end.
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(run)),
            // Repeats something at another place.
            2 => {
                let copy = bytes[run].to_vec();
                bytes.splice(at..at, copy);
            }
            // Takes something from another input.
            3 => {
                let foreign = other[self.range(other.len())].to_vec();
                bytes.splice(at..at, foreign);
            }
            // Goes on as another input does.
            4 => {
                bytes.truncate(at);
                bytes.extend_from_slice(&other[self.below(other.len())..]);
            }
            5 => {
                let long = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
                let length = 1 + self.below(long.len());
                bytes.splice(at..at, long[..length].iter().copied());
            }
            change => self.change_byte(bytes, at, change),
        }
    }

    fn change_byte(&mut self, bytes: &mut [u8], at: usize, change: usize) {
        let (bit, interesting) = (self.below(8), *self.pick(&INTERESTING));
        let Some(byte) = bytes.get_mut(at) else { return };
        match change {
            6 => *byte ^= 1 << bit,
            7 => *byte = interesting,
            // Lengths are often off by one.
            _ => *byte = byte.wrapping_add(if bit % 2 == 0 { 1 } else { 0xff }),
        }
    }

    /// A run inside of `length` bytes.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length);
        let run = self.below(LONGEST_RUN.min(length - start) + 1);
        start..start + run
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_the_same_in_every_run() {
        let long: Vec<u8> = (0..=255).collect();
        let inputs: [&[u8]; 3] = [b"", b"one", &long];
        let run = || {
            let mut mutator = Mutator::new(1);
            (0..10_000).map(|_| mutator.mutate_one_of(&inputs)).collect::<Vec<_>>()
        };
        let changed = run();
        assert_eq!(changed, run());
        let different: std::collections::BTreeSet<_> = changed.iter().collect();
        assert!(different.len() > 5_000, "{} different ones", different.len());
    }
}
