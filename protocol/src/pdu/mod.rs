//! The PDUs of the connection-oriented protocol (C706 chapter 12, MS-RPCE 2.2.2), one type each.
//!
//! A PDU is read by `parse`, which takes its whole bytes and its [`Header`], and written by
//! `write`, which appends to a buffer. Parsed PDUs borrow the bytes they came from. Both byte
//! orders are read; this side writes little-endian, and either order for tests.

mod bind;
mod bind_ack;
mod bind_nak;
mod fault;
mod header;
mod request;
mod response;
mod trailer;

pub use bind::{Bind, ContextItem, ContextList, SyntaxList, Syntaxes, write_bind};
pub use bind_ack::{BindAck, BindAckWriter, ContextResult, ProviderReason, ResultList};
pub use bind_nak::{BindNak, BindNakReason};
pub use fault::FaultPdu;
pub use header::{Header, PduFlags, PduType};
pub use request::RequestHead;
pub use response::ResponseHead;
pub use trailer::{SecurityTrailer, write_auth3};

use crate::reader::Truncated;

/// A PDU whose fields do not fit into its length, or contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} is malformed: {what}")]
pub struct MalformedPdu {
    /// Which PDU.
    pub kind: PduType,
    /// What is wrong with it.
    pub what: &'static str,
}

impl MalformedPdu {
    pub(crate) const fn new(kind: PduType, what: &'static str) -> Self {
        MalformedPdu { kind, what }
    }

    /// For `map_err` of a reader's result.
    pub(crate) fn truncated(kind: PduType) -> impl Fn(Truncated) -> Self {
        move |Truncated| MalformedPdu::new(kind, "a field lies past its end")
    }
}

/// How many PDUs stand in a stream of whole PDUs that this crate wrote. Each header lies in one
/// of its pieces.
#[must_use]
pub fn count<'s>(pieces: impl IntoIterator<Item = &'s [u8]>) -> u64 {
    let mut count = 0;
    // Bytes of the PDU that reach into the next piece.
    let mut rest_len = 0;
    for piece in pieces {
        let mut at = rest_len;
        while let Some(head) = piece.get(at..).and_then(<[u8]>::first_chunk) {
            at += usize::from(Header::parse(head).fragment_len).max(Header::LEN);
            count += 1;
        }
        rest_len = at.saturating_sub(piece.len());
    }
    count
}

/// Writes a PDU that is a header alone: co_cancel, orphaned, shutdown.
pub(crate) fn write_bare(kind: PduType, call: crate::types::CallId, out: &mut Vec<u8>) {
    let mut header = Header::new(kind, call);
    header.fragment_len = Header::LEN as u16;
    header.write(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::CallId;

    #[test]
    fn pdus_are_counted_by_their_lengths() {
        let mut stream = Vec::new();
        assert_eq!(count([&stream[..]]), 0);
        for call in 1..=3 {
            write_bare(PduType::CoCancel, CallId(call), &mut stream);
        }
        assert_eq!(count([&stream[..]]), 3);
        let (head, rest) = stream.split_at(16);
        assert_eq!(count([head, rest]), 3);
        stream[8] = 19;
        let pieces: [&[u8]; 4] = [&stream[..16], b"1", b"23", &stream[16..]];
        assert_eq!(count(pieces), 3);
    }
}
