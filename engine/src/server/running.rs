//! A server that runs: what its cores share of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use annulus_protocol::{InterfaceKey, Limits, SyntaxId, Uuid};
use annulus_transports::{Address, Ring, StringBinding};

use super::Statistics;
use super::counters::{CoreCounters, Counter};
use super::groups::Groups;
use super::resolved::{BoundEndpoint, ResolvedServer};
use crate::blocking_call::BlockingCall;
use crate::core_shared::CoreShared;
use crate::epmapper::{Endpoint, RegisterError, Registered, Tower};
use crate::lock::lock;
use crate::mgmt;
use crate::registration::{RegisteredInterface, Registration};
use crate::worker_pool::WorkerPool;

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
            groups: Mutex::new(Groups::new(&limits)),
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

    /// Where the server really listens; nowhere yet before [`set_bound`](RunningServer::set_bound).
    pub(super) fn bindings(&self) -> &[StringBinding] {
        self.bound.get().map_or(&[], |bound| &bound.bindings)
    }

    /// The endpoint of that index, as a bind_ack names it.
    pub(super) fn secondary_address(&self, endpoint: usize) -> &str {
        let bound = self.bound.get();
        bound.map_or("", |bound| &bound.secondary_addresses[endpoint])
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
    pub(super) fn mapped_endpoints(&self) -> Vec<Endpoint> {
        let bindings = self.bindings();
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

    pub(super) fn groups(&self) -> MutexGuard<'_, Groups> {
        lock(&self.groups)
    }

    pub(crate) fn counters(&self, core: usize) -> &CoreCounters {
        &self.counters[core]
    }

    pub(super) fn per_core(&self, count: impl Fn(&CoreCounters) -> u64) -> Vec<u64> {
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
