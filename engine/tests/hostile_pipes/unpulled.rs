//! In-pipes that come and are not pulled.

use std::io::Write;
use std::net::TcpStream;
use std::sync::{Mutex, mpsc};

use annulus::{Limits, PullPipe, ServerCall, Status};

use crate::piping::{Manager, PLAIN, SUM, Total, World};
use crate::raw::{FAULT, PATIENCE, WHOLE, fault_status, hex, read_pdu, request};
use crate::{FIRST, LAST, NAME, assert_total, bound};

/// A call of which nothing was pulled, and its in-pipe.
type Unpulled = (ServerCall<Total>, PullPipe<u32>);

/// Hands the calls over whose name is "a", and adds up what comes with the others.
struct Keeps(Mutex<mpsc::Sender<Unpulled>>);

impl Manager for Keeps {
    fn sum(&self, call: ServerCall<Total>, name: &str, numbers: PullPipe<u32>) {
        if name == "a" {
            self.0.lock().unwrap().send((call, numbers)).unwrap();
        } else {
            std::thread::spawn(move || pull_all((call, numbers)).unwrap());
        }
    }
}

/// Pulls a call's pipe to its end and answers.
fn pull_all((call, mut numbers): Unpulled) -> Result<(), Status> {
    let mut pulled = Vec::new();
    while numbers.pull_blocking(&mut pulled, 4096)? > 0 {}
    let total = pulled.iter().copied().map(u64::from).sum();
    call.complete(&Total { total })
}

/// A server that keeps its calls, and these.
fn keeping(limits: Limits) -> (World, mpsc::Receiver<Unpulled>) {
    let (keep, kept) = mpsc::channel();
    (World::limited(Keeps(Mutex::new(keep)), limits), kept)
}

/// So many ones.
fn pipe_of_ones(count: u32) -> Vec<u8> {
    let ones = (0..count).flat_map(|_| 1_u32.to_le_bytes());
    let count = count.to_le_bytes();
    count.into_iter().chain(ones).chain([0; 4]).collect()
}

/// A call that adds up so many ones, in fragments.
fn long_sum(call: u32, count: u32) -> Vec<u8> {
    let mut pdus = request(call, SUM, FIRST, &hex(NAME));
    let pipe = pipe_of_ones(count);
    let mut fragments = pipe.chunks(4000).peekable();
    while let Some(fragment) = fragments.next() {
        let flags = if fragments.peek().is_none() { LAST } else { 0 };
        pdus.extend(request(call, SUM, flags, fragment));
    }
    pdus
}

/// The same in one fragment.
fn short_sum(call: u32, count: u32) -> Vec<u8> {
    let stub = [hex(NAME), pipe_of_ones(count)].concat();
    request(call, SUM, WHOLE, &stub)
}

/// How many calls are refused before the answer to a plain call behind them comes.
fn refused(stream: &mut TcpStream) -> usize {
    let plain = request(9999, PLAIN, WHOLE, &[4, 0, 0, 0]);
    stream.write_all(&plain).unwrap();
    let is_refusal = |_: &usize| {
        let answer = read_pdu(stream).unwrap();
        let is_refusal = answer[2] == FAULT;
        if is_refusal {
            assert_eq!(fault_status(&answer), Status::ServerTooBusy.to_fault().0);
        }
        is_refusal
    };
    (0..).take_while(is_refusal).count()
}

/// Reads the answers to so many calls, each of which is the same.
fn assert_totals(stream: &mut TcpStream, calls: usize, total: u64) {
    for _ in 0..calls {
        let answer = read_pdu(stream).unwrap();
        assert_total(&answer, answer[12].into(), total);
    }
}

#[test]
fn attack_many_requests_with_in_pipes_that_nobody_pulls() {
    const CALLS: u32 = 100;
    const LEN: u32 = 16_000;
    const LEN_MAX: usize = 1 << 20;
    let (world, kept) = keeping(Limits {
        unpulled_len_max: LEN_MAX,
        ..Limits::default()
    });
    let mut stream = bound(&world);
    for call in 0..CALLS {
        stream.write_all(&long_sum(call + 2, LEN)).unwrap();
    }
    let taken = CALLS as usize - refused(&mut stream);
    let taken_len = taken * LEN as usize * size_of::<u32>();
    let most = LEN_MAX + 2 * LEN as usize * size_of::<u32>();
    assert!(
        (LEN_MAX / 2..most).contains(&taken_len),
        "{taken_len} bytes"
    );
    assert_eq!(world.client.plain(1), Ok(2), "others are disturbed");
    let unpulled: Vec<_> = (0..taken)
        .map(|_| kept.recv_timeout(PATIENCE).unwrap())
        .collect();
    // Whoever pulls them in another order than they came waits for nothing.
    for call in unpulled.into_iter().rev() {
        pull_all(call).unwrap();
    }
    assert_totals(&mut stream, taken, LEN.into());
    // There is room again for as many.
    for call in 0..taken as u32 {
        stream.write_all(&long_sum(call + 2, LEN)).unwrap();
    }
    assert_eq!(refused(&mut stream), 0);
}

/// Whole requests of one fragment count, too.
#[test]
fn attack_many_short_requests_with_in_pipes_of_many_connections() {
    const CONNECTIONS: usize = 10;
    const CALLS: u32 = 60;
    const LEN: u32 = 1200;
    const LEN_MAX: usize = 256 << 10;
    let (world, kept) = keeping(Limits {
        unpulled_len_per_core_max: LEN_MAX,
        ..Limits::default()
    });
    let mut streams: Vec<_> = (0..CONNECTIONS).map(|_| bound(&world)).collect();
    let mut taken = 0;
    for stream in &mut streams {
        let calls: Vec<_> = (0..CALLS).map(|call| short_sum(call + 2, LEN)).collect();
        stream.write_all(&calls.concat()).unwrap();
        taken += CALLS as usize - refused(stream);
    }
    // There are two cores; beyond what they may have, a connection may have one call.
    let taken_len = taken * LEN as usize * size_of::<u32>();
    let most = 2 * LEN_MAX + (CONNECTIONS + 2) * 5000;
    assert!((LEN_MAX..most).contains(&taken_len), "{taken_len} bytes");

    // A neighbour whose pipe is pulled gets on, however long it is.
    let (call, mut numbers) = world.client.sum("b").unwrap();
    for _ in 0..100 {
        numbers.push_blocking(&[1; 1000]).unwrap();
    }
    numbers.finish().unwrap();
    assert_eq!(call.wait(), Ok(Total { total: 100_000 }));

    // What was pulled makes room for others.
    for _ in 0..taken {
        pull_all(kept.recv_timeout(PATIENCE).unwrap()).unwrap();
    }
    let mut stream = bound(&world);
    for call in 0..10 {
        stream.write_all(&short_sum(call + 2, LEN)).unwrap();
    }
    assert_eq!(refused(&mut stream), 0);
}
