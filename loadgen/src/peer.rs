//! A peer that does next to nothing: it accepts any interface, and answers each request with the stub data that came
//! with it, less the first four bytes. That is what rpcecho's EchoData is answered with. No server is faster,
//! so what a client reaches against it is the client's own ceiling.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::Context;

/// PDU types (C706 §12.6.1).
const REQUEST: u8 = 0;
const BIND: u8 = 11;

/// The length of the header that all PDUs have.
const HEADER_LEN: usize = 16;

/// Bytes that are read at once.
const READ_LEN: usize = 64 << 10;

/// What a bind is answered with, up to the results: version 5.0, bind_ack, first and last fragment,
/// multiplexing, little-endian; 5840-byte fragments, group 1, an empty secondary address. The length of
/// the PDU and the call id are still to be filled in.
const BIND_ACK: [u8; 32] = [
    5, 0, 12, 0x13, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // header
    0xd0, 0x16, 0xd0, 0x16, 1, 0, 0, 0, // fragments, group
    1, 0, 0, 0, // an address of its terminator alone, and its padding
    1, 0, 0, 0, // results
];

/// Acceptance of the first context, with NDR 2.0.
const ACCEPTED: [u8; 24] = [
    0, 0, 0, 0, 0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10,
    0x48, 0x60, 2, 0, 0, 0,
];

/// Rejection of a further one: transfer syntaxes not supported.
const REJECTED: [u8; 24] = [
    2, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

/// What is in front of stub data, in requests without an object as in responses.
const CALL_HEADER_LEN: usize = 24;

/// Of EchoData's stub data, its first parameter, which the answer lacks.
const ECHO_LENGTH_LEN: usize = 4;

/// The head of a response. Its length, the call id, the length of the stub data and the context are still to be filled in.
const RESPONSE: [u8; 24] = [
    5, 0, 2, 3, 0x10, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

/// The peer, on a thread of its own that never sleeps, until it is dropped.
pub(crate) struct NoOpPeer {
    port: u16,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NoOpPeer {
    /// Starts it on a core.
    pub(crate) fn start(core: usize) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("the peer cannot listen")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let thread = thread::Builder::new()
            .name("no-op peer".to_owned())
            .spawn(move || {
                core_affinity::set_for_current(core_affinity::CoreId { id: core });
                serve(&listener, &ends);
            })?;
        Ok(NoOpPeer {
            port,
            is_over,
            thread: Some(thread),
        })
    }

    pub(crate) fn binding(&self) -> String {
        format!("ncacn_ip_tcp:127.0.0.1[{}]", self.port)
    }
}

impl Drop for NoOpPeer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, is_over: &AtomicBool) {
    let mut connections: Vec<Connection> = Vec::new();
    let mut scratch = vec![0; READ_LEN];
    while !is_over.load(Ordering::Relaxed) {
        if let Ok((stream, _)) = listener.accept() {
            connections.extend(Connection::new(stream));
        }
        connections.retain_mut(|connection| connection.turn(&mut scratch).is_ok());
    }
}

struct Connection {
    stream: TcpStream,
    /// What was received, the last PDU perhaps in part.
    received: Vec<u8>,
    /// What is still to be sent.
    replies: Vec<u8>,
}

impl Connection {
    fn new(stream: TcpStream) -> std::io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            received: Vec::new(),
            replies: Vec::new(),
        })
    }

    /// Answers what has come in.
    fn turn(&mut self, scratch: &mut [u8]) -> std::io::Result<()> {
        match self.stream.read(scratch) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(len) => self.received.extend_from_slice(&scratch[..len]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        let answered = answer(&self.received, &mut self.replies);
        self.received.drain(..answered);
        if self.replies.is_empty() {
            return Ok(());
        }
        match self.stream.write(&self.replies) {
            Ok(len) => drop(self.replies.drain(..len)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Appends the answers to the whole PDUs, and gives the bytes that those take.
fn answer(received: &[u8], replies: &mut Vec<u8>) -> usize {
    let mut at = 0;
    while let Some(header) = received.get(at..at + HEADER_LEN) {
        let len = usize::from(u16::from_le_bytes([header[8], header[9]]));
        // Whatever cannot be a PDU is never answered.
        let Some(pdu) = received.get(at..at + len.max(HEADER_LEN)) else {
            break;
        };
        match pdu[2] {
            REQUEST if pdu.len() >= CALL_HEADER_LEN => response(pdu, replies),
            BIND if pdu.len() > 24 => bind_ack(pdu, replies),
            _ => {}
        }
        at += pdu.len();
    }
    at
}

fn response(request: &[u8], replies: &mut Vec<u8>) {
    let stub = request
        .get(CALL_HEADER_LEN + ECHO_LENGTH_LEN..)
        .unwrap_or_default();
    let mut head = RESPONSE;
    let len = CALL_HEADER_LEN + stub.len();
    // No longer than the request, whose length has two bytes.
    head[8..10].copy_from_slice(&u16::try_from(len).unwrap_or(u16::MAX).to_le_bytes());
    head[12..16].copy_from_slice(&request[12..16]);
    head[16..20].copy_from_slice(&u32::try_from(stub.len()).unwrap_or(u32::MAX).to_le_bytes());
    head[20..22].copy_from_slice(&request[20..22]);
    replies.extend_from_slice(&head);
    replies.extend_from_slice(stub);
}

fn bind_ack(bind: &[u8], replies: &mut Vec<u8>) {
    let contexts = bind[24];
    let start = replies.len();
    replies.extend(BIND_ACK);
    replies[start + 12..start + 16].copy_from_slice(&bind[12..16]);
    replies[start + 28] = contexts;
    for context in 0..contexts {
        replies.extend(if context == 0 { ACCEPTED } else { REJECTED });
    }
    let len = BIND_ACK.len() + 24 * usize::from(contexts);
    let len = u16::try_from(len).unwrap_or(u16::MAX);
    replies[start + 8..start + 10].copy_from_slice(&len.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_requests_are_answered_and_torn_ones_wait() {
        let mut request = [0; 32];
        request[..16].copy_from_slice(&[5, 0, 0, 3, 0x10, 0, 0, 0, 32, 0, 0, 0, 7, 0, 0, 0]);
        request[20] = 9;
        request[28..].copy_from_slice(&[1, 2, 3, 4]);
        let two = [request, request].concat();
        let mut replies = Vec::new();
        assert_eq!(answer(&two[..40], &mut replies), 32);
        assert_eq!(replies.len(), 28);
        assert_eq!((replies[12], replies[20]), (7, 9), "call and context");
        assert_eq!((replies[8], replies[16]), (28, 4), "lengths");
        assert_eq!(replies[24..], [1, 2, 3, 4]);
        assert_eq!(answer(&two, &mut replies), 64);
        assert_eq!(replies.len(), 84);
    }
}
