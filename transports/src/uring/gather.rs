//! What a socket sends: one buffer, or pieces that the kernel gathers.
//!
//! This module holds unsafe code: one line, where a header of C is made of zeros.

use std::mem;
use std::ptr;

use annulus_protocol::{Pieces, Place, SendBuffer};

/// Most pieces that one operation hands to the kernel, its own bound (`UIO_MAXIOV`); more are
/// sent in several operations.
const VECTORS_MAX: usize = 1024;

/// Gathers that are kept to be used again, a ring.
const SPARE_MAX: usize = 16;

/// What a socket sends. No larger than a buffer's head, as most sockets are idle.
#[derive(Debug)]
pub(super) enum Outbound {
    /// One buffer.
    Whole(Vec<u8>),
    /// Pieces, and what the kernel is told of them.
    Gathered {
        pieces: Box<Pieces>,
        gather: Box<Gather>,
    },
}

impl Outbound {
    pub(super) const NONE: Outbound = Outbound::Whole(Vec::new());

    pub(super) fn new(buffer: SendBuffer, spare: &mut SpareGathers) -> Self {
        match buffer {
            SendBuffer::Whole(buffer) => Outbound::Whole(buffer),
            SendBuffer::Pieces(pieces) => Outbound::Gathered {
                pieces,
                gather: spare.take(),
            },
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Outbound::Whole(buffer) => buffer.len(),
            Outbound::Gathered { pieces, .. } => pieces.len(),
        }
    }

    pub(super) fn into_send_buffer(self, spare: &mut SpareGathers) -> SendBuffer {
        match self {
            Outbound::Whole(buffer) => SendBuffer::Whole(buffer),
            Outbound::Gathered { pieces, gather } => {
                spare.put(gather);
                SendBuffer::Pieces(pieces)
            }
        }
    }
}

/// What the kernel reads of a send in pieces, beside their bytes: a header and the places of the
/// pieces.
#[derive(Debug)]
pub(super) struct Gather {
    header: libc::msghdr,
    vectors: Vec<libc::iovec>,
    /// How far the send has come.
    sent: Place,
}

impl Gather {
    fn new() -> Box<Self> {
        Box::new(Gather {
            // SAFETY: a structure of C of numbers and pointers, all of which may be zero; so has
            // sendmsg(2) it where there is no name and no control data.
            header: unsafe { mem::zeroed() },
            vectors: Vec::new(),
            sent: Place::default(),
        })
    }

    /// Notes that `len` more bytes were sent.
    pub(super) fn advance(&mut self, pieces: &Pieces, len: usize) {
        let mut rest = pieces.iter_from(self.sent);
        rest.skip_bytes(len);
        self.sent = rest.place();
    }

    /// The header of what is left of `pieces`, or of as much as one operation may have:
    /// `len_max` bytes at most.
    pub(super) fn next(&mut self, pieces: &Pieces, len_max: usize) -> &libc::msghdr {
        self.vectors.clear();
        let mut rest = pieces.iter_from(self.sent);
        let mut room = len_max;
        while self.vectors.len() < VECTORS_MAX
            && room > 0
            && let Some(piece) = rest.next_part(room)
        {
            room -= piece.len();
            self.vectors.push(libc::iovec {
                iov_base: piece.as_ptr().cast_mut().cast(),
                iov_len: piece.len(),
            });
        }
        self.header.msg_iov = self.vectors.as_mut_ptr();
        // The type differs from one C library to another.
        self.header.msg_iovlen = self.vectors.len() as _;
        &self.header
    }
}

/// Gathers that wait to be used again.
#[derive(Debug, Default)]
#[expect(
    clippy::vec_box,
    reason = "the kernel knows where they are, so they do not move"
)]
pub(super) struct SpareGathers(Vec<Box<Gather>>);

impl SpareGathers {
    fn take(&mut self) -> Box<Gather> {
        self.0.pop().unwrap_or_else(Gather::new)
    }

    fn put(&mut self, mut gather: Box<Gather>) {
        if self.0.len() < SPARE_MAX {
            gather.vectors.clear();
            gather.header.msg_iov = ptr::null_mut();
            gather.sent = Place::default();
            self.0.push(gather);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(parts: usize) -> Pieces {
        let mut pieces = Pieces::default();
        for part in 0..parts {
            pieces.written().push(part as u8);
            pieces.share(vec![part as u8; 3].into());
        }
        pieces
    }

    #[test]
    fn an_idle_socket_keeps_no_more_than_a_buffer() {
        assert_eq!(size_of::<Outbound>(), size_of::<Vec<u8>>());
    }

    #[test]
    fn an_operation_has_no_more_pieces_than_the_kernel_takes() {
        let pieces = stream(VECTORS_MAX);
        let mut gather = Gather::new();
        assert_eq!(gather.next(&pieces, usize::MAX).msg_iovlen, VECTORS_MAX);
        gather.advance(&pieces, VECTORS_MAX / 2 * 4);
        assert_eq!(gather.next(&pieces, usize::MAX).msg_iovlen, VECTORS_MAX);
        gather.advance(&pieces, VECTORS_MAX / 2 * 4);
        assert_eq!(gather.next(&pieces, usize::MAX).msg_iovlen, 0);
    }

    #[test]
    fn an_operation_has_no_more_bytes_than_it_may() {
        let pieces = stream(4);
        let mut gather = Gather::new();
        gather.advance(&pieces, 2);
        gather.next(&pieces, 4);
        let lens: Vec<_> = gather.vectors.iter().map(|vector| vector.iov_len).collect();
        assert_eq!(lens, [2, 1, 1]);
    }
}
