//! What a socket sends: one buffer, or pieces that the kernel gathers.

use std::io::IoSlice;
use std::os::fd::BorrowedFd;

use annulus_protocol::{Pieces, Place, SendBuffer};
use rustix::io::Result;
use rustix::net::{SendAncillaryBuffer, SendFlags};

/// Most pieces that one system call gathers; more are sent by several.
const SLICES_MAX: usize = 64;

/// What a socket sends. No larger than a buffer's head, as most sockets are idle.
#[derive(Debug)]
pub(super) enum Outbound {
    /// One buffer.
    Whole(Vec<u8>),
    /// Pieces, and how far their send has come.
    Gathered {
        pieces: Box<Pieces>,
        sent: Box<Place>,
    },
}

/// What a try to send has brought.
pub(super) struct Tried {
    /// Bytes that the kernel was offered.
    pub(super) offered: usize,
    /// Bytes that it took.
    pub(super) sent: usize,
}

impl Outbound {
    pub(super) fn len(&self) -> usize {
        match self {
            Outbound::Whole(buffer) => buffer.len(),
            Outbound::Gathered { pieces, .. } => pieces.len(),
        }
    }

    /// Sends some of what is left behind `sent` bytes: as much as the kernel takes, and `len_max`
    /// bytes at most.
    pub(super) fn send(
        &mut self,
        fd: BorrowedFd<'_>,
        sent: usize,
        len_max: usize,
    ) -> Result<Tried> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match self {
            Outbound::Whole(buffer) => {
                let rest = &buffer[sent..];
                let part = &rest[..rest.len().min(len_max)];
                Ok(Tried {
                    offered: part.len(),
                    sent: rustix::net::send(fd, part, flags)?,
                })
            }
            Outbound::Gathered { pieces, sent } => {
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let (count, offered) = gather(pieces, **sent, len_max, &mut slices);
                let mut control = SendAncillaryBuffer::default();
                let len = rustix::net::sendmsg(fd, &slices[..count], &mut control, flags)?;
                let mut rest = pieces.iter_from(**sent);
                rest.skip_bytes(len);
                **sent = rest.place();
                Ok(Tried { offered, sent: len })
            }
        }
    }
}

/// Fills `slices` with pieces from a place on, `len_max` bytes at most. Returns how many slices,
/// and how many bytes.
fn gather<'p>(
    pieces: &'p Pieces,
    from: Place,
    len_max: usize,
    slices: &mut [IoSlice<'p>; SLICES_MAX],
) -> (usize, usize) {
    let mut rest = pieces.iter_from(from);
    let (mut count, mut len) = (0, 0);
    while count < SLICES_MAX
        && len < len_max
        && let Some(piece) = rest.next_part(len_max - len)
    {
        slices[count] = IoSlice::new(piece);
        count += 1;
        len += piece.len();
    }
    (count, len)
}

impl Default for Outbound {
    fn default() -> Self {
        Outbound::Whole(Vec::new())
    }
}

impl From<SendBuffer> for Outbound {
    fn from(buffer: SendBuffer) -> Self {
        match buffer {
            SendBuffer::Whole(buffer) => Outbound::Whole(buffer),
            SendBuffer::Pieces(pieces) => Outbound::Gathered {
                pieces,
                sent: Box::default(),
            },
        }
    }
}

impl From<Outbound> for SendBuffer {
    fn from(outbound: Outbound) -> Self {
        match outbound {
            Outbound::Whole(buffer) => SendBuffer::Whole(buffer),
            Outbound::Gathered { pieces, .. } => SendBuffer::Pieces(pieces),
        }
    }
}
