//! Contexts that a server keeps for its clients.

mod serving;

use std::sync::mpsc;
use std::time::Duration;

use annulus::ndr::{ContextHandle, NdrParams};
use annulus::{
    AsyncContext, Binding, Dispatch, ExclusiveContext, Interface, Registration, ServerCall, Status,
};
use serving::{Number, bind, number, routine, runtime, serve};

#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = annulus::ndr)]
struct Handle {
    handle: ContextHandle,
}

/// What the server keeps: a count, and somebody who wants to know when it goes.
struct Counter {
    count: u64,
    ended: mpsc::Sender<u64>,
}

impl Drop for Counter {
    fn drop(&mut self) {
        let _ = self.ended.send(self.count);
    }
}

const OPEN: u16 = 0;
const COUNT: u16 = 1;
const CLOSE: u16 = 2;
const HOLD: u16 = 3;
const COUNT_ASYNC: u16 = 4;

type Held = (ServerCall<Number>, ExclusiveContext<Counter>);

/// Opens, counts in and closes contexts; `HOLD` passes the context on with its call.
fn counting(ended: mpsc::Sender<u64>, held: mpsc::Sender<Held>) -> impl Interface {
    routine(move |mut call: Dispatch<'_, '_>| {
        if call.opnum() == OPEN {
            let ended = ended.clone();
            let handle = call.context().open_context(Counter { count: 0, ended })?;
            return call.reply(&Handle { handle });
        }
        let Handle { handle } = call.decode()?;
        match call.opnum() {
            COUNT => {
                let mut counter = call.context().exclusive_context::<Counter>(&handle)?;
                counter.count += 1;
                call.reply(&number(counter.count))
            }
            CLOSE => {
                let counter = call.context().close_context::<Counter>(&handle)?;
                drop(counter);
                call.reply(&Handle {
                    handle: ContextHandle::NULL,
                })
            }
            COUNT_ASYNC => call.spawn(async move |context: AsyncContext| {
                let mut counter = context.exclusive_context::<Counter>(&handle).await?;
                counter.count += 1;
                Ok(number(counter.count))
            }),
            _ => {
                let counter = call.context().exclusive_context::<Counter>(&handle)?;
                let deferred = call.defer()?;
                held.send((deferred, counter))
                    .map_err(|_| Status::ServerTooBusy)
            }
        }
    })
}

fn open(binding: &Binding) -> Handle {
    binding.call_blocking(OPEN, &()).unwrap()
}

fn count(binding: &Binding, handle: &Handle) -> Result<u64, Status> {
    let answer = binding.call_blocking::<_, Number>(COUNT, handle)?;
    Ok(answer.value)
}

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn rule_54_a_context_lives_from_open_to_close() {
    let runtime = runtime();
    let ((ended, ends), (held, _)) = (mpsc::channel(), mpsc::channel());
    let serving = serve(&runtime, counting(ended, held));
    let binding = bind(&runtime, &serving);
    let (first, second) = (open(&binding), open(&binding));
    assert_ne!(first, second);
    assert_eq!(count(&binding, &first), Ok(1));
    assert_eq!(count(&binding, &first), Ok(2));
    assert_eq!(count(&binding, &second), Ok(1));
    let closed: Handle = binding.call_blocking(CLOSE, &first).unwrap();
    assert!(closed.handle.is_null());
    assert_eq!(ends.try_recv(), Ok(2));
    assert_eq!(count(&binding, &first), Err(Status::ContextMismatch));
    assert_eq!(count(&binding, &closed), Err(Status::InNullContext));
    assert_eq!(count(&binding, &second), Ok(2));
}

#[test]
fn rule_54_a_context_is_of_one_client_and_runs_down_when_that_goes() {
    let (servers, clients, others) = (runtime(), runtime(), runtime());
    let ((ended, ends), (held, _)) = (mpsc::channel(), mpsc::channel());
    let serving = serve(&servers, counting(ended, held));
    let (binding, foreign) = (bind(&clients, &serving), bind(&others, &serving));
    let handle = open(&binding);
    assert_eq!(count(&binding, &handle), Ok(1));
    assert_eq!(count(&foreign, &handle), Err(Status::ContextMismatch));
    drop(others);
    assert_eq!(count(&binding, &handle), Ok(2));
    assert!(ends.try_recv().is_err());
    drop(clients);
    assert_eq!(ends.recv_timeout(PATIENCE), Ok(2));
}

#[test]
fn rule_54_a_context_in_use_runs_down_when_its_call_has_ended() {
    let (servers, clients) = (runtime(), runtime());
    let ((ended, ends), (held, holds)) = (mpsc::channel(), mpsc::channel());
    let serving = serve(&servers, counting(ended, held));
    let binding = bind(&clients, &serving);
    let handle = open(&binding);
    let call = binding.call::<_, Number>(HOLD, &handle);
    let (deferred, mut counter) = holds.recv_timeout(PATIENCE).unwrap();
    assert_eq!(
        count(&binding, &handle),
        Err(Status::ServerTooBusy),
        "the core cannot wait for the call that has it"
    );
    drop(clients);
    assert!(call.wait().is_err());
    while deferred.test_cancel() == Status::CallInProgress {
        std::thread::yield_now();
    }
    assert!(ends.try_recv().is_err());
    counter.count = 77;
    drop(counter);
    assert_eq!(ends.try_recv(), Ok(77));
    drop(deferred);
}

#[test]
fn rule_54_async_and_blocking_managers_wait_for_a_context() {
    let runtime = runtime();
    let ((ended, _ends), (held, holds)) = (mpsc::channel(), mpsc::channel());
    let registration = Registration::new(counting(ended, held)).blocking_operations([COUNT]);
    let serving = serve(&runtime, registration);
    let binding = bind(&runtime, &serving);
    let handle = open(&binding);
    let holding = binding.call::<_, Number>(HOLD, &handle);
    let (deferred, counter) = holds.recv_timeout(PATIENCE).unwrap();
    let waiting = [COUNT, COUNT_ASYNC].map(|opnum| binding.call::<_, Number>(opnum, &handle));
    drop(counter);
    deferred.complete(&number(0)).unwrap();
    holding.wait().unwrap();
    let mut counts = waiting.map(|call| call.wait().unwrap().value);
    counts.sort_unstable();
    assert_eq!(counts, [1, 2]);
}
