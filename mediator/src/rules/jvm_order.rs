//! The order in which Scala 2.13 goes through a set or the keys of a map (chapter 04 §4.5).
//!
//! Up to four elements it is the order of insertion. From five on it is that of a trie over the hash codes of the JVM
//! (`HashSet`, `HashMap`): five bits a level beginning with the lowest; at each level first the elements that are alone,
//! then the groups, both by their five bits. A set that was larger and has lost elements stays a trie.

use synod_types::ParticipantId;

use crate::messages::{LfParty, MerkleSeqIndex, ViewPosition};

/// Sets of up to so many elements keep the order of insertion.
pub const MAX_INSERTION_ORDER: usize = 4;

/// Bits of the hash code that a level of the trie looks at.
const BITS: u32 = 5;

/// What has a hash code on the JVM.
pub trait JvmHash {
    /// The hash code (`##`).
    fn jvm_hash(&self) -> u32;
}

/// The order of a set, or of the keys of a map, into which these distinct elements were put in this order. Takes
/// `n log n` time at worst; elements with equal hash codes keep their order.
#[must_use]
pub fn set_order<T: JvmHash>(elements: Vec<T>) -> Vec<T> {
    let size = elements.len();
    subset_order(size, elements)
}

/// The order of what is left of a set of `original_size` elements after others were taken out. `left` is in the order of
/// the set.
#[must_use]
pub fn subset_order<T: JvmHash>(original_size: usize, left: Vec<T>) -> Vec<T> {
    if original_size <= MAX_INSERTION_ORDER { left } else { trie_order(left) }
}

fn trie_order<T: JvmHash>(elements: Vec<T>) -> Vec<T> {
    let mut hashed: Vec<(u32, T)> =
        elements.into_iter().map(|element| (improve(element.jvm_hash()), element)).collect();
    // Groups that share the lowest bits stand together, and both they and what is in them are sorted by the next bits.
    hashed.sort_by_key(|(hash, _)| hash.reverse_bits_by_level());
    order_levels(hashed)
}

trait Levels {
    fn level(self, depth: u32) -> u32;
    fn reverse_bits_by_level(self) -> u64;
}

impl Levels for u32 {
    fn level(self, depth: u32) -> u32 {
        self.checked_shr(depth * BITS).unwrap_or(0) & ((1 << BITS) - 1)
    }

    /// The levels of the hash with the lowest one as the most significant.
    fn reverse_bits_by_level(self) -> u64 {
        (0..u32::BITS.div_ceil(BITS)).fold(0, |sum, depth| sum << BITS | u64::from(self.level(depth)))
    }
}

/// Puts elements that are alone at a level before the groups. The elements are sorted by level.
fn order_levels<T>(sorted: Vec<(u32, T)>) -> Vec<T> {
    let hashes: Vec<u32> = sorted.iter().map(|(hash, _)| *hash).collect();
    let mut elements: Vec<Option<T>> = sorted.into_iter().map(|(_, element)| Some(element)).collect();
    let mut ordered = Vec::with_capacity(elements.len());
    // Groups to go through, the next one last, each with its level.
    let mut open = vec![(0..hashes.len(), 0)];
    while let Some((group, depth)) = open.pop() {
        if depth * BITS >= u32::BITS {
            ordered.extend(elements[group].iter_mut().filter_map(Option::take));
            continue;
        }
        let mut below = Vec::new();
        let mut start = group.start;
        while start < group.end {
            let level = hashes[start].level(depth);
            let length = hashes[start..group.end].iter().take_while(|hash| hash.level(depth) == level).count();
            if length == 1 {
                ordered.extend(elements[start].take());
            } else {
                below.push((start..start + length, depth + 1));
            }
            start += length;
        }
        open.extend(below.into_iter().rev());
    }
    ordered
}

/// `scala.collection.Hashing.improve`.
const fn improve(hash: u32) -> u32 {
    let mut h = hash.wrapping_add(!(hash << 9));
    h ^= h >> 14;
    h = h.wrapping_add(h << 4);
    h ^ (h >> 10)
}

/// `String.hashCode`. All texts here are ASCII, of which a UTF-16 unit is a byte.
const fn string_hash(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let mut hash = 0_u32;
    let mut at = 0;
    while at < bytes.len() {
        hash = hash.wrapping_mul(31).wrapping_add(bytes[at] as u32);
        at += 1;
    }
    hash
}

impl<T: JvmHash + ?Sized> JvmHash for &T {
    fn jvm_hash(&self) -> u32 {
        (**self).jvm_hash()
    }
}

impl JvmHash for LfParty {
    fn jvm_hash(&self) -> u32 {
        string_hash(self.as_str())
    }
}

impl JvmHash for MerkleSeqIndex {
    fn jvm_hash(&self) -> u32 {
        const SIDES: [u32; 2] = [string_hash("Left"), string_hash("Right")];
        let steps = self.0.iter().map(|is_right| SIDES[usize::from(*is_right)]);
        case_class_hash("MerkleSeqIndex", &[list_hash(steps)])
    }
}

impl JvmHash for ViewPosition {
    fn jvm_hash(&self) -> u32 {
        case_class_hash("ViewPosition", &[list_hash(self.0.iter().map(JvmHash::jvm_hash))])
    }
}

/// In sets of participants, such as those that a verdict goes to.
impl JvmHash for ParticipantId {
    fn jvm_hash(&self) -> u32 {
        let namespace = case_class_hash("Namespace", &[string_hash(self.uid().namespace_str())]);
        let uid = case_class_hash("UniqueIdentifier", &[string_hash(self.uid().identifier()), namespace]);
        case_class_hash("ParticipantId", &[uid])
    }
}

/// A participant in sets of recipients (`MemberRecipient`), such as those of root hash messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantRecipient(pub ParticipantId);

impl JvmHash for ParticipantRecipient {
    fn jvm_hash(&self) -> u32 {
        case_class_hash("MemberRecipient", &[self.0.jvm_hash()])
    }
}

/// The hash code of a case class with fields of these hash codes (`MurmurHash3.productHash`).
fn case_class_hash(name: &str, fields: &[u32]) -> u32 {
    const SEED: u32 = 0xcafe_babe;
    let hash = fields.iter().fold(mix(SEED, string_hash(name)), |hash, field| mix(hash, *field));
    let count = u32::try_from(fields.len()).unwrap_or(u32::MAX);
    avalanche(hash ^ count)
}

/// The hash code of a `List` (`MurmurHash3.listHash`), which is that of a `Range` when the hash codes of the elements have
/// the same distance.
fn list_hash(elements: impl Iterator<Item = u32>) -> u32 {
    const SEED: u32 = string_hash("Seq");
    let mut hash = SEED;
    let mut count = 0_u32;
    let (mut first, mut last, mut distance) = (0, 0, None);
    let mut is_range = true;
    for element in elements {
        hash = mix(hash, element);
        match (count, distance) {
            (0, _) => first = element,
            (1, _) => distance = Some(element.wrapping_sub(last)),
            (_, before) => is_range &= before == Some(element.wrapping_sub(last)) && before != Some(0),
        }
        last = element;
        count = count.wrapping_add(1);
    }
    match distance {
        Some(distance) if is_range => avalanche(mix(mix(mix(SEED, first), distance), last)),
        _ => avalanche(hash ^ count),
    }
}

/// A round of MurmurHash3.
const fn mix(hash: u32, data: u32) -> u32 {
    let k = data.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    (hash ^ k).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
}

/// The end of MurmurHash3.
const fn avalanche(hash: u32) -> u32 {
    let mut h = hash ^ (hash >> 16);
    h = h.wrapping_mul(0x85eb_ca6b);
    h ^= h >> 13;
    h = h.wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(text: &str) -> LfParty {
        LfParty::parse(text, "party").expect("a party")
    }

    fn ordered(texts: &[&str]) -> Vec<String> {
        set_order(texts.iter().copied().map(party).collect()).iter().map(ToString::to_string).collect()
    }

    /// The order of a trie that is built as one.
    fn reference(hashed: Vec<(u32, usize)>, depth: u32) -> Vec<usize> {
        if hashed.len() <= 1 || depth * BITS >= u32::BITS {
            return hashed.into_iter().map(|(_, element)| element).collect();
        }
        let mut groups: Vec<Vec<(u32, usize)>> = vec![Vec::new(); 1 << BITS];
        for (hash, element) in hashed {
            groups[usize::try_from((hash >> (depth * BITS)) & 31).expect("five bits")].push((hash, element));
        }
        let (alone, together): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| group.len() == 1);
        let together = together.into_iter().flat_map(|group| reference(group, depth + 1));
        alone.into_iter().flatten().map(|(_, element)| element).chain(together).collect()
    }

    /// An element with a hash code.
    struct Hashed(u32, usize);

    impl JvmHash for Hashed {
        fn jvm_hash(&self) -> u32 {
            self.0
        }
    }

    #[test]
    fn hash_codes_are_those_of_the_jvm() {
        assert_eq!(string_hash("hello"), 99_162_322);
        assert_eq!(string_hash("Aa"), string_hash("BB"));
        assert_eq!(string_hash("polygenelubricants"), i32::MIN.cast_unsigned());
    }

    #[test]
    fn up_to_four_elements_stay_as_they_came() {
        assert_eq!(ordered(&["d", "a", "c", "b"]), ["d", "a", "c", "b"]);
        assert_eq!(ordered(&[]), Vec::<String>::new());
    }

    /// The order of the parties of a recorded answer.
    #[test]
    fn five_parties_have_the_order_of_canton() {
        let parties = [
            "alice::12200ea9f4b66046bd7ad1f6bd821573b34a59771d56a3b508811f484d005501e5c8",
            "bob::12206e7a396fe2f1c8bc2e2999c091b10e79b0fa855d238c5dff906e94f6f5049234",
            "carol::1220ab3455c662dc937799343d8e3aa0d46757db06179bdccbd3bebb9befa9e835d0",
            "dave::1220c632c0100583bc1a96125c0db9c086736dd8adc5f592fd8c61dc2b4bbfedac4c",
            "ext::122074f28e87d7bd15ef7c9b078480f4c9742d3aaf79914cb44a8998ab9dfb659699",
        ];
        let names: Vec<String> = ordered(&parties).iter().map(|text| text[..3].to_owned()).collect();
        assert_eq!(names, ["car", "ali", "bob", "ext", "dav"]);
    }

    /// The order of the views of a request with eight views.
    #[test]
    fn positions_have_the_order_of_canton() {
        let position = |text: &str| {
            let index = |steps: &str| MerkleSeqIndex(steps.chars().map(|step| step == 'R').collect());
            ViewPosition(text.split(',').map(index).collect())
        };
        let tree_order = ["LL", "L,LL", "L,L,LL", "R,L,LL", "R,LL", "RL", "R", ",R"];
        let expected = ["LL", "R,LL", "L,LL", "R,L,LL", ",R", "RL", "L,L,LL", "R"];
        assert_eq!(set_order(tree_order.map(position).to_vec()), expected.map(position));
    }

    /// The order in which Canton wrote the owners of a decentralized namespace, a set of namespaces.
    #[test]
    fn namespaces_have_the_order_of_canton() {
        let written = [
            "12206f4be8f492c45e6c94c77fbb168f3c334a2572e963060b58da868bd56fd30477",
            "12206e7a396fe2f1c8bc2e2999c091b10e79b0fa855d238c5dff906e94f6f5049234",
            "122056c17f5ec201e1d13c40aae8db9ea070214f8247b613a60769320e8ee5e3b794",
            "12200ea9f4b66046bd7ad1f6bd821573b34a59771d56a3b508811f484d005501e5c8",
            "12207b2b7f4c31dbfcadc779a9de0126255f73895d812f3ccffce78e105e1961b020",
        ];
        let hashed = |number: usize| Hashed(case_class_hash("Namespace", &[string_hash(written[number])]), number);
        let order = set_order(vec![hashed(4), hashed(0), hashed(3), hashed(1), hashed(2)]);
        assert!(order.into_iter().map(|element| element.1).eq(0..5));
    }

    #[test]
    fn participants_are_told_apart_by_all_parts_of_their_names() {
        let hash = |text: &str| {
            let participant = ParticipantId::parse(text).expect("a participant");
            (participant.jvm_hash(), ParticipantRecipient(participant).jvm_hash())
        };
        let hashes = ["PAR::a::1220aa", "PAR::b::1220aa", "PAR::a::1220ab"].map(hash);
        let all: std::collections::BTreeSet<u32> = hashes.into_iter().flat_map(|(one, two)| [one, two]).collect();
        assert_eq!(all.len(), 6);
    }

    #[test]
    fn equal_hash_codes_keep_their_order() {
        let names = ["Aa", "BB", "x", "y", "z"];
        let position = |order: &[String], name| order.iter().position(|found| found == name);
        let order = ordered(&names);
        assert_eq!(position(&order, "Aa").map(|at| at + 1), position(&order, "BB"));
        let order = ordered(&["BB", "Aa", "x", "y", "z"]);
        assert_eq!(position(&order, "BB").map(|at| at + 1), position(&order, "Aa"));
    }

    #[test]
    fn any_hash_codes_have_the_order_of_a_trie() {
        let mut random = synod_testkit::Mutator::new(7);
        for round in 0..2_000 {
            let size = random.below(60);
            // Few different bits make deep tries and equal hash codes.
            let mask = if round % 2 == 0 { u64::MAX } else { random.number() & random.number() & random.number() };
            let hashes: Vec<u32> =
                (0..size).map(|_| u32::try_from(random.number() & mask & 0xffff_ffff).expect("32 bits")).collect();
            let elements = |wanted: &dyn Fn(usize) -> bool| -> Vec<Hashed> {
                hashes.iter().enumerate().filter(|(n, _)| wanted(*n)).map(|(n, hash)| Hashed(*hash, n)).collect()
            };
            let expected = |elements: &[Hashed]| {
                reference(elements.iter().map(|element| (improve(element.0), element.1)).collect(), 0)
            };
            let numbers = |order: Vec<Hashed>| order.into_iter().map(|element| element.1).collect::<Vec<_>>();
            let all = elements(&|_| true);
            if size > MAX_INSERTION_ORDER {
                let order = expected(&all);
                assert_eq!(numbers(set_order(all)), order);
                let some = elements(&|number| number % 3 == 0);
                let order = expected(&some);
                assert_eq!(numbers(subset_order(size, some)), order);
            } else {
                assert_eq!(numbers(set_order(all)), (0..size).collect::<Vec<_>>());
            }
        }
    }
}
