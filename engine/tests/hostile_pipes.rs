//! Peers that use pipes as no sane peer does, or as few do: nothing hangs, and nothing is kept for
//! good. One behaviour per test.

mod piping;
mod raw;

use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;

use annulus::{
    AsyncHandle, Config, Cores, Event, Limits, Notify, PullPipe, PushPipe, Runtime, ServerCall,
    Status,
};
use piping::{COUNT, Client, Manager, Number, PLAIN, SUM, Total, World};
use raw::{BIND_ACK, FAULT, MULTIPLEXING, PATIENCE, RESPONSE, WHOLE, hex, read_pdu, request};

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
