//! Code of others that panics where a core runs it: the core goes on, and so does everybody else.

mod serving;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use annulus::{
    AsyncHandle, Binding, Dispatch, Interface, Limits, NotificationEvent, Notify, Runtime,
    ServerCall, Serving, Status, SyntaxId, TransferSyntax,
};
use serving::{INTERFACE, Number, bind, limits, number, routine, runtime_within, serve};

const PATIENCE: Duration = Duration::from_secs(20);
/// An operation whose call the test completes.
const PARK: u16 = 0;
const ANSWER: u16 = 1;

/// Panics when it is dropped, or when it is to wake.
#[derive(Clone)]
struct Bomb(Arc<AtomicUsize>);

impl Bomb {
    /// And how often it has gone off.
    fn new() -> (Self, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        (Bomb(Arc::clone(&count)), count)
    }

    /// So that a routine has it.
    fn is_told(&self) {
        assert_eq!(self.0.load(Ordering::Relaxed), 0);
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("a destructor");
    }
}

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        std::mem::forget(self);
        panic!("a waker");
    }
}

/// Server and client on one core.
struct World {
    binding: Binding,
    parked: mpsc::Receiver<ServerCall<Number>>,
    _serving: Serving,
    // Behind what uses it, so that it goes last.
    _runtime: Runtime,
}

impl World {
    /// `also` runs in the dispatch of a call that is parked.
    fn new(limits: Limits, also: impl Fn(&mut Dispatch<'_, '_>) + Send + Sync + 'static) -> Self {
        let (park, parked) = mpsc::channel();
        let runtime = runtime_within(limits);
        let interface = routine(move |mut call| {
            if call.opnum() != PARK {
                return call.reply(&number(7));
            }
            let parked = call.defer()?;
            also(&mut call);
            park.send(parked).map_err(|_| Status::CallFailed)
        });
        let serving = serve(&runtime, interface);
        World {
            binding: bind(&runtime, &serving),
            parked,
            _serving: serving,
            _runtime: runtime,
        }
    }

    fn parked(&self) -> ServerCall<Number> {
        self.parked.recv_timeout(PATIENCE).unwrap()
    }

    /// The core answers still; and it has done all that it was asked to before.
    fn assert_alive(&self) {
        let answer = self.binding.call_blocking::<_, Number>(ANSWER, &());
        assert_eq!(answer, Ok(number(7)));
    }
}

#[test]
fn a_subscription_may_panic_when_the_end_of_its_call_drops_it() {
    let world = World::new(limits(), |_| {});
    let call = world.binding.call::<_, Number>(PARK, &());
    let (bomb, count) = Bomb::new();
    let parked = world.parked();
    let notify = Notify::callback(move |_| bomb.is_told());
    let event = NotificationEvent::ClientCancel;
    parked.subscribe(event, notify, 0).unwrap();
    parked.complete(&number(1)).unwrap();
    assert_eq!(call.wait(), Ok(number(1)));
    world.assert_alive();
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[test]
fn a_notification_may_panic_when_its_call_drops_it() {
    let world = World::new(limits(), |_| {});
    let (bomb, count) = Bomb::new();
    let notify = Notify::callback(move |_| bomb.is_told());
    let mut handle = AsyncHandle::<Number>::new(notify);
    world.binding.call_async(&mut handle, PARK, &()).unwrap();
    let parked = world.parked();
    // Here or on the core, whichever of the two lets go of it last.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(handle)));
    world.assert_alive();
    assert_eq!(count.load(Ordering::Relaxed), 1);
    drop(parked);
    world.assert_alive();
}

#[test]
fn a_waker_may_panic() {
    let world = World::new(limits(), |_| {});
    let (bomb, count) = Bomb::new();
    let mut call = pin!(world.binding.call::<_, Number>(PARK, &()).into_future());
    let waker = Waker::from(Arc::new(bomb));
    let poll = call.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(poll.is_pending());
    world.parked().complete(&number(1)).unwrap();
    world.assert_alive();
    assert_eq!(count.load(Ordering::Relaxed), 1);
    let poll = call.poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(poll, Poll::Ready(Ok(number(1))));
    std::mem::forget(waker);
}

#[test]
fn a_timer_that_is_cleared_away_may_panic() {
    let limits = Limits {
        timers_per_core_max: 1,
        ..limits()
    };
    let (bomb, count) = Bomb::new();
    let bombs = Mutex::new(vec![bomb]);
    let world = World::new(limits, move |call| {
        let bomb = bombs.lock().unwrap().pop();
        let run = move || drop(bomb);
        let hour = Duration::from_secs(3600);
        call.context().after(hour, run).unwrap();
    });
    for value in 0..2 {
        let call = world.binding.call::<_, Number>(PARK, &());
        world.parked().complete(&number(value)).unwrap();
        // The timer of the first call makes room for that of the second.
        assert_eq!(call.wait(), Ok(number(value)));
        assert_eq!(count.load(Ordering::Relaxed), value as usize);
    }
    world.assert_alive();
}

/// Its operations answer, and it panics in all other respects.
struct Strange {
    bomb: Bomb,
    asked: AtomicUsize,
}

impl Interface for Strange {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        // It is asked before it is offered.
        assert_eq!(self.asked.fetch_add(1, Ordering::Relaxed), 0);
        2
    }

    fn supports(&self, transfer: TransferSyntax) -> bool {
        assert_eq!(transfer, TransferSyntax::Ndr);
        true
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        self.bomb.is_told();
        call.reply(&number(u64::from(call.opnum())))
    }
}

#[test]
fn an_interface_may_panic_when_it_is_asked_and_when_it_is_dropped() {
    let (bomb, count) = Bomb::new();
    let runtime = runtime_within(limits());
    let asked = AtomicUsize::new(0);
    let serving = serve(&runtime, Strange { bomb, asked });
    let binding = bind(&runtime, &serving);
    assert_eq!(binding.call_blocking(1, &()), Ok(number(1)));
    drop((binding, serving));
    drop(runtime);
    assert_eq!(count.load(Ordering::Relaxed), 1);
}
