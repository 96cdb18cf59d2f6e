//! The calls that their manager routines took out of the dispatch.

use std::sync::Arc;

use annulus_protocol::ReplyTo;
use annulus_transports::SocketId;

use crate::call_watch::CallWatch;
use crate::pipe::PipeLink;
use crate::registration::CallPermit;
use crate::status::Status;
use crate::table::{Key, Table};

/// Where a call came in and how it is answered.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) socket: SocketId,
    /// The connection's serial number: the socket's id may have another owner by the time of
    /// the answer.
    pub(crate) serial: u64,
    pub(crate) reply: ReplyTo,
}

/// A call that its manager routine took out of the dispatch.
pub(crate) struct DeferredCall {
    pub(crate) origin: Origin,
    watch: Arc<CallWatch>,
    /// Given back when the call ends, whether its client is still there or not: its manager is.
    _permit: CallPermit,
    /// The future that will end it, if it is one.
    task: Option<Key>,
    pipes: Option<Arc<PipeLink>>,
    /// Its client is gone, so nobody is answered when it ends.
    is_disconnected: bool,
}

/// The deferred calls of one core.
///
/// A call keeps its place until its manager ends it. Otherwise a client that goes and comes again
/// would have more calls running than there may be.
pub(crate) struct DeferredCalls {
    table: Table<DeferredCall>,
    /// How many of them have lost their clients.
    disconnected: usize,
    /// How many calls were ended, or lost their clients, so far.
    gone: u64,
    /// Watches that no call uses at the moment.
    spare: Vec<Arc<CallWatch>>,
}

/// Watches that wait to be used again.
const SPARE_MAX: usize = 1024;

impl DeferredCall {
    fn end_pipes(&self, status: Status) {
        if let Some(link) = &self.pipes {
            link.finish(status);
        }
    }
}

impl DeferredCalls {
    /// At most `len_max` calls are open at a time.
    pub(crate) fn new(len_max: usize) -> Self {
        DeferredCalls {
            table: Table::new(len_max),
            disconnected: 0,
            gone: 0,
            spare: Vec::new(),
        }
    }

    /// Calls that a client waits for.
    pub(crate) fn len(&self) -> usize {
        self.table.len() - self.disconnected
    }

    /// How many calls were ended, or lost their clients, so far.
    pub(crate) fn gone(&self) -> u64 {
        self.gone
    }

    /// Whether a client waits for a call.
    pub(crate) fn is_wanted(&self, key: Key) -> bool {
        let call = self.table.get(key);
        call.is_some_and(|call| !call.is_disconnected)
    }

    /// Enters a call, with a watch that is still to begin; `None` if there are too many.
    pub(crate) fn begin(
        &mut self,
        origin: Origin,
        permit: CallPermit,
        pipes: Option<Arc<PipeLink>>,
    ) -> Option<(Key, Arc<CallWatch>)> {
        if self.table.is_full() {
            return None;
        }
        // One that somebody still holds a reference to is left to them.
        let spare = self.spare.pop().filter(|it| Arc::strong_count(it) == 1);
        let watch = spare.unwrap_or_else(|| Arc::new(CallWatch::new()));
        let call = DeferredCall {
            origin,
            watch: Arc::clone(&watch),
            _permit: permit,
            task: None,
            pipes,
            is_disconnected: false,
        };
        let key = self.table.insert(call).ok()?;
        Some((key, watch))
    }

    /// Takes a call out whose manager has ended it; where the answer goes, if anybody wants one.
    pub(crate) fn end(&mut self, key: Key) -> Option<Origin> {
        let call = self.table.remove(key)?;
        call.watch.end();
        if call.is_disconnected {
            self.disconnected -= 1;
            return None;
        }
        self.gone += 1;
        call.end_pipes(Status::Ok);
        Some(call.origin)
    }

    /// Notes the future that will end a call.
    pub(crate) fn set_task(&mut self, key: Key, task: Key) {
        if let Some(call) = self.table.get_mut(key) {
            call.task = Some(task);
        }
    }

    /// The client of a call is gone; its manager learns of that, and has still to end it. The
    /// future that was to end it, if it is one, is not wanted any more.
    pub(crate) fn disconnect(&mut self, key: Key) -> Option<Key> {
        let call = self.table.get_mut(key)?;
        if std::mem::replace(&mut call.is_disconnected, true) {
            return None;
        }
        self.disconnected += 1;
        self.gone += 1;
        call.watch.disconnect();
        call.end_pipes(Status::CommFailure);
        call.task
    }

    /// Takes all calls out: the core ends.
    pub(crate) fn disconnect_all(&mut self) {
        for call in self.table.drain() {
            call.watch.disconnect();
            call.end_pipes(Status::CommFailure);
        }
        self.disconnected = 0;
    }

    /// Where a call came in, if its client waits for it.
    pub(crate) fn origin(&self, key: Key) -> Option<Origin> {
        let call = self.table.get(key).filter(|call| !call.is_disconnected);
        call.map(|call| call.origin)
    }

    /// The client of a call cancels it.
    pub(crate) fn cancel(&mut self, key: Key) {
        if let Some(call) = self.table.get_mut(key) {
            call.watch.cancel();
        }
    }

    /// Keeps the watch of a call that has ended for another one.
    pub(crate) fn recycle(&mut self, watch: Arc<CallWatch>) {
        // Also for a call whose client had gone before.
        watch.end();
        if self.spare.len() < SPARE_MAX {
            self.spare.push(watch);
        }
    }
}
