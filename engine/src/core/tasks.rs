//! The futures that a core runs.

use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::hash::{BuildHasherDefault, Hasher};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use annulus_protocol::Time;

use super::sleeps::Sleeps;
use crate::core_shared::{Command, CoreShared};
use crate::foreign::contain_panic;
use crate::table::{Key, Table};

/// The tasks of one core, and the sleeps of their futures. Never leaves its thread.
///
/// A future is foreign code, also where it is dropped: nothing here is borrowed while one runs or
/// ends. Once warm, spawning allocates nothing: the box of a future is used again for the next
/// future of the same type.
pub(crate) struct Tasks {
    core: Arc<CoreShared>,
    inner: RefCell<Inner>,
    /// The ring's time when the running task was polled.
    now: Cell<Time>,
    /// The core ends.
    is_closed: Cell<bool>,
}

struct Inner {
    tasks: Table<Task>,
    ready: VecDeque<Key>,
    sleeps: Sleeps,
    spare_places: HashMap<TypeId, Vec<Box<dyn Place>>, BuildHasherDefault<TypeIdHasher>>,
    spare_wakers: Vec<TaskWaker>,
}

struct Task {
    /// Taken while the future is polled.
    place: Option<Box<dyn Place>>,
    waker: TaskWaker,
}

/// A type's id is a hash already.
#[derive(Default)]
struct TypeIdHasher(u64);

impl Hasher for TypeIdHasher {
    fn write(&mut self, bytes: &[u8]) {
        // Not what a type's id does today, but it may.
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, part: u64) {
        self.0 = self.0.rotate_left(8) ^ part;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What waits to be used again, of each kind.
const SPARE_MAX: usize = 1024;

impl Tasks {
    /// At most `len_max` futures at a time.
    pub(crate) fn new(core: Arc<CoreShared>, len_max: usize) -> Self {
        Tasks {
            core,
            inner: RefCell::new(Inner {
                tasks: Table::new(len_max),
                ready: VecDeque::new(),
                sleeps: Sleeps::new(),
                spare_places: HashMap::default(),
                spare_wakers: Vec::new(),
            }),
            now: Cell::new(Time::ZERO),
            is_closed: Cell::new(false),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.inner.borrow().tasks.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.is_closed.get() || self.inner.borrow().tasks.is_full()
    }

    /// The ring's time when the running task was polled.
    pub(crate) fn now(&self) -> Time {
        self.now.get()
    }

    /// Adds a future, which is polled for the first time in the next [`run`](Tasks::run). Gives
    /// it back if there are too many.
    pub(crate) fn spawn<F: Future<Output = ()> + 'static>(&self, future: F) -> Result<Key, F> {
        let mut inner = self.inner.borrow_mut();
        if self.is_closed.get() || inner.tasks.is_full() {
            return Err(future);
        }
        let place = inner.place(future);
        let spare = inner.spare_wakers.pop();
        let waker = spare.unwrap_or_else(|| TaskWaker::new(&self.core));
        let signal = Arc::clone(&waker.signal);
        let Ok(key) = inner.tasks.insert(Task {
            place: Some(place),
            waker,
        }) else {
            unreachable!("the table has room");
        };
        signal.begin(key);
        inner.ready.push_back(key);
        Ok(key)
    }

    /// A task is to be polled.
    pub(crate) fn make_ready(&self, key: Key) {
        self.inner.borrow_mut().ready.push_back(key);
    }

    pub(crate) fn has_ready(&self) -> bool {
        !self.inner.borrow().ready.is_empty()
    }

    /// Polls the tasks that are ready now; those that become ready meanwhile wait for the next
    /// time. `clock` tells the ring's time. True if there was one.
    pub(crate) fn run(&self, clock: impl Fn() -> Time) -> bool {
        let count = self.inner.borrow().ready.len();
        for _ in 0..count {
            let Some(key) = self.inner.borrow_mut().ready.pop_front() else {
                break;
            };
            self.now.set(clock());
            self.poll(key);
            let mut inner = self.inner.borrow_mut();
            if inner.sleeps.has_fresh() {
                // Not the time before the poll: that may have taken long.
                inner.sleeps.arm(clock());
            }
        }
        count > 0
    }

    fn poll(&self, key: Key) {
        let Some((mut place, waker)) = self.begin_poll(key) else {
            return;
        };
        let result = contain_panic(|| place.poll(&mut Context::from_waker(&waker)));
        if let Some(Poll::Pending) = result {
            // A task that was cancelled meanwhile has gone.
            if let Some(task) = self.inner.borrow_mut().tasks.get_mut(key) {
                task.place = Some(place);
                return;
            }
        }
        self.end(key, Some(place));
    }

    fn begin_poll(&self, key: Key) -> Option<(Box<dyn Place>, Waker)> {
        let mut inner = self.inner.borrow_mut();
        let task = inner.tasks.get_mut(key)?;
        let place = task.place.take()?;
        // Before the poll: a wake-up from now on leads to another one.
        task.waker.signal.is_queued.store(false, Ordering::Release);
        Some((place, task.waker.waker.clone()))
    }

    /// Ends a task: its future is dropped.
    pub(crate) fn cancel(&self, key: Key) {
        self.end(key, None);
    }

    fn end(&self, key: Key, polled: Option<Box<dyn Place>>) {
        let task = self.inner.borrow_mut().tasks.remove(key);
        let (place, waker) = match task {
            Some(task) => (polled.or(task.place), Some(task.waker)),
            None => (polled, None),
        };
        let place = place.and_then(|mut place| contain_panic(|| place.clear()).map(|()| place));
        let mut inner = self.inner.borrow_mut();
        if let Some(waker) = waker.filter(|_| inner.spare_wakers.len() < SPARE_MAX) {
            inner.spare_wakers.push(waker);
        }
        if let Some(place) = place
            && let Some(spare) = inner.spare_places.get_mut(&place.kind())
            && spare.len() < SPARE_MAX
        {
            spare.push(place);
        }
    }

    /// Ends all tasks, and takes no more.
    pub(crate) fn cancel_all(&self) {
        self.is_closed.set(true);
        let tasks: Vec<_> = self.inner.borrow_mut().tasks.drain().collect();
        for mut task in tasks {
            contain_panic(|| task.place.as_mut().map(|place| place.clear()));
        }
        let wakers = self.inner.borrow_mut().sleeps.end_all();
        contain_panic(|| drop(wakers));
    }

    /// When the next sleep is over.
    pub(crate) fn next_due(&self) -> Option<Time> {
        self.inner.borrow().sleeps.next_due()
    }

    /// Wakes the sleepers whose time has come. True if there was one.
    pub(crate) fn wake_sleepers(&self, now: Time) -> bool {
        let mut woke = false;
        loop {
            let Some(waker) = self.inner.borrow_mut().sleeps.pop_due(now) else {
                return woke;
            };
            woke = true;
            contain_panic(|| waker.wake());
        }
    }

    /// Begins a sleep, which counts from the end of the running poll.
    pub(crate) fn begin_sleep(&self, delay: Duration, waker: Waker) -> Key {
        self.inner.borrow_mut().sleeps.begin(delay, waker)
    }

    /// Whether a sleep is over.
    pub(crate) fn poll_sleep(&self, key: Key, waker: &Waker) -> bool {
        self.inner.borrow_mut().sleeps.poll(key, waker)
    }

    pub(crate) fn end_sleep(&self, key: Key) {
        let waker = self.inner.borrow_mut().sleeps.end(key);
        drop(waker);
    }
}

impl Inner {
    /// Puts a future into a box that had another one of its type before, if there is one.
    fn place<F: Future<Output = ()> + 'static>(&mut self, future: F) -> Box<dyn Place> {
        let spare = self.spare_places.entry(TypeId::of::<F>()).or_default();
        if let Some(mut place) = spare.pop()
            && let Some(concrete) = place.as_any().downcast_mut::<PlaceOf<F>>()
        {
            concrete.0.set(Some(future));
            return place;
        }
        Box::new(PlaceOf(Box::pin(Some(future))))
    }
}

/// A place for futures of one type, one after the other.
trait Place {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()>;
    /// Drops the future.
    fn clear(&mut self);
    /// The type of the futures.
    fn kind(&self) -> TypeId;
    fn as_any(&mut self) -> &mut dyn std::any::Any;
}

struct PlaceOf<F>(Pin<Box<Option<F>>>);

impl<F: Future<Output = ()> + 'static> Place for PlaceOf<F> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.0.as_mut().as_pin_mut() {
            Some(future) => future.poll(context),
            None => Poll::Ready(()),
        }
    }

    fn clear(&mut self) {
        self.0.set(None);
    }

    fn kind(&self) -> TypeId {
        TypeId::of::<F>()
    }

    fn as_any(&mut self) -> &mut dyn std::any::Any {
        self
    }
}

/// Wakes one task, and later others: a waker that outlives its task may wake another one for
/// nothing.
struct TaskWaker {
    signal: Arc<Signal>,
    waker: Waker,
}

struct Signal {
    core: Arc<CoreShared>,
    task: AtomicU64,
    /// The task is to be polled anyway.
    is_queued: AtomicBool,
}

impl TaskWaker {
    fn new(core: &Arc<CoreShared>) -> Self {
        let signal = Arc::new(Signal {
            core: Arc::clone(core),
            task: AtomicU64::new(0),
            is_queued: AtomicBool::new(true),
        });
        let waker = Waker::from(Arc::clone(&signal));
        TaskWaker { signal, waker }
    }
}

impl Signal {
    /// Wakes this task from now on, which is queued for its first poll already.
    fn begin(&self, task: Key) {
        self.task.store(task.to_bits(), Ordering::Relaxed);
        // Release: pairs with the swap in `wake_by_ref`, as does the store before each poll.
        // Whoever finds the task not queued sees its key, and no older one.
        self.is_queued.store(true, Ordering::Release);
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::AcqRel) {
            let task = Key::from_bits(self.task.load(Ordering::Relaxed));
            self.core.submit(Command::RunTask(task));
        }
    }
}
