//! What the tests work with: an endpoint, a server and a client that are fed bytes, a toy of a
//! security mechanism, and a writer of PDUs that owes nothing to the crate under test.

pub(crate) mod client;
mod endpoint;
mod pdus;
mod server;
pub(crate) mod toy;
mod wire;

use annulus_protocol::{SyntaxId, Uuid};

pub(crate) use self::endpoint::Endpoint;
pub(crate) use self::pdus::{Call, Offer, pdu, with_trailer};
pub(crate) use self::server::{Seen, SeenRequest, Server};
pub(crate) use self::wire::{Wire, hex, split};

/// An interface with 5 operations, NDR and NDR64.
pub(crate) const ECHO: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x60a15ec5_4de8_11d7_a637_005056a20182),
    1,
    0,
);
/// An interface with 2 operations, NDR only.
pub(crate) const OLD: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0xafa8bd80_7d8a_11c9_bef4_08002b102989),
    1,
    2,
);
/// An interface that the endpoint does not have.
pub(crate) const UNKNOWN: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0xe1af8308_5d1f_11c9_91a4_08002b14a0fa),
    3,
    0,
);

pub(crate) const NDR: SyntaxId = SyntaxId::NDR20;
pub(crate) const NDR64: SyntaxId = SyntaxId::NDR64;
pub(crate) const ZERO: SyntaxId = SyntaxId::ZERO;

pub(crate) const FIRST: u8 = 0x01;
pub(crate) const LAST: u8 = 0x02;
pub(crate) const WHOLE: u8 = 0x03;
pub(crate) const PENDING_CANCEL: u8 = 0x04;
pub(crate) const HEADER_SIGNING: u8 = 0x04;
pub(crate) const MULTIPLEXING: u8 = 0x10;
pub(crate) const DID_NOT_EXECUTE: u8 = 0x20;
pub(crate) const MAYBE: u8 = 0x40;
pub(crate) const OBJECT: u8 = 0x80;

pub(crate) const REQUEST: u8 = 0;
pub(crate) const RESPONSE: u8 = 2;
pub(crate) const FAULT: u8 = 3;
pub(crate) const BIND: u8 = 11;
pub(crate) const BIND_ACK: u8 = 12;
pub(crate) const BIND_NAK: u8 = 13;
pub(crate) const ALTER: u8 = 14;
pub(crate) const ALTER_RESP: u8 = 15;
pub(crate) const AUTH3: u8 = 16;
pub(crate) const SHUTDOWN: u8 = 17;
pub(crate) const CO_CANCEL: u8 = 18;
pub(crate) const ORPHANED: u8 = 19;
