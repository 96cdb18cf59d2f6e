//! What a core gives to the manager routines that run on it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use annulus_protocol::{ReplyTo, Time};
use annulus_transports::{Ring, SocketId};

use super::deferred::{DeferredCalls, Origin};
use super::tasks::Tasks;
use super::timers::Timers;
use crate::call_watch::CallWatch;
use crate::dispatch::Workplace;
use crate::pipe::PipeLink;
use crate::registration::CallPermit;
use crate::status::Status;
use crate::table::Key;

/// What the calls of one connection may use of its core.
pub(super) struct ConnectionWorkplace<'w> {
    /// The connection.
    pub(super) socket: SocketId,
    /// Its serial number, as the socket's id may have another owner later.
    pub(super) serial: u64,
    pub(super) deferred: &'w mut DeferredCalls,
    pub(super) timers: &'w mut Timers,
    pub(super) tasks: &'w Rc<Tasks>,
    pub(super) clock: &'w dyn Clock,
}

/// Tells the time.
pub(super) trait Clock {
    fn now(&self) -> Time;
}

impl<R: Ring> Clock for R {
    fn now(&self) -> Time {
        Ring::now(self)
    }
}

impl ConnectionWorkplace<'_> {
    /// Where a call of the connection came in.
    pub(super) fn origin(&self, reply: &ReplyTo) -> Origin {
        Origin {
            socket: self.socket,
            serial: self.serial,
            reply: *reply,
        }
    }
}

impl Workplace for ConnectionWorkplace<'_> {
    fn tasks(&self) -> &Rc<Tasks> {
        self.tasks
    }

    fn begin(
        &mut self,
        reply: &ReplyTo,
        permit: CallPermit,
        pipes: Option<Arc<PipeLink>>,
    ) -> Option<(Key, Arc<CallWatch>)> {
        self.deferred.begin(self.origin(reply), permit, pipes)
    }

    fn set_task(&mut self, call: Key, task: Key) {
        self.deferred.set_task(call, task);
    }

    fn run_after(
        &mut self,
        delay: Duration,
        call: Option<Key>,
        run: Box<dyn FnOnce() + Send>,
    ) -> Result<(), Status> {
        let deferred = &*self.deferred;
        let is_open = |call| deferred.is_wanted(call);
        // Not the turn's time: the turn may have begun long ago.
        let due = self.clock.now() + delay;
        self.timers
            .add_closure(due, call, run, deferred.gone(), is_open)
    }
}
