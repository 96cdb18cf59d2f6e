//! The kernel's two queues: submissions in, completions out, one system call between.
//!
//! This module holds unsafe code; the proofs rest on the invariant of [`Submission`].

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use io_uring::types::{Napi, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue};

use crate::error::TransportError;
use crate::kernel::KernelWait;
use crate::uring::operation::Operation;
use crate::uring::probe;
use crate::uring::submission::Submission;

/// How many completions fit for each submission.
const COMPLETIONS_PER_SUBMISSION: u32 = 4;

/// The kernel's own bound on submissions (io_uring_setup(2)).
const ENTRIES_MAX: u32 = 1 << 15;

/// An io_uring instance that belongs to the thread that made it.
pub(super) struct Queue {
    ring: IoUring,
    /// Submissions that found the queue full and the kernel unwilling to take more; in order.
    spilled: VecDeque<Submission>,
    /// Operations whose last completion was not seen yet.
    in_flight: usize,
    /// The kernel has taken a submission.
    has_submitted: bool,
    enter_count: u64,
    can_install: bool,
}

/// A completion as the kernel gives it.
#[derive(Clone, Copy, Debug)]
pub(super) struct KernelCompletion {
    pub(super) operation: Operation,
    pub(super) result: i32,
    /// More completions of the same operation will come.
    pub(super) more: bool,
    /// The receive buffer that the kernel used.
    pub(super) buffer: Option<u16>,
}

impl Queue {
    /// Makes an instance of `entries` submissions that only this thread may use.
    pub(super) fn new(entries: u32) -> Result<Self, TransportError> {
        if !(1..=ENTRIES_MAX).contains(&entries) {
            return Err(TransportError::Setting {
                name: "UringConfig::entries",
                value: entries.into(),
                expected: "1 to 32,768",
            });
        }
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_coop_taskrun()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_submit_all()
            .setup_clamp()
            .setup_cqsize(entries.saturating_mul(COMPLETIONS_PER_SUBMISSION))
            .dontfork()
            .build(entries)
            .map_err(probe::setup_error)?;
        let can_install = probe::check_features(&ring)?.fixed_fd_install;
        Ok(Queue {
            ring,
            spilled: VecDeque::new(),
            in_flight: 0,
            has_submitted: false,
            enter_count: 0,
            can_install,
        })
    }

    /// How many completions the queue holds before the kernel must keep them elsewhere.
    pub(super) fn completion_capacity(&self) -> usize {
        self.ring.params().cq_entries() as usize
    }

    /// Registers an empty table of direct descriptors.
    pub(super) fn register_table(&self, len: u32) -> Result<(), TransportError> {
        let registered = self.ring.submitter().register_files_sparse(len);
        registered.map_err(|source| probe::table_error(len, source))
    }

    /// Lets the kernel look for packets for this long before it sleeps, in whole microseconds.
    /// Returns how long it did before.
    pub(super) fn register_napi(&self, time: Duration) -> io::Result<Duration> {
        let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        let mut napi = Napi::new().set_busy_poll_timeout(micros);
        self.ring.submitter().register_napi(&mut napi)?;
        Ok(Duration::from_micros(napi.busy_poll_timeout().into()))
    }

    /// Puts a descriptor into a free place of the table; the kernel takes its own reference.
    pub(super) fn install(&self, index: u32, fd: &impl AsRawFd) -> io::Result<()> {
        let fds: [RawFd; 1] = [fd.as_raw_fd()];
        self.ring
            .submitter()
            .register_files_update(index, &fds)
            .map(drop)
    }

    /// Whether the kernel makes an ordinary descriptor of a direct one.
    pub(super) fn can_install(&self) -> bool {
        self.can_install
    }

    /// Empties a place of the table. The socket closes, unless somebody else has it too.
    pub(super) fn uninstall(&self, index: u32) -> io::Result<()> {
        self.ring
            .submitter()
            .register_files_update(index, &[-1])
            .map(drop)
    }

    /// Registers a ring of provided buffers.
    ///
    /// # Safety
    ///
    /// `address` is the start of a page, with room for `entries` descriptors, and valid until
    /// this queue is gone.
    pub(super) unsafe fn register_buffer_ring(
        &self,
        address: u64,
        entries: u16,
        group: u16,
    ) -> Result<(), TransportError> {
        // SAFETY: handed on to the caller, word by word.
        unsafe {
            self.ring
                .submitter()
                .register_buf_ring_with_flags(address, entries, group, 0)
        }
        .map_err(probe::buffer_ring_error)
    }

    /// Queues a submission. If the queue is full, the kernel gets what is in it first.
    pub(super) fn push(&mut self, submission: Submission) {
        self.in_flight += 1;
        // Nothing overtakes what was spilled.
        if !self.spilled.is_empty() || !self.try_push(&submission) {
            self.spilled.push_back(submission);
            self.unspill();
        }
    }

    /// Moves spilled submissions into the queue, as far as the kernel makes room. What it
    /// refuses now stays, and a lasting failure shows at the next [`enter`](Queue::enter).
    fn unspill(&mut self) {
        while let Some(submission) = self.spilled.pop_front() {
            if self.try_push(&submission) {
                continue;
            }
            let entered = self.enter_kernel(KernelWait::No);
            if entered.is_err() || !self.try_push(&submission) {
                self.spilled.push_front(submission);
                return;
            }
        }
    }

    fn try_push(&mut self, submission: &Submission) -> bool {
        // SAFETY: the invariant of `Submission`: what it points to outlives the operation.
        unsafe { self.ring.submission().push(submission.entry()) }.is_ok()
    }

    /// Whether the kernel has anything to do or to say.
    pub(super) fn is_enter_needed(&mut self) -> bool {
        let submissions = self.ring.submission();
        !submissions.is_empty()
            || submissions.taskrun()
            || submissions.cq_overflow()
            || !self.spilled.is_empty()
    }

    /// Whether completions wait in the kernel because the queue was full.
    pub(super) fn is_overflown(&mut self) -> bool {
        self.ring.submission().cq_overflow()
    }

    /// Hands all submissions over, lets the kernel post completions, and waits for one if told
    /// to. Without a wait, and with nothing to do, it makes no system call.
    ///
    /// May return early, without a completion.
    pub(super) fn enter(&mut self, wait: KernelWait) -> Result<(), TransportError> {
        if wait == KernelWait::No && !self.is_enter_needed() {
            return Ok(());
        }
        self.unspill();
        match self.enter_kernel(wait) {
            Ok(()) => Ok(()),
            Err(source) => match source.raw_os_error() {
                Some(libc::ETIME | libc::EINTR) => Ok(()),
                // The kernel is short of memory, or wants its completions taken first. Nothing
                // is lost, the caller takes completions and comes again.
                Some(libc::EAGAIN | libc::EBUSY) => {
                    std::thread::yield_now();
                    Ok(())
                }
                _ => Err(TransportError::RingBroken {
                    call: "io_uring_enter",
                    source,
                }),
            },
        }
    }

    fn enter_kernel(&mut self, wait: KernelWait) -> io::Result<()> {
        self.enter_count += 1;
        let submitter = self.ring.submitter();
        let submitted = match wait {
            KernelWait::No => submitter.submit(),
            KernelWait::Forever => submitter.submit_and_wait(1),
            KernelWait::For(duration) => {
                let timeout = Timespec::from(duration);
                submitter.submit_with_args(1, &SubmitArgs::new().timespec(&timeout))
            }
        }?;
        self.has_submitted |= submitted > 0;
        Ok(())
    }

    /// The next completion in the queue.
    pub(super) fn pop(&mut self) -> Option<KernelCompletion> {
        loop {
            let entry = self.ring.completion().next()?;
            let flags = entry.flags();
            let more = cqueue::more(flags);
            if !more {
                self.in_flight -= 1;
            }
            let Some(operation) = Operation::from_user_data(entry.user_data()) else {
                tracing::error!(
                    user_data = entry.user_data(),
                    "a completion of no operation"
                );
                continue;
            };
            let (result, buffer) = (entry.result(), cqueue::buffer_select(flags));
            return Some(KernelCompletion {
                operation,
                result,
                more,
                buffer,
            });
        }
    }

    /// Has the kernel signal an eventfd for each completion, and for each that it will post at
    /// the next [`enter`](Queue::enter).
    pub(super) fn signal(&self, eventfd: BorrowedFd<'_>) -> io::Result<()> {
        self.ring.submitter().register_eventfd(eventfd.as_raw_fd())
    }

    /// Operations whose last completion was not seen yet.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether the kernel has taken a submission, ever. An enter that fails has taken none
    /// (io_uring_enter(2)).
    pub(super) fn has_submitted(&self) -> bool {
        self.has_submitted
    }

    /// System calls made so far to hand submissions over or to wait.
    pub(super) fn enter_count(&self) -> u64 {
        self.enter_count
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::kernel::Generation;
    use crate::ring::SocketId;

    /// A submission that fails at once, because there is no table.
    fn numbered(number: u32) -> Submission {
        let socket = SocketId(number);
        Submission::close(socket, Operation::Close(socket, Generation::FIRST))
    }

    /// The kernel takes submissions from the ring's own thread only: that is how a test makes it
    /// refuse them for a while.
    #[test]
    fn no_submission_overtakes_those_that_the_kernel_refused() {
        let mut queue = Queue::new(2).unwrap();
        let other_thread = std::thread::scope(|scope| {
            let pushing = scope.spawn(|| (0..5).for_each(|number| queue.push(numbered(number))));
            pushing.join()
        });
        other_thread.unwrap();
        assert_eq!(queue.spilled.len(), 3);
        queue.enter_kernel(KernelWait::No).unwrap();
        (5..8).for_each(|number| queue.push(numbered(number)));
        let mut order = Vec::new();
        while queue.in_flight() > 0 {
            queue
                .enter(KernelWait::For(Duration::from_secs(1)))
                .unwrap();
            while let Some(completion) = queue.pop() {
                match completion.operation {
                    Operation::Close(socket, _) => order.push(socket.0),
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(order, (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn busy_polling_is_registered_where_the_kernel_has_it() {
        let queue = Queue::new(4).unwrap();
        let time = Duration::from_micros(50);
        match queue.register_napi(time) {
            Ok(before) => {
                assert_eq!(before, Duration::ZERO);
                let registered = queue.register_napi(Duration::ZERO).unwrap();
                println!("IORING_REGISTER_NAPI: {} µs", registered.as_micros());
                assert_eq!(registered, time);
            }
            // Linux before 6.9, or without CONFIG_NET_RX_BUSY_POLL.
            Err(error) => {
                println!("IORING_REGISTER_NAPI: {error}");
                assert_eq!(error.raw_os_error(), Some(libc::EINVAL), "{error}");
            }
        }
    }
}
