//! The threads that wait for a port, and the permits of those that run.
//!
//! Built on `super::sync` alone, for loom's sake.

use super::sync::{AtomicU64, Deadline, Ordering, Slots, Word};

/// States of a place. A place is in the stack, in the list of free ones, or in the hands of the
/// one thread that took it out of either.
const FREE: u32 = 0;
/// In the stack (or just taken out of it, to be woken), and a thread waits there.
const WAITING: u32 = 1;
/// In the stack; its thread went away when its time was over. The next thread to wait may take
/// it over; whoever takes it out of the stack frees it.
const ABANDONED: u32 = 2;
/// Out of the stack; the thread that waits there goes on, and has a permit.
const PERMITTED: u32 = 3;
/// Out of the stack; the thread that waits there goes on because the port was closed.
const DISMISSED: u32 = 4;

/// The place of one waiting thread.
#[derive(Debug, Default)]
pub(super) struct Place {
    state: Word,
    /// The place below in the stack, or behind in the list of free ones.
    below: AtomicU64,
}

/// No place; below the lowest.
const NONE: u32 = 0xffff;

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// There was something to do when another thread looked. The permit is this thread's.
    Permitted,
    Dismissed,
    TimedOut,
}

/// The waiting threads as a stack, so that the one that ran last runs next, and the number of
/// permits in use; both in one word, so that a thread is taken from the stack exactly if there is
/// a permit for it.
pub(super) struct Waiters {
    top: AtomicU64,
    free: AtomicU64,
    places: Slots<Place>,
    /// Places that were ever made.
    places_made: AtomicU64,
    /// Places that are abandoned.
    abandoned: AtomicU64,
    permits: u32,
}

/// The word of a stack: its top, the permits in use, and a tag that changes whenever the top does,
/// so that a thread that was interrupted does not take the top for the one that it saw.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Top {
    tag: u32,
    permits: u32,
    place: u32,
}

impl Top {
    fn of(word: u64) -> Self {
        Top {
            tag: (word >> 32) as u32,
            permits: (word >> 16) as u32 & 0xffff,
            place: word as u32 & 0xffff,
        }
    }

    fn word(self) -> u64 {
        u64::from(self.tag) << 32 | u64::from(self.permits << 16 | self.place)
    }

    fn moved_to(self, place: u32) -> Self {
        Top {
            tag: self.tag.wrapping_add(1),
            place,
            ..self
        }
    }
}

const EMPTY: Top = Top {
    tag: 0,
    permits: 0,
    place: NONE,
};

impl Waiters {
    /// The most permits that can be had.
    pub(super) const PERMITS_MAX: u32 = 0xffff;

    pub(super) fn new(permits: u32) -> Self {
        debug_assert!((1..=Self::PERMITS_MAX).contains(&permits));
        Waiters {
            top: AtomicU64::new(EMPTY.word()),
            free: AtomicU64::new(EMPTY.word()),
            places: Slots::new(),
            places_made: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
            permits,
        }
    }

    /// Takes a permit, if there is one left.
    pub(super) fn try_enter(&self) -> bool {
        update(&self.top, |top| {
            (top.permits < self.permits).then_some(Top {
                permits: top.permits + 1,
                ..top
            })
        })
        .is_some()
    }

    /// Gives a permit back. The caller then looks whether there is something to do, and calls
    /// [`wake_one`](Waiters::wake_one) if so.
    pub(super) fn leave(&self) {
        update(&self.top, |top| Some(with_permit_back(top)));
    }

    /// Begins to wait. With `running` the permit is given back at the same time. The caller then
    /// looks whether there is something to do, and calls [`wake_one`](Waiters::wake_one) if so,
    /// before it calls [`wait`](Waiters::wait).
    ///
    /// # Panics
    ///
    /// If 65,520 threads wait already.
    pub(super) fn begin(&self, running: bool) -> u32 {
        let place = match self.pop_free() {
            Some(place) => place,
            None => match self.take_over() {
                Some(place) => {
                    if running {
                        self.leave();
                    }
                    return place;
                }
                None => self.make_place(),
            },
        };
        self.place(place).state.store(WAITING);
        update(&self.top, |top| {
            self.set_below(place, top.place);
            let top = if running { with_permit_back(top) } else { top };
            Some(top.moved_to(place))
        });
        place
    }

    /// Waits until another thread wakes this one, or the deadline.
    pub(super) fn wait(&self, place: u32, deadline: Deadline) -> Woken {
        let state = &self.place(place).state;
        loop {
            match state.load() {
                WAITING if deadline.has_passed() => {
                    if self.give_up(place) {
                        return Woken::TimedOut;
                    }
                }
                WAITING => state.park(WAITING, deadline),
                PERMITTED => {
                    self.push_free(place);
                    return Woken::Permitted;
                }
                other => {
                    debug_assert_eq!(other, DISMISSED);
                    self.push_free(place);
                    return Woken::Dismissed;
                }
            }
        }
    }

    /// Leaves the place, unless another thread has just woken this one: then
    /// [`wait`](Waiters::wait) says what for.
    pub(super) fn give_up(&self, place: u32) -> bool {
        // Counted first, so that the one who frees the place finds it counted.
        self.abandoned.fetch_add(1, Ordering::SeqCst);
        if self.place(place).state.change(WAITING, ABANDONED) {
            return true;
        }
        self.abandoned.fetch_sub(1, Ordering::SeqCst);
        false
    }

    /// Lets the latest waiting thread go on, if there is a permit for it.
    #[inline]
    pub(super) fn wake_one(&self) {
        // Mostly there is nobody to wake, which costs one look.
        let top = Top::of(self.top.load(Ordering::SeqCst));
        if top.place != NONE && top.permits < self.permits {
            self.wake_waiting();
        }
    }

    #[inline(never)]
    fn wake_waiting(&self) {
        let mut have_permit = false;
        loop {
            // The permit comes with the first place, and goes back if no thread waits at this or
            // any below.
            let taken = update(&self.top, |top| match top.place {
                NONE if have_permit => Some(with_permit_back(top)),
                NONE => None,
                _ if have_permit => Some(top.moved_to(self.below(top.place))),
                _ if top.permits < self.permits => Some(Top {
                    permits: top.permits + 1,
                    ..top.moved_to(self.below(top.place))
                }),
                _ => None,
            });
            match taken {
                Some(top) if top.place != NONE => {
                    if self.wake(top.place, PERMITTED) {
                        return;
                    }
                    have_permit = true;
                }
                _ => return,
            }
        }
    }

    /// Lets all waiting threads go on, without permits.
    pub(super) fn dismiss_all(&self) {
        while let Some(top) = update(&self.top, |top| {
            (top.place != NONE).then(|| top.moved_to(self.below(top.place)))
        }) {
            self.wake(top.place, DISMISSED);
        }
    }

    /// Wakes the thread at a place that was just taken out of the stack; false if it is gone.
    fn wake(&self, place: u32, reason: u32) -> bool {
        let state = &self.place(place).state;
        loop {
            if state.change(WAITING, reason) {
                state.unpark();
                return true;
            }
            if state.change(ABANDONED, FREE) {
                self.abandoned.fetch_sub(1, Ordering::SeqCst);
                self.push_free(place);
                return false;
            }
            // It was taken over in between.
        }
    }

    /// Takes over a place that another thread has left in the stack.
    fn take_over(&self) -> Option<u32> {
        if self.abandoned.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let made = self.places_made.load(Ordering::SeqCst) as u32;
        let place = (0..made).find(|&place| self.place(place).state.change(ABANDONED, WAITING))?;
        self.abandoned.fetch_sub(1, Ordering::SeqCst);
        Some(place)
    }

    fn make_place(&self) -> u32 {
        let place = self.places_made.fetch_add(1, Ordering::SeqCst);
        assert!(
            place < u64::from(Slots::<Place>::LEN_MAX.min(NONE)),
            "{place} threads wait for one completion port already"
        );
        place as u32
    }

    fn push_free(&self, place: u32) {
        update(&self.free, |free| {
            self.set_below(place, free.place);
            Some(free.moved_to(place))
        });
    }

    fn pop_free(&self) -> Option<u32> {
        update(&self.free, |free| {
            (free.place != NONE).then(|| free.moved_to(self.below(free.place)))
        })
        .map(|free| free.place)
    }

    fn place(&self, place: u32) -> &Place {
        self.places.get(place)
    }

    fn below(&self, place: u32) -> u32 {
        self.place(place).below.load(Ordering::Relaxed) as u32
    }

    fn set_below(&self, place: u32, below: u32) {
        let below = u64::from(below);
        self.place(place).below.store(below, Ordering::Relaxed);
    }
}

fn with_permit_back(top: Top) -> Top {
    Top {
        permits: top.permits - 1,
        ..top
    }
}

/// Changes the word as `change` says; returns what it was, or `None` if it is to stay.
///
/// Sequentially consistent: a thread that changes the word and then finds nothing to do is seen
/// by a thread that finds something to do and then reads the word.
fn update(word: &AtomicU64, mut change: impl FnMut(Top) -> Option<Top>) -> Option<Top> {
    let mut current = word.load(Ordering::SeqCst);
    loop {
        let old = Top::of(current);
        let new = change(old)?;
        match word.compare_exchange_weak(current, new.word(), Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => return Some(old),
            Err(changed) => current = changed,
        }
    }
}
