//! Waiting in the kernel for a word to change.

use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::thread::{ClockId, futex};
use rustix::time::{Timespec, clock_gettime};

/// The most words that one thread can wait for at once: the kernel's `FUTEX_WAITV_MAX`.
pub(crate) const WORDS_MAX: usize = 128;

/// When a wait ends without success.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deadline {
    /// The wait does not begin.
    Now,
    At(Instant),
    Never,
}

impl Deadline {
    /// `timeout` from now; none, or one beyond what the clock can hold, is never.
    pub(crate) fn after(timeout: Option<Duration>) -> Self {
        match timeout {
            Some(Duration::ZERO) => Deadline::Now,
            Some(timeout) => Instant::now()
                .checked_add(timeout)
                .map_or(Deadline::Never, Deadline::At),
            None => Deadline::Never,
        }
    }

    pub(crate) fn has_passed(self) -> bool {
        self.left() == Some(Duration::ZERO)
    }

    fn left(self) -> Option<Duration> {
        match self {
            Deadline::Now => Some(Duration::ZERO),
            Deadline::At(instant) => Some(instant.saturating_duration_since(Instant::now())),
            Deadline::Never => None,
        }
    }
}

/// Waits while the word holds `expected`, at most until the deadline; may also return early.
pub(crate) fn wait(word: &AtomicU32, expected: u32, deadline: Deadline) {
    let timeout = deadline
        .left()
        .and_then(|left| futex::Timespec::try_from(left).ok());
    early_return_is_fine(futex::wait(
        word,
        futex::Flags::PRIVATE,
        expected,
        timeout.as_ref(),
    ));
}

/// Waits while each of the words holds zero, at most until the deadline; may also return early.
///
/// # Panics
///
/// If there are more than [`WORDS_MAX`] words.
pub(crate) fn wait_any<'a>(words: impl Iterator<Item = &'a AtomicU32>, deadline: Deadline) {
    let mut waits = [futex::Wait::new(); WORDS_MAX];
    let mut count = 0;
    for word in words {
        // The value to wait at is zero already. The kernel only reads the word.
        waits[count].uaddr = futex::WaitPtr::new(word.as_ptr().cast());
        waits[count].flags = futex::WaitFlags::PRIVATE | futex::WaitFlags::SIZE_U32;
        count += 1;
    }
    let until = deadline.left().and_then(|left| {
        let now = clock_gettime(ClockId::Monotonic);
        now.checked_add(Timespec::try_from(left).ok()?)
    });
    early_return_is_fine(
        futex::waitv(
            &waits[..count],
            futex::WaitvFlags::empty(),
            until.as_ref(),
            ClockId::Monotonic,
        )
        .map(drop),
    );
}

/// Wakes as many threads as wait for the word, at most `count`.
pub(crate) fn wake(word: &AtomicU32, count: u32) {
    // Waking cannot fail in a way that matters: the word is ours and aligned.
    let _ = futex::wake(word, futex::Flags::PRIVATE, count);
}

/// All threads, for [`wake`].
pub(crate) const ALL: u32 = i32::MAX as u32;

fn early_return_is_fine(result: rustix::io::Result<()>) {
    match result {
        Ok(()) | Err(Errno::AGAIN | Errno::INTR | Errno::TIMEDOUT) => {}
        Err(error) => unreachable!("waiting on futex words of this process failed: {error}"),
    }
}
