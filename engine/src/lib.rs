//! Asynchronous RPC for Linux: the call model of Microsoft RPC, on the wire of DCE/RPC, on a
//! thread-per-core io_uring runtime.
//!
//! A server, and a client that calls it:
//!
//! ```
//! use annulus::rpcecho::{self, EchoServer, RpcEchoClient};
//! use annulus::{Binding, Config, Cores, Runtime, Server};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Runtime::start(Config::default().cores(Cores::Count(1)))?;
//! let echo = rpcecho::interface(EchoServer::default());
//! let serving = runtime.serve(Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[0]")?.interface(echo))?;
//!
//! let binding = Binding::new(&runtime, &serving.bindings()[0].to_string(), rpcecho::INTERFACE)?;
//! let client = RpcEchoClient::new(binding);
//! assert_eq!(client.add_one(41)?, 42);
//! # Ok(()) }
//! ```
//!
//! The same call as a future is `client.add_one_future(41).await`, in any executor; with an
//! [`AsyncHandle`] it notifies as the handle's [`Notify`] says. A [`LocalRuntime`] runs on the
//! caller's own thread, without any hop.
#![forbid(unsafe_code)]

// Generated stubs name this crate as those of other crates do.
extern crate self as annulus;

mod apc;
mod async_context;
mod async_handle;
mod binding;
mod binding_options;
mod blocking_call;
mod call;
mod call_state;
mod call_watch;
mod cancelled;
mod completion_port;
mod config;
mod context_handle;
mod core;
mod core_shared;
mod descriptor;
mod dispatch;
mod embedded;
mod endpoint;
mod error;
mod event;
mod executor;
mod extended_error;
mod foreign;
mod futex;
#[cfg(feature = "glommio")]
mod glommio_reactor;
mod idle;
mod inbox;
mod include;
mod interfaces;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
mod local_runtime;
mod lock;
mod notification;
mod notify;
mod opening;
mod pipe;
mod queue;
mod registration;
mod resolver;
mod runtime;
mod served_client;
mod server;
mod server_call;
mod status;
mod table;
mod window;
mod worker_pool;

pub use annulus_ndr as ndr;
pub use annulus_protocol::{Limits, SyntaxId, Time, TransferSyntax, Uuid};
pub use annulus_transports::{
    Keepalive, ListenOptions, NcalrpcDirectory, PeerCredentials, RingChoice, RingUsage,
    SocketOptions, StringBinding,
};

pub use self::apc::{Apc, ApcThread, ThreadEnded, WaitResult, sleep_ex, wait_ex};
pub use self::async_context::AsyncContext;
pub use self::async_handle::AsyncHandle;
pub use self::binding::{Binding, Outputs};
pub use self::binding_options::BindingOptions;
pub use self::call::Call;
pub use self::cancelled::Cancelled;
pub use self::completion_port::{CompletionPacket, CompletionPort, PortError};
pub use self::config::{BalancePolicy, Config, Cores, IdlePolicy};
pub use self::context_handle::{ExclusiveContext, SharedContext};
pub use self::core::{LocalReply, StubData};
pub use self::core_shared::CancelKind;
pub use self::dispatch::{CallContext, Dispatch, Interface};
pub use self::embedded::{EmbeddedRuntime, Reactor};
pub use self::error::Error;
pub use self::event::Event;
pub use self::executor::{Executor, Sleep};
pub use self::extended_error::{ErrorParameter, ErrorRecord, ExplainedFailure, ExtendedError};
#[cfg(feature = "glommio")]
pub use self::glommio_reactor::GlommioReactor;
pub use self::interfaces::{async_rpc, epmapper, mgmt, rpcecho};
pub use self::local_runtime::{LocalBinding, LocalCall, LocalRuntime, Usage};
pub use self::notification::{HandleRef, Notification, NotificationEvent};
pub use self::notify::Notify;
pub use self::opening::Opening;
pub use self::pipe::{PipeShape, Pipes, Pull, PullPipe, Push, PushPipe};
pub use self::registration::{Registration, SecurityQuery};
pub use self::runtime::{CoreHandle, Host, Runtime};
pub use self::server::{Server, Serving, Statistics};
pub use self::server_call::{ServerCall, ServerCallRef};
pub use self::status::Status;
pub use self::window::{Message, MessageQueue, PostError};

/// The rings that a runtime can run on.
pub mod transports {
    pub use annulus_transports::*;
}

/// The examples of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The code of the guide, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide/async.md")]
struct AsyncGuide;
