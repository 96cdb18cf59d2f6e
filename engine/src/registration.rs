//! How a server offers an interface.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use annulus_protocol::{InterfaceKey, SyntaxId, TransferSyntax, Uuid};
use annulus_transports::Address;

use crate::dispatch::{CallFacts, Interface};
use crate::foreign::{Contained, contain_panic};
use crate::pipe::PipeShape;
use crate::status::Status;

/// An interface and the conditions under which a server offers it, the counterpart of
/// `RpcServerRegisterIf3`.
///
/// ```
/// use annulus::rpcecho::{self, EchoServer};
/// use annulus::{Registration, Server, Status};
///
/// let echo = Registration::new(rpcecho::interface(EchoServer::default()))
///     .calls_max(100)
///     .request_len_max(64 << 10)
///     .local_only()
///     .security_callback(|query| match query.opnum {
///         rpcecho::TEST_SLEEP => Err(Status::AccessDenied),
///         _ => Ok(()),
///     });
/// let server = Server::new().interface(echo);
/// ```
#[must_use]
pub struct Registration {
    interface: Contained<Arc<dyn Interface>>,
    /// What the interface says of itself, asked once: it is foreign code.
    syntax: SyntaxId,
    operation_count: u16,
    /// The pipes of each operation, up to the last one that has any.
    pipes: Vec<PipeShape>,
    calls_max: usize,
    request_len_max: usize,
    is_local_only: bool,
    is_auto_listen: bool,
    blocking: Blocking,
    security: Option<Security>,
    annotation: String,
}

/// Which operations run on the worker pool.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Blocking {
    All,
    Some(Vec<u16>),
}

type SecurityCallback = dyn Fn(&SecurityQuery<'_>) -> Result<(), Status> + Send + Sync;

#[derive(Clone)]
struct Security {
    callback: Contained<Arc<SecurityCallback>>,
    is_for_each_call: bool,
}

/// What a security callback is asked about.
#[derive(Debug)]
#[non_exhaustive]
pub struct SecurityQuery<'a> {
    /// Where the client is; over `ncalrpc`, who it is
    /// ([`Address::credentials`](crate::transports::Address::credentials)).
    pub peer: &'a Address,
    /// The interface that it calls.
    pub interface: SyntaxId,
    /// The operation.
    pub opnum: u16,
    /// The object UUID of the call, if it has one.
    pub object: Option<Uuid>,
}

impl Registration {
    /// An interface without conditions.
    pub fn new(interface: impl Interface) -> Self {
        let operation_count = interface.operation_count();
        let opnums = 0..operation_count;
        let blocking: Vec<_> = opnums
            .clone()
            .filter(|opnum| interface.blocks(*opnum))
            .collect();
        let mut pipes: Vec<_> = opnums.map(|opnum| interface.pipes(opnum)).collect();
        while pipes.pop_if(|last| *last == PipeShape::default()).is_some() {}
        Registration {
            syntax: interface.syntax(),
            operation_count,
            pipes,
            interface: Contained::new(Arc::new(interface)),
            calls_max: usize::MAX,
            request_len_max: usize::MAX,
            is_local_only: false,
            is_auto_listen: false,
            blocking: Blocking::Some(blocking),
            security: None,
            annotation: String::new(),
        }
    }

    /// What the interface is, for people: goes with its endpoints into an endpoint map
    /// ([`Server::register_endpoints`](crate::Server::register_endpoints)). Of it, 63 bytes travel.
    pub fn annotation(mut self, annotation: impl Into<String>) -> Self {
        self.annotation = annotation.into();
        self
    }

    /// At most so many calls of this interface are open at a time, on all cores together. One
    /// more is refused with [`Status::ServerTooBusy`], not executed.
    pub fn calls_max(mut self, calls_max: usize) -> Self {
        self.calls_max = calls_max;
        self
    }

    /// Requests with more stub data than so many bytes are refused with
    /// [`Status::AccessDenied`], not executed. [`Limits::request_len_max`] holds besides, and
    /// for all interfaces.
    ///
    /// [`Limits::request_len_max`]: crate::Limits::request_len_max
    pub fn request_len_max(mut self, request_len_max: usize) -> Self {
        self.request_len_max = request_len_max;
        self
    }

    /// Only clients of this machine may call (`RPC_IF_ALLOW_LOCAL_ONLY`): those that came
    /// over a loopback address or over `ncalrpc`. Others get [`Status::AccessDenied`].
    pub fn local_only(mut self) -> Self {
        self.is_local_only = true;
        self
    }

    /// The interface takes calls also while its server does not listen (`RPC_IF_AUTOLISTEN`), as
    /// after [`Serving::stop_listening`](crate::Serving::stop_listening).
    pub fn auto_listen(mut self) -> Self {
        self.is_auto_listen = true;
        self
    }

    /// The manager routines may block: they run on the worker pool of the runtime
    /// ([`Limits::worker_threads_max`](crate::Limits::worker_threads_max) threads), and calls of
    /// one connection may overlap. If too much waits for a worker, a call is refused with
    /// [`Status::ServerTooBusy`], not executed. A routine that pulls an `[in]` pipe waits
    /// [`Limits::worker_pipe_timeout`](crate::Limits::worker_pipe_timeout) for more of it at most;
    /// then the pull fails with [`Status::CommFailure`].
    ///
    /// A runtime that ends waits for the routines that run.
    pub fn blocking(mut self) -> Self {
        self.blocking = Blocking::All;
        self
    }

    /// These operations may block too, as [`blocking`](Registration::blocking) has it, besides
    /// those of which the interface [says so itself](Interface::blocks).
    pub fn blocking_operations(mut self, opnums: impl IntoIterator<Item = u16>) -> Self {
        if let Blocking::Some(blocking) = &mut self.blocking {
            blocking.extend(opnums);
        }
        self
    }

    /// Asks the callback before the first call of each connection to this interface. An error,
    /// or a panic, refuses the call with [`Status::AccessDenied`], and the next call asks again.
    ///
    /// Over `ncalrpc` the kernel says who the peer is:
    ///
    /// ```
    /// # use annulus::rpcecho::{self, EchoServer};
    /// # use annulus::{Registration, Status};
    /// let for_root_alone = Registration::new(rpcecho::interface(EchoServer::default()))
    ///     .security_callback(|query| match query.peer.credentials() {
    ///         Some(peer) if peer.uid == 0 => Ok(()),
    ///         _ => Err(Status::AccessDenied),
    ///     });
    /// ```
    ///
    /// The callback runs on the core and must be short.
    pub fn security_callback(
        mut self,
        callback: impl Fn(&SecurityQuery<'_>) -> Result<(), Status> + Send + Sync + 'static,
    ) -> Self {
        self.security = Some(Security {
            callback: Contained::new(Arc::new(callback)),
            is_for_each_call: false,
        });
        self
    }

    /// Asks the callback before each call (`RPC_IF_SEC_NO_CACHE`); otherwise as
    /// [`security_callback`](Registration::security_callback).
    pub fn security_callback_for_each_call(
        self,
        callback: impl Fn(&SecurityQuery<'_>) -> Result<(), Status> + Send + Sync + 'static,
    ) -> Self {
        let mut registration = self.security_callback(callback);
        if let Some(security) = &mut registration.security {
            security.is_for_each_call = true;
        }
        registration
    }

    pub(crate) fn syntax(&self) -> SyntaxId {
        self.syntax
    }

    pub(crate) fn has_blocking(&self) -> bool {
        self.blocking != Blocking::Some(Vec::new())
    }

    /// Whether nothing can keep a call from beginning on a core while the server listens.
    fn is_unconditional(&self) -> bool {
        let Registration {
            interface: _,
            syntax: _,
            operation_count: _,
            pipes,
            calls_max,
            request_len_max,
            is_local_only,
            is_auto_listen: _,
            blocking: _,
            security,
            annotation: _,
        } = self;
        pipes.is_empty()
            && (*calls_max, *request_len_max) == (usize::MAX, usize::MAX)
            && !is_local_only
            && !self.has_blocking()
            && security.is_none()
    }
}

impl<I: Interface> From<I> for Registration {
    fn from(interface: I) -> Self {
        Registration::new(interface)
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("interface", &self.syntax())
            .field("calls_max", &self.calls_max)
            .field("request_len_max", &self.request_len_max)
            .field("local_only", &self.is_local_only)
            .field("auto_listen", &self.is_auto_listen)
            .field("blocking", &self.blocking)
            .field("security_callback", &self.security.is_some())
            .field("annotation", &self.annotation)
            .finish()
    }
}

/// An interface of a server that runs.
pub(crate) struct RegisteredInterface {
    registration: Arc<Registration>,
    /// Nothing can keep a call from beginning on a core while the server listens.
    is_unconditional: bool,
    /// Open calls, counted only where they are limited.
    open_calls: AtomicUsize,
}

/// What is known of a call before it begins.
pub(crate) struct Applicant<'a> {
    pub(crate) peer: &'a Address,
    pub(crate) opnum: u16,
    pub(crate) facts: &'a CallFacts,
    pub(crate) request_len: usize,
    pub(crate) is_listening: bool,
    /// The interfaces that the security callback has let this connection call.
    pub(crate) cleared: &'a mut Vec<InterfaceKey>,
}

/// The right of one call to be open; given back when it is dropped.
#[derive(Default)]
pub(crate) struct CallPermit(Option<Arc<RegisteredInterface>>);

impl RegisteredInterface {
    pub(crate) fn new(registration: Arc<Registration>) -> Arc<Self> {
        Arc::new(RegisteredInterface {
            is_unconditional: registration.is_unconditional(),
            registration,
            open_calls: AtomicUsize::new(0),
        })
    }

    pub(crate) fn syntax(&self) -> SyntaxId {
        self.registration.syntax()
    }

    /// Whether nothing can keep a call from beginning on a core while the server listens.
    #[inline]
    pub(crate) fn is_unconditional(&self) -> bool {
        self.is_unconditional
    }

    pub(crate) fn interface(&self) -> &dyn Interface {
        &**self.registration.interface
    }

    pub(crate) fn supports(&self, transfer: TransferSyntax) -> bool {
        contain_panic(|| self.interface().supports(transfer)).unwrap_or(false)
    }

    pub(crate) fn operation_count(&self) -> u16 {
        self.registration.operation_count
    }

    /// The pipes of an operation.
    pub(crate) fn pipes(&self, opnum: u16) -> PipeShape {
        let shape = self.registration.pipes.get(usize::from(opnum));
        shape.copied().unwrap_or_default()
    }

    pub(crate) fn annotation(&self) -> &str {
        &self.registration.annotation
    }

    pub(crate) fn is_blocking(&self, opnum: u16) -> bool {
        match &self.registration.blocking {
            Blocking::All => true,
            // To search takes longer than to see that there is nothing.
            Blocking::Some(opnums) => !opnums.is_empty() && opnums.contains(&opnum),
        }
    }

    /// Whether a call may begin; if not, the status of its refusal.
    pub(crate) fn admit(self: &Arc<Self>, call: Applicant<'_>) -> Result<CallPermit, Status> {
        let conditions = &*self.registration;
        if !call.is_listening && !conditions.is_auto_listen {
            return Err(Status::ServerTooBusy);
        }
        if call.request_len > conditions.request_len_max
            || (conditions.is_local_only && !call.peer.is_local())
        {
            return Err(Status::AccessDenied);
        }
        if let Some(security) = &conditions.security {
            self.ask(security, call)?;
        }
        if conditions.calls_max == usize::MAX {
            return Ok(CallPermit(None));
        }
        let permit = CallPermit(Some(Arc::clone(self)));
        if self.open_calls.fetch_add(1, Ordering::Relaxed) < conditions.calls_max {
            Ok(permit)
        } else {
            Err(Status::ServerTooBusy)
        }
    }

    fn ask(&self, security: &Security, call: Applicant<'_>) -> Result<(), Status> {
        let interface = call.facts.interface;
        if call.cleared.contains(&interface) {
            return Ok(());
        }
        let query = SecurityQuery {
            peer: call.peer,
            interface: self.syntax(),
            opnum: call.opnum,
            object: call.facts.object,
        };
        let verdict = contain_panic(|| (security.callback)(&query));
        if verdict != Some(Ok(())) {
            tracing::debug!(?query, ?verdict, "the security callback refuses a call");
            return Err(Status::AccessDenied);
        }
        if !security.is_for_each_call {
            call.cleared.push(interface);
        }
        Ok(())
    }
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        if let Some(interface) = &self.0 {
            interface.open_calls.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use annulus_ndr::ByteOrder;
    use annulus_transports::PeerCredentials;

    use super::*;
    use crate::dispatch::Dispatch;
    use crate::interfaces::mgmt;

    /// Its operation has these pipes.
    struct Piped(PipeShape);

    impl Interface for Piped {
        fn syntax(&self) -> SyntaxId {
            mgmt::interface(mgmt::Management).syntax()
        }

        fn operation_count(&self) -> u16 {
            1
        }

        fn pipes(&self, _: u16) -> PipeShape {
            self.0
        }

        fn dispatch(&self, _: Dispatch<'_, '_>) -> Result<(), Status> {
            Err(Status::CannotSupport)
        }
    }

    #[test]
    fn an_interface_with_any_condition_is_not_unconditional() {
        let new = || Registration::new(Piped(PipeShape::default()));
        let is_unconditional =
            |it: Registration| RegisteredInterface::new(Arc::new(it)).is_unconditional();
        assert!(is_unconditional(new()));
        assert!(is_unconditional(new().auto_listen().annotation("echo")));
        let in_pipe = PipeShape {
            in_count: 1,
            ..PipeShape::default()
        };
        let conditional = [
            Registration::new(Piped(in_pipe)),
            new().calls_max(1),
            new().request_len_max(1),
            new().local_only(),
            new().blocking(),
            new().blocking_operations([0]),
            new().security_callback(|_| Ok(())),
            new().security_callback_for_each_call(|_| Ok(())),
        ];
        for (index, registration) in conditional.into_iter().enumerate() {
            assert!(!is_unconditional(registration), "{index}");
        }
    }

    #[test]
    fn rule_55_strangers_may_not_call_a_local_only_interface() {
        let management = mgmt::interface(mgmt::Management);
        let registered =
            RegisteredInterface::new(Arc::new(Registration::new(management).local_only()));
        let tcp = |peer: &str| Address::from(peer.parse::<SocketAddr>().unwrap());
        let admit = |peer: Address| {
            let permit = registered.admit(Applicant {
                peer: &peer,
                opnum: 0,
                facts: &CallFacts {
                    interface: InterfaceKey(0),
                    order: ByteOrder::Little,
                    transfer: TransferSyntax::Ndr,
                    object: None,
                    maybe: false,
                },
                request_len: 0,
                is_listening: true,
                cleared: &mut Vec::new(),
            });
            permit.map(drop)
        };
        for peer in [
            "127.0.0.1:1",
            "127.9.9.9:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert_eq!(admit(tcp(peer)), Ok(()), "{peer}");
        }
        let process = Address::Process(PeerCredentials {
            uid: 1000,
            gid: 1000,
            pid: None,
        });
        assert_eq!(admit(process), Ok(()), "over ncalrpc");
        for peer in ["10.0.0.1:1", "[fe80::1]:1", "[::ffff:10.0.0.1]:1"] {
            assert_eq!(admit(tcp(peer)), Err(Status::AccessDenied), "{peer}");
        }
    }
}
