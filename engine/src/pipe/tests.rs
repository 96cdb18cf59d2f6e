//! The two ends of a call's pipes, with what a core does between them done by hand.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use annulus_ndr::ByteOrder;
use annulus_protocol::{Limits, TransferSyntax};

use super::{PipeLink, PipeNotify, PipeShape, Pipes, PullPipe, PushPipe, Unpulled};
use crate::config::Config;
use crate::core_shared::{Command, CoreShared};
use crate::notification::NotificationEvent;
use crate::status::Status;

const LIMITS: Limits = Limits {
    pipe_len_max: 1000,
    unpulled_len_per_core_max: 3000,
    ..Limits::DEFAULT
};

/// Both sides of one call, and the cores that carry it.
struct Call {
    client: Arc<PipeLink>,
    server: Arc<PipeLink>,
    client_core: Arc<CoreShared>,
    server_core: Arc<CoreShared>,
}

fn core() -> Arc<CoreShared> {
    Arc::new(CoreShared::new(
        &Config::default().limits(LIMITS),
        Box::new(|| {}),
    ))
}

impl Call {
    /// A call with in-parameters of three bytes in front of its pipes.
    fn new(in_count: usize, out_count: usize, transfer: TransferSyntax) -> Self {
        let shape = PipeShape {
            in_count,
            out_count,
        };
        let (client_core, server_core) = (core(), core());
        let unpulled = Unpulled::new(&server_core);
        let client = PipeLink::of_client(&client_core, transfer, shape);
        client.push_head(vec![1, 2, 3]);
        let server = PipeLink::of_server(&server_core, transfer, shape, None, Some(unpulled));
        server.start(3, &[], ByteOrder::Little);
        Call {
            client,
            server,
            client_core,
            server_core,
        }
    }

    /// Sends what the client has pushed, in pieces of `piece_len` bytes at most.
    fn send(&self, piece_len: usize) -> bool {
        carry(&self.client, &self.server, piece_len, 3)
    }

    fn push<T>(&self) -> PushPipe<T> {
        Pipes::new(self.client.clone()).push(0)
    }

    fn pull<T>(&self) -> PullPipe<T> {
        Pipes::new(self.server.clone()).pull(0)
    }
}

/// Moves what was pushed at `from` to `to`, but for the first `skip` bytes of the stub. True if
/// the receiver is to stop.
fn carry(from: &PipeLink, to: &PipeLink, piece_len: usize, skip: usize) -> bool {
    let mut must_stop = false;
    let mut skip = if from.call().is_none() { skip } else { 0 };
    from.begin_take();
    while let Some(piece) = from.take() {
        from.set_call(0);
        from.sent(piece.stub.len());
        let mut rest = &piece.stub[skip.min(piece.stub.len())..];
        skip = 0;
        while rest.len() > piece_len {
            let (part, behind) = rest.split_at(piece_len);
            must_stop |= to.received(part.to_vec(), false, ByteOrder::Little);
            rest = behind;
        }
        must_stop |= to.received(rest.to_vec(), piece.is_last, ByteOrder::Little);
    }
    must_stop
}

/// Collects the events of a link.
fn events(link: &PipeLink, on_send_complete: bool) -> Arc<Mutex<Vec<NotificationEvent>>> {
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink = events.clone();
    link.set_notify(PipeNotify {
        notify: Arc::new(move |event| sink.lock().unwrap().push(event)),
        on_send_complete,
    })
    .unwrap();
    events
}

fn commands(core: &CoreShared) -> usize {
    std::iter::from_fn(|| core.inbox().pop()).count()
}

#[test]
fn rule_48_elements_come_out_as_they_went_in_and_zero_elements_end_the_pipe() {
    for transfer in [TransferSyntax::Ndr, TransferSyntax::Ndr64] {
        for piece_len in [1, 3, 8, 1000] {
            let call = Call::new(1, 0, transfer);
            let (mut push, mut pull) = (call.push::<u16>(), call.pull::<u16>());
            let mut pulled = Vec::new();
            push.push(&[1, 2, 3]).unwrap();
            push.push(&[4]).unwrap();
            call.send(piece_len);
            push.push(&[]).unwrap();
            assert_eq!(push.push(&[5]), Err(Status::PipeClosed));
            call.send(piece_len);
            while pull.pull(&mut pulled, 2).unwrap() != 0 {}
            assert_eq!(pulled, [1, 2, 3, 4]);
            assert_eq!(pull.pull(&mut pulled, 2), Err(Status::PipeEmpty));
        }
    }
}

#[test]
fn rule_48_a_pull_without_data_is_pending_and_is_notified_once() {
    let call = Call::new(1, 0, TransferSyntax::Ndr);
    let events = events(&call.server, false);
    let (mut push, mut pull) = (call.push::<u32>(), call.pull::<u32>());
    let mut pulled = Vec::new();
    assert_eq!(pull.pull(&mut pulled, 9), Err(Status::AsyncCallPending));
    push.push(&[7, 8, 9]).unwrap();
    call.send(1);
    assert_eq!(
        *events.lock().unwrap(),
        [NotificationEvent::ReceiveComplete]
    );
    assert_eq!(pull.pull(&mut pulled, 9), Ok(2), "the third one is carried");
    assert_eq!(pull.pull(&mut pulled, 9), Err(Status::AsyncCallPending));
    push.flush().unwrap();
    call.send(100);
    assert_eq!(events.lock().unwrap().len(), 2);
    assert_eq!(pull.pull(&mut pulled, 9), Ok(1));
    assert_eq!(pulled, [7, 8, 9]);
    push.finish().unwrap();
}

#[test]
fn rule_49_a_full_pipe_refuses_a_push_and_tells_when_there_is_room() {
    let call = Call::new(1, 0, TransferSyntax::Ndr);
    let events = events(&call.client, false);
    let mut push = call.push::<u64>();
    while push.push(&[1; 16]) == Ok(()) {
        assert!(push.unsent_len() <= LIMITS.pipe_len_max + 200, "bounded");
    }
    assert_eq!(push.push(&[1; 16]), Err(Status::SendIncomplete));
    assert!(events.lock().unwrap().is_empty());
    call.send(1000);
    assert_eq!(*events.lock().unwrap(), [NotificationEvent::SendComplete]);
    assert_eq!(push.push(&[1; 16]), Ok(()));
    push.finish().unwrap();
}

#[test]
fn rule_49_send_complete_comes_when_all_that_was_pushed_is_sent() {
    let call = Call::new(1, 0, TransferSyntax::Ndr);
    let events = events(&call.client, true);
    let mut push = call.push::<u8>();
    push.push(&[1; 40]).unwrap();
    push.push(&[2; 40]).unwrap();
    assert!(events.lock().unwrap().is_empty());
    call.send(1000);
    assert_eq!(events.lock().unwrap().len(), 1, "early pushes share one");
    push.push(&[3]).unwrap();
    call.send(1000);
    assert_eq!(events.lock().unwrap().len(), 2, "also of what is carried");
    push.finish().unwrap();
}

#[test]
fn a_slow_puller_holds_the_core_back_and_lets_it_go_on() {
    let call = Call::new(1, 0, TransferSyntax::Ndr);
    let (mut push, mut pull) = (call.push::<u8>(), call.pull::<u8>());
    push.push(&[5; 900]).unwrap();
    assert!(!call.send(100));
    push.push(&[6; 900]).unwrap();
    assert!(call.send(100), "more than there is room for");
    assert!(call.server.unpulled_len() > LIMITS.pipe_len_max);
    let mut pulled = Vec::new();
    while pull.pull(&mut pulled, 1).is_ok() && commands(&call.server_core) == 0 {}
    assert!(call.server.unpulled_len() <= LIMITS.pipe_len_max / 2);
    while pull.pull(&mut pulled, 100).is_ok() {}
    assert_eq!(commands(&call.server_core), 0, "told once");
    push.finish().unwrap();
}

#[test]
fn attack_data_that_comes_byte_by_byte_is_held_back_early() {
    let call = Call::new(1, 0, TransferSyntax::Ndr);
    let mut buffer_len = 0;
    let is_held_back = (0..LIMITS.pipe_len_max).any(|_| {
        let mut piece = Vec::with_capacity(1024);
        piece.push(0);
        buffer_len += piece.capacity();
        call.server.received(piece, false, ByteOrder::Little)
    });
    assert!(is_held_back);
    assert!(buffer_len <= 5 * LIMITS.pipe_len_max, "{buffer_len}");
}

/// How much counts as unpulled on the server's core.
fn unpulled_on_core(call: &Call) -> usize {
    call.server_core.unpulled_len.load(Ordering::Relaxed)
}

#[test]
fn what_was_received_counts_until_it_was_pulled_or_is_gone() {
    for is_pulled in [true, false] {
        let call = Call::new(1, 0, TransferSyntax::Ndr);
        let (mut push, mut pull) = (call.push::<u8>(), call.pull::<u8>());
        push.push(&[7; 300]).unwrap();
        call.send(100);
        assert!(unpulled_on_core(&call) >= 300);
        let mut pulled = Vec::new();
        assert_eq!(pull.pull(&mut pulled, 50), Ok(50));
        assert!(unpulled_on_core(&call) >= 250, "it holds the rest");
        push.finish().unwrap();
        call.send(100);
        if is_pulled {
            while pull.pull(&mut pulled, 1000).unwrap() > 0 {}
            assert_eq!(unpulled_on_core(&call), 0);
        }
        let Call {
            server,
            server_core,
            ..
        } = call;
        drop((server, pull));
        assert_eq!(server_core.unpulled_len.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn what_nobody_can_pull_any_more_makes_room() {
    let call = Call::new(1, 0, TransferSyntax::Ndr);
    let (mut push, mut pull) = (call.push::<u8>(), call.pull::<u8>());
    push.push(&[7; 300]).unwrap();
    call.send(100);
    assert_eq!(pull.pull(&mut Vec::new(), 1), Ok(1), "a part is held");
    assert!(unpulled_on_core(&call) >= 299);
    call.server.finish(Status::CommFailure);
    assert_eq!(unpulled_on_core(&call), 0);
    push.push(&[7; 300]).unwrap();
    call.send(100);
    assert_eq!(unpulled_on_core(&call), 0, "what comes later");
    assert_eq!(pull.pull(&mut Vec::new(), 1), Err(Status::CommFailure));
    push.finish().unwrap();
}

#[test]
fn a_core_that_is_full_receives_what_comes_next_when_all_before_it_was_pulled() {
    let call = Call::new(1, 0, TransferSyntax::Ndr);
    let (mut push, mut pull) = (call.push::<u8>(), call.pull::<u8>());
    // Other calls have received much.
    let others = Unpulled::new(&call.server_core);
    others.change(0, LIMITS.unpulled_len_per_core_max);
    assert!(!others.has_room());
    push.push(&[7; 200]).unwrap();
    assert!(call.send(100), "held back");
    let mut pulled = Vec::new();
    assert_eq!(pull.pull(&mut pulled, 80), Ok(80));
    assert_eq!(commands(&call.server_core), 0, "there is more to pull");
    assert_eq!(pull.pull(&mut pulled, 1000), Ok(120));
    assert_eq!(commands(&call.server_core), 1, "receiving goes on");
    assert!(!call.server.is_held_back());
    others.change(LIMITS.unpulled_len_per_core_max, 0);
    push.push(&[7; 200]).unwrap();
    assert!(!call.send(100), "there is room again");
    assert!(others.has_room());
    push.finish().unwrap();
}

/// What is in front of the pipes may be longer than a pipe holds.
#[test]
fn a_worker_that_takes_what_is_in_front_of_the_pipes_makes_room() {
    let call = Call::new(1, 0, TransferSyntax::Ndr);
    let mut pieces = 0;
    while !call.server.is_held_back() {
        call.server
            .received(vec![b'a'; 300], false, ByteOrder::Little);
        pieces += 1;
    }
    for _ in 0..pieces {
        assert_eq!(call.server.wait_for_piece().unwrap().len(), 300);
    }
    assert_eq!(commands(&call.server_core), 1, "receiving goes on");
    assert!(!call.server.is_held_back());
    assert_eq!(unpulled_on_core(&call), 0);
}

#[test]
fn the_first_end_of_a_call_is_the_one_that_counts() {
    let call = Call::new(1, 0, TransferSyntax::Ndr);
    call.server.finish(Status::CallCancelled);
    call.server.finish(Status::Ok);
    let mut pull = call.pull::<u8>();
    assert_eq!(pull.pull(&mut Vec::new(), 1), Err(Status::CallCancelled));
}

/// What is told of a pipe often holds that pipe.
#[test]
fn what_is_told_of_pipes_goes_with_the_call() {
    for is_set_late in [false, true] {
        let call = Call::new(1, 0, TransferSyntax::Ndr);
        let link = Arc::clone(&call.server);
        let notify = PipeNotify {
            notify: Arc::new(move |_| assert!(link.end().is_none())),
            on_send_complete: false,
        };
        if is_set_late {
            call.server.finish(Status::CommFailure);
            call.server.set_notify(notify).unwrap();
        } else {
            call.server.set_notify(notify).unwrap();
            call.server.finish(Status::CommFailure);
        }
        assert_eq!(Arc::strong_count(&call.server), 1);
    }
}

#[test]
fn rule_50_in_pipes_are_drained_before_out_pipes_are_filled() {
    let call = Call::new(1, 1, TransferSyntax::Ndr);
    let (mut push, mut pull) = (call.push::<u8>(), call.pull::<u8>());
    let mut answer: PushPipe<u8> = Pipes::new(call.server.clone()).push(0);
    let mut result: PullPipe<u8> = Pipes::new(call.client.clone()).pull(0);
    let mut pulled = Vec::new();
    assert_eq!(result.pull(&mut pulled, 1), Err(Status::WrongPipeOrder));
    push.push(&[1]).unwrap();
    push.finish().unwrap();
    call.send(1000);
    assert_eq!(answer.push(&[2]), Err(Status::WrongPipeOrder));
    assert_eq!(pull.pull(&mut pulled, 9), Ok(1));
    assert_eq!(answer.push(&[2]), Err(Status::WrongPipeOrder));
    assert_eq!(pull.pull(&mut pulled, 9), Ok(0));
    answer.push(&[2]).unwrap();
    answer.finish().unwrap();
    let mut tail = Vec::new();
    // A count, an element, a gap, the end.
    assert_eq!(call.server.begin_tail(&mut tail), Ok(12));
    tail.extend_from_slice(&[9; 4]);
    carry(&call.server, &call.client, 1000, 0);
    call.client.received(tail, true, ByteOrder::Little);
    assert_eq!(result.pull(&mut pulled, 9), Ok(1));
    assert_eq!(result.pull(&mut pulled, 9), Ok(0));
    assert_eq!(pulled, [1, 2]);
    let tail = call.client.take_tail().unwrap();
    assert_eq!(tail.bytes[tail.start..], [9; 4]);
    assert_eq!(tail.start, 4, "aligned as in the stub");
}

#[test]
fn rule_50_an_undrained_pipe_breaks_the_discipline() {
    let call = Call::new(1, 1, TransferSyntax::Ndr);
    let broken = Err(Status::PipeDisciplineError);
    assert_eq!(call.server.begin_tail(&mut Vec::new()), broken);
    assert_eq!(
        call.client.take_tail().err(),
        Some(Status::PipeDisciplineError)
    );
}

#[test]
fn several_pipes_go_in_the_order_of_the_parameters() {
    let call = Call::new(2, 0, TransferSyntax::Ndr);
    let mut first: PushPipe<u8> = call.push();
    let mut second: PushPipe<u64> = Pipes::new(call.client.clone()).push(1);
    assert_eq!(second.push(&[1]), Err(Status::WrongPipeOrder));
    first.push(&[1, 2, 3]).unwrap();
    first.finish().unwrap();
    second.push(&[u64::MAX]).unwrap();
    second.finish().unwrap();
    call.send(5);
    let mut pull_first: PullPipe<u8> = call.pull();
    let mut pull_second: PullPipe<u64> = Pipes::new(call.server.clone()).pull(1);
    let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
    assert_eq!(
        pull_second.pull(&mut numbers, 9),
        Err(Status::WrongPipeOrder)
    );
    while pull_first.pull(&mut bytes, 9).unwrap() != 0 {}
    while pull_second.pull(&mut numbers, 9).unwrap() != 0 {}
    assert_eq!((bytes, numbers), (vec![1, 2, 3], vec![u64::MAX]));
}

#[test]
fn rule_50_a_failure_after_dispatch_is_reported_by_the_next_pull() {
    let call = Call::new(1, 0, TransferSyntax::Ndr);
    let events = events(&call.server, false);
    let mut pull = call.pull::<u8>();
    assert_eq!(pull.pull(&mut Vec::new(), 1), Err(Status::AsyncCallPending));
    call.server.finish(Status::CommFailure);
    assert_eq!(
        *events.lock().unwrap(),
        [NotificationEvent::ReceiveComplete]
    );
    assert_eq!(pull.pull(&mut Vec::new(), 1), Err(Status::CommFailure));
}

#[test]
fn data_that_is_no_pipe_is_refused() {
    let call = Call::new(1, 0, TransferSyntax::Ndr);
    let mut pull = call.pull::<u16>();
    call.server
        .received(vec![1, 0, 0, 0, 7], true, ByteOrder::Little);
    assert_eq!(pull.pull(&mut Vec::new(), 1), Err(Status::BadStubData));
}

#[test]
fn a_call_that_ended_takes_no_more_pushes() {
    let call = Call::new(1, 0, TransferSyntax::Ndr);
    let mut push = call.push::<u8>();
    call.client.finish(Status::Ok);
    assert_eq!(push.push(&[1]), Err(Status::PipeClosed));
    let call = Call::new(1, 0, TransferSyntax::Ndr);
    let mut push = call.push::<u8>();
    call.client.finish(Status::CallCancelled);
    assert_eq!(push.push(&[1]), Err(Status::CallCancelled));
}

#[test]
fn a_pull_after_its_own_side_ended_the_call_is_refused() {
    let call = Call::new(1, 0, TransferSyntax::Ndr);
    let (mut push, mut pull) = (call.push::<u8>(), call.pull::<u8>());
    push.push(&[1; 5]).unwrap();
    push.flush().unwrap();
    call.send(100);
    call.server.finish(Status::Ok);
    let mut pulled = Vec::new();
    assert_eq!(pull.pull(&mut pulled, 9), Ok(5), "what had come");
    assert_eq!(pull.pull(&mut pulled, 9), Err(Status::PipeClosed));
}

#[test]
fn rule_49_a_manager_that_waits_for_a_send_hears_of_the_failure_and_of_nothing_later() {
    for on_send_complete in [false, true] {
        let call = Call::new(0, 1, TransferSyntax::Ndr);
        let events = events(&call.server, on_send_complete);
        let mut push: PushPipe<u8> = Pipes::new(call.server.clone()).push(0);
        push.push(&[1; 2000]).unwrap();
        if !on_send_complete {
            assert_eq!(push.push(&[2]), Err(Status::SendIncomplete));
        }
        call.server.finish(Status::CommFailure);
        assert_eq!(*events.lock().unwrap(), [NotificationEvent::SendComplete]);
        assert_eq!(push.push(&[2]), Err(Status::CommFailure));
        call.server.sent(2000);
        assert_eq!(events.lock().unwrap().len(), 1);
    }
}

#[test]
fn an_end_that_goes_away_early_gives_the_call_up_on_the_client_alone() {
    let call = Call::new(1, 0, TransferSyntax::Ndr);
    drop(call.pull::<u8>());
    assert!(call.server_core.inbox().pop().is_none());
    drop(call.push::<u8>());
    assert!(matches!(
        call.client_core.inbox().pop(),
        Some(Command::AbandonPipe(_))
    ));
}

#[test]
fn futures_wait_for_data_and_for_room() {
    #[derive(Default)]
    struct Count(AtomicU32);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let call = Call::new(1, 0, TransferSyntax::Ndr);
    let (mut push, mut pull) = (call.push::<u8>(), call.pull::<u8>());
    let wakes = Arc::new(Count::default());
    let waker = Waker::from(wakes.clone());
    let mut context = Context::from_waker(&waker);
    let mut pulled = Vec::new();
    let data = vec![9; 3000];
    {
        let mut receiving = std::pin::pin!(pull.pull_future(&mut pulled, 9));
        assert!(receiving.as_mut().poll(&mut context).is_pending());
        push.push(&data).unwrap();
        let mut sending = std::pin::pin!(push.push_future(&data));
        assert!(sending.as_mut().poll(&mut context).is_pending());
        call.send(10_000);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 2);
        assert_eq!(receiving.as_mut().poll(&mut context), Poll::Ready(Ok(9)));
        assert_eq!(sending.as_mut().poll(&mut context), Poll::Ready(Ok(())));
    }
    push.finish().unwrap();
    assert_eq!(pulled, [9; 9]);
}

/// What was in flight when the core stopped arrives while the puller drains.
#[test]
fn data_behind_a_hold_does_not_take_the_hold_back() {
    let call = Call::new(1, 0, TransferSyntax::Ndr);
    let mut pull = call.pull::<u8>();
    let chunk = |len: u32| [&len.to_le_bytes()[..], &vec![1; len as usize]].concat();
    let mut piece = vec![0];
    piece.extend(chunk(1100));
    assert!(call.server.received(piece, false, ByteOrder::Little));
    assert!(call.server.received(chunk(96), false, ByteOrder::Little));
    assert!(call.server.is_held_back());
    let mut pulled = Vec::new();
    while pull.pull(&mut pulled, 100).is_ok() {}
    assert_eq!(commands(&call.server_core), 1, "the core goes on, once");
    assert!(!call.server.is_held_back());
}

#[test]
fn small_pushes_lie_in_few_buffers() {
    let call = Call::new(1, 0, TransferSyntax::Ndr);
    let mut push = call.push::<u32>();
    let pushes = (0..).take_while(|it| push.push(&[*it]).is_ok()).count();
    assert!(pushes > 100, "{pushes}");
    call.client.begin_take();
    let pieces: Vec<_> = std::iter::from_fn(|| call.client.take()).collect();
    assert_eq!(
        pieces[0].stub,
        [1, 2, 3],
        "dispatched before anything comes"
    );
    assert_eq!(pieces.len(), 2);
    assert!(pieces[1].stub.len() > 8 * (pushes - 1));
}

/// The core never waits for a pusher that adds to a piece, and yet misses nothing.
#[test]
fn a_pusher_and_its_core_do_not_lose_what_passes_between_them() {
    const COUNT: u32 = 50_000;
    let call = Call::new(1, 0, TransferSyntax::Ndr);
    let (mut push, mut pull) = (call.push::<u32>(), call.pull::<u32>());
    let mut pulled = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..COUNT {
                push.push_blocking(&[number]).unwrap();
            }
            push.finish().unwrap();
        });
        call.send(usize::MAX);
        while !pull.is_ended() {
            if let Some(Command::Pipe(_)) = call.client_core.inbox().pop() {
                call.send(usize::MAX);
            }
            let is_more = |result| result != Ok(0) && result != Err(Status::AsyncCallPending);
            while is_more(pull.pull(&mut pulled, 1000)) {}
            std::thread::yield_now();
        }
    });
    assert!(pulled.iter().copied().eq(0..COUNT));
}
