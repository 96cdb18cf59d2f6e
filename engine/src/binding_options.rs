//! What can be chosen for a binding.

use std::time::Duration;

use annulus_transports::SocketOptions;

/// The options of a binding: the counterpart of `RpcBindingSetOption`.
///
/// ```
/// use std::time::Duration;
/// use annulus::BindingOptions;
///
/// let options = BindingOptions::new()
///     .call_timeout(Duration::from_secs(5))
///     .non_causal();
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BindingOptions {
    pub(crate) is_non_causal: bool,
    pub(crate) is_unique: bool,
    pub(crate) lingers_not: bool,
    pub(crate) multiplexes_not: bool,
    pub(crate) call_timeout: Option<Duration>,
    pub(crate) call_deadline: Option<Duration>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) socket: SocketOptions,
}

impl BindingOptions {
    /// The defaults: causal order, a shared association that lingers, calls without a time limit.
    #[must_use]
    pub const fn new() -> Self {
        BindingOptions {
            is_non_causal: false,
            is_unique: false,
            lingers_not: false,
            multiplexes_not: false,
            call_timeout: None,
            call_deadline: None,
            connect_timeout: None,
            socket: SocketOptions::new(),
        }
    }

    /// Lifts the causal order (`RPC_C_OPT_BINDING_NONCAUSAL`, 9): asynchronous calls that one
    /// thread makes need not be dispatched in the order in which they were made. Where the server
    /// does not multiplex, they then use further connections instead of waiting for each other.
    #[must_use]
    pub const fn non_causal(mut self) -> Self {
        self.is_non_causal = true;
        self
    }

    /// Gives the binding an association of its own (`RPC_C_OPT_UNIQUE_BINDING`, 11), that is
    /// connections that no other binding uses.
    #[must_use]
    pub const fn unique_binding(mut self) -> Self {
        self.is_unique = true;
        self
    }

    /// Ends a call with [`Status::CallCancelled`](crate::Status::CallCancelled) when the server
    /// has been silent about it for this long (`RPC_C_OPT_CALL_TIMEOUT`, 12): counted from the
    /// call, and anew from each fragment of its response.
    #[must_use]
    pub const fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = Some(timeout);
        self
    }

    /// Ends a call with [`Status::CallCancelled`](crate::Status::CallCancelled) when it has not
    /// ended so long after it was made, whatever has arrived by then. Windows has no such option.
    #[must_use]
    pub const fn call_deadline(mut self, deadline: Duration) -> Self {
        self.call_deadline = Some(deadline);
        self
    }

    /// Ends the calls that wait for a connection with
    /// [`Status::ServerUnavailable`](crate::Status::ServerUnavailable) when there is none after
    /// this long, in which the server's name is looked up and its addresses are tried; in place of
    /// [`Limits::connect_timeout`](crate::Limits::connect_timeout). Of bindings that share an
    /// association, the one whose call needs the connection first decides.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// Sets what the sockets of the connections are to be like. Bindings that choose differently
    /// share no association.
    ///
    /// A server that crashed, or that the network lost, is otherwise never missed, so that a call
    /// may wait for ever. [`Keepalive::of_com_timeout`](crate::Keepalive::of_com_timeout) finds
    /// that out as Windows does; against a server that lives and does not answer helps
    /// [`call_timeout`](BindingOptions::call_timeout).
    ///
    /// ```
    /// use annulus::{BindingOptions, Keepalive, SocketOptions};
    ///
    /// let options = BindingOptions::new().socket(SocketOptions {
    ///     keepalive: Keepalive::of_com_timeout(5),
    ///     ..SocketOptions::new()
    /// });
    /// # let _ = options;
    /// ```
    #[must_use]
    pub const fn socket(mut self, socket: SocketOptions) -> Self {
        self.socket = socket;
        self
    }

    /// Does not ask the server to multiplex: each connection carries one call at a time, so that no
    /// call waits behind the fragments of another. Bindings that ask and bindings that do not share
    /// no association.
    #[must_use]
    pub const fn one_call_per_connection(mut self) -> Self {
        self.multiplexes_not = true;
        self
    }

    /// Closes the association with its last binding (`RPC_C_OPT_DONT_LINGER`, 13) instead of
    /// keeping it for [`Limits::association_linger`](crate::Limits::association_linger). It is
    /// the option of that last binding which counts.
    #[must_use]
    pub const fn dont_linger(mut self) -> Self {
        self.lingers_not = true;
        self
    }
}
