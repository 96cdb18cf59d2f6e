//! Out-pipes that nobody reads, and responses that hold back what comes behind them.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use annulus::{Event, Limits, Notify, PushPipe, ServerCall, Status};

use crate::piping::{COUNT, Manager, Number, PLAIN, SUM, World};
use crate::raw::{FAULT, PATIENCE, RESPONSE, WHOLE, read_pdu, request};
use crate::{FIRST, LAST, bound, orphaned};

/// Pushes until nothing more is taken, and says how much that was; then until that fails.
struct Pours {
    full: mpsc::Sender<usize>,
    failed: Event,
}

impl Manager for Pours {
    fn count(&self, call: ServerCall<Number>, _: u32, mut numbers: PushPipe<u32>) {
        let (full, failed) = (self.full.clone(), self.failed.clone());
        let room = Event::auto_reset();
        call.notify_of_pipes(Notify::Event(room.clone()), 0, false)
            .unwrap();
        thread::spawn(move || {
            let mut pushed = 0;
            loop {
                match numbers.push(&[7; 4096]) {
                    Ok(()) => pushed += 4096 * size_of::<u32>(),
                    Err(Status::SendIncomplete) if room.wait_timeout(Duration::from_secs(1)) => {}
                    Err(Status::SendIncomplete) => break,
                    Err(status) => panic!("{status}"),
                }
            }
            full.send(pushed).unwrap();
            assert!(room.wait_timeout(PATIENCE), "it is not told of the end");
            while numbers.push_blocking(&[7; 4096]).is_ok() {}
            failed.set();
            drop(call);
        });
    }
}

#[test]
fn attack_a_client_that_never_reads_an_out_pipe() {
    let (full, pushed) = mpsc::channel();
    let failed = Event::manual_reset();
    let manager = Pours {
        full,
        failed: failed.clone(),
    };
    let world = World::limited(
        manager,
        Limits {
            send_timeout: Duration::from_secs(3),
            ..Limits::default()
        },
    );
    let mut stream = bound(&world);
    stream
        .write_all(&request(2, COUNT, WHOLE, &[0; 4]))
        .unwrap();
    let pushed = pushed.recv_timeout(PATIENCE).unwrap();
    // What the kernel's two socket buffers may hold, and what a pipe may.
    assert!(pushed < 16 << 20, "{pushed} bytes");
    assert_eq!(world.client.plain(1), Ok(2), "others are disturbed");
    assert!(failed.wait_timeout(PATIENCE), "the client is kept for ever");
    drop(stream);
}

/// A call that is being answered, and its out-pipe.
type Begun = (ServerCall<Number>, PushPipe<u32>);

/// Begins to answer, and leaves it at that.
#[derive(Default)]
struct Begins(Arc<Mutex<Vec<Begun>>>);

impl Manager for Begins {
    fn count(&self, call: ServerCall<Number>, _: u32, mut numbers: PushPipe<u32>) {
        numbers.push(&[7; 100]).unwrap();
        self.0.lock().unwrap().push((call, numbers));
    }
}

#[test]
fn an_answer_goes_out_when_the_response_before_it_is_given_up() {
    let manager = Begins::default();
    let open = Arc::clone(&manager.0);
    let world = World::new(manager, "");
    let mut stream = bound(&world);
    stream
        .write_all(&request(2, COUNT, WHOLE, &[0; 4]))
        .unwrap();
    let part = read_pdu(&mut stream).unwrap();
    assert_eq!((part[2], part[3] & WHOLE), (RESPONSE, FIRST));
    // Its answer has to wait for the end of the other one.
    stream
        .write_all(&request(3, PLAIN, WHOLE, &[4, 0, 0, 0]))
        .unwrap();
    stream.write_all(&orphaned(2)).unwrap();
    let end = read_pdu(&mut stream).unwrap();
    assert_eq!((end[2], end[12]), (FAULT, 2));
    let answer = read_pdu(&mut stream).unwrap();
    assert_eq!((answer[2], answer[12], answer[24]), (RESPONSE, 3, 5));
    assert_eq!(
        open.lock().unwrap().len(),
        1,
        "its manager has not ended it"
    );
}

/// A call that nobody has answered, its out-pipe, and what is set when there is room in that.
type Pushing = (ServerCall<Number>, PushPipe<u32>);

/// Pushes until nothing more is taken, and hands the rest over.
struct Fills {
    pushing: mpsc::Sender<Pushing>,
    pushed_len: Arc<AtomicUsize>,
}

/// Numbers that one push hands over.
const PUSH: [u32; 1024] = [7; 1024];
const PUSH_LEN: usize = size_of_val(&PUSH);

impl Manager for Fills {
    fn count(&self, call: ServerCall<Number>, number: u32, mut numbers: PushPipe<u32>) {
        // The first call of a connection begins its response, and keeps the others waiting.
        while numbers.push(&PUSH).is_ok() {
            self.pushed_len.fetch_add(PUSH_LEN, Ordering::Relaxed);
            if number == 0 {
                break;
            }
        }
        self.pushing.send((call, numbers)).unwrap();
    }
}

/// What each call of a connection has pushed in the end.
const CALL_LEN: usize = 40 * PUSH_LEN;

/// Reads responses until so many have ended; how many bytes of stub data they had.
fn read_responses(stream: &mut TcpStream, count: usize) -> usize {
    let (mut ended, mut len) = (0, 0);
    while ended < count {
        let pdu = read_pdu(stream).unwrap();
        assert_eq!(pdu[2], RESPONSE);
        ended += usize::from(pdu[3] & LAST != 0);
        len += pdu.len() - 24;
    }
    len
}

/// Opens connections whose responses nobody ends, with further calls that push; at most so much is
/// taken of these. Then all calls end, and all that was pushed arrives.
fn pushes_wait_for_responses(connections: usize, calls: u32, limits: Limits, len_max: usize) {
    let (send, pushing) = mpsc::channel();
    let pushed_len = Arc::new(AtomicUsize::new(0));
    let manager = Fills {
        pushing: send,
        pushed_len: Arc::clone(&pushed_len),
    };
    let world = World::limited(manager, limits);
    let mut streams: Vec<_> = (0..connections).map(|_| bound(&world)).collect();
    for stream in &mut streams {
        for call in 0..calls {
            let count = request(call + 2, COUNT, WHOLE, &call.to_le_bytes());
            stream.write_all(&count).unwrap();
        }
    }
    let open_calls = connections * calls as usize;
    let open: Vec<Pushing> = (0..open_calls)
        .map(|_| pushing.recv_timeout(PATIENCE).unwrap())
        .collect();
    let taken = pushed_len.load(Ordering::Relaxed);
    assert!((len_max / 2..=len_max).contains(&taken), "{taken} bytes");
    assert_eq!(world.client.plain(1), Ok(2), "others are disturbed");
    thread::scope(|scope| {
        for (call, mut numbers) in open {
            scope.spawn(move || {
                for _ in 0..40 {
                    numbers.push_blocking(&PUSH).unwrap();
                }
                numbers.finish().unwrap();
                call.complete(&Number { number: 0 }).unwrap();
            });
        }
        let read = |mut stream| scope.spawn(move || read_responses(&mut stream, calls as usize));
        let readers: Vec<_> = streams.into_iter().map(read).collect();
        let len: usize = readers.into_iter().map(|it| it.join().unwrap()).sum();
        assert!(len > taken + open_calls * CALL_LEN, "{len} bytes");
    });
}

#[test]
fn attack_many_out_pipes_of_a_connection_that_wait_for_one() {
    let limits = Limits {
        send_backlog_max: 1 << 20,
        ..Limits::default()
    };
    pushes_wait_for_responses(1, 60, limits, (1 << 20) + PUSH_LEN);
}

#[test]
fn attack_many_out_pipes_of_many_connections() {
    let limits = Limits {
        send_backlog_per_core_max: 1 << 20,
        ..Limits::default()
    };
    // Two cores; and beyond that one push of each connection.
    pushes_wait_for_responses(20, 6, limits, (2 << 20) + 20 * PUSH_LEN);
}

/// Answers of a few bytes are something, too, if there are enough of them.
#[test]
fn attack_faults_that_wait_for_the_end_of_a_response() {
    const COUNT_MAX: u32 = 20_000;
    let manager = Begins::default();
    let open = Arc::clone(&manager.0);
    let limits = Limits {
        send_backlog_max: 64 << 10,
        ..Limits::default()
    };
    let world = World::limited(manager, limits);
    let mut stream = bound(&world);
    stream
        .write_all(&request(2, COUNT, WHOLE, &[0; 4]))
        .unwrap();
    read_pdu(&mut stream).unwrap();
    let mut writer = stream.try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            for call in 0..COUNT_MAX {
                let bad = request(call + 3, SUM, WHOLE, &[0xff; 4]);
                writer.write_all(&bad).unwrap();
            }
        });
        let mut before = 0;
        let dispatches = loop {
            // Others are served meanwhile, and the server has time to read on.
            for _ in 0..100 {
                assert_eq!(world.client.plain(1), Ok(2), "others are disturbed");
            }
            let dispatches = world.dispatches.load(Ordering::Relaxed) - before;
            if dispatches == 100 && before > 0 {
                break before;
            }
            before += dispatches;
        };
        assert!(dispatches < 10_000, "{dispatches} calls answered");
        drop(open.lock().unwrap().pop());
        for _ in 0..=COUNT_MAX {
            assert_eq!(read_pdu(&mut stream).unwrap()[2], FAULT);
        }
    });
}
