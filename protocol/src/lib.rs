//! Sans-IO DCE/RPC (C706, MS-RPCE): PDUs, fragments, associations, security seam.
//!
//! A connection takes received bytes and the current time, and gives bytes to send and events.
//! Sockets, clocks, threads and random numbers live elsewhere, so a test of a whole association
//! runs in microseconds.
//!
//! ```
//! use annulus_protocol::{
//!     ClientConfig, ClientConnection, SyntaxId, Time, TransferSyntax, Uuid,
//! };
//!
//! let echo = SyntaxId::new(Uuid::from_u128(0x60a15ec5_4de8_11d7_a637_005056a20182), 1, 0);
//! let mut client = ClientConnection::new(ClientConfig::default());
//! let mut out = Vec::new();
//! client.bind(Time::ZERO, echo, &[TransferSyntax::Ndr64, TransferSyntax::Ndr], None, &mut out)?;
//! assert_eq!(out[..4], [5, 0, 11, 0x13], "a bind in version 5.0, to be sent");
//! # Ok::<(), annulus_protocol::OfferError>(())
//! ```
//!
//! [`ServerConnection`] and [`ClientConnection`] are the two sides; [`pdu`] is the wire format
//! below them. A connection owes nothing to its transport but order, and nothing to the network
//! but suspicion: each bound on what a peer can make it keep is a field of [`Limits`].
#![forbid(unsafe_code)]

pub mod pdu;

mod assembly;
mod call_map;
mod client;
mod drep;
mod error;
mod extensions;
mod fault;
mod fragments;
mod framing;
mod input;
mod limits;
mod pieces;
mod protection;
mod reader;
mod security;
mod server;
mod time;
mod types;
mod verification;
mod writer;

pub use client::{
    ClientConfig, ClientConnection, ClientEvent, PlainResponse, RequestPartStart, RequestStart,
};
pub use drep::DataRepresentation;
pub use error::{CallError, CloseReason, OfferError, Violation};
pub use extensions::Extensions;
pub use fault::FaultStatus;
pub use input::{AssembledStub, Input, Stub};
pub use limits::Limits;
pub use pdu::{BindNakReason, ProviderReason};
pub use pieces::{Output, PieceIter, Pieces, Place, SendBuffer, SharedPart};
pub use security::{
    AuthenticationLevel, AuthenticationType, ClientMechanism, Extent, MessageProtection,
    SecurityError, ServerMechanism, Step,
};
pub use server::{ReplyTo, Request, ResponseStart, ServerConnection, ServerEndpoint, ServerEvent};
pub use time::Time;
pub use types::{
    BindTimeFeatures, CallId, ContextId, GroupId, InterfaceKey, MaxFragment, Opnum, SyntaxId,
    TransferSyntax,
};
pub use uuid::Uuid;
