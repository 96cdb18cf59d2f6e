//! Peers that use pipes as no sane peer does, or as few do: nothing hangs, and nothing is kept for
//! good. One behaviour per test.

mod hostile_pipes {
    mod unpulled;
    mod workers;
}
mod piping;
mod raw;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use annulus::{
    AsyncHandle, Config, Cores, Event, Limits, Notify, PullPipe, PushPipe, Runtime, ServerCall,
    Status,
};
use piping::{COUNT, Client, Manager, Number, PLAIN, SUM, Total, World};
use raw::{
    BIND_ACK, FAULT, MULTIPLEXING, PATIENCE, RESPONSE, WHOLE, fault_status, hex, read_pdu, request,
};

const FIRST: u8 = 0x01;
const LAST: u8 = 0x02;
/// The name "a", and its padding; then the pipe begins.
const NAME: &str = "02000000 00000000 02000000 6100 0000";

/// A bind to the interface with pipes, with multiplexing.
fn bind() -> Vec<u8> {
    let mut bind = raw::bind(MULTIPLEXING);
    bind[32..48].copy_from_slice(&piping::INTERFACE.uuid.to_bytes_le());
    bind
}

/// A connection that has bound the interface.
fn bound(world: &World) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", world.port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(&bind()).unwrap();
    assert_eq!(read_pdu(&mut stream).unwrap()[2], BIND_ACK);
    stream
}

/// The client gives a call up.
fn orphaned(call: u32) -> Vec<u8> {
    let mut pdu = hex("05 00 13 03 10000000 1000 0000 00000000");
    pdu[12..16].copy_from_slice(&call.to_le_bytes());
    pdu
}

/// Adds up what comes.
struct Sum;

impl Manager for Sum {
    fn sum(&self, call: ServerCall<Total>, _: &str, mut numbers: PullPipe<u32>) {
        thread::spawn(move || {
            let mut pulled = Vec::new();
            while numbers
                .pull_blocking(&mut pulled, 4096)
                .is_ok_and(|count| count > 0)
            {}
            let total = pulled.iter().copied().map(u64::from).sum();
            call.complete(&Total { total })
        });
    }
}

/// Sends the two fragments of a call that adds up `numbers`.
fn sum_in_two(call: u32, numbers: &[u32]) -> Vec<u8> {
    let mut pipe = (numbers.len() as u32).to_le_bytes().to_vec();
    numbers.iter().for_each(|it| pipe.extend(it.to_le_bytes()));
    pipe.extend([0; 4]);
    [
        request(call, SUM, FIRST, &hex(NAME)),
        request(call, SUM, LAST, &pipe),
    ]
    .concat()
}

fn assert_total(answer: &[u8], call: u32, total: u64) {
    assert_eq!((answer[2], answer[12]), (RESPONSE, call as u8));
    assert_eq!(answer[24..32], total.to_le_bytes());
}

#[test]
fn requests_that_are_given_up_before_their_pipes_leave_nothing_behind() {
    let world = World::limited(
        Sum,
        Limits {
            assembling_len_per_core_max: 10_000,
            calls_per_connection_max: 4,
            ..Limits::default()
        },
    );
    let mut stream = bound(&world);
    // A name of which most does not come.
    let mut begun = hex("a00f0000 00000000 a00f0000");
    begun.resize(2000, b'a');
    for call in 2..22 {
        stream
            .write_all(&request(call, SUM, FIRST, &begun))
            .unwrap();
        stream.write_all(&orphaned(call)).unwrap();
    }
    stream.write_all(&sum_in_two(22, &[20, 22])).unwrap();
    assert_total(&read_pdu(&mut stream).unwrap(), 22, 42);
}

#[test]
fn a_request_right_behind_the_end_of_a_pipe_takes_nothing_from_it() {
    let world = World::new(Sum, "");
    let mut stream = bound(&world);
    let both = [sum_in_two(2, &[1, 2]), sum_in_two(3, &[3, 4])].concat();
    stream.write_all(&both).unwrap();
    let mut answers = [(); 2].map(|()| read_pdu(&mut stream).unwrap());
    answers.sort_by_key(|answer| answer[12]);
    assert_total(&answers[0], 2, 3);
    assert_total(&answers[1], 3, 7);
}

/// All that the server sends until it closes; a reset counts as a close.
fn read_to_close(world: &World, mut stream: TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    if let Err(error) = stream.read_to_end(&mut received) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "no close");
    }
    assert_eq!(world.client.plain(1), Ok(2), "others are disturbed");
    received
}

/// A name of so many bytes, and its padding.
fn name(len: u32) -> Vec<u8> {
    let (max, offset) = ((len + 1).to_le_bytes(), [0; 4]);
    let mut name = [max, offset, max].concat();
    name.resize(12 + len as usize, b'a');
    name.resize((name.len() + 1).next_multiple_of(4), 0);
    name
}

/// The client wants a call to end.
fn co_cancel(call: u32) -> Vec<u8> {
    let mut pdu = orphaned(call);
    pdu[2] = 0x12;
    pdu
}

/// The PDUs of a call that adds up three numbers, each after a state of the server's: nothing has
/// come, a part of the name, a part of the pipe, all but the end of it.
fn sum_in_four(call: u32) -> [Vec<u8>; 4] {
    let name = hex(NAME);
    [
        request(call, SUM, FIRST, &name[..8]),
        request(
            call,
            SUM,
            0,
            &[&name[8..], &hex("03000000 01000000")].concat(),
        ),
        request(call, SUM, 0, &hex("02000000 03000000")),
        request(call, SUM, LAST, &[0; 4]),
    ]
}

#[test]
fn attack_parameters_in_front_of_a_pipe_that_come_byte_by_byte() {
    let world = World::new(Sum, "");
    let mut stream = bound(&world);
    let head = name(4000);
    for (index, byte) in head.iter().enumerate() {
        let flags = if index == 0 { FIRST } else { 0 };
        stream.write_all(&request(2, SUM, flags, &[*byte])).unwrap();
    }
    let pipe = hex("01000000 2a000000 00000000");
    stream.write_all(&request(2, SUM, LAST, &pipe)).unwrap();
    assert_total(&read_pdu(&mut stream).unwrap(), 2, 42);
    let dispatches = world.dispatches.load(Ordering::Relaxed);
    assert!(dispatches < 40, "{dispatches} dispatches");
}

#[test]
fn attack_parameters_in_front_of_a_pipe_that_stop_coming() {
    let world = World::limited(
        Sum,
        Limits {
            progress_timeout: Duration::from_millis(200),
            ..Limits::default()
        },
    );
    let mut stream = bound(&world);
    stream.write_all(&sum_in_four(2)[0]).unwrap();
    read_to_close(&world, stream);
}

#[test]
fn attack_parameters_in_front_of_a_pipe_that_stop_coming_to_a_worker() {
    let world = World::blocking_limited(
        Sum,
        Limits {
            progress_timeout: Duration::from_millis(200),
            worker_threads_max: 1,
            ..Limits::default()
        },
    );
    let mut stream = bound(&world);
    stream.write_all(&sum_in_four(2)[0]).unwrap();
    // The one worker is free again, too.
    read_to_close(&world, stream);
}

#[test]
fn a_pipe_may_come_as_slowly_as_it_likes() {
    let timeout = Duration::from_millis(100);
    let world = World::limited(
        Sum,
        Limits {
            progress_timeout: timeout,
            ..Limits::default()
        },
    );
    let mut stream = bound(&world);
    let [name, first, second, end] = sum_in_four(2);
    stream.write_all(&[name, first].concat()).unwrap();
    // Nothing is to happen meanwhile.
    stream.set_read_timeout(Some(4 * timeout)).unwrap();
    let kind = read_pdu(&mut stream).unwrap_err().kind();
    assert_eq!(kind, ErrorKind::WouldBlock);
    stream.write_all(&[second, end].concat()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_total(&read_pdu(&mut stream).unwrap(), 2, 6);
}

#[test]
fn attack_a_count_that_announces_more_than_may_come() {
    let world = World::limited(
        Sum,
        Limits {
            request_len_max: 10_000,
            ..Limits::default()
        },
    );
    let mut stream = bound(&world);
    let huge = hex("ffffffff 00000000 ffffffff");
    stream.write_all(&request(2, SUM, FIRST, &huge)).unwrap();
    for _ in 0..10 {
        stream
            .write_all(&request(2, SUM, 0, &[b'a'; 2000]))
            .unwrap();
    }
    stream
        .write_all(&request(2, SUM, LAST, &[b'a'; 8]))
        .unwrap();
    let answer = read_pdu(&mut stream).unwrap();
    assert_eq!(fault_status(&answer), Status::AccessDenied.code());
    stream.write_all(&sum_in_two(3, &[20, 22])).unwrap();
    assert_total(&read_pdu(&mut stream).unwrap(), 3, 42);
}

#[test]
fn attack_a_count_that_no_data_follows() {
    let world = World::new(Sum, "");
    let mut stream = bound(&world);
    let huge = hex("ffffffff 00000000 ffffffff 61616161");
    stream.write_all(&request(2, SUM, WHOLE, &huge)).unwrap();
    let answer = read_pdu(&mut stream).unwrap();
    assert_eq!(fault_status(&answer), Status::BadStubData.to_fault().0);
}

#[test]
fn attack_chunks_that_lie() {
    let world = World::new(Sum, "");
    let mut stream = bound(&world);
    // More elements than come; a chunk of four billion; no end; an end with more behind it.
    let lies = [
        "05000000 01000000 02000000",
        "ffffffff 01000000 02000000",
        "01000000 01000000",
        "01",
    ];
    for (call, lie) in (2..).zip(lies) {
        let pipe = [hex(NAME), hex(lie)].concat();
        stream.write_all(&request(call, SUM, WHOLE, &pipe)).unwrap();
        let answer = read_pdu(&mut stream).unwrap();
        assert_eq!((answer[2], answer[12]), (FAULT, call as u8), "{lie}");
    }
    stream.write_all(&sum_in_two(9, &[20, 22])).unwrap();
    assert_total(&read_pdu(&mut stream).unwrap(), 9, 42);
}

/// Says when a pull has failed.
struct Told(Event);

impl Manager for Told {
    fn sum(&self, call: ServerCall<Total>, _: &str, mut numbers: PullPipe<u32>) {
        let failed = self.0.clone();
        thread::spawn(move || {
            let mut pulled = Vec::new();
            while numbers.pull_blocking(&mut pulled, 4096).is_ok() {}
            failed.set();
            drop(call);
        });
    }
}

/// Begins a call and does what `then` does: the manager hears of it, nobody else does.
fn breaks_a_pipe(then: impl FnOnce(&mut TcpStream)) {
    let failed = Event::manual_reset();
    let world = World::new(Told(failed.clone()), "");
    let mut stream = bound(&world);
    let [name, first, ..] = sum_in_four(2);
    stream.write_all(&[name, first].concat()).unwrap();
    then(&mut stream);
    assert!(failed.wait_timeout(PATIENCE), "the manager waits for ever");
    read_to_close(&world, stream);
}

#[test]
fn attack_a_second_request_within_a_stream() {
    breaks_a_pipe(|stream| {
        stream
            .write_all(&request(3, PLAIN, WHOLE, &[0; 4]))
            .unwrap();
    });
}

#[test]
fn attack_a_first_fragment_within_a_stream() {
    breaks_a_pipe(|stream| {
        let again = request(2, SUM, FIRST, &hex(NAME));
        stream.write_all(&again).unwrap();
    });
}

#[test]
fn attack_a_fragment_of_a_call_that_has_not_begun_within_a_stream() {
    breaks_a_pipe(|stream| stream.write_all(&request(7, SUM, 0, &[0; 8])).unwrap());
}

#[test]
fn attack_a_client_that_sends_no_more_within_a_stream() {
    breaks_a_pipe(|stream| stream.shutdown(Shutdown::Write).unwrap());
}

#[test]
fn attack_data_behind_the_last_fragment() {
    let world = World::new(Sum, "");
    let mut stream = bound(&world);
    let whole = sum_in_four(2).concat();
    let more = request(2, SUM, 0, &[0; 8]);
    stream.write_all(&[whole, more].concat()).unwrap();
    read_to_close(&world, stream);
}

#[test]
fn rule_27_a_cancel_between_any_two_fragments_changes_nothing() {
    let world = World::new(Sum, "");
    let mut stream = bound(&world);
    for place in 0..=4 {
        let call = 2 + place as u32;
        let pdus = sum_in_four(call);
        let (before, behind) = pdus.split_at(place);
        let cancelled = [before.concat(), co_cancel(call), behind.concat()].concat();
        stream.write_all(&cancelled).unwrap();
        assert_total(&read_pdu(&mut stream).unwrap(), call, 6);
    }
}

#[test]
fn rule_27_a_call_can_be_given_up_behind_any_fragment() {
    let world = World::new(Sum, "");
    let mut stream = bound(&world);
    for place in 1..=4 {
        let call = 2 * place as u32;
        let begun = sum_in_four(call)[..place].concat();
        stream.write_all(&[begun, orphaned(call)].concat()).unwrap();
        stream.write_all(&sum_in_two(call + 1, &[42])).unwrap();
        let mut answer = read_pdu(&mut stream).unwrap();
        if answer[12] == call as u8 {
            // All of it had come, and its answer was faster.
            assert_eq!(place, 4);
            answer = read_pdu(&mut stream).unwrap();
        }
        assert_total(&answer, call + 1, 42);
    }
}

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

/// A fragment of a response.
fn response(request: &[u8], flags: u8, stub: &[u8]) -> Vec<u8> {
    let mut pdu = raw::request(0, 0, flags, stub);
    pdu[2] = RESPONSE;
    pdu[12..16].copy_from_slice(&request[12..16]);
    pdu
}

/// A chunk of a thousand numbers.
fn chunk() -> Vec<u8> {
    [&1000_u32.to_le_bytes()[..], &[1; 4000]].concat()
}

/// A client of a server by hand, which answers a bind and gives each request to `answer`.
fn client_of(
    answer: impl Fn(&mut TcpStream, &[u8]) + Clone + Send + 'static,
    limits: Limits,
) -> (Client, Runtime) {
    let port = raw::server_by_hand(move |_, mut stream| {
        let bind = read_pdu(&mut stream).unwrap();
        stream.write_all(&raw::bind_ack(&bind, 0)).unwrap();
        while let Ok(request) = read_pdu(&mut stream) {
            if request[2] == 0 {
                answer(&mut stream, &request);
            }
        }
    });
    let config = Config::default().cores(Cores::Unpinned(1)).limits(limits);
    let runtime = Runtime::start(config).unwrap();
    let target = format!("ncacn_ip_tcp:127.0.0.1[{port}]");
    (Client::new(&runtime, &target), runtime)
}

/// Waits for the end of a call of which nothing has been pulled, then pulls.
fn pull_after_the_end(client: &Client) -> Result<u32, Status> {
    let event = Event::manual_reset();
    let mut handle = AsyncHandle::new(Notify::Event(event.clone()));
    let mut numbers = client.count_async(&mut handle, 0).unwrap();
    assert!(event.wait_timeout(PATIENCE), "the call does not end");
    let mut pulled = Vec::new();
    while numbers.pull_blocking(&mut pulled, 4096)? > 0 {}
    assert_eq!(pulled.len(), 3000);
    handle.complete().map(|outputs| outputs.number)
}

#[test]
fn a_pipe_that_is_full_when_its_response_ends_does_not_stop_the_connection() {
    let limits = Limits {
        pipe_len_max: 6000,
        ..Limits::default()
    };
    let (client, _runtime) = client_of(
        |stream, request| {
            let end = hex("00000000 05000000");
            let whole = [
                response(request, FIRST, &chunk()),
                response(request, 0, &chunk()),
                response(request, LAST, &[chunk(), end].concat()),
            ];
            stream.write_all(&whole.concat()).unwrap();
        },
        limits,
    );
    for _ in 0..3 {
        assert_eq!(pull_after_the_end(&client), Ok(5));
    }
}

#[test]
fn attack_parameters_behind_a_pipe_that_never_end() {
    let limits = Limits {
        pipe_len_max: 6000,
        response_len_max: 8000,
        ..Limits::default()
    };
    let (client, _runtime) = client_of(
        |stream, request| {
            let end = response(request, FIRST, &[0; 8]);
            let more = response(request, 0, &[1; 4000]);
            let mut is_open = stream.write_all(&end).is_ok();
            while is_open {
                is_open = stream.write_all(&more).is_ok();
            }
        },
        limits,
    );
    let event = Event::manual_reset();
    let mut handle = AsyncHandle::new(Notify::Event(event.clone()));
    let mut numbers = client.count_async(&mut handle, 0).unwrap();
    assert_eq!(numbers.pull_blocking(&mut Vec::new(), 1), Ok(0));
    assert!(event.wait_timeout(PATIENCE), "the call does not end");
    assert_eq!(handle.complete(), Err(Status::CallFailed));
}
