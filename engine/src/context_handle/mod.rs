//! What a server keeps for a client between its calls: contexts, and the handles that name them.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use annulus_ndr::ContextHandle;
use annulus_protocol::{InterfaceKey, Uuid};

use crate::foreign::{contain_panic, wake_all};
use crate::status::Status;

/// A context that this call has to itself: no other call uses it until this is dropped.
///
/// If the client goes meanwhile, the context is dropped with this: that is its rundown.
pub struct ExclusiveContext<T: Send + Sync + 'static> {
    entry: Arc<Entry>,
    /// Taken when it is given back, or for good. Nobody else has a reference.
    value: Option<Arc<T>>,
}

/// A context that other calls may use at the same time, if they share it too.
pub struct SharedContext<T: Send + Sync + 'static> {
    entry: Arc<Entry>,
    /// Taken when it is given back.
    value: Option<Arc<T>>,
}

/// The contexts of one association group: those of one client. A handle of another client is not
/// in here, so it names nothing.
pub(crate) struct GroupContexts {
    entries: Mutex<Entries>,
    len_max: usize,
    /// Makes handles that nobody can guess.
    secret: RandomState,
}

struct Entries {
    by_handle: HashMap<Uuid, Arc<Entry>>,
    opened: u64,
    /// The client is gone.
    is_closed: bool,
}

/// Who opens or uses a context.
#[derive(Clone, Copy)]
pub(crate) struct ContextUser {
    pub(crate) interface: InterfaceKey,
    /// The interface's contexts are its own.
    pub(crate) is_strict: bool,
}

struct Entry {
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
struct Turn {
    entry: Arc<Entry>,
    /// The place in the queue, once it has waited.
    ticket: Option<u64>,
}

impl GroupContexts {
    /// Of at most `len_max` contexts.
    pub(crate) fn new(len_max: usize) -> Arc<Self> {
        Arc::new(GroupContexts {
            entries: Mutex::new(Entries {
                by_handle: HashMap::new(),
                opened: 0,
                is_closed: false,
            }),
            len_max,
            secret: RandomState::new(),
        })
    }

    /// Keeps a value until it is closed or its client goes.
    pub(crate) fn open<T: Send + Sync + 'static>(
        &self,
        user: ContextUser,
        value: T,
    ) -> Result<ContextHandle, Status> {
        let mut entries = lock(&self.entries);
        if entries.is_closed || entries.by_handle.len() >= self.len_max {
            return Err(Status::ServerOutOfMemory);
        }
        entries.opened += 1;
        let halves = [0_u8, 1].map(|half| self.secret.hash_one((entries.opened, half)));
        let uuid = Uuid::from_u64_pair(halves[0], halves[1]);
        let entry = Entry {
            opened_by: user,
            state: Mutex::new(State {
                value: Some(Arc::new(value)),
                sharing: 0,
                waiting: BTreeMap::new(),
                tickets: 0,
                is_over: false,
            }),
        };
        entries.by_handle.insert(uuid, Arc::new(entry));
        Ok(ContextHandle {
            attributes: 0,
            uuid,
        })
    }

    /// A context for one call alone, which may have to wait for it.
    pub(crate) async fn exclusive<T: Send + Sync + 'static>(
        &self,
        user: ContextUser,
        handle: &ContextHandle,
    ) -> Result<ExclusiveContext<T>, Status> {
        let mut turn = Turn::new(self.find(user, handle)?);
        std::future::poll_fn(|context| turn.poll_exclusive(context.waker())).await
    }

    /// A context that other calls may share.
    pub(crate) async fn shared<T: Send + Sync + 'static>(
        &self,
        user: ContextUser,
        handle: &ContextHandle,
    ) -> Result<SharedContext<T>, Status> {
        let mut turn = Turn::new(self.find(user, handle)?);
        std::future::poll_fn(|context| turn.poll_shared(context.waker())).await
    }

    /// Takes a context out, once no other call uses it.
    pub(crate) async fn close<T: Send + Sync + 'static>(
        &self,
        user: ContextUser,
        handle: &ContextHandle,
    ) -> Result<T, Status> {
        let mut context = self.exclusive::<T>(user, handle).await?;
        lock(&self.entries).by_handle.remove(&handle.uuid);
        lock(&context.entry.state).is_over = true;
        let value = context.value.take().and_then(Arc::into_inner);
        value.ok_or(Status::ContextMismatch)
    }

    fn find(&self, user: ContextUser, handle: &ContextHandle) -> Result<Arc<Entry>, Status> {
        if handle.is_null() {
            return Err(Status::InNullContext);
        }
        let entries = lock(&self.entries);
        let entry = entries.by_handle.get(&handle.uuid);
        let entry = entry.filter(|entry| handle.attributes == 0 && entry.is_open_to(user));
        entry.cloned().ok_or(Status::ContextMismatch)
    }

    /// The client's last connection is gone: its contexts are dropped, those in use when their
    /// calls let go of them.
    pub(crate) fn run_down(&self) {
        let entries = {
            let mut entries = lock(&self.entries);
            entries.is_closed = true;
            std::mem::take(&mut entries.by_handle)
        };
        for entry in entries.into_values() {
            let (value, waiting) = {
                let mut state = lock(&entry.state);
                state.is_over = true;
                (state.value.take(), state.take_next())
            };
            wake_all(waiting);
            // Dropping it is foreign code.
            contain_panic(|| drop(value));
        }
    }
}

impl Entry {
    fn is_open_to(&self, user: ContextUser) -> bool {
        let is_strict = user.is_strict || self.opened_by.is_strict;
        !is_strict || user.interface == self.opened_by.interface
    }
}

impl Turn {
    fn new(entry: Arc<Entry>) -> Self {
        Turn {
            entry,
            ticket: None,
        }
    }

    fn poll_exclusive<T: Send + Sync + 'static>(
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

    fn poll_shared<T: Send + Sync + 'static>(
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The outcome of a wait for a context, where there is no waiting: [`Status::ServerTooBusy`] if
/// another call has it.
pub(crate) fn without_waiting<T>(
    wait: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    match pin!(wait).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(Status::ServerTooBusy),
    }
}

impl<T: Send + Sync + 'static> Deref for ExclusiveContext<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("it is given back once")
    }
}

impl<T: Send + Sync + 'static> DerefMut for ExclusiveContext<T> {
    fn deref_mut(&mut self) -> &mut T {
        let value = self.value.as_mut().and_then(Arc::get_mut);
        value.expect("nobody else has a reference")
    }
}

impl<T: Send + Sync + 'static> Drop for ExclusiveContext<T> {
    fn drop(&mut self) {
        let mut value: Option<Arc<dyn Any + Send + Sync>> = None;
        if let Some(context) = self.value.take() {
            value = Some(context);
        }
        let mut state = lock(&self.entry.state);
        if !state.is_over {
            state.value = value.take();
        }
        let waiting = state.take_next();
        // What is left is run down outside of the lock.
        drop(state);
        wake_all(waiting);
    }
}

impl<T: Send + Sync + 'static> Deref for SharedContext<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("it is given back once")
    }
}

impl<T: Send + Sync + 'static> Drop for SharedContext<T> {
    fn drop(&mut self) {
        // Before it counts no more: whoever has the context alone next has the only reference.
        let value = self.value.take();
        contain_panic(|| drop(value));
        let mut state = lock(&self.entry.state);
        state.sharing -= 1;
        let waiting = state.take_next();
        drop(state);
        wake_all(waiting);
    }
}

impl<T: fmt::Debug + Send + Sync + 'static> fmt::Debug for ExclusiveContext<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExclusiveContext").field(&**self).finish()
    }
}

impl<T: fmt::Debug + Send + Sync + 'static> fmt::Debug for SharedContext<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedContext").field(&**self).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::call::block_on;

    const HERE: ContextUser = ContextUser {
        interface: InterfaceKey(1),
        is_strict: false,
    };
    const ELSEWHERE: ContextUser = ContextUser {
        interface: InterfaceKey(2),
        is_strict: false,
    };
    const STRICT: ContextUser = ContextUser {
        interface: InterfaceKey(2),
        is_strict: true,
    };

    fn exclusive<T: Send + Sync + 'static>(
        contexts: &GroupContexts,
        user: ContextUser,
        handle: &ContextHandle,
    ) -> Result<ExclusiveContext<T>, Status> {
        without_waiting(contexts.exclusive(user, handle))
    }

    fn shared(
        contexts: &GroupContexts,
        handle: &ContextHandle,
    ) -> Result<SharedContext<u32>, Status> {
        without_waiting(contexts.shared(HERE, handle))
    }

    #[test]
    fn rule_54_a_context_is_for_one_call_alone_unless_both_share_it() {
        let contexts = GroupContexts::new(10);
        let handle = contexts.open(HERE, 7_u32).unwrap();
        let mut first = exclusive::<u32>(&contexts, HERE, &handle).unwrap();
        *first += 1;
        assert_eq!(
            exclusive::<u32>(&contexts, HERE, &handle).err(),
            Some(Status::ServerTooBusy)
        );
        assert_eq!(
            shared(&contexts, &handle).err(),
            Some(Status::ServerTooBusy)
        );
        drop(first);
        let (one, two) = (shared(&contexts, &handle), shared(&contexts, &handle));
        assert_eq!((*one.unwrap(), *two.unwrap()), (8, 8));
        let one = shared(&contexts, &handle).unwrap();
        assert_eq!(
            without_waiting(contexts.close::<u32>(HERE, &handle)),
            Err(Status::ServerTooBusy)
        );
        drop(one);
        assert_eq!(without_waiting(contexts.close::<u32>(HERE, &handle)), Ok(8));
        assert_eq!(
            shared(&contexts, &handle).err(),
            Some(Status::ContextMismatch)
        );
    }

    #[test]
    fn rule_54_forged_foreign_and_null_handles_name_nothing() {
        let (contexts, foreign) = (GroupContexts::new(10), GroupContexts::new(10));
        let handle = contexts.open(HERE, 7_u32).unwrap();
        let other = foreign.open(HERE, 7_u32).unwrap();
        let mut attributed = handle;
        attributed.attributes = 1;
        let mut guessed = handle;
        guessed.uuid = Uuid::from_u128(guessed.uuid.as_u128() + 1);
        for forged in [other, attributed, guessed] {
            let found = exclusive::<u32>(&contexts, HERE, &forged);
            assert_eq!(found.err(), Some(Status::ContextMismatch));
        }
        let null = exclusive::<u32>(&contexts, HERE, &ContextHandle::NULL);
        assert_eq!(null.err(), Some(Status::InNullContext));
        let of_another_type = exclusive::<u64>(&contexts, HERE, &handle);
        assert_eq!(of_another_type.err(), Some(Status::ContextMismatch));
        assert_eq!(*exclusive::<u32>(&contexts, HERE, &handle).unwrap(), 7);
    }

    #[test]
    fn rule_54_a_strict_interface_has_its_contexts_to_itself() {
        let contexts = GroupContexts::new(10);
        let lax = contexts.open(HERE, 7_u32).unwrap();
        let strict = contexts.open(STRICT, 8_u32).unwrap();
        assert!(exclusive::<u32>(&contexts, ELSEWHERE, &lax).is_ok());
        assert!(exclusive::<u32>(&contexts, STRICT, &strict).is_ok());
        for (user, handle) in [(STRICT, lax), (HERE, strict)] {
            let found = exclusive::<u32>(&contexts, user, &handle);
            assert_eq!(found.err(), Some(Status::ContextMismatch));
        }
    }

    #[test]
    fn rule_54_contexts_run_down_when_their_calls_let_go_of_them() {
        let contexts = GroupContexts::new(2);
        let (idle, used) = (Arc::new(()), Arc::new(()));
        contexts.open(HERE, Arc::clone(&idle)).unwrap();
        let handle = contexts.open(HERE, Arc::clone(&used)).unwrap();
        let one_too_many = contexts.open(HERE, ());
        assert_eq!(one_too_many, Err(Status::ServerOutOfMemory));
        let context = exclusive::<Arc<()>>(&contexts, HERE, &handle).unwrap();
        contexts.run_down();
        assert_eq!((Arc::strong_count(&idle), Arc::strong_count(&used)), (1, 2));
        drop(context);
        assert_eq!(Arc::strong_count(&used), 1);
        assert_eq!(contexts.open(HERE, ()), Err(Status::ServerOutOfMemory));
    }

    #[test]
    fn rule_54_whoever_waits_for_a_context_gets_it_or_learns_that_it_has_gone() {
        let contexts = GroupContexts::new(10);
        let handle = contexts.open(HERE, 0_u32).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let context = block_on(contexts.exclusive::<u32>(HERE, &handle));
                        *context.unwrap() += 1;
                    }
                });
            }
        });
        let context = exclusive::<u32>(&contexts, HERE, &handle).unwrap();
        assert_eq!(*context, 800);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| block_on(contexts.shared::<u32>(HERE, &handle)).err());
            contexts.run_down();
            drop(context);
            assert_eq!(waiting.join().unwrap(), Some(Status::ContextMismatch));
        });
    }

    struct Told(AtomicU32);

    impl Wake for Told {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A call that waits for a context, and how often it was woken.
    struct Waiting<'c> {
        call: Pin<Box<dyn Future<Output = Result<ExclusiveContext<u32>, Status>> + 'c>>,
        told: Arc<Told>,
    }

    impl Waiting<'_> {
        fn poll(&mut self) -> Poll<Result<ExclusiveContext<u32>, Status>> {
            let waker = Waker::from(Arc::clone(&self.told));
            self.call.as_mut().poll(&mut Context::from_waker(&waker))
        }
    }

    /// If all were woken each time, n calls of a client would cost n * n.
    #[test]
    fn rule_54_whoever_lets_go_of_a_context_wakes_the_one_that_has_waited_longest() {
        let contexts = GroupContexts::new(1);
        let handle = contexts.open(HERE, 0_u32).unwrap();
        let held = exclusive::<u32>(&contexts, HERE, &handle).unwrap();
        let mut waiting: VecDeque<_> = (0..100)
            .map(|_| Waiting {
                call: Box::pin(contexts.exclusive::<u32>(HERE, &handle)),
                told: Arc::new(Told(AtomicU32::new(0))),
            })
            .collect();
        for waiting in &mut waiting {
            assert!(waiting.poll().is_pending());
        }
        let told = |waiting: &VecDeque<Waiting<'_>>| {
            let told = waiting.iter().map(|it| it.told.0.load(Ordering::Relaxed));
            told.collect::<Vec<_>>()
        };
        drop(held);
        assert_eq!(
            (told(&waiting)[0], told(&waiting)[1..].iter().sum()),
            (1, 0)
        );
        // Another call is quicker; the first keeps its place.
        let held = exclusive::<u32>(&contexts, HERE, &handle).unwrap();
        assert!(waiting[0].poll().is_pending());
        drop(held);
        assert_eq!(
            (told(&waiting)[0], told(&waiting)[1..].iter().sum()),
            (2, 0)
        );
        // One that was woken and goes, such as with its client, hands the wake-up on.
        waiting.pop_front();
        for _ in 0..99 {
            let mut first = waiting.pop_front().unwrap();
            assert_eq!(told(&waiting).iter().sum::<u32>(), 0);
            assert_eq!(first.told.0.load(Ordering::Relaxed), 1);
            assert!(matches!(first.poll(), Poll::Ready(Ok(_))));
        }
    }

    #[test]
    fn rule_54_calls_that_share_a_context_are_woken_together() {
        let contexts = GroupContexts::new(1);
        let handle = contexts.open(HERE, 7_u32).unwrap();
        let held = exclusive::<u32>(&contexts, HERE, &handle).unwrap();
        let told = Arc::new(Told(AtomicU32::new(0)));
        let waker = Waker::from(Arc::clone(&told));
        let mut context = Context::from_waker(&waker);
        let mut sharing: Vec<_> = (0..3)
            .map(|_| Box::pin(contexts.shared::<u32>(HERE, &handle)))
            .collect();
        for call in &mut sharing {
            assert!(call.as_mut().poll(&mut context).is_pending());
        }
        let mut alone = Box::pin(contexts.exclusive::<u32>(HERE, &handle));
        assert!(alone.as_mut().poll(&mut context).is_pending());
        drop(held);
        assert_eq!(told.0.load(Ordering::Relaxed), 3);
        let shared: Vec<_> = sharing
            .iter_mut()
            .map(|call| call.as_mut().poll(&mut context))
            .collect();
        assert!(shared.iter().all(|it| matches!(it, Poll::Ready(Ok(_)))));
        drop(shared);
        assert_eq!(
            told.0.load(Ordering::Relaxed),
            4,
            "the last lets the other in"
        );
        assert!(matches!(
            alone.as_mut().poll(&mut context),
            Poll::Ready(Ok(_))
        ));
    }

    /// Panics when it is dropped.
    struct Bomb;

    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            drop(self);
        }
    }

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a destructor");
        }
    }

    #[test]
    fn a_waker_that_panics_takes_no_context_with_it() {
        let contexts = GroupContexts::new(1);
        let handle = contexts.open(HERE, 7_u32).unwrap();
        let held = exclusive::<u32>(&contexts, HERE, &handle).unwrap();
        let bomb = Waker::from(Arc::new(Bomb));
        let mut waiting = [(); 2].map(|()| Box::pin(contexts.exclusive::<u32>(HERE, &handle)));
        for call in &mut waiting {
            let poll = call.as_mut().poll(&mut Context::from_waker(&bomb));
            assert!(poll.is_pending());
        }
        // The last reference is that of the one which is not woken.
        drop(bomb);
        drop(held);
        let [first, second] = &mut waiting;
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(Ok(held)) = second.as_mut().poll(&mut context) else {
            panic!("the context is free");
        };
        drop(held);
        let poll = first.as_mut().poll(&mut context);
        assert!(matches!(poll, Poll::Ready(Ok(context)) if *context == 7));
    }
}
