//! Contexts as calls use them.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use annulus_ndr::ContextHandle;
use annulus_protocol::{InterfaceKey, Uuid};

use super::{ContextUser, ExclusiveContext, GroupContexts, SharedContext, without_waiting};
use crate::call::block_on;
use crate::status::Status;

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

fn shared(contexts: &GroupContexts, handle: &ContextHandle) -> Result<SharedContext<u32>, Status> {
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
