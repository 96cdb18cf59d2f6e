//! Servers whose responses no sane server sends.

use std::io::Write;
use std::net::TcpStream;

use annulus::{AsyncHandle, Config, Cores, Event, Limits, Notify, Runtime, Status};

use crate::piping::Client;
use crate::raw::{self, PATIENCE, RESPONSE, hex, read_pdu};
use crate::{FIRST, LAST};

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
