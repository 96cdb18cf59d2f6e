//! rpcecho, the test interface of Samba: ten operations that between them use most of NDR.
//!
//! [`RpcEchoClient`] calls it, [`RpcEcho`] is what a server implements, and [`EchoServer`] is
//! an implementation.

mod manager;
#[rustfmt::skip]
mod stub;

pub use self::manager::EchoServer;
pub use self::stub::*;
