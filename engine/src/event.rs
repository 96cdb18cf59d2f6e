//! An event that threads wait for.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crate::descriptor::Descriptor;
use crate::futex::{self, Deadline};

const UNSET: u32 = 0;
const SET: u32 = 1;
/// Set, and a [`wait_all`](Event::wait_all) is deciding whether it takes the event: for a few
/// instructions.
const HELD: u32 = SET | 2;

/// A manual- or auto-reset event, the counterpart of a Windows event object.
///
/// Clones name the same event. A wait that begins after [`set`](Event::set) returns at once.
/// Setting an event for which nobody waits makes no system call.
///
/// ```
/// use annulus::Event;
/// use std::time::Duration;
///
/// let event = Event::manual_reset();
/// assert!(!event.wait_timeout(Duration::ZERO));
/// event.set();
/// assert!(event.wait_timeout(Duration::ZERO));
/// assert!(event.wait_timeout(Duration::ZERO), "still set");
/// ```
#[derive(Clone, Debug)]
pub struct Event {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: AtomicU32,
    /// Threads that are about to wait, or do.
    waiting: AtomicU32,
    auto_reset: bool,
    descriptor: Descriptor,
}

impl Event {
    /// The most events that one call can wait for: the kernel waits for 128 words at once, one
    /// of which is needed for alertable waits.
    pub const WAIT_MAX: usize = futex::WORDS_MAX - 1;

    /// An event that stays set until it is reset; all waiting threads go on.
    #[must_use]
    pub fn manual_reset() -> Self {
        Event::new(false)
    }

    /// An event that is reset by the one wait that it satisfies.
    #[must_use]
    pub fn auto_reset() -> Self {
        Event::new(true)
    }

    fn new(auto_reset: bool) -> Self {
        Event {
            inner: Arc::new(Inner {
                state: AtomicU32::new(UNSET),
                waiting: AtomicU32::new(0),
                auto_reset,
                descriptor: Descriptor::new(),
            }),
        }
    }

    /// Sets the event. What this thread wrote before is visible to whoever the event lets go on.
    pub fn set(&self) {
        // Its release half pairs with the acquires in `try_take` and `hold`. It is sequentially
        // consistent together with the load in `wake`: a thread that counts itself as waiting
        // and then finds the event unset is seen there.
        if self.inner.state.fetch_or(SET, Ordering::SeqCst) == UNSET {
            self.wake();
            self.state_changed();
        }
    }

    /// Resets the event.
    pub fn reset(&self) {
        loop {
            match self.change(SET, UNSET) {
                Ok(()) => return self.state_changed(),
                Err(HELD) => thread::yield_now(),
                Err(_) => return,
            }
        }
    }

    /// Whether the event is set. Does not reset it.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.inner.state.load(Ordering::SeqCst) != UNSET
    }

    /// Waits until the event is set.
    pub fn wait(&self) {
        let _ = Event::wait_any_until(&[self], Deadline::Never);
    }

    /// Waits until the event is set, at most `timeout`; false if it was not.
    #[must_use]
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        Event::wait_any_until(&[self], Deadline::after(Some(timeout))).is_some()
    }

    /// Waits until one of the events is set, at most `timeout`; without one, for ever. Returns
    /// its place in `events`, the first if several are set. Only that one is reset, if it is an
    /// auto-reset event.
    ///
    /// ```
    /// use annulus::Event;
    ///
    /// let [stop, work] = [Event::manual_reset(), Event::auto_reset()];
    /// work.set();
    /// assert_eq!(Event::wait_any(&[&stop, &work], None), Some(1));
    /// ```
    ///
    /// # Panics
    ///
    /// If there are no events, or more than [`Event::WAIT_MAX`].
    #[must_use]
    pub fn wait_any(events: &[&Event], timeout: Option<Duration>) -> Option<usize> {
        check_count(events);
        Event::wait_any_until(events, Deadline::after(timeout))
    }

    /// Waits until all of the events are set at the same time, at most `timeout`; without one,
    /// for ever. False if they were not; then none has been reset. Otherwise all the auto-reset
    /// ones are.
    ///
    /// ```
    /// use annulus::Event;
    /// use std::time::Duration;
    ///
    /// let [left, right] = [Event::auto_reset(), Event::auto_reset()];
    /// left.set();
    /// assert!(!Event::wait_all(&[&left, &right], Some(Duration::ZERO)));
    /// assert!(left.is_set(), "not taken in part");
    /// right.set();
    /// assert!(Event::wait_all(&[&left, &right], None));
    /// assert!(!left.is_set() && !right.is_set());
    /// ```
    ///
    /// # Panics
    ///
    /// If there are no events, or more than [`Event::WAIT_MAX`].
    #[must_use]
    pub fn wait_all(events: &[&Event], timeout: Option<Duration>) -> bool {
        check_count(events);
        let deadline = Deadline::after(timeout);
        let mut sorted = [0; Event::WAIT_MAX];
        let order = in_order_of_address(events, &mut sorted);
        loop {
            let Err(unset) = Event::try_take_all(events, order) else {
                return true;
            };
            if deadline.has_passed() {
                return false;
            }
            let waiting = Waiting::begin(&events[unset..=unset]);
            if !events[unset].is_set() {
                waiting.park(deadline);
            }
        }
    }

    /// A file descriptor that is readable while the event is set, for foreign event loops
    /// (epoll, tokio's `AsyncFd`, glib). It is made when first asked for; an event without one
    /// costs no descriptor. All clones of the event share it.
    ///
    /// The descriptor follows the event: poll it, but never read from it or write to it. It
    /// becomes unreadable when the event is reset, by [`reset`](Event::reset) or by the wait
    /// that an auto-reset event satisfies. So a loop that finds it readable calls
    /// `wait_timeout(Duration::ZERO)`, and goes back to polling if that returns false: another
    /// thread was faster, or the event is just being set or reset.
    ///
    /// ```
    /// use annulus::Event;
    /// use rustix::event::{PollFd, PollFlags, Timespec, poll};
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let event = Event::auto_reset();
    /// let descriptor = event.descriptor()?;
    /// let readable = || poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], Some(&Timespec::default()));
    /// assert_eq!(readable()?, 0);
    /// event.set();
    /// assert_eq!(readable()?, 1);
    /// assert!(event.wait_timeout(Duration::ZERO));
    /// assert_eq!(readable()?, 0);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// What the kernel answers when it cannot make an eventfd, for one when the process has too
    /// many descriptors open.
    pub fn descriptor(&self) -> io::Result<Arc<OwnedFd>> {
        self.inner.descriptor.get(|| self.is_set())
    }

    pub(crate) fn wait_any_until(events: &[&Event], deadline: Deadline) -> Option<usize> {
        let take_first = || events.iter().position(|event| event.try_take());
        if let taken @ Some(_) = take_first() {
            return taken;
        }
        if deadline.has_passed() {
            return None;
        }
        let waiting = Waiting::begin(events);
        loop {
            if let taken @ Some(_) = take_first() {
                return taken;
            }
            if deadline.has_passed() {
                return None;
            }
            waiting.park(deadline);
        }
    }

    /// Whether the event was set; if so, an auto-reset event is reset.
    pub(crate) fn try_take(&self) -> bool {
        if !self.inner.auto_reset {
            return self.is_set();
        }
        loop {
            match self.change(SET, UNSET) {
                Ok(()) => {
                    self.state_changed();
                    return true;
                }
                Err(HELD) => thread::yield_now(),
                Err(_) => return false,
            }
        }
    }

    /// Takes all of the events or none; then returns the place of one that is not set.
    fn try_take_all(events: &[&Event], order: &[u8]) -> Result<(), usize> {
        for (held, &place) in order.iter().enumerate() {
            let place = usize::from(place);
            if !events[place].hold() {
                for &place in &order[..held] {
                    events[usize::from(place)].release();
                }
                return Err(place);
            }
        }
        // All are held, so all are set now.
        for &place in order {
            events[usize::from(place)].consume();
        }
        Ok(())
    }

    /// Keeps a set event as it is until it is released or consumed. Those who hold several take
    /// them in the order of their addresses, so none waits in a circle.
    fn hold(&self) -> bool {
        loop {
            match self.change(SET, HELD) {
                Ok(()) => return true,
                Err(HELD) => thread::yield_now(),
                Err(_) => return false,
            }
        }
    }

    fn release(&self) {
        // The holder alone may change a held event.
        self.inner.state.store(SET, Ordering::SeqCst);
    }

    fn consume(&self) {
        if self.inner.auto_reset {
            // A swap, for its acquire half: whoever set the event once more while it was held
            // is visible, too.
            self.inner.state.swap(UNSET, Ordering::SeqCst);
            self.state_changed();
        } else {
            self.release();
        }
    }

    fn change(&self, from: u32, to: u32) -> Result<(), u32> {
        self.inner
            .state
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst)
            .map(drop)
    }

    /// Wakes those whom the event lets go on.
    fn wake(&self) {
        if self.inner.waiting.load(Ordering::SeqCst) > 0 {
            let count = if self.inner.auto_reset { 1 } else { futex::ALL };
            futex::wake(&self.inner.state, count);
        }
    }

    fn state_changed(&self) {
        self.inner.descriptor.follow(|| self.is_set());
    }
}

fn check_count(events: &[&Event]) {
    assert!(!events.is_empty(), "there is no event to wait for");
    assert!(
        events.len() <= Event::WAIT_MAX,
        "{} events are more than one wait can wait for",
        events.len()
    );
}

/// The places of the events, each event once, by address.
fn in_order_of_address<'a>(events: &[&Event], places: &'a mut [u8; Event::WAIT_MAX]) -> &'a [u8] {
    let address = |place: &u8| Arc::as_ptr(&events[usize::from(*place)].inner);
    let mut count = 0;
    for place in 0..events.len() {
        let place = u8::try_from(place).expect("there are at most `WAIT_MAX` events");
        if !places[..count]
            .iter()
            .any(|other| address(other) == address(&place))
        {
            places[count] = place;
            count += 1;
        }
    }
    places[..count].sort_unstable_by_key(address);
    &places[..count]
}

/// Counts this thread among those that wait for some events.
struct Waiting<'a> {
    events: &'a [&'a Event],
}

impl<'a> Waiting<'a> {
    /// The caller looks at the events once more before it parks.
    fn begin(events: &'a [&'a Event]) -> Self {
        for event in events {
            // Sequentially consistent together with the caller's look at the state: see `set`.
            event.inner.waiting.fetch_add(1, Ordering::SeqCst);
        }
        Waiting { events }
    }

    /// Waits in the kernel while none of the events is set; may also return early.
    fn park(&self, deadline: Deadline) {
        match self.events {
            [event] => futex::wait(&event.inner.state, UNSET, deadline),
            events => futex::wait_any(events.iter().map(|event| &event.inner.state), deadline),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        for event in self.events {
            event.inner.waiting.fetch_sub(1, Ordering::SeqCst);
            // The one wake-up of an auto-reset event may have come to this thread, which goes
            // on for another reason: it hands it on.
            if event.inner.auto_reset && event.is_set() {
                event.wake();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;

    #[test]
    fn auto_reset_lets_one_wait_through() {
        let event = Event::auto_reset();
        event.set();
        event.set();
        assert!(event.wait_timeout(Duration::ZERO));
        assert!(!event.wait_timeout(Duration::ZERO));
    }

    #[test]
    fn manual_reset_lets_all_waiting_threads_through() {
        let event = Event::manual_reset();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let event = event.clone();
                thread::spawn(move || event.wait_timeout(Duration::from_secs(20)))
            })
            .collect();
        event.set();
        assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
        event.reset();
        assert!(!event.is_set());
    }

    #[test]
    fn a_wait_ends_at_its_timeout() {
        assert!(!Event::auto_reset().wait_timeout(Duration::from_millis(5)));
    }

    #[test]
    fn every_set_of_an_auto_reset_event_lets_a_waiter_through() {
        let ping = Event::auto_reset();
        let pong = Event::auto_reset();
        let other = {
            let (ping, pong) = (ping.clone(), pong.clone());
            thread::spawn(move || {
                for _ in 0..2_000 {
                    assert!(ping.wait_timeout(Duration::from_secs(20)));
                    pong.set();
                }
            })
        };
        for _ in 0..2_000 {
            ping.set();
            assert!(
                pong.wait_timeout(Duration::from_secs(20)),
                "a wake-up was lost"
            );
        }
        other.join().unwrap();
    }

    /// A thread that waits for two events may be woken by one and take the other.
    #[test]
    fn a_wake_up_that_a_thread_does_not_need_goes_to_the_next() {
        const ROUNDS: u32 = 200;
        const TIMEOUT: Duration = Duration::from_secs(20);
        for _ in 0..ROUNDS {
            let began = Instant::now();
            let [first, second] = [(); 2].map(|()| Event::auto_reset());
            let when_waiting = |count| {
                while first.inner.waiting.load(Ordering::SeqCst) < count {
                    thread::yield_now();
                }
                // They count themselves just before they go into the kernel.
                (0..20).for_each(|_| thread::yield_now());
            };
            thread::scope(|scope| {
                scope.spawn(|| {
                    if Event::wait_any(&[&second, &first], None) == Some(1) {
                        // Not what this is about: both were set between two looks.
                        first.set();
                    }
                });
                when_waiting(1);
                scope.spawn(|| first.wait_timeout(TIMEOUT));
                when_waiting(2);
                second.set();
                first.set();
            });
            // Each round for itself: all of them may take long where there is much else to do.
            assert!(began.elapsed() < TIMEOUT, "a wake-up was lost");
        }
    }
}
