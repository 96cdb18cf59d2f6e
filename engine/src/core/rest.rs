//! Waiting for a core's ring in the loop of somebody else.

use std::os::fd::BorrowedFd;

use annulus_transports::{PollableRing, TransportError, Wait};

use super::Core;

impl<R: PollableRing> Core<R> {
    /// The descriptor that is readable while there may be something to do.
    pub(crate) fn descriptor(&mut self) -> Result<BorrowedFd<'_>, TransportError> {
        self.ring.descriptor()
    }

    /// After a turn that found nothing to do: gets ready for a wait for the ring's descriptor.
    /// `None` if there is something to do first; otherwise how long the wait may be.
    pub(crate) fn begin_rest(&mut self) -> Result<Option<Wait>, TransportError> {
        // The next turn ends the sleep that this announces.
        let is_awake = self.tasks.has_ready() | !self.shared.inbox().prepare_sleep();
        if is_awake || self.is_drained() || !self.early_failures.is_empty() {
            return Ok(None);
        }
        self.flush();
        self.time_sends();
        let ring_wait = self.ring.begin_wait()?;
        Ok(ring_wait.map(|wait| wait.min(Wait::until(self.next_due()))))
    }

    /// The wait has ended, for whatever reason; a turn comes next.
    pub(crate) fn end_rest(&mut self) {
        self.ring.end_wait();
    }
}
