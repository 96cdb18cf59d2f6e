//! How client calls end without an answer: cancelled, or because their time is over.

use std::sync::Arc;
use std::time::Duration;

use annulus_transports::Ring;

use super::bindings::NEVER;
use super::connection::Role;
use super::{Core, LocalReplies};
use crate::call_state::CallState;
use crate::core_shared::CancelKind;
use crate::status::Status;
use crate::table::Key;

impl<R: Ring> Core<R> {
    /// Cancels a call of another thread, if it still is the one that was meant.
    pub(super) fn cancel_call(
        &mut self,
        state: &Arc<CallState>,
        serial: u32,
        kind: CancelKind,
        replies: LocalReplies<'_>,
    ) {
        let key = Key::from_bits(state.slot());
        let call = self.bindings.call(key);
        if !call.is_some_and(|call| call.sink.is(state, serial)) {
            return;
        }
        self.cancel(key, kind, replies);
    }

    /// Cancels a call that the thread of this core made, and tells whether it had not ended. If that ends
    /// it, the next turn says so.
    pub(crate) fn cancel_local_call(&mut self, key: Key, kind: CancelKind) -> bool {
        if !self.bindings.is_open(key) {
            return false;
        }
        // It may be the time from which the server's answer is awaited.
        self.now = self.ring.now();
        let mut early = std::mem::take(&mut self.early_failures);
        self.cancel(key, kind, &mut |reply| early.extend(reply.failure()));
        early.append(&mut self.early_failures);
        self.early_failures = early;
        true
    }

    fn cancel(&mut self, key: Key, kind: CancelKind, replies: LocalReplies<'_>) {
        match kind {
            CancelKind::Abortive => self.abort_call(key, replies),
            CancelKind::NonAbortive => self.ask_to_end(key, replies),
            CancelKind::Escalating { after } => {
                self.ask_to_end(key, replies);
                let deadline = self.ring.now() + after;
                if let Some(call) = self.bindings.call_mut(key)
                    && deadline < call.deadline
                {
                    call.deadline = deadline;
                    self.limit_time(key);
                }
            }
        }
    }

    /// Tells the server that a call is to end soon. One that was not sent ends here.
    fn ask_to_end(&mut self, key: Key, replies: LocalReplies<'_>) {
        let Some(call) = self.bindings.call(key) else {
            return;
        };
        let Some((socket, id)) = call.placed else {
            return self.abort_call(key, replies);
        };
        if let Some(connection) = self.connections.get_mut(socket)
            && let Role::Client(link) = &mut connection.role
        {
            let out = connection.outgoing.writable(&mut self.buffers);
            link.protocol.cancel(id, out);
            connection.outgoing.queue(socket, &mut self.dirty);
        }
    }

    /// Ends a call at once with [`Status::CallCancelled`]; the server is told if it knows of it.
    pub(super) fn abort_call(&mut self, key: Key, replies: LocalReplies<'_>) {
        let Some(call) = self.bindings.call(key) else {
            return;
        };
        let (binding, placed) = (call.binding, call.placed);
        let has_pipes = call.pipes.is_some();
        self.fail_call(key, Status::CallCancelled, replies);
        let Some((socket, id)) = placed else {
            return self
                .bindings
                .forget_waiting(binding, &self.shared.stub_buffers);
        };
        if let Some(connection) = self.connections.get_mut(socket)
            && let Role::Client(link) = &mut connection.role
        {
            let out = connection.outgoing.writable(&mut self.buffers);
            link.protocol.orphan(id, out);
            let is_multiplexed = link.protocol.is_multiplexed();
            let has_others = link.protocol.outstanding_calls() > 0;
            connection.outgoing.queue(socket, &mut self.dirty);
            if !is_multiplexed || (has_pipes && !has_others) {
                // It carries one call at a time, also one that nobody waits for any more; and not
                // every server takes another request behind one that ended in the middle.
                self.drop_link(socket, replies);
            } else if has_pipes {
                connection.pipe_is_full = false;
                self.settle(socket, replies);
            }
        }
    }

    /// Gives a call of this thread the time limits of its binding.
    pub(super) fn limit_own_call(&mut self, binding: Key, call: Key) {
        if let Some(entry) = self.bindings.table.get(binding) {
            self.limit_call(call, entry.shared.options.call_deadline);
        }
    }

    /// Gives a call that is made now its time limits.
    pub(super) fn limit_call(&mut self, call: Key, deadline: Option<Duration>) {
        // Not the turn's time: the turn may have begun long ago.
        let now = self.ring.now();
        if let Some(entry) = self.bindings.call_mut(call) {
            entry.progress = now;
            entry.deadline = deadline.map_or(NEVER, |deadline| now + deadline);
        }
        self.limit_time(call);
    }

    /// Sees to it that a call ends when its time is over, if it has a limit.
    pub(super) fn limit_time(&mut self, call: Key) {
        if let Some(due) = self.bindings.call_due(call) {
            let bindings = &self.bindings;
            self.timers
                .add_call(due, call, bindings.ended_calls(), |call| {
                    bindings.is_open(call)
                });
        }
    }

    /// Ends a call whose time is over; a call of which something has come meanwhile has more.
    pub(super) fn call_timer(&mut self, call: Key, replies: LocalReplies<'_>) {
        self.excuse_silence(call);
        match self.bindings.call_due(call) {
            Some(due) if due <= self.now => self.abort_call(call, replies),
            Some(_) => self.limit_time(call),
            None => {}
        }
    }
}
