//! Sans-IO DCE/RPC (C706, MS-RPCE): PDUs, fragments, associations, security seam.
#![forbid(unsafe_code)]

pub mod pdu;

mod assembly;
mod call_map;
mod drep;
mod error;
mod fault;
mod fragments;
mod framing;
mod input;
mod limits;
mod protection;
mod reader;
mod security;
mod server;
mod time;
mod types;
mod verification;
mod writer;

pub use drep::DataRepresentation;
pub use error::{CallError, CloseReason, OfferError, Violation};
pub use fault::FaultStatus;
pub use input::{AssembledStub, Input, Stub};
pub use limits::Limits;
pub use pdu::{BindNakReason, ProviderReason};
pub use security::{
    AuthenticationLevel, AuthenticationType, ClientMechanism, Extent, MessageProtection,
    SecurityError, ServerMechanism, Step,
};
pub use server::{
    ReplyTo, Request, ResponseStart, ServerConnection, ServerEndpoint, ServerEvent,
};
pub use time::Time;
pub use types::{
    BindTimeFeatures, CallId, ContextId, GroupId, InterfaceKey, MaxFragment, Opnum, SyntaxId,
    TransferSyntax,
};
pub use uuid::Uuid;
