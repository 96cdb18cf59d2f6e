//! rpcecho, the test interface of Samba: ten operations that between them use most of NDR.
//!
//! [`RpcEchoClient`] calls it, [`RpcEcho`] is what a server implements, and [`EchoServer`] is
//! an implementation.

mod client;
mod manager;
mod server;
mod types;

use annulus_protocol::{SyntaxId, Uuid};

pub use self::client::RpcEchoClient;
pub use self::manager::EchoServer;
pub use self::server::{RpcEcho, interface};
pub use self::types::*;

/// The interface's UUID and version.
pub const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x60a1_5ec5_4de8_11d7_a637_0050_56a2_0182),
    1,
    0,
);

/// Operation number of AddOne.
pub const ADD_ONE: u16 = 0;
/// Operation number of EchoData.
pub const ECHO_DATA: u16 = 1;
/// Operation number of SinkData.
pub const SINK_DATA: u16 = 2;
/// Operation number of SourceData.
pub const SOURCE_DATA: u16 = 3;
/// Operation number of TestCall.
pub const TEST_CALL: u16 = 4;
/// Operation number of TestCall2.
pub const TEST_CALL2: u16 = 5;
/// Operation number of TestSleep.
pub const TEST_SLEEP: u16 = 6;
/// Operation number of TestEnum.
pub const TEST_ENUM: u16 = 7;
/// Operation number of TestSurrounding.
pub const TEST_SURROUNDING: u16 = 8;
/// Operation number of TestDoublePointer.
pub const TEST_DOUBLE_POINTER: u16 = 9;

/// How many operations the interface has.
pub const OPERATION_COUNT: u16 = 10;
