//! Work on many items by several threads, with a result that does not depend on their number.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Below this many items for each thread, starting it costs more than it saves.
const ITEMS_PER_THREAD: usize = 4;

/// `work` of each item, in the order of the items. `work` must depend on nothing but the item, so that the result is the same for
/// any number of threads. A panic of `work` passes on.
pub(crate) fn map<T: Sync, R: Send>(threads: NonZeroUsize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = threads.get().min(items.len() / ITEMS_PER_THREAD);
    if threads < 2 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let one_thread = || {
        let mut done = Vec::new();
        while let Some((index, item)) = take(&next, items) {
            done.push((index, work(item)));
        }
        done
    };
    let mut results = thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(one_thread)).collect();
        let mut results = one_thread();
        for helper in helpers {
            results.extend(helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        results
    });
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

fn take<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    items.get(index).map(|item| (index, item))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let items: Vec<u64> = (0..1_000).collect();
        let expected: Vec<u64> = items.iter().map(|item| item * item).collect();
        for threads in [1, 2, 3, 16] {
            let threads = NonZeroUsize::new(threads).expect("not zero");
            assert_eq!(map(threads, &items, |item| item * item), expected);
        }
    }

    #[test]
    fn few_items_and_none_are_fine() {
        assert_eq!(map(NonZeroUsize::MAX, &[1, 2, 3], |item| item + 1), [2, 3, 4]);
        assert!(map(NonZeroUsize::MAX, &[], |item: &u8| *item).is_empty());
    }
}
