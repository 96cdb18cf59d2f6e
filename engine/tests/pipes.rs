//! Calls with pipes, between a client and a server on the kernel's own ring.

mod piping;

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use annulus::{
    AsyncHandle, CancelKind, Event, NotificationEvent, Notify, PullPipe, PushPipe, ServerCall,
    Status,
};
use piping::{Manager, Number, Total, World};

/// Pulls a pipe to its end.
fn drain<T: for<'a> annulus::ndr::Decode<'a>>(pipe: &mut PullPipe<T>) -> Result<Vec<T>, Status> {
    let mut elements = Vec::new();
    while pipe.pull_blocking(&mut elements, 4096)? > 0 {}
    Ok(elements)
}

fn total(total: u64) -> Total {
    Total { total }
}

fn number(number: u32) -> Number {
    Number { number }
}

/// Adds up what comes, each in a thread of its own.
struct Sum;

impl Manager for Sum {
    fn sum(&self, call: ServerCall<Total>, name: &str, mut numbers: PullPipe<u32>) {
        let factor = u64::from(name.len() as u32);
        thread::spawn(move || match drain(&mut numbers) {
            Ok(numbers) => {
                let sum: u64 = numbers.iter().copied().map(u64::from).sum();
                call.complete(&total(sum * factor)).unwrap();
            }
            Err(status) => call.abort(status).unwrap(),
        });
    }

    fn count(&self, call: ServerCall<Number>, upto: u32, mut numbers: PushPipe<u32>) {
        thread::spawn(move || {
            for next in 0..upto {
                if numbers.push_blocking(&[next]).is_err() {
                    return;
                }
            }
            numbers.finish().unwrap();
            call.complete(&number(upto)).unwrap();
        });
    }

    fn echo(&self, call: ServerCall<Number>, mut from: PullPipe<u8>, mut to: PushPipe<u8>) {
        thread::spawn(move || {
            let Ok(bytes) = drain(&mut from) else { return };
            to.push_blocking(&bytes).unwrap();
            to.finish().unwrap();
            call.complete(&number(bytes.len() as u32)).unwrap();
        });
    }
}

#[test]
fn rule_51_in_pipes_follow_the_other_in_parameters_in_both_syntaxes() {
    for options in ["", ",ndr64"] {
        let world = World::new(Sum, options);
        // Names that need no padding, some, and more than one fragment.
        for name in ["four", "x", &"y".repeat(20_000)] {
            let (call, mut numbers) = world.client.sum(name).unwrap();
            for chunk in [&[1, 2, 3][..], &[4], &[5; 3000]] {
                numbers.push_blocking(chunk).unwrap();
            }
            numbers.push(&[]).unwrap();
            assert_eq!(call.wait(), Ok(total((10 + 15_000) * name.len() as u64)));
        }
    }
}

#[test]
fn rule_51_out_pipes_precede_the_other_out_parameters() {
    for options in ["", ",ndr64"] {
        let world = World::new(Sum, options);
        for upto in [0, 1, 2, 7, 5000] {
            let (call, mut numbers) = world.client.count(upto).unwrap();
            let pulled = drain(&mut numbers).unwrap();
            assert_eq!(pulled, (0..upto).collect::<Vec<_>>());
            assert_eq!(call.wait(), Ok(number(upto)));
        }
    }
}

#[test]
fn rule_52_an_in_out_pipe_is_pushed_to_its_end_then_pulled() {
    let world = World::new(Sum, "");
    let bytes: Vec<u8> = (0..100_000).map(|i| i as u8).collect();
    let (call, mut push, mut pull) = world.client.echo().unwrap();
    push.push_blocking(&bytes).unwrap();
    assert_eq!(pull.pull(&mut Vec::new(), 1), Err(Status::WrongPipeOrder));
    push.finish().unwrap();
    assert_eq!(drain(&mut pull).unwrap(), bytes);
    assert_eq!(call.wait(), Ok(number(100_000)));
}

/// Either end is told to wait rather than made to, pulls what is there, and sees the end as zero
/// elements.
#[test]
fn rule_47_pipes_are_asynchronous_and_the_same_on_both_sides() {
    struct Hands(mpsc::Sender<(ServerCall<Number>, PullPipe<u8>, PushPipe<u8>)>);

    impl Manager for Hands {
        fn echo(&self, call: ServerCall<Number>, from: PullPipe<u8>, to: PushPipe<u8>) {
            self.0.send((call, from, to)).unwrap();
        }
    }

    /// What one side pushed comes to the other side, and then nothing but the end.
    fn carry(push: &mut PushPipe<u8>, pull: &mut PullPipe<u8>, end: impl FnOnce()) {
        let mut got = Vec::new();
        assert_eq!(pull.pull(&mut got, 9), Err(Status::AsyncCallPending));
        push.push(&[1, 2, 3, 4]).unwrap();
        assert_eq!(pull.pull_blocking(&mut got, 9), Ok(4));
        assert_eq!(pull.pull(&mut got, 9), Err(Status::AsyncCallPending));
        push.push(&[]).unwrap();
        end();
        assert_eq!(pull.pull_blocking(&mut got, 9), Ok(0));
        assert_eq!(got, [1, 2, 3, 4]);
    }

    let (send, taken) = mpsc::channel();
    let world = World::new(Hands(send), "");
    let (client, mut client_push, mut client_pull) = world.client.echo().unwrap();
    let (server, mut server_pull, mut server_push) = taken.recv_timeout(LONG).unwrap();
    carry(&mut client_push, &mut server_pull, || {});
    // The last few bytes of the pipe wait for what comes behind it.
    carry(&mut server_push, &mut client_pull, || {
        server.complete(&number(4)).unwrap();
    });
    assert_eq!(client.wait(), Ok(number(4)));
}

#[test]
fn calls_with_pipes_run_beside_each_other_and_beside_ordinary_ones() {
    let world = World::new(Sum, "");
    let (first, mut first_numbers) = world.client.sum("a").unwrap();
    first_numbers.push(&[1]).unwrap();
    let (second, mut second_numbers) = world.client.sum("b").unwrap();
    second_numbers.push(&[2]).unwrap();
    assert_eq!(world.client.plain(41), Ok(42));
    second_numbers.finish().unwrap();
    assert_eq!(second.wait(), Ok(total(2)));
    assert_eq!(world.client.plain(1), Ok(2));
    first_numbers.finish().unwrap();
    assert_eq!(first.wait(), Ok(total(1)));
    let (third, mut third_numbers) = world.client.sum("c").unwrap();
    third_numbers.finish().unwrap();
    assert_eq!(third.wait(), Ok(total(0)));
}

#[test]
fn rule_49_send_complete_and_receive_complete_reach_the_handle() {
    let world = World::new(Sum, "");
    let (sent, received, done) = (
        Event::auto_reset(),
        Event::auto_reset(),
        Event::auto_reset(),
    );
    let events = (sent.clone(), received.clone(), done.clone());
    let mut handle = AsyncHandle::new(Notify::callback(move |notification| {
        match notification.event {
            NotificationEvent::SendComplete => events.0.set(),
            NotificationEvent::ReceiveComplete => events.1.set(),
            _ => events.2.set(),
        }
    }));
    handle.notify_on_send_complete(true);
    let (mut push, mut pull) = world.client.echo_async(&mut handle).unwrap();
    assert!(sent.wait_timeout(LONG), "the call itself was sent");
    push.push(&[7; 100]).unwrap();
    assert!(sent.wait_timeout(LONG));
    push.push(&[8]).unwrap();
    assert!(sent.wait_timeout(LONG), "also where the bytes are carried");
    push.push(&[]).unwrap();
    let mut bytes = Vec::new();
    loop {
        match pull.pull(&mut bytes, 1000) {
            Ok(0) => break,
            Ok(_) => {}
            Err(Status::AsyncCallPending) => assert!(received.wait_timeout(LONG)),
            Err(status) => panic!("{status}"),
        }
    }
    assert!(done.wait_timeout(LONG));
    assert_eq!(handle.complete(), Ok(number(101)));
    assert_eq!(bytes.len(), 101);
}

#[test]
fn rule_50_a_call_completed_with_an_undrained_pipe_breaks_the_discipline() {
    struct Hasty;
    impl Manager for Hasty {
        fn sum(&self, call: ServerCall<Total>, _: &str, _: PullPipe<u32>) {
            assert_eq!(call.complete(&total(0)), Err(Status::PipeDisciplineError));
        }
    }
    let world = World::new(Hasty, "");
    let (call, mut numbers) = world.client.sum("four").unwrap();
    assert_eq!(call.wait(), Err(Status::PipeDisciplineError));
    assert_eq!(numbers.push(&[1]), Err(Status::PipeDisciplineError));
    assert_eq!(world.client.plain(1), Ok(2), "the server goes on");
}

#[test]
fn rule_50_a_failure_after_dispatch_is_reported_by_the_next_pull() {
    struct Watch(Event, Event);
    impl Manager for Watch {
        fn sum(&self, call: ServerCall<Total>, _: &str, mut numbers: PullPipe<u32>) {
            let (started, failed) = (self.0.clone(), self.1.clone());
            thread::spawn(move || {
                started.set();
                assert!(drain(&mut numbers).is_err());
                failed.set();
                drop(call);
            });
        }
    }
    let (started, failed) = (Event::manual_reset(), Event::manual_reset());
    let world = World::new(Watch(started.clone(), failed.clone()), "");
    let (call, mut numbers) = world.client.sum("four").unwrap();
    numbers.push(&[1, 2]).unwrap();
    assert!(started.wait_timeout(LONG));
    drop(numbers);
    assert_eq!(call.wait(), Err(Status::CallCancelled));
    assert!(failed.wait_timeout(LONG), "the puller waits for ever");
    assert_eq!(world.client.plain(1), Ok(2));
}

#[test]
fn a_slow_puller_bounds_what_is_pushed_and_blocks_nobody() {
    struct Sleepy(Event);
    impl Manager for Sleepy {
        fn sum(&self, call: ServerCall<Total>, _: &str, mut numbers: PullPipe<u32>) {
            let go = self.0.clone();
            thread::spawn(move || {
                go.wait();
                let numbers = drain(&mut numbers).unwrap();
                call.complete(&total(numbers.len() as u64)).unwrap();
            });
        }
    }
    let go = Event::manual_reset();
    let world = World::new(Sleepy(go.clone()), "");
    let (call, mut numbers) = world.client.sum("four").unwrap();
    let mut pushed = 0;
    let chunk = vec![1; 16 << 10];
    let mut idle = 0;
    // Both sides' bounds and the kernel's socket buffers fill up; then nothing moves any more.
    while idle < 50 {
        match numbers.push(&chunk) {
            Ok(()) => {
                pushed += chunk.len();
                idle = 0;
            }
            Err(Status::SendIncomplete) => {
                idle += 1;
                assert_eq!(world.client.plain(1), Ok(2), "others are blocked");
            }
            Err(status) => panic!("{status}"),
        }
        assert!(pushed < 64 << 20, "nothing holds the pusher back");
    }
    go.set();
    numbers.finish().unwrap();
    assert_eq!(call.wait(), Ok(total(pushed as u64)));
}

/// What is told of a pipe may hold what holds the pipe: a ring that nobody could free.
#[test]
fn a_handle_that_is_dropped_after_its_reply_frees_what_is_told_of_its_pipes() {
    let world = World::new(Sum, "");
    let (told, done) = (Arc::new(()), Event::manual_reset());
    let holds = (Arc::clone(&told), done.clone());
    let mut handle = AsyncHandle::new(Notify::callback(move |notification| {
        let (_, done) = &holds;
        if notification.event == NotificationEvent::CallComplete {
            done.set();
        }
    }));
    let (mut push, pull) = world.client.echo_async(&mut handle).unwrap();
    push.push(&[1]).unwrap();
    push.finish().unwrap();
    assert!(done.wait_timeout(LONG));
    // The reply is good, and nobody takes it.
    drop((handle, push, pull));
    drop(world);
    assert_eq!(Arc::strong_count(&told), 1);
}

/// The same on the server, where a manager's routine may hold the pipe itself.
#[test]
fn a_routine_that_holds_its_own_pipe_goes_with_the_call() {
    struct Holds(Arc<()>);
    impl Manager for Holds {
        fn count(&self, call: ServerCall<Number>, _: u32, mut numbers: PushPipe<u32>) {
            numbers.finish().unwrap();
            let holds = (numbers, Arc::clone(&self.0));
            let notify = Notify::callback(move |_| {
                let (numbers, _) = &holds;
                assert!(numbers.is_ended());
            });
            call.notify_of_pipes(notify, 0, true).unwrap();
            call.complete(&number(7)).unwrap();
        }
    }
    let held = Arc::new(());
    let world = World::new(Holds(Arc::clone(&held)), "");
    let (call, mut numbers) = world.client.count(0).unwrap();
    assert_eq!(drain(&mut numbers), Ok(vec![]));
    assert_eq!(call.wait(), Ok(number(7)));
    drop(world);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn rule_23_a_cancelled_pipe_call_ends_at_once_and_harms_no_other() {
    struct Endless;
    impl Manager for Endless {
        fn count(&self, call: ServerCall<Number>, _: u32, mut numbers: PushPipe<u32>) {
            thread::spawn(move || {
                while numbers.push_blocking(&[7; 1000]).is_ok() {}
                drop(call);
            });
        }
    }
    let world = World::new(Endless, "");
    let mut handle = AsyncHandle::new(Notify::None);
    let mut numbers = world.client.count_async(&mut handle, 0).unwrap();
    assert!(numbers.pull_blocking(&mut Vec::new(), 100).unwrap() > 0);
    handle.cancel(CancelKind::Abortive).unwrap();
    assert_eq!(handle.wait(), Err(Status::CallCancelled));
    let after = numbers.pull_blocking(&mut Vec::new(), 100);
    assert_eq!(after, Err(Status::CallCancelled));
    assert_eq!(world.client.plain(1), Ok(2));
}

#[test]
fn rule_34_an_abort_in_the_middle_of_an_out_pipe_is_a_fault() {
    struct Halfway;
    impl Manager for Halfway {
        fn count(&self, call: ServerCall<Number>, _: u32, mut numbers: PushPipe<u32>) {
            numbers.push(&[1, 2, 3]).unwrap();
            call.abort(Status::Other(0x1234)).unwrap();
        }
    }
    let world = World::new(Halfway, "");
    let (call, mut numbers) = world.client.count(0).unwrap();
    assert!(drain(&mut numbers).is_err());
    assert_eq!(call.wait(), Err(Status::Other(0x1234)));
    assert_eq!(world.client.plain(1), Ok(2));
}

#[test]
fn managers_that_block_pull_and_push_on_a_worker() {
    let world = World::blocking(Sum, "");
    for name in ["four", &"y".repeat(20_000)] {
        let (call, mut numbers) = world.client.sum(name).unwrap();
        numbers.push_blocking(&[1; 5000]).unwrap();
        numbers.finish().unwrap();
        assert_eq!(call.wait(), Ok(total(5000 * name.len() as u64)));
    }
    let (call, mut numbers) = world.client.count(3).unwrap();
    assert_eq!(drain(&mut numbers).unwrap(), [0, 1, 2]);
    assert_eq!(call.wait(), Ok(number(3)));
}

#[test]
fn pipes_are_futures_on_the_core_of_a_manager() {
    struct Core;
    impl Manager for Core {
        #[expect(
            clippy::manual_async_fn,
            reason = "an async fn would borrow the manager"
        )]
        fn echo_future(
            &self,
            mut from: PullPipe<u8>,
            mut to: PushPipe<u8>,
        ) -> impl Future<Output = Result<Number, Status>> + 'static {
            async move {
                let mut bytes = Vec::new();
                while from.pull_future(&mut bytes, 1000).await? > 0 {}
                to.push_future(&bytes).await?;
                to.finish()?;
                Ok(number(bytes.len() as u32))
            }
        }
    }
    let world = World::new(Core, "");
    let (call, mut push, mut pull) = world.client.echo_on_core().unwrap();
    let bytes = vec![9; 300_000];
    push.push_blocking(&bytes).unwrap();
    push.finish().unwrap();
    assert_eq!(drain(&mut pull).unwrap(), bytes);
    assert_eq!(call.wait(), Ok(number(300_000)));
}

/// A failed test ends after this; a good one does not wait.
const LONG: Duration = Duration::from_secs(20);

#[test]
fn a_call_with_pipes_and_the_calls_behind_it_are_of_one_group() {
    let world = World::new(Sum, "");
    let (call, mut numbers) = world.client.sum("four").unwrap();
    numbers.push(&[1]).unwrap();
    let open = world.client.open().unwrap();
    numbers.finish().unwrap();
    assert_eq!(call.wait(), Ok(total(4)));
    let (call, mut found) = world.client.find(open).unwrap();
    assert_eq!(drain(&mut found).unwrap(), [7]);
    assert_eq!(call.wait(), Ok(number(7)));
}
