//! What the calls of one connection have pushed, all together.

use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Weak};

use crossbeam_queue::SegQueue;

use super::link::PipeLink;
use crate::core_shared::CoreShared;

/// Bytes that were pushed into the out-pipes of a server connection's calls and are not sent yet.
///
/// Only one response goes out at a time, so what other calls push waits for its end. Each of them
/// may have as much as a pipe holds, but all of them no more than the backlog of a connection, and
/// those of all connections no more than that of a core.
///
/// Nobody waits for ever: the call whose response goes out may always push when what it pushed
/// has been sent, and so may any call where nothing else is left to send.
pub(crate) struct PipeBacklog {
    core: Arc<CoreShared>,
    len: AtomicUsize,
    /// Calls that found no room here, each once. There is room when half has been sent.
    starved: SegQueue<Weak<PipeLink>>,
    /// How many of these have gone since they were cleared out.
    gone: AtomicUsize,
}

/// So many calls may have gone before the starved are cleared out.
const GONE_MAX: usize = 32;

impl PipeBacklog {
    pub(crate) fn new(core: &Arc<CoreShared>) -> Arc<Self> {
        Arc::new(PipeBacklog {
            core: Arc::clone(core),
            len: AtomicUsize::new(0),
            starved: SegQueue::new(),
            gone: AtomicUsize::new(0),
        })
    }

    /// Whether a call may push that has `own_len` bytes unsent. A push that looks before it adds
    /// may go beyond the limit, and so may as many as there are threads that push.
    pub(super) fn has_room(&self, own_len: usize, goes_out: bool) -> bool {
        let len = self.len.load(Ordering::Relaxed);
        let is_next = len == 0 || (goes_out && own_len == 0);
        let len_max = self.core.limits().send_backlog_max;
        is_next || (!self.is_core_full() && (goes_out || len < len_max))
    }

    fn is_core_full(&self) -> bool {
        let len = self.core.pushed_len.load(Ordering::Relaxed);
        len >= self.core.limits().send_backlog_per_core_max
    }

    pub(super) fn add(&self, len: usize) {
        self.len.fetch_add(len, Ordering::Relaxed);
        self.core.pushed_len.fetch_add(len, Ordering::Relaxed);
    }

    /// So many bytes are not held any more. Whoever calls this feeds the starved behind it.
    pub(super) fn remove(&self, len: usize) {
        self.len.fetch_sub(len, Ordering::Relaxed);
        self.core.pushed_len.fetch_sub(len, Ordering::Relaxed);
    }

    /// Notes a call that waits until there is room. It looks again behind this.
    pub(super) fn starve(&self, link: Weak<PipeLink>) {
        self.starved.push(link);
    }

    /// A call that was noted is gone; the note keeps its memory. Those that are gone are cleared
    /// out once they are many. Whoever calls this asks to feed behind it, as somebody who feeds
    /// may have missed a call meanwhile.
    pub(super) fn forget_starved(&self) {
        let gone = self.gone.fetch_add(1, Ordering::Relaxed) + 1;
        if gone < GONE_MAX || gone * 2 < self.starved.len() {
            return;
        }
        self.gone.store(0, Ordering::Relaxed);
        for _ in 0..self.starved.len() {
            let Some(link) = self.starved.pop() else {
                return;
            };
            if link.strong_count() > 0 {
                self.starved.push(link);
            }
        }
    }

    /// Takes out whom there is room for: all, as nobody knows who still wants to push.
    pub(super) fn feed(&self) {
        if !self.can_feed() {
            return;
        }
        // Who starves again meanwhile waits for the next time.
        for _ in 0..self.starved.len() {
            if let Some(link) = self.starved.pop().and_then(|link| link.upgrade()) {
                link.offer_room();
            }
        }
    }

    /// Has the core feed the starved, if there is room.
    pub(super) fn ask_to_feed(&self) {
        while self.can_feed()
            && let Some(link) = self.starved.pop()
        {
            if let Some(first) = link.upgrade() {
                self.starved.push(link);
                return first.call_core();
            }
        }
    }

    fn can_feed(&self) -> bool {
        // Pairs with the fence in `Outbound::starves`: either this sees who starves, or that sees
        // the room.
        fence(Ordering::SeqCst);
        let len = self.len.load(Ordering::Relaxed);
        let half = self.core.limits().send_backlog_max / 2;
        len == 0 || (len <= half && !self.is_core_full())
    }
}

#[cfg(test)]
mod tests {
    use annulus_protocol::TransferSyntax;

    use super::*;
    use crate::config::Config;
    use crate::pipe::{PipeShape, Pipes};
    use crate::status::Status;

    #[test]
    fn attack_calls_that_starve_and_go_leave_nothing() {
        let core = Arc::new(CoreShared::new(&Config::default(), Box::new(|| {})));
        let backlog = PipeBacklog::new(&core);
        backlog.add(core.limits().send_backlog_max);
        let shape = PipeShape {
            in_count: 0,
            out_count: 1,
        };
        for _ in 0..1000 {
            let shared = Some(Arc::clone(&backlog));
            let link = PipeLink::of_server(&core, TransferSyntax::Ndr, shape, shared, None);
            let mut pipe = Pipes::new(link).push::<u8>(0);
            assert_eq!(pipe.push(&[1]), Err(Status::SendIncomplete));
        }
        assert!(backlog.starved.len() <= 2 * GONE_MAX);
        backlog.remove(core.limits().send_backlog_max);
    }
}
