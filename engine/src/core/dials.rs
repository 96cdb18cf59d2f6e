//! How a core connects to a server: its addresses are looked up if need be, and tried one after
//! the other, each with a head start before the next (RFC 8305). The first that answers is the
//! connection.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use annulus_protocol::{ClientConfig, ClientConnection, Limits, Time};
use annulus_transports::{Address, Ring, SocketId, SocketOptions};

use super::associations::{ClientLink, Offer};
use super::connection::{Connection, Life, Role};
use super::lifecycle::Phase;
use super::{Core, LocalReplies};
use crate::binding::BindingShared;
use crate::resolver::{Answer, Job, NotFound, Target};
use crate::status::Status;
use crate::table::Key;

/// A connection that an association is about to have.
pub(super) struct Dial {
    /// What it will offer, in this order; the first goes into the bind.
    offers: Vec<Offer>,
    step: Step,
    /// When it fails. None once it has: then it only awaits the resolver, which is asked one
    /// thing at a time, and begins anew with the next call.
    deadline: Option<Time>,
    /// Whether the server is asked to multiplex.
    may_multiplex: bool,
    socket: SocketOptions,
}

enum Step {
    /// The resolver looks for the addresses, as long as there is this.
    Resolving(Arc<()>),
    /// The association's addresses are tried.
    Trying {
        /// The index of the next one.
        next: usize,
        /// When its turn comes, if none fails or answers before.
        next_at: Option<Time>,
        attempts: Vec<SocketId>,
    },
}

/// Which addresses a dial tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DialFrom {
    /// Those that the server has now.
    Anew,
    /// Those that are known, from this index on.
    Index(usize),
}

impl Step {
    fn trying(first: usize) -> Self {
        Step::Trying {
            next: first,
            next_at: None,
            attempts: Vec::new(),
        }
    }
}

impl Dial {
    /// Whether an interface will be offered.
    pub(super) fn wants(&self, binding: &BindingShared) -> bool {
        self.offers.iter().any(|offer| offer.is_for(binding))
    }

    /// Whether it goes on for somebody's sake.
    pub(super) fn is_awaited(&self) -> bool {
        self.deadline.is_some()
    }

    /// Sees to it that an interface will be offered. If there is no room for it left, its calls
    /// wait for what can be done with the connection once it is there.
    fn want(&mut self, binding: &BindingShared, limits: &Limits) {
        // A bind has 255 contexts at most, and may take two for itself, to negotiate features and
        // extensions; the protocol keeps them free of offers.
        let contexts_max = limits.contexts_per_connection_max.min(253);
        let early_max = contexts_max.saturating_sub(2).max(1);
        if !self.wants(binding) && self.offers.len() < early_max {
            self.offers.push(Offer::new(binding));
        }
    }

    /// When it is to be looked at.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        let next_at = match &self.step {
            Step::Trying { next_at, .. } => *next_at,
            Step::Resolving(_) => None,
        };
        self.deadline.into_iter().chain(next_at).min()
    }

    /// The sockets that try to connect.
    pub(super) fn into_attempts(self) -> Vec<SocketId> {
        match self.step {
            Step::Trying { attempts, .. } => attempts,
            Step::Resolving(_) => Vec::new(),
        }
    }

    /// There is as long as the resolver's answer is of use.
    fn asker(&self) -> Weak<()> {
        match &self.step {
            Step::Resolving(asker) => Arc::downgrade(asker),
            Step::Trying { .. } => Weak::new(),
        }
    }

    /// Forgets an attempt. False if it is none of these.
    fn remove(&mut self, socket: SocketId) -> bool {
        let Step::Trying { attempts, .. } = &mut self.step else {
            return false;
        };
        let count = attempts.len();
        attempts.retain(|attempt| *attempt != socket);
        attempts.len() < count
    }
}

impl<R: Ring> Core<R> {
    /// Begins to make a connection for a binding, or adds what the binding wants to the one that
    /// is being made.
    pub(super) fn dial(&mut self, binding: Key, from: DialFrom, replies: LocalReplies<'_>) {
        let Some(entry) = self.bindings.table.get(binding) else {
            return;
        };
        let (key, shared) = (entry.association, Arc::clone(&entry.shared));
        let timeout = shared.options.connect_timeout;
        let deadline = self.now + timeout.unwrap_or(self.limits.connect_timeout);
        let Some(association) = self.associations.table.get_mut(key) else {
            return;
        };
        if let Some(dial) = &mut association.dial {
            dial.want(&shared, &self.limits);
            dial.deadline = dial.deadline.or(Some(deadline));
            return self.watch_association(key);
        }
        if self.phase != Phase::Running {
            return self.link_failed(key, Status::CallFailedDne, replies);
        }
        let mut dial = Dial {
            offers: Vec::new(),
            step: Step::Resolving(Arc::default()),
            deadline: Some(deadline),
            may_multiplex: !shared.options.multiplexes_not,
            socket: shared.options.socket,
        };
        dial.want(&shared, &self.limits);
        association.dial = Some(Box::new(dial));
        match from {
            DialFrom::Index(first) => self.try_from(key, first, replies),
            DialFrom::Anew => self.locate(key, replies),
        }
        self.watch_association(key);
    }

    /// Finds out where the server of an association is now.
    fn locate(&mut self, key: Key, replies: LocalReplies<'_>) {
        let known = self.associations.reached_beside(key);
        let Some(association) = self.associations.table.get_mut(key) else {
            return;
        };
        let (addresses, first) = match (known, association.target(), &association.dial) {
            (Some(known), ..) => known,
            (None, Target::Addresses(addresses), _) => (Arc::clone(addresses), 0),
            (None, Target::Named(query), Some(dial)) => {
                return self.siblings.resolver.ask(Job {
                    query: Arc::clone(query),
                    core: Arc::clone(&self.shared),
                    association: key,
                    asker: dial.asker(),
                });
            }
            (None, Target::Named(_), None) => return,
        };
        association.addresses = addresses;
        self.try_from(key, first, replies);
    }

    /// The resolver has answered.
    pub(super) fn resolved(&mut self, key: Key, answer: Answer, replies: LocalReplies<'_>) {
        let Some(association) = self.associations.table.get_mut(key) else {
            return;
        };
        let Some(dial) = &association.dial else {
            return;
        };
        if !dial.is_awaited() {
            association.dial = None;
            return;
        }
        match answer {
            Ok(addresses) => {
                association.addresses = addresses;
                self.try_from(key, 0, replies);
                self.watch_association(key);
            }
            Err(failure) => self.dial_failed(key, failure, replies),
        }
    }

    fn try_from(&mut self, key: Key, first: usize, replies: LocalReplies<'_>) {
        let association = self.associations.table.get_mut(key);
        if let Some(dial) = association.and_then(|association| association.dial.as_mut()) {
            dial.step = Step::trying(first);
        }
        self.try_next(key, replies);
    }

    /// Tries the next address of a dial beside those that are being tried. If there is none, it
    /// has failed with the last of those.
    fn try_next(&mut self, key: Key, replies: LocalReplies<'_>) {
        while let Some((index, address, options)) = self.next_address(key) {
            let status = if self.phase != Phase::Running {
                Status::CallFailedDne
            } else if !self.shared.has_room() {
                tracing::warn!(
                    limit = self.shared.connections_max(),
                    "no connection is made: Limits::connections_per_core_max or the limit of open files is reached"
                );
                Status::OutOfMemory
            } else {
                match self.ring.connect_with(address.clone(), &options) {
                    Ok(socket) => return self.begin_attempt(key, index, socket),
                    Err(error) => {
                        tracing::warn!(%error, %address, "cannot connect");
                        continue;
                    }
                }
            };
            return self.end_trying(key, status, replies);
        }
        self.end_trying(key, Status::ServerUnavailable, replies);
    }

    /// The next address of a dial, its index, and what the socket is to be like.
    fn next_address(&mut self, key: Key) -> Option<(usize, Address, SocketOptions)> {
        let association = self.associations.table.get_mut(key)?;
        let dial = association.dial.as_mut()?;
        let Step::Trying { next, next_at, .. } = &mut dial.step else {
            return None;
        };
        *next_at = None;
        let index = *next;
        let address = association.addresses.get(index)?.clone();
        *next += 1;
        Some((index, address, dial.socket))
    }

    /// No further address is tried: a dial without attempts has failed.
    fn end_trying(&mut self, key: Key, status: Status, replies: LocalReplies<'_>) {
        let association = self.associations.table.get_mut(key);
        let Some(dial) = association.and_then(|association| association.dial.as_mut()) else {
            return;
        };
        if let Step::Trying { attempts, .. } = &dial.step
            && attempts.is_empty()
        {
            self.dial_failed(key, status, replies);
        }
    }

    fn begin_attempt(&mut self, key: Key, index: usize, socket: SocketId) {
        let Some(association) = self.associations.table.get_mut(key) else {
            return;
        };
        let count = association.addresses.len();
        let Some(dial) = &mut association.dial else {
            return;
        };
        if let Step::Trying {
            next,
            next_at,
            attempts,
        } = &mut dial.step
        {
            attempts.push(socket);
            *next_at = (*next < count).then(|| self.now + self.limits.connect_attempt_delay);
        }
        let mut config = ClientConfig::new(Arc::clone(&self.limits));
        config.multiplexing &= dial.may_multiplex;
        let link = ClientLink::new(ClientConnection::new(config), key, index);
        let serial = self.connections.next_serial();
        let connection = Connection::new(serial, Role::Client(link), self.now);
        self.connections.insert(socket, connection);
        self.shared.dialed.fetch_add(1, Ordering::Relaxed);
    }

    /// An address did not take a connection: the next one's turn comes at once.
    pub(super) fn attempt_failed(&mut self, socket: SocketId, replies: LocalReplies<'_>) {
        let Some(association) = self.association_of(socket) else {
            return;
        };
        self.close(socket);
        let entry = self.associations.table.get_mut(association);
        let dial = entry.and_then(|entry| entry.dial.as_mut());
        if dial.is_some_and(|dial| dial.remove(socket)) {
            self.try_next(association, replies);
            self.watch_association(association);
        }
    }

    /// An address took a connection: the others are not needed. Binds the interfaces that wait.
    pub(super) fn connected(&mut self, socket: SocketId) {
        let Some(key) = self.association_of(socket) else {
            return;
        };
        let group = self.associations.group(key);
        let Some(association) = self.associations.table.get_mut(key) else {
            return;
        };
        let Some(mut dial) = association.dial.take_if(|dial| dial.remove(socket)) else {
            // Another one was faster.
            return;
        };
        association.links.push(socket);
        let offers = std::mem::take(&mut dial.offers);
        if let Some(connection) = self.connections.get_mut(socket)
            && let Role::Client(link) = &mut connection.role
        {
            association.address = link.address;
            connection.active_at = self.now;
            let out = connection.outgoing.writable(&mut self.buffers);
            if let Err(error) = link.bind(self.now, offers, group, out) {
                unreachable!("the offers of a fresh connection cannot be refused here: {error}");
            }
            connection.outgoing.queue(socket, &mut self.dirty);
        }
        self.arm_timer(socket);
        self.close_all(dial.into_attempts());
    }

    fn association_of(&self, socket: SocketId) -> Option<Key> {
        let connection = self.connections.get(socket)?;
        match &connection.role {
            Role::Client(link) if connection.life == Life::Open => Some(link.association),
            _ => None,
        }
    }

    pub(super) fn close_all(&mut self, sockets: Vec<SocketId>) {
        for socket in sockets {
            self.close(socket);
        }
    }

    /// Looks at the time of an association's dial.
    pub(super) fn dial_timer(&mut self, key: Key, replies: LocalReplies<'_>) {
        let Some(association) = self.associations.table.get_mut(key) else {
            return;
        };
        let Some(dial) = &mut association.dial else {
            return;
        };
        let now = self.now;
        let is_due = |due: Option<Time>| due.is_some_and(|due| due <= now);
        match &dial.step {
            Step::Resolving(_) if is_due(dial.deadline) => {
                tracing::debug!("a server's addresses are not found in time");
                dial.deadline = None;
                self.link_failed(key, Status::ServerUnavailable, replies);
            }
            Step::Trying { .. } if is_due(dial.deadline) => {
                tracing::debug!("a server does not take a connection in time");
                self.dial_failed(key, Status::ServerUnavailable, replies);
            }
            Step::Trying { next_at, .. } if is_due(*next_at) => self.try_next(key, replies),
            _ => {}
        }
    }

    /// Gives a dial up, and the calls that can only wait for it.
    fn dial_failed(&mut self, key: Key, failure: impl Into<NotFound>, replies: LocalReplies<'_>) {
        let association = self.associations.table.get_mut(key);
        if let Some(dial) = association.and_then(|association| association.dial.take()) {
            self.close_all(dial.into_attempts());
        }
        self.link_failed(key, failure, replies);
    }

    /// Gives all dials up, as the core ends.
    pub(super) fn fail_dials(&mut self, replies: LocalReplies<'_>) {
        for key in self.associations.dialing() {
            self.dial_failed(key, Status::CallFailedDne, replies);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use annulus_protocol::TransferSyntax;
    use annulus_transports::{Completion, ListenOptions, SimConfig, SimNet, SimRing, Wait};

    use super::*;
    use crate::binding_options::BindingOptions;
    use crate::config::Config;
    use crate::core::{Siblings, share};
    use crate::core_shared::Command;
    use crate::interfaces::rpcecho;
    use crate::resolver::{Query, Resolver};

    /// A client's core, and a host that takes connections and says nothing.
    struct Stage {
        net: SimNet,
        core: Core<SimRing>,
        host: SimRing,
        /// How calls have ended, and when.
        ended: Vec<(Time, Status)>,
    }

    /// How long each trip takes, mostly.
    const LATENCY: Duration = Duration::from_millis(1);
    const DELAY: Duration = Limits::DEFAULT.connect_attempt_delay;
    const TIMEOUT: Duration = Limits::DEFAULT.connect_timeout;

    /// An address of the host.
    fn address(number: u8) -> Address {
        SocketAddr::from(([10, 0, 0, number], 135)).into()
    }

    fn stage() -> Stage {
        stage_with(LATENCY)
    }

    fn stage_with(latency: Duration) -> Stage {
        let config = SimConfig {
            latency_min: latency,
            latency_max: latency,
            ..SimConfig::default()
        };
        let net = SimNet::new(1, config);
        let config = Config::default();
        let ring = net.ring(&config.limits);
        let siblings = Siblings {
            all: Arc::from([share(&ring, &config)]),
            index: 0,
            resolver: Resolver::silent(),
        };
        Stage {
            core: Core::new(ring, siblings, &config).with_rests(),
            host: net.ring(&config.limits),
            net,
            ended: Vec::new(),
        }
    }

    impl Stage {
        fn listen(&mut self, number: u8) {
            let options = ListenOptions::default();
            self.host.listen(address(number), &options).unwrap();
        }

        /// A binding to `target`, with a call that waits for its connection.
        fn call(&mut self, target: Target) -> Key {
            let binding = self.bind(target);
            self.call_again(binding);
            binding
        }

        fn bind(&mut self, target: Target) -> Key {
            let (interface, transfer) = (rpcecho::INTERFACE, TransferSyntax::Ndr);
            let shared = BindingShared::to(target, interface, transfer, BindingOptions::new());
            self.core.open_local_binding(&Arc::new(shared))
        }

        fn call_again(&mut self, binding: Key) {
            let called = self.core.make_local_call(binding, 0, 0, |_| Ok(()));
            called.unwrap();
        }

        /// Turns both sides until nothing happens before `until`.
        fn run_until(&mut self, until: Time) {
            loop {
                let Stage {
                    net, core, ended, ..
                } = self;
                let mut note = |reply: crate::core::LocalReply<'_>| {
                    ended.push((net.now(), reply.result.unwrap_err()));
                };
                if core.turn(Wait::No, &mut note).unwrap() | self.turn_host() {
                    continue;
                }
                let due = self.core.next_due().into_iter();
                let next = due.chain(self.net.next_event_at()).min();
                match next.filter(|next| *next <= until) {
                    Some(next) => self.net.advance(next - self.net.now()),
                    None => return self.net.advance(until - self.net.now()),
                }
            }
        }

        fn run_for(&mut self, duration: Duration) {
            self.run_until(self.net.now() + duration);
        }

        fn turn_host(&mut self) -> bool {
            self.host.enter(Wait::No).unwrap();
            let mut worked = false;
            while let Some(completion) = self.host.next_completion() {
                worked = true;
                match completion {
                    Completion::Accepted { stream, .. } => drop(self.host.adopt(stream).unwrap()),
                    Completion::Received { lease, .. } => self.host.release(lease),
                    Completion::ReceiveEnded { socket, .. } => self.host.close(socket),
                    _ => {}
                }
            }
            worked
        }

        /// The index of the address that a binding is connected to.
        fn reached(&self, binding: Key) -> Option<usize> {
            let entry = self.core.bindings.table.get(binding)?;
            let mut links = self.core.open_links(entry.association);
            links.next().map(|(_, link)| link.address)
        }

        fn sockets(&self) -> usize {
            self.core.ring().usage().sockets
        }

        fn answer(&mut self, binding: Key, answer: Answer) {
            let entry = self.core.bindings.table.get(binding).unwrap();
            self.core.shared().submit(Command::Resolved {
                association: entry.association,
                answer,
            });
        }

        fn questions(&self) -> usize {
            self.core.siblings.resolver.queue_len()
        }
    }

    fn at(numbers: &[u8]) -> Target {
        Target::Addresses(numbers.iter().copied().map(address).collect())
    }

    fn named() -> Target {
        Target::Named(Arc::new(Query::Host {
            host: "server.example".into(),
            port: 135,
        }))
    }

    #[test]
    fn an_address_that_hangs_holds_the_next_one_up_for_a_moment() {
        let mut stage = stage();
        stage.net.black_hole(address(1));
        stage.listen(2);
        let binding = stage.call(at(&[1, 2]));
        stage.run_for(DELAY);
        assert_eq!(stage.reached(binding), None, "the second has just begun");
        assert_eq!(stage.sockets(), 2);
        stage.run_for(2 * LATENCY);
        assert_eq!(stage.reached(binding), Some(1));
        stage.run_for(Limits::DEFAULT.linger_timeout);
        assert_eq!(stage.sockets(), 1, "the first was given up");
    }

    #[test]
    fn an_address_that_refuses_holds_nothing_up() {
        let mut stage = stage();
        stage.listen(3);
        let binding = stage.call(at(&[1, 2, 3]));
        stage.run_for(6 * LATENCY);
        assert_eq!(stage.reached(binding), Some(2));
    }

    #[test]
    fn an_address_that_is_slow_still_wins_over_one_that_is_slower() {
        let trip = DELAY * 3 / 4;
        let mut stage = stage_with(trip);
        stage.listen(1);
        stage.listen(2);
        let binding = stage.call(at(&[1, 2]));
        stage.run_for(DELAY);
        assert_eq!(stage.sockets(), 2);
        stage.run_for(2 * trip);
        assert_eq!(stage.reached(binding), Some(0));
        stage.run_for(2 * trip + Limits::DEFAULT.linger_timeout);
        assert_eq!(stage.sockets(), 1, "the second was given up");
    }

    #[test]
    fn a_server_that_no_address_reaches_is_unavailable_in_time() {
        let mut stage = stage();
        for number in 1..=2 {
            stage.net.black_hole(address(number));
        }
        let binding = stage.call(at(&[1, 2]));
        stage.run_for(TIMEOUT);
        let due = Time::ZERO + TIMEOUT;
        assert_eq!(stage.ended, [(due, Status::ServerUnavailable)]);
        stage.run_for(LATENCY);
        assert_eq!(stage.sockets(), 0);
        stage.call_again(binding);
        stage.run_for(TIMEOUT);
        assert_eq!(stage.ended.len(), 2, "the next call has as much time");
    }

    #[test]
    fn calls_wait_for_the_resolver_as_long_as_for_a_connection() {
        let mut stage = stage();
        stage.listen(1);
        let binding = stage.call(named());
        stage.run_for(TIMEOUT);
        let due = Time::ZERO + TIMEOUT;
        assert_eq!(stage.ended, [(due, Status::ServerUnavailable)]);

        stage.call_again(binding);
        stage.run_for(TIMEOUT / 2);
        assert_eq!(stage.questions(), 1, "the first was not answered yet");
        stage.answer(binding, Ok(Arc::from([address(1)])));
        stage.run_for(2 * LATENCY);
        assert_eq!(stage.reached(binding), Some(0));
    }

    #[test]
    fn an_answer_that_nobody_awaits_any_more_is_not_used() {
        let mut stage = stage();
        stage.listen(1);
        let binding = stage.call(named());
        stage.run_for(TIMEOUT);
        stage.answer(binding, Ok(Arc::from([address(1)])));
        stage.run_for(TIMEOUT);
        assert_eq!(stage.sockets(), 0);
        stage.call_again(binding);
        assert_eq!(stage.questions(), 2, "it may have become wrong");
    }

    #[test]
    fn a_name_is_looked_up_again_once_there_is_no_connection() {
        let mut stage = stage();
        stage.listen(2);
        let binding = stage.call(named());
        stage.answer(binding, Ok(Arc::from([address(1)])));
        stage.run_for(3 * LATENCY);
        assert_eq!(stage.ended.len(), 1, "nobody is there");
        stage.call_again(binding);
        stage.answer(binding, Ok(Arc::from([address(2)])));
        stage.run_for(3 * LATENCY);
        assert_eq!((stage.questions(), stage.reached(binding)), (2, Some(0)));

        stage.call_again(binding);
        assert_eq!(stage.questions(), 2, "there is a connection");
    }

    #[test]
    fn a_name_that_is_not_found_fails_its_calls_at_once() {
        let mut stage = stage();
        let binding = stage.call(named());
        stage.answer(binding, Err(Status::ServerUnavailable.into()));
        stage.run_for(LATENCY);
        assert_eq!(stage.ended, [(Time::ZERO, Status::ServerUnavailable)]);
        stage.call_again(binding);
        assert_eq!(stage.questions(), 2);
    }

    #[test]
    fn questions_of_bindings_that_have_gone_do_not_pile_up() {
        let mut stage = stage();
        let kept = stage.call(named());
        for _ in 0..1_000 {
            let options = BindingOptions::new().unique_binding();
            let (interface, transfer) = (rpcecho::INTERFACE, TransferSyntax::Ndr);
            let gone = BindingShared::to(named(), interface, transfer, options);
            let gone = stage.core.open_local_binding(&Arc::new(gone));
            stage.core.release_binding(gone);
        }
        let count = stage.questions();
        assert!((1..=8).contains(&count), "{count}");
        stage.listen(1);
        stage.answer(kept, Ok(Arc::from([address(1)])));
        stage.run_for(2 * LATENCY);
        assert_eq!(stage.reached(kept), Some(0));
    }

    #[test]
    fn a_connection_that_nobody_wants_any_more_is_not_made() {
        let mut stage = stage();
        stage.net.black_hole(address(1));
        let binding = stage.bind(at(&[1, 2]));
        stage.run_for(LATENCY);
        assert_eq!(stage.sockets(), 1);
        stage.core.release_binding(binding);
        stage.run_for(LATENCY);
        assert_eq!(stage.sockets(), 0);
    }
}
