//! Once warm, a call allocates nothing, on either side: client and server share one thread and
//! the real ring, so the count is of both.

mod load;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use annulus::rpcecho::{self, RpcEchoClient};
use annulus::{
    AsyncHandle, Binding, BindingOptions, CompletionPort, Event, Message, Notification, Notify,
    Status, WaitResult, sleep_ex,
};
use load::{Load, WORKLOADS};

#[test]
fn calls_allocate_nothing_once_warm() {
    for (workload, connections, outstanding) in WORKLOADS {
        let mut load = Load::alone(connections, outstanding);
        load.rounds(50);
        let before = load.ended;
        let count = allocation_counter::measure(|| load.rounds(100)).count_total;
        let calls = load.ended - before;
        assert_eq!(count, 0, "{workload}: {count} allocations in {calls} calls");
    }
}

#[test]
fn calls_with_a_handle_allocate_nothing_once_warm_however_they_notify() {
    let mut load = Load::alone(1, 1);
    let binding = Binding::new(&load.runtime, &load.target, rpcecho::INTERFACE).unwrap();
    let echo = RpcEchoClient::new(binding);
    let port = CompletionPort::new(1);
    let (queue, messages) = mpsc::sync_channel::<Message>(4);
    let told = Arc::new(AtomicU32::new(0));
    let routine = || {
        let told = Arc::clone(&told);
        move |_: Notification| {
            told.fetch_add(1, Ordering::Relaxed);
        }
    };
    let event = Event::auto_reset();
    let kinds = [
        Notify::None,
        Notify::Event(event.clone()),
        Notify::apc(routine()),
        Notify::CompletionPort {
            port: port.clone(),
            bytes: 0,
            key: 0,
            overlapped: 0,
        },
        Notify::Window {
            queue: Arc::new(queue),
            message: 0,
        },
        Notify::callback(routine()),
    ];
    for notify in kinds {
        let name = format!("{notify:?}");
        let mut handle = AsyncHandle::new(notify.clone());
        let mut rounds = |count: u32| {
            for number in 0..count {
                let before = told.load(Ordering::Relaxed);
                echo.add_one_async(&mut handle, number).unwrap();
                while handle.status() == Status::AsyncCallPending {
                    load.runtime.poll(&mut |_| {}).unwrap();
                }
                let is_told = match &notify {
                    Notify::None => true,
                    Notify::Event(event) => event.wait_timeout(Duration::ZERO),
                    Notify::CompletionPort { port, .. } => port.try_get().is_ok(),
                    Notify::Window { .. } => messages.try_recv().is_ok(),
                    Notify::Apc { .. } => {
                        sleep_ex(Duration::ZERO, true) == WaitResult::ApcsDelivered
                            && told.load(Ordering::Relaxed) == before + 1
                    }
                    _ => told.load(Ordering::Relaxed) == before + 1,
                };
                assert!(is_told, "{name} tells once");
                assert_eq!(handle.complete().unwrap().out_data, number + 1);
            }
        };
        rounds(100);
        let count = allocation_counter::measure(|| rounds(1000)).count_total;
        assert_eq!(count, 0, "{name}: {count} allocations in 1000 calls");
    }
}

#[test]
fn calls_with_a_time_limit_allocate_nothing_once_warm() {
    let mut load = Load::alone(1, 1);
    let options = BindingOptions::new()
        .call_timeout(Duration::from_secs(60))
        .call_deadline(Duration::from_secs(90));
    let bound = load
        .runtime
        .bind_with(&load.target, rpcecho::INTERFACE, options);
    load.bindings = vec![bound.unwrap()];
    load.rounds(3000);
    let count = allocation_counter::measure(|| load.rounds(1000)).count_total;
    assert_eq!(count, 0);
}
