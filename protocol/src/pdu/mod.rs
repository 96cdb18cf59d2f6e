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

/// Writes a PDU that is a header alone: co_cancel, orphaned, shutdown.
pub(crate) fn write_bare(kind: PduType, call: crate::types::CallId, out: &mut Vec<u8>) {
    let mut header = Header::new(kind, call);
    header.fragment_len = Header::LEN as u16;
    header.write(out);
}
