//! What a submission is about, packed into the 64 bits that the kernel hands back.

use crate::kernel::{Generation, Tag};
use crate::ring::{ListenerId, SocketId};

/// What a completion belongs to.
///
/// Sockets carry the generation of their slot, so that a late completion can never be taken for one
/// of the slot's next owner; a listener's id is given out once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Multishot accept of a listener.
    Accept(ListenerId),
    /// Connect of a socket.
    Connect(SocketId, Generation),
    /// Multishot receive of a socket.
    Receive(SocketId, Generation),
    /// The send of a socket.
    Send(SocketId, Generation),
    /// Reading away what the peer still sends to a closing socket.
    Discard(SocketId, Generation),
    /// Half-closing a closing socket.
    Shutdown(SocketId, Generation),
    /// Closing a socket's direct descriptor.
    Close(SocketId, Generation),
    /// Giving a socket that leaves the ring an ordinary descriptor.
    Detach(SocketId, Generation),
    /// The eventfd of the waker became readable.
    Wake,
    /// A cancellation: what counts is the completion of the operation that it cancelled.
    Cancel,
}

const ACCEPT: u8 = 1;
const CONNECT: u8 = 2;
const RECEIVE: u8 = 3;
const SEND: u8 = 4;
const DISCARD: u8 = 5;
const SHUTDOWN: u8 = 6;
const CLOSE: u8 = 7;
const WAKE: u8 = 8;
const CANCEL: u8 = 9;
const DETACH: u8 = 10;

const fn pack(kind: u8, generation: Generation, index: u32) -> u64 {
    let tag = Tag {
        kind,
        generation,
        index,
    };
    tag.to_bits()
}

impl Operation {
    /// The 64 bits of its [`Tag`].
    pub(crate) const fn to_user_data(self) -> u64 {
        match self {
            Operation::Accept(listener) => pack(ACCEPT, Generation::FIRST, listener.0),
            Operation::Connect(socket, generation) => pack(CONNECT, generation, socket.0),
            Operation::Receive(socket, generation) => pack(RECEIVE, generation, socket.0),
            Operation::Send(socket, generation) => pack(SEND, generation, socket.0),
            Operation::Discard(socket, generation) => pack(DISCARD, generation, socket.0),
            Operation::Shutdown(socket, generation) => pack(SHUTDOWN, generation, socket.0),
            Operation::Close(socket, generation) => pack(CLOSE, generation, socket.0),
            Operation::Detach(socket, generation) => pack(DETACH, generation, socket.0),
            Operation::Wake => Tag::unique(WAKE).to_bits(),
            Operation::Cancel => Tag::unique(CANCEL).to_bits(),
        }
    }

    /// The reverse of [`to_user_data`](Operation::to_user_data); `None` for bits that it never
    /// makes.
    pub(crate) const fn from_user_data(user_data: u64) -> Option<Self> {
        let Tag {
            kind,
            generation,
            index,
        } = Tag::from_bits(user_data);
        let socket = SocketId(index);
        Some(match kind {
            ACCEPT => Operation::Accept(ListenerId(index)),
            CONNECT => Operation::Connect(socket, generation),
            RECEIVE => Operation::Receive(socket, generation),
            SEND => Operation::Send(socket, generation),
            DISCARD => Operation::Discard(socket, generation),
            SHUTDOWN => Operation::Shutdown(socket, generation),
            CLOSE => Operation::Close(socket, generation),
            DETACH => Operation::Detach(socket, generation),
            WAKE => Operation::Wake,
            CANCEL => Operation::Cancel,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_survives_the_kernel() {
        let generation = Generation::FIRST.next();
        let socket = SocketId(0x8000_0001);
        for operation in [
            Operation::Accept(ListenerId(7)),
            Operation::Connect(socket, generation),
            Operation::Receive(socket, generation),
            Operation::Send(socket, generation),
            Operation::Discard(socket, generation),
            Operation::Shutdown(socket, generation),
            Operation::Close(socket, generation),
            Operation::Detach(socket, generation),
            Operation::Wake,
            Operation::Cancel,
        ] {
            assert_eq!(
                Operation::from_user_data(operation.to_user_data()),
                Some(operation)
            );
        }
    }

    #[test]
    fn foreign_bits_are_no_operation() {
        assert_eq!(Operation::from_user_data(0), None);
        assert_eq!(Operation::from_user_data(u64::MAX), None);
    }
}
