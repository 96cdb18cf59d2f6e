//! Counts what is allocated, in each program that measures.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Threads that count for themselves; all further ones share the last count.
const THREADS: usize = 64;

/// A count on a cache line of its own: to count makes no other thread wait.
#[repr(align(64))]
struct Count(AtomicU64);

static COUNTS: [Count; THREADS] = [const { Count(AtomicU64::new(0)) }; THREADS];

/// Threads that have allocated something.
static THREADS_SEEN: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The place of this thread's count, once it has one.
    static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// The system's allocator, counted.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of the whole process so far; what grows or moves counts once more.
pub(crate) fn total() -> u64 {
    // Relaxed, here as below: the numbers publish nothing but themselves.
    let counts = COUNTS.iter().map(|count| count.0.load(Ordering::Relaxed));
    counts.sum()
}

fn count() {
    // A thread that ends has no place any more.
    let place = PLACE.try_with(|place| {
        place.get().unwrap_or_else(|| {
            let seen = THREADS_SEEN.fetch_add(1, Ordering::Relaxed);
            let own = seen.min(THREADS - 1);
            place.set(Some(own));
            own
        })
    });
    let place = place.unwrap_or(THREADS - 1);
    let count = &COUNTS[place].0;
    if place == THREADS - 1 {
        count.fetch_add(1, Ordering::Relaxed);
    } else {
        // Nobody else writes to it.
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

// SAFETY: each method hands its arguments, of which the caller has promised what it must, to the
// same method of `System` and returns its result; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: see the impl.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: see the impl.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        count();
        // SAFETY: see the impl.
        unsafe { System.realloc(pointer, layout, len) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: see the impl.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::thread;

    use super::*;

    #[test]
    fn allocations_of_every_thread_count() {
        // Other tests of this process may allocate meanwhile: there may be more.
        let before = total();
        let boxes = |count: u32| (0..count).map(Box::new).for_each(|it| drop(black_box(it)));
        boxes(1000);
        assert!(total() >= before + 1000);
        let before = total();
        let threads: Vec<_> = (0..80)
            .map(|_| thread::spawn(move || (0..100).for_each(|it| drop(black_box(Box::new(it))))))
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(total() >= before + 80 * 100);
    }
}
