//! An event that threads wait for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::thread::futex;

const UNSET: u32 = 0;
const SET: u32 = 1;

/// A manual- or auto-reset event, the counterpart of a Windows event object.
///
/// Clones name the same event. A wait that begins after [`set`](Event::set) returns at once.
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
    auto_reset: bool,
}

impl Event {
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
                auto_reset,
            }),
        }
    }

    /// Sets the event. What this thread wrote before is visible to whoever the event lets go on.
    pub fn set(&self) {
        // Release: pairs with the acquire in `try_take`.
        if self.inner.state.swap(SET, Ordering::Release) == UNSET {
            let count = if self.inner.auto_reset {
                1
            } else {
                i32::MAX as u32
            };
            // Waking cannot fail in a way that matters: the word is ours and aligned.
            let _ = futex::wake(&self.inner.state, futex::Flags::PRIVATE, count);
        }
    }

    /// Resets the event.
    pub fn reset(&self) {
        self.inner.state.store(UNSET, Ordering::Relaxed);
    }

    /// Whether the event is set. Does not reset it.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.inner.state.load(Ordering::Acquire) == SET
    }

    /// Waits until the event is set.
    pub fn wait(&self) {
        self.wait_until(None);
    }

    /// Waits until the event is set, at most `timeout`; false if it was not.
    #[must_use]
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        // A timeout beyond what the clock can hold is none at all.
        self.wait_until(Instant::now().checked_add(timeout))
    }

    fn wait_until(&self, deadline: Option<Instant>) -> bool {
        loop {
            if self.try_take() {
                return true;
            }
            let left =
                match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                    Some(Duration::ZERO) => return false,
                    left => left,
                };
            let timeout = left.and_then(|left| futex::Timespec::try_from(left).ok());
            match futex::wait(
                &self.inner.state,
                futex::Flags::PRIVATE,
                UNSET,
                timeout.as_ref(),
            ) {
                Ok(()) | Err(Errno::AGAIN | Errno::INTR | Errno::TIMEDOUT) => {}
                Err(error) => {
                    unreachable!("waiting on a futex word of this process failed: {error}")
                }
            }
        }
    }

    fn try_take(&self) -> bool {
        if self.inner.auto_reset {
            // Acquire: pairs with the release in `set`.
            self.inner
                .state
                .compare_exchange(SET, UNSET, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
        } else {
            self.is_set()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

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
}
