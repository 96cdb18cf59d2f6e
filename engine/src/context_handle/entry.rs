//! One context: who has it, and who waits for it.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use super::group::ContextUser;
use super::{ExclusiveContext, SharedContext};
use crate::foreign::{contain_panic, wake_all};
use crate::lock::lock;
use crate::status::Status;

/// One context, and the calls that use it or wait for it.
pub(super) struct Entry {
    opened_by: ContextUser,
    state: Mutex<State>,
}

struct State {
    /// Taken by a call that has the context to itself, and for good at the end.
    value: Option<Arc<dyn Any + Send + Sync>>,
    /// Calls that share it.
    sharing: usize,
    /// Calls that wait for it, by their tickets; not those that were woken.
    waiting: BTreeMap<u64, Waiter>,
    /// Tickets that were given out.
    tickets: u64,
    /// It was closed, or its client is gone.
    is_over: bool,
}

struct Waiter {
    waker: Waker,
    shares: bool,
}

/// The wait of one call for a context. Whoever lets go of the context wakes the first that waits,
/// so a client that has many calls wait does not have them all run for each that ends.
pub(super) struct Turn {
    entry: Arc<Entry>,
    /// The place in the queue, once it has waited.
    ticket: Option<u64>,
}

impl Entry {
    pub(super) fn new(opened_by: ContextUser, value: Arc<dyn Any + Send + Sync>) -> Self {
        Entry {
            opened_by,
            state: Mutex::new(State {
                value: Some(value),
                sharing: 0,
                waiting: BTreeMap::new(),
                tickets: 0,
                is_over: false,
            }),
        }
    }

    pub(super) fn is_open_to(&self, user: ContextUser) -> bool {
        let is_strict = user.is_strict || self.opened_by.is_strict;
        !is_strict || user.interface == self.opened_by.interface
    }

    /// Its one user has taken it for good; who waits for it learns so when that one gives it back.
    pub(super) fn close(&self) {
        lock(&self.state).is_over = true;
    }

    /// Its client is gone: it is dropped, at once if nobody uses it.
    pub(super) fn run_down(&self) {
        let (value, waiting) = {
            let mut state = lock(&self.state);
            state.is_over = true;
            (state.value.take(), state.take_next())
        };
        wake_all(waiting);
        // Dropping it is foreign code.
        contain_panic(|| drop(value));
    }

    /// A call that had it to itself lets go of it; of nothing, if it has taken the value out.
    pub(super) fn give_back(&self, mut value: Option<Arc<dyn Any + Send + Sync>>) {
        let mut state = lock(&self.state);
        if !state.is_over {
            state.value = value.take();
        }
        let waiting = state.take_next();
        // What is left is run down outside of the lock.
        drop(state);
        wake_all(waiting);
    }

    /// A call that shared it has let go of it.
    pub(super) fn end_share(&self) {
        let mut state = lock(&self.state);
        state.sharing -= 1;
        let waiting = state.take_next();
        drop(state);
        wake_all(waiting);
    }
}

impl Turn {
    pub(super) fn new(entry: Arc<Entry>) -> Self {
        Turn {
            entry,
            ticket: None,
        }
    }

    pub(super) fn poll_exclusive<T: Send + Sync + 'static>(
        &mut self,
        waker: &Waker,
    ) -> Poll<Result<ExclusiveContext<T>, Status>> {
        let mut state = lock(&self.entry.state);
        if state.is_over {
            return Poll::Ready(Err(Status::ContextMismatch));
        }
        let is_shared = state.sharing > 0;
        let Some(value) = state.value.take_if(|_| !is_shared) else {
            state.wait(&mut self.ticket, waker, false);
            return Poll::Pending;
        };
        Poll::Ready(match value.downcast::<T>() {
            Ok(value) => {
                state.leave(&mut self.ticket);
                Ok(ExclusiveContext {
                    entry: Arc::clone(&self.entry),
                    value: Some(value),
                })
            }
            Err(value) => {
                state.value = Some(value);
                Err(Status::ContextMismatch)
            }
        })
    }

    pub(super) fn poll_shared<T: Send + Sync + 'static>(
        &mut self,
        waker: &Waker,
    ) -> Poll<Result<SharedContext<T>, Status>> {
        let mut state = lock(&self.entry.state);
        if state.is_over {
            return Poll::Ready(Err(Status::ContextMismatch));
        }
        let Some(value) = &state.value else {
            state.wait(&mut self.ticket, waker, true);
            return Poll::Pending;
        };
        let Ok(value) = Arc::clone(value).downcast::<T>() else {
            return Poll::Ready(Err(Status::ContextMismatch));
        };
        state.sharing += 1;
        state.leave(&mut self.ticket);
        Poll::Ready(Ok(SharedContext {
            entry: Arc::clone(&self.entry),
            value: Some(value),
        }))
    }
}

impl Drop for Turn {
    /// It may have been woken, so another one takes its place.
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else {
            return;
        };
        let mut state = lock(&self.entry.state);
        let waiter = state.waiting.remove(&ticket);
        let next = state.take_next();
        // Wakers may be foreign code to drop.
        drop(state);
        drop(waiter);
        wake_all(next);
    }
}

impl State {
    /// Waits, in the place that it had before.
    fn wait(&mut self, ticket: &mut Option<u64>, waker: &Waker, shares: bool) {
        let ticket = *ticket.get_or_insert_with(|| {
            self.tickets += 1;
            self.tickets
        });
        let waiter = self.waiting.entry(ticket);
        waiter
            .and_modify(|waiter| waiter.waker.clone_from(waker))
            .or_insert_with(|| Waiter {
                waker: waker.clone(),
                shares,
            });
    }

    /// Waits no more, with the context in its hand.
    fn leave(&mut self, ticket: &mut Option<u64>) {
        if let Some(ticket) = ticket.take() {
            let waiter = self.waiting.remove(&ticket);
            // Whatever dropping it does, the context has been handed over.
            contain_panic(|| drop(waiter));
        }
    }

    /// Takes out who is to try next: the first, and if that shares, those behind it that do; all if
    /// there is nothing to wait for any more.
    fn take_next(&mut self) -> Vec<Waker> {
        if self.is_over {
            let waiting = std::mem::take(&mut self.waiting);
            return waiting.into_values().map(|waiter| waiter.waker).collect();
        }
        let mut next = Vec::new();
        while let Some(first) = self.waiting.first_entry() {
            let shares = first.get().shares;
            let is_alone = self.sharing == 0 && next.is_empty();
            if self.value.is_none() || !(shares || is_alone) {
                break;
            }
            next.push(first.remove().waker);
            if !shares {
                break;
            }
        }
        next
    }
}
