//! A server: endpoints, interfaces, and what all its cores share.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};

use annulus_protocol::{
    AuthenticationType, GroupId, InterfaceKey, Limits, Opnum, ServerEndpoint, ServerMechanism,
    SyntaxId, TransferSyntax, Uuid,
};
use annulus_transports::{
    Address, ListenOptions, NcalrpcDirectory, Ring, StringBinding, TransportError,
};

use crate::blocking_call::BlockingCall;
use crate::context_handle::GroupContexts;
use crate::core_shared::{Command, CoreShared};
use crate::endpoint;
use crate::epmapper::{Endpoint, EndpointMap, RegisterError, Registered, Tower};
use crate::error::Error;
use crate::mgmt;
use crate::registration::{RegisteredInterface, Registration};
use crate::status::Status;
use crate::worker_pool::{WorkerPool, Workers};

/// What is to be served, and where. Hand it to [`Runtime::serve`](crate::Runtime::serve).
///
/// The management interface (mgmt, C706 appendix Q) is on every endpoint by itself.
#[derive(Default)]
#[must_use]
pub struct Server {
    pub(crate) endpoints: Vec<StringBinding>,
    interfaces: Vec<Registration>,
    maps: Vec<EndpointMap>,
    listen: ListenOptions,
}

impl Server {
    /// A server without endpoints and interfaces.
    pub fn new() -> Self {
        Server::default()
    }

    /// Adds an endpoint, such as `ncacn_ip_tcp:127.0.0.1[4711]`. Without a port, or with port
    /// 0, one is chosen; [`Serving::bindings`] tells it. There may be any number of endpoints.
    ///
    /// `0.0.0.0` stands for all IPv4 addresses of this machine and `::` for all IPv6 ones: for
    /// both, add both. A host name is looked up, and each of its addresses is listened on.
    ///
    /// `ncalrpc:[name]` is reached from this machine alone, by a Unix socket in
    /// [`Config::ncalrpc_directory`](crate::Config::ncalrpc_directory). Every user may connect:
    /// who may call, [`Registration::security_callback`] can decide by the credentials of the
    /// peer. Without a name, one is chosen.
    ///
    /// # Errors
    ///
    /// The string is not a binding.
    pub fn endpoint(mut self, string_binding: &str) -> Result<Self, Error> {
        self.endpoints.push(endpoint::parse(string_binding)?);
        Ok(self)
    }

    /// Adds an interface to all endpoints: alone, or in a [`Registration`] with conditions.
    pub fn interface(mut self, interface: impl Into<Registration>) -> Self {
        self.interfaces.push(interface.into());
        self
    }

    /// Sets how the endpoints listen, and what the sockets of their connections are like.
    pub fn listen_options(mut self, options: ListenOptions) -> Self {
        self.listen = options;
        self
    }

    /// Registers all interfaces at all endpoints in an endpoint map of this process, from which an
    /// [`EndpointMapper`](crate::epmapper::EndpointMapper) tells them: until the server's runtime
    /// shuts down, or [`Serving::unregister_endpoints`].
    pub fn register_endpoints(mut self, map: &EndpointMap) -> Self {
        self.maps.push(map.clone());
        self
    }
}

impl Server {
    /// Where its calls run that block, if there are any.
    pub(crate) fn worker_pool(&self, workers: &Workers) -> Result<Option<Arc<WorkerPool>>, Error> {
        let is_blocking = self.interfaces.iter().any(Registration::has_blocking);
        is_blocking.then(|| workers.pool()).transpose()
    }

    /// Looks the addresses of the endpoints up; may block. `workers` are its own
    /// [`worker_pool`](Server::worker_pool).
    pub(crate) fn resolve(
        self,
        workers: Option<Arc<WorkerPool>>,
        local: &NcalrpcDirectory,
    ) -> Result<Arc<ResolvedServer>, Error> {
        let mut endpoints = Vec::new();
        for binding in self.endpoints {
            for address in endpoint::resolve_local(&binding, local)? {
                endpoints.push(BoundEndpoint {
                    binding: binding.clone(),
                    address,
                });
            }
        }
        if endpoints.is_empty() {
            return Err(Error::NoEndpoint);
        }
        Ok(Arc::new(ResolvedServer {
            endpoints,
            interfaces: self.interfaces.into_iter().map(Arc::new).collect(),
            workers,
            maps: self.maps,
            listen: self.listen,
        }))
    }
}

/// A server whose addresses are known.
pub(crate) struct ResolvedServer {
    pub(crate) endpoints: Vec<BoundEndpoint>,
    interfaces: Vec<Arc<Registration>>,
    /// Where calls that block run, if there are any.
    workers: Option<Arc<WorkerPool>>,
    /// Where the endpoints are to be registered.
    maps: Vec<EndpointMap>,
    pub(crate) listen: ListenOptions,
}

/// A string binding and the address that it stands for.
#[derive(Clone)]
pub(crate) struct BoundEndpoint {
    pub(crate) binding: StringBinding,
    pub(crate) address: Address,
}

/// How long to wait before a port that is in use is tried again.
const PORT_IN_USE_PAUSE: Duration = Duration::from_millis(10);

impl ResolvedServer {
    /// Opens the server on a core, and waits for it: not on the core's own thread.
    pub(crate) fn serve_on(self: &Arc<Self>, core: &CoreShared) -> Result<Serving, Error> {
        self.serve_with(|server| {
            let (answer, answered) = mpsc::channel();
            let server = Arc::clone(server);
            core.submit(Command::Serve { server, answer });
            answered.recv().map_err(|_| Error::ShutDown)?
        })
    }

    /// Opens the server with `open`, again and again while a port is in use, for a while.
    pub(crate) fn serve_with(
        self: &Arc<Self>,
        mut open: impl FnMut(&Arc<Self>) -> Result<Serving, Error>,
    ) -> Result<Serving, Error> {
        let start = Instant::now();
        loop {
            match open(self) {
                Err(Error::Transport(TransportError::AddressInUse { .. }))
                    if start.elapsed() < self.listen.retry_in_use =>
                {
                    std::thread::sleep(PORT_IN_USE_PAUSE);
                }
                Err(Error::Transport(TransportError::AddressInUse { address, .. })) => {
                    let waited = start.elapsed();
                    return Err(TransportError::AddressInUse { address, waited }.into());
                }
                result => return result,
            }
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let interfaces: Vec<_> = self.interfaces.iter().map(Registration::syntax).collect();
        f.debug_struct("Server")
            .field("endpoints", &self.endpoints)
            .field("interfaces", &interfaces)
            .finish()
    }
}

/// A server that runs: where it listens, and what it has done so far.
#[derive(Clone)]
pub struct Serving {
    pub(crate) server: Arc<RunningServer>,
}

impl Serving {
    /// The string bindings under which the server can be reached, with their real ports.
    #[must_use]
    pub fn bindings(&self) -> &[StringBinding] {
        self.server.bound.get().map_or(&[], |bound| &bound.bindings)
    }

    /// Stops listening, as `RpcMgmtStopServerListening`: no call begins any more, except on
    /// interfaces that are [auto-listen](crate::Registration::auto_listen); callers get
    /// [`Status::ServerTooBusy`], not executed. Calls that run go on, and connections stay.
    ///
    /// # Errors
    ///
    /// [`Status::NotListening`]
    pub fn stop_listening(&self) -> Result<(), Status> {
        let is_change = self.server.set_listening(false);
        is_change.then_some(()).ok_or(Status::NotListening)
    }

    /// Listens again, as `RpcServerListen`. A server listens from its start.
    ///
    /// # Errors
    ///
    /// [`Status::AlreadyListening`]
    pub fn listen(&self) -> Result<(), Status> {
        let is_change = self.server.set_listening(true);
        is_change.then_some(()).ok_or(Status::AlreadyListening)
    }

    /// What there is to register in an endpoint map: each interface at each endpoint, but for mgmt.
    /// For the mapper of another process; see
    /// [`EndpointMapperClient::register`](crate::epmapper::EndpointMapperClient::register).
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.server.mapped_endpoints()
    }

    /// Takes the server's endpoints out of the endpoint maps in which it has registered them
    /// ([`Server::register_endpoints`]), as `RpcEpUnregister`. They stay open.
    pub fn unregister_endpoints(&self) {
        self.server.unregister_endpoints();
    }

    /// What the server has done since it started.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.server.statistics()
    }

    /// How many connections each core of the runtime has at the moment. One that is on its way
    /// from core to core is on none.
    #[must_use]
    pub fn connections_per_core(&self) -> Vec<u64> {
        self.server.per_core(CoreCounters::connections)
    }

    /// How many connections each core of the runtime has got from the listening one so far.
    #[must_use]
    pub fn accepted_per_core(&self) -> Vec<u64> {
        self.server.per_core(|counters| counters.accepted.get())
    }

    /// How many calls each core of the runtime has received so far.
    #[must_use]
    pub fn calls_per_core(&self) -> Vec<u64> {
        self.server.per_core(|counters| counters.calls_in.get())
    }

    /// How many times a core has handed a connection over to another one
    /// ([`BalancePolicy`](crate::BalancePolicy)).
    #[must_use]
    pub fn handovers(&self) -> u64 {
        self.server
            .per_core(|counters| counters.arrived.get())
            .iter()
            .sum()
    }
}

impl std::fmt::Debug for Serving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serving")
            .field("bindings", &self.bindings())
            .finish_non_exhaustive()
    }
}

/// What a server has done, summed over its cores: the four numbers of `rpc_mgmt_inq_stats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Calls received.
    pub calls_in: u64,
    /// Calls that the runtime of the server has made as a client.
    pub calls_out: u64,
    /// PDUs received.
    pub packets_in: u64,
    /// PDUs sent.
    pub packets_out: u64,
}

/// What the cores share of one server.
pub(crate) struct RunningServer {
    pub(crate) interfaces: Vec<Arc<RegisteredInterface>>,
    workers: Option<Arc<WorkerPool>>,
    pub(crate) limits: Arc<Limits>,
    listening: AtomicBool,
    groups: Mutex<Groups>,
    bound: OnceLock<Bound>,
    registered: Mutex<Vec<Registered>>,
    counters: Box<[CoreCounters]>,
    /// The cores of the runtime, which count the calls that they make.
    cores: Arc<[Arc<CoreShared>]>,
}

struct Bound {
    bindings: Vec<StringBinding>,
    addresses: Vec<Address>,
    secondary_addresses: Vec<String>,
}

/// The counters of one core, on cache lines of their own. Only that core writes.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct CoreCounters {
    pub(crate) calls_in: Counter,
    pub(crate) packets_in: Counter,
    pub(crate) packets_out: Counter,
    /// Connections that came from the listening core.
    pub(crate) accepted: Counter,
    /// Connections that came from another core, later.
    pub(crate) arrived: Counter,
    /// Connections that have gone to another core.
    pub(crate) left: Counter,
    /// Connections that have ended here.
    pub(crate) closed: Counter,
}

impl CoreCounters {
    /// Connections at the moment; a reader of another thread may see one end before it sees it
    /// begin.
    fn connections(&self) -> u64 {
        let gone = self.left.get() + self.closed.get();
        (self.accepted.get() + self.arrived.get()).saturating_sub(gone)
    }
}

/// A count with one writer and many readers.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds without a locked instruction, as only one thread writes.
    pub(crate) fn add(&self, count: u64) {
        self.0.store(
            self.0.load(Ordering::Relaxed).wrapping_add(count),
            Ordering::Relaxed,
        );
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl RunningServer {
    pub(crate) fn new(
        server: &ResolvedServer,
        limits: Arc<Limits>,
        cores: &Arc<[Arc<CoreShared>]>,
    ) -> Arc<Self> {
        // It answers also while the server does not listen: that is what it is asked.
        let management = Registration::new(mgmt::interface(mgmt::Management)).auto_listen();
        let interfaces = server.interfaces.iter().cloned();
        let interfaces = interfaces
            .chain([Arc::new(management)])
            .map(RegisteredInterface::new)
            .collect();
        Arc::new(RunningServer {
            interfaces,
            workers: server.workers.clone(),
            groups: Mutex::new(Groups {
                next: 1,
                members: HashMap::new(),
                len_max: limits.association_groups_max,
                contexts_max: limits.context_handles_per_group_max,
            }),
            limits,
            listening: AtomicBool::new(true),
            bound: OnceLock::new(),
            registered: Mutex::new(Vec::new()),
            counters: cores.iter().map(|_| CoreCounters::default()).collect(),
            cores: Arc::clone(cores),
        })
    }

    /// Notes where the server really listens.
    pub(crate) fn set_bound(&self, bound: Vec<BoundEndpoint>) {
        let secondary_addresses = bound.iter().map(secondary_address).collect();
        let (bindings, addresses) = bound
            .into_iter()
            .map(|endpoint| (endpoint.binding, endpoint.address))
            .unzip();
        let first = self.bound.set(Bound {
            bindings,
            addresses,
            secondary_addresses,
        });
        assert!(first.is_ok(), "a server is bound once");
    }

    /// Registers what the server offers where it listens.
    pub(crate) fn register_endpoints(&self, server: &ResolvedServer) -> Result<(), RegisterError> {
        let registered = server
            .maps
            .iter()
            .map(|map| map.register(self.mapped_endpoints(), true))
            .collect::<Result<_, _>>()?;
        *lock(&self.registered) = registered;
        Ok(())
    }

    pub(crate) fn unregister_endpoints(&self) {
        lock(&self.registered).clear();
    }

    /// Each interface at each endpoint, but for mgmt, which is everywhere.
    fn mapped_endpoints(&self) -> Vec<Endpoint> {
        let bindings = self.bound.get().map_or(&[][..], |bound| &bound.bindings);
        let interfaces = self.interfaces.iter();
        interfaces
            .filter(|interface| interface.syntax() != mgmt::INTERFACE)
            .flat_map(|interface| {
                bindings.iter().map(|binding| Endpoint {
                    object: Uuid::nil(),
                    tower: Tower::new(interface.syntax(), SyntaxId::NDR20, binding),
                    annotation: interface.annotation().to_owned(),
                })
            })
            .collect()
    }

    /// Where the client of an accepted connection has reached this side: of an endpoint of all
    /// addresses, the one that it used.
    pub(crate) fn local_address<R: Ring>(&self, endpoint: usize, stream: &R::Stream) -> Address {
        let bound = self.bound.get().expect("a server that accepts is bound");
        let address = &bound.addresses[endpoint];
        let is_of_all = address
            .as_tcp()
            .is_some_and(|address| address.ip().is_unspecified());
        let used = is_of_all.then(|| R::local_address(stream)).flatten();
        used.unwrap_or_else(|| address.clone())
    }

    pub(crate) fn counters(&self, core: usize) -> &CoreCounters {
        &self.counters[core]
    }

    fn per_core(&self, count: impl Fn(&CoreCounters) -> u64) -> Vec<u64> {
        self.counters.iter().map(count).collect()
    }

    pub(crate) fn registered(&self, key: InterfaceKey) -> &Arc<RegisteredInterface> {
        &self.interfaces[key.0 as usize]
    }

    pub(crate) fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Relaxed)
    }

    /// Begins, or ends, listening; false if nothing changes by it.
    pub(crate) fn set_listening(&self, listening: bool) -> bool {
        self.listening.swap(listening, Ordering::Relaxed) != listening
    }

    /// Hands a call to a worker; false if too much waits already, and the call is dropped.
    pub(crate) fn submit_to_worker(&self, call: BlockingCall) -> bool {
        match &self.workers {
            Some(workers) => workers.submit(call),
            None => unreachable!("a server with blocking operations has workers"),
        }
    }

    pub(crate) fn statistics(&self) -> Statistics {
        let sum = |count: fn(&CoreCounters) -> &Counter| {
            self.counters.iter().map(|c| count(c).get()).sum()
        };
        Statistics {
            calls_in: sum(|c| &c.calls_in),
            calls_out: self.cores.iter().map(|core| core.calls_out.get()).sum(),
            packets_in: sum(|c| &c.packets_in),
            packets_out: sum(|c| &c.packets_out),
        }
    }
}

/// The endpoint as a bind_ack names it (C706 12.6.3.1, `port_any_t`): for TCP the port, for
/// `ncalrpc` the name.
fn secondary_address(endpoint: &BoundEndpoint) -> String {
    endpoint.binding.endpoint().unwrap_or_default().to_owned()
}

/// Association groups and how many connections each has. Touched at bind and at close only. Their
/// numbers can be guessed, so a connection joins the groups of its own client alone (MS-RPCE
/// 3.3.1.5.7).
struct Groups {
    next: u32,
    members: HashMap<GroupId, Group>,
    len_max: usize,
    contexts_max: usize,
}

struct Group {
    connections: usize,
    client: GroupClient,
    contexts: Arc<GroupContexts>,
}

/// Whose an association group is: for TCP its address tells (MS-RPCE 3.3.1.5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GroupClient {
    /// A host's, by its address.
    Host(IpAddr),
    /// A user's of this machine, over `ncalrpc`.
    User(u32),
    /// Nobody knows: a local client that the kernel does not vouch for.
    Unknown,
}

impl GroupClient {
    fn of(peer: &Address) -> Self {
        let user = peer.credentials().map(|peer| GroupClient::User(peer.uid));
        let host = peer
            .as_tcp()
            .map(|peer| GroupClient::Host(peer.ip().to_canonical()));
        user.or(host).unwrap_or(GroupClient::Unknown)
    }
}

impl Groups {
    fn join(
        &mut self,
        requested: Option<GroupId>,
        client: GroupClient,
    ) -> Option<(GroupId, Arc<GroupContexts>)> {
        if let Some(id) = requested {
            let group = self.members.get_mut(&id)?;
            if group.client != client {
                return None;
            }
            group.connections += 1;
            return Some((id, Arc::clone(&group.contexts)));
        }
        if self.members.len() >= self.len_max {
            return None;
        }
        loop {
            let id = NonZeroU32::new(self.next);
            self.next = self.next.wrapping_add(1);
            if let Some(id) = id.map(GroupId)
                && !self.members.contains_key(&id)
            {
                let contexts = GroupContexts::new(self.contexts_max);
                let group = Group {
                    connections: 1,
                    client,
                    contexts: Arc::clone(&contexts),
                };
                self.members.insert(id, group);
                return Some((id, contexts));
            }
        }
    }

    /// A connection leaves; what is left to run down if it was the last.
    #[must_use]
    fn leave(&mut self, id: GroupId) -> Option<Arc<GroupContexts>> {
        let group = self.members.get_mut(&id)?;
        group.connections -= 1;
        if group.connections > 0 {
            return None;
        }
        self.members.remove(&id).map(|group| group.contexts)
    }
}

/// One endpoint of a server, as the protocol layer asks for it.
pub(crate) struct EndpointView<'s> {
    pub(crate) server: &'s RunningServer,
    pub(crate) endpoint: usize,
    /// Who is at the other end.
    pub(crate) peer: &'s Address,
    /// Bytes of requests that are being reassembled on this core.
    pub(crate) assembling_len: &'s mut usize,
    /// The contexts of the connection's group, from its bind on.
    pub(crate) contexts: &'s mut Option<Arc<GroupContexts>>,
}

impl EndpointView<'_> {
    fn interface(&self, key: InterfaceKey) -> &RegisteredInterface {
        self.server.registered(key)
    }

    fn groups(&self) -> MutexGuard<'_, Groups> {
        lock(&self.server.groups)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ServerEndpoint for EndpointView<'_> {
    fn find_interface(&self, wanted: &SyntaxId) -> Option<InterfaceKey> {
        let index = self.server.interfaces.iter().position(|interface| {
            let offered = interface.syntax();
            offered.uuid == wanted.uuid
                && offered.major == wanted.major
                && offered.minor >= wanted.minor
        })?;
        u32::try_from(index).ok().map(InterfaceKey)
    }

    fn supports(&self, interface: InterfaceKey, transfer: TransferSyntax) -> bool {
        self.interface(interface).supports(transfer)
    }

    fn operation_count(&self, interface: InterfaceKey) -> u16 {
        self.interface(interface).operation_count()
    }

    fn streams(&self, interface: InterfaceKey, opnum: Opnum) -> bool {
        self.interface(interface).pipes(opnum.0).in_count > 0
    }

    fn join_group(&mut self, requested: Option<GroupId>) -> Option<GroupId> {
        let client = GroupClient::of(self.peer);
        let (group, contexts) = self.groups().join(requested, client)?;
        *self.contexts = Some(contexts);
        Some(group)
    }

    fn leave_group(&mut self, group: GroupId) {
        *self.contexts = None;
        let left = self.groups().leave(group);
        // Dropping contexts is foreign code: not under the lock.
        if let Some(contexts) = left {
            contexts.run_down();
        }
    }

    fn mechanism(&mut self, _kind: AuthenticationType) -> Option<Box<dyn ServerMechanism>> {
        None
    }

    fn grow_assembly(&mut self, len: usize) -> bool {
        let limit = self.server.limits.assembling_len_per_core_max;
        let is_granted = self.assembling_len.saturating_add(len) <= limit;
        if is_granted {
            *self.assembling_len += len;
        }
        is_granted
    }

    fn shrink_assembly(&mut self, len: usize) {
        *self.assembling_len -= len;
    }

    fn secondary_address(&self) -> &str {
        self.server
            .bound
            .get()
            .map_or("", |bound| &bound.secondary_addresses[self.endpoint])
    }
}

#[cfg(test)]
mod tests {
    use annulus_transports::PeerCredentials;

    use super::*;

    #[test]
    fn a_group_is_joined_by_its_client_alone() {
        let mut groups = Groups {
            next: 1,
            members: HashMap::new(),
            len_max: 2,
            contexts_max: 0,
        };
        let user = |uid| {
            GroupClient::of(&Address::Process(PeerCredentials {
                uid,
                gid: 0,
                pid: None,
            }))
        };
        let host = |peer: &str| GroupClient::of(&Address::Tcp(peer.parse().unwrap()));
        let (of_user, _) = groups.join(None, user(1000)).unwrap();
        assert!(groups.join(Some(of_user), user(1000)).is_some());
        for stranger in [user(1001), user(0), host("127.0.0.1:1")] {
            assert!(
                groups.join(Some(of_user), stranger).is_none(),
                "{stranger:?}"
            );
        }
        let (of_host, _) = groups.join(None, host("10.0.0.1:1")).unwrap();
        for same in ["10.0.0.1:2", "[::ffff:10.0.0.1]:3"] {
            assert!(groups.join(Some(of_host), host(same)).is_some(), "{same}");
        }
        for stranger in [host("10.0.0.2:1"), host("[::1]:1"), user(1000)] {
            assert!(
                groups.join(Some(of_host), stranger).is_none(),
                "{stranger:?}"
            );
        }
    }

    #[test]
    fn rule_08_a_group_ends_with_its_last_connection() {
        let mut groups = Groups {
            next: u32::MAX,
            members: HashMap::new(),
            len_max: 2,
            contexts_max: 0,
        };
        let client = GroupClient::Unknown;
        let join = |groups: &mut Groups, id| groups.join(id, client).map(|(id, _)| id);
        let first = join(&mut groups, None).unwrap();
        let second = join(&mut groups, None).unwrap();
        assert_ne!(first, second, "group ids skip zero when they wrap");
        assert_eq!(join(&mut groups, None), None, "the limit holds");
        assert_eq!(join(&mut groups, Some(first)), Some(first));
        assert!(groups.leave(first).is_none());
        assert_eq!(
            join(&mut groups, Some(first)),
            Some(first),
            "one connection is left"
        );
        assert!(groups.leave(first).is_none());
        assert!(groups.leave(first).is_some(), "the last one runs it down");
        assert_eq!(
            join(&mut groups, Some(first)),
            None,
            "unknown after the last has left"
        );
    }
}
