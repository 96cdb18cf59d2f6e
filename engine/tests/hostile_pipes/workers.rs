//! In-pipes that come too slowly for the worker that pulls them.

use std::io::Write;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use annulus::{Event, Limits, PullPipe, ServerCall, Status};

use crate::piping::{Manager, SUM, Total, World};
use crate::raw::{FAULT, PATIENCE, fault_status, hex, read_pdu, request};
use crate::{FIRST, LAST, NAME, assert_total, bound};

/// The name "b", and its padding.
const OTHER_NAME: &str = "02000000 00000000 02000000 6200 0000";
/// A chunk of one number, two.
const CHUNK: &str = "01000000 02000000";

/// Adds up what it pulls, and says how a pull failed; for the name "b" not before it is told to.
struct Pulls {
    may_pull: Event,
    failure: Mutex<mpsc::Sender<Status>>,
}

impl Manager for Pulls {
    fn sum(&self, call: ServerCall<Total>, name: &str, mut numbers: PullPipe<u32>) {
        if name == "b" {
            self.may_pull.wait();
        }
        let mut pulled = Vec::new();
        let end = loop {
            match numbers.pull_blocking(&mut pulled, 4096) {
                Ok(0) => {
                    break call.complete(&Total {
                        total: pulled.iter().copied().map(u64::from).sum(),
                    });
                }
                Ok(_) => {}
                Err(status) => {
                    self.failure.lock().unwrap().send(status).unwrap();
                    break call.abort(status);
                }
            }
        };
        end.unwrap();
    }
}

/// A server that waits for so long, on so many workers; its failures, and what lets "b" go on.
fn impatient(worker_threads_max: usize) -> (World, mpsc::Receiver<Status>, Event) {
    let (failure, failures) = mpsc::channel();
    let may_pull = Event::manual_reset();
    let manager = Pulls {
        may_pull: may_pull.clone(),
        failure: Mutex::new(failure),
    };
    let limits = Limits {
        worker_pipe_timeout: Duration::from_millis(100),
        worker_threads_max,
        ..Limits::default()
    };
    (World::blocking_limited(manager, limits), failures, may_pull)
}

/// A call that begins its pipe and does not go on.
fn begun(name: &str) -> Vec<u8> {
    request(2, SUM, FIRST, &[hex(name), hex(CHUNK)].concat())
}

#[test]
fn attack_in_pipes_that_stop_hold_every_worker() {
    let (world, failures, _) = impatient(1);
    for _ in 0..3 {
        let mut stream = bound(&world);
        stream.write_all(&begun(NAME)).unwrap();
        let failure = failures.recv_timeout(PATIENCE);
        assert_eq!(failure, Ok(Status::CommFailure));
        let answer = read_pdu(&mut stream).unwrap();
        assert_eq!((answer[2], answer[12]), (FAULT, 2));
        assert_eq!(fault_status(&answer), Status::CommFailure.to_fault().0);
        // What comes of it after all harms neither the connection nor the next call.
        let late = request(2, SUM, LAST, &hex("00000000"));
        let pipe = [hex(CHUNK), hex("00000000")].concat();
        let next = [
            request(3, SUM, FIRST, &hex(NAME)),
            request(3, SUM, LAST, &pipe),
        ];
        stream.write_all(&[late, next.concat()].concat()).unwrap();
        assert_total(&read_pdu(&mut stream).unwrap(), 3, 2);
    }
    assert_eq!(world.client.plain(1), Ok(2), "no worker is left");
}

#[test]
fn a_worker_that_is_slow_itself_blames_no_client() {
    let (world, failures, may_pull) = impatient(2);
    let mut patient = bound(&world);
    patient.write_all(&begun(OTHER_NAME)).unwrap();
    // Three times as long as a worker waits.
    for _ in 0..3 {
        let mut stream = bound(&world);
        stream.write_all(&begun(NAME)).unwrap();
        let failure = failures.recv_timeout(PATIENCE);
        assert_eq!(failure, Ok(Status::CommFailure));
    }
    let end = request(2, SUM, LAST, &hex("00000000"));
    patient.write_all(&end).unwrap();
    may_pull.set();
    assert_total(&read_pdu(&mut patient).unwrap(), 2, 2);
    assert!(failures.try_recv().is_err());
}
