//! Peers that use pipes as no sane peer does, or as few do: nothing hangs, and nothing is kept for
//! good. One behaviour per test.

mod hostile_pipes {
    mod out_pipes;
    mod servers;
    mod unpulled;
    mod workers;
}
mod piping;
mod raw;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use annulus::{Event, Limits, PullPipe, ServerCall, Status};
use piping::{Manager, PLAIN, SUM, Total, World};
use raw::{FAULT, MULTIPLEXING, PATIENCE, RESPONSE, WHOLE, fault_status, hex, read_pdu, request};

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
    raw::bound(SocketAddr::from(([127, 0, 0, 1], world.port)), &bind())
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
