//! Small sets of enum values, as the static parameters and keys carry them.

use std::fmt;
use std::marker::PhantomData;

/// An enum of Canton's protobuf definitions, without its unspecified value.
pub trait ProtoEnum: Copy + Eq + fmt::Debug + 'static {
    /// All values, by ascending number.
    const ALL: &'static [Self];

    /// The number on the wire.
    fn number(self) -> i32;

    /// Position in [`Self::ALL`], below 16.
    fn index(self) -> u8;
}

/// A set of values of a [`ProtoEnum`], one machine word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnumSet<T> {
    bits: u16,
    value: PhantomData<T>,
}

impl<T: ProtoEnum> EnumSet<T> {
    /// The set of nothing.
    #[must_use]
    pub const fn empty() -> Self {
        Self { bits: 0, value: PhantomData }
    }

    /// The set of everything.
    #[must_use]
    pub fn full() -> Self {
        T::ALL.iter().copied().collect()
    }

    /// Reads a repeated enum field; numbers that occur twice count once.
    ///
    /// # Errors
    /// The first error of `read`.
    pub fn read<E>(numbers: &[i32], read: impl Fn(i32) -> Result<T, E>) -> Result<Self, E> {
        numbers.iter().map(|number| read(*number)).collect()
    }

    pub(crate) const fn of_bits(bits: u16) -> Self {
        Self { bits, value: PhantomData }
    }

    /// This set and `value`.
    #[must_use]
    pub fn with(self, value: T) -> Self {
        Self::of_bits(self.bits | (1 << value.index()))
    }

    /// This set without `value`.
    #[must_use]
    pub fn without(self, value: T) -> Self {
        Self::of_bits(self.bits & !(1 << value.index()))
    }

    /// Everything in this set or in `other`.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self::of_bits(self.bits | other.bits)
    }

    /// Whether `value` is in this set.
    #[must_use]
    pub fn contains(self, value: T) -> bool {
        self.bits & (1 << value.index()) != 0
    }

    /// Whether this set and `other` have something in common.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.bits & other.bits != 0
    }

    /// Whether nothing is in this set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// How many values are in this set.
    #[must_use]
    pub const fn len(self) -> usize {
        self.bits.count_ones() as usize
    }

    /// The values by ascending number.
    pub fn iter(self) -> impl Iterator<Item = T> {
        T::ALL.iter().copied().filter(move |value| self.contains(*value))
    }

    /// The numbers on the wire, ascending.
    #[must_use]
    pub fn numbers(self) -> Vec<i32> {
        self.iter().map(ProtoEnum::number).collect()
    }
}

impl<T: ProtoEnum> Default for EnumSet<T> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<T: ProtoEnum> FromIterator<T> for EnumSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        values.into_iter().fold(Self::empty(), Self::with)
    }
}

impl<T: ProtoEnum> fmt::Debug for EnumSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<T: ProtoEnum + fmt::Display> fmt::Display for EnumSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, value) in self.iter().enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{value}")?;
        }
        Ok(())
    }
}
