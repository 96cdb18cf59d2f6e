//! Connections that go from core to core, so that none has much more to do than the others.
//!
//! While something happens on a core, it looks around from time to time (`BalancePolicy`) and
//! gives idle connections away as [`balance`](super::balance) has it. A connection that is to go
//! takes no more input; what it still has to send is sent; then the ring gives its socket up. What
//! comes in meanwhile waits with the connection, or in the socket. The other core takes both over
//! by a command, serves what waits, and receives.
//!
//! Only what a connection has of its own goes with it. So a connection with a call that is not
//! answered, or with a part of a request, stays where it is: these have places in the tables of
//! their core.

use std::any::Any;
use std::sync::atomic::Ordering;
use std::time::Duration;

use annulus_protocol::Time;
use annulus_transports::{NotAdopted, Ring, SocketId, TransportError};

use super::balance::{self, Load, Surplus};
use super::connection::{Alarm, Connection, Life, PipeUse, Role, ServerLink};
use super::lifecycle::Phase;
use super::timers::Timer;
use super::{Core, LocalReplies, Siblings};
use crate::config::BalancePolicy;
use crate::core_shared::Command;

/// Connections that a core looks at in search of one to give away.
const CANDIDATES_MAX: usize = 256;

/// The time between two looks at least. Without any, looks that find a skew which they cannot mend
/// would follow each other within one turn, without end.
const INTERVAL_MIN: Duration = Duration::from_micros(1);

/// Looks that find a skew which they cannot mend follow each other more and more slowly: down to
/// one in two to the power of so many intervals.
const FUTILE_LOOKS_MAX: u32 = 8;

/// A connection that has come from another core stays for so many looks at least.
const REST_LOOKS: u32 = 10;

/// What a core knows for its looks around.
pub(super) struct Balancer {
    /// The time from look to look; `None` if connections stay where they are.
    interval: Option<Duration>,
    /// The timers that are set for the next look.
    alarm: Alarm,
    looked_at: Time,
    /// Looks that have found a skew and not moved a connection, one after the other.
    futile_looks: u32,
    /// Until then, a skew is no reason for another look, here or on the other core.
    patient_until: Time,
    /// The calls of each core until then.
    calls: Vec<u64>,
    loads: Vec<Load>,
    /// Connections whose calls are being counted, as there are too many calls here.
    samples: Vec<Sample>,
    /// Where the search for connections goes on.
    cursor: usize,
    /// Connections that are to go, and have to send something first.
    leaving: Vec<(SocketId, u64)>,
    /// Connections that have come back, and found their places taken meanwhile.
    stranded: Vec<Handover>,
}

struct Sample {
    socket: SocketId,
    serial: u64,
    /// PDUs that it had received.
    pdus: u64,
}

/// A connection between two cores.
pub(crate) struct Handover {
    /// The core that gave it away.
    giver: usize,
    /// Of the ring's own type.
    stream: Box<dyn Any + Send>,
    link: ServerLink,
    active_at: Time,
    /// What came in on the way out.
    unserved: Vec<u8>,
}

impl Handover {
    /// There is no core any more to take it over: the connection ends.
    pub(crate) fn abandon(mut self) {
        self.link.close_idle();
    }
}

impl ServerLink {
    /// Ends the protocol of a connection that no core has; no request of it is being assembled.
    fn close_idle(&mut self) {
        self.close_protocol(&mut 0);
    }
}

impl Balancer {
    pub(super) fn new<R: Ring>(policy: BalancePolicy, siblings: &Siblings, ring: &R) -> Self {
        let interval = match policy {
            BalancePolicy::Every(interval) if siblings.all.len() > 1 => {
                Some(interval.max(INTERVAL_MIN))
            }
            BalancePolicy::Every(_) | BalancePolicy::Off => None,
        };
        if interval.is_some() && !ring.can_detach() {
            tracing::debug!(
                ring = ring.name(),
                "connections stay on their cores: this ring gives no socket up (io_uring does \
                 from Linux 6.8 on)"
            );
        }
        Balancer {
            interval: interval.filter(|_| ring.can_detach()),
            alarm: Alarm::default(),
            looked_at: Time::ZERO,
            futile_looks: 0,
            patient_until: Time::ZERO,
            calls: vec![0; siblings.all.len()],
            loads: vec![Load::default(); siblings.all.len()],
            samples: Vec::new(),
            cursor: 0,
            leaving: Vec::new(),
            stranded: Vec::new(),
        }
    }

    /// A skew that was found is one to be mended at once.
    fn lose_patience(&mut self) {
        self.futile_looks = 0;
        self.patient_until = Time::ZERO;
    }

    /// A skew was found, and perhaps it cannot be mended: after each such look the next one has
    /// twice the time.
    fn gain_patience(&mut self, now: Time, interval: Duration) {
        self.patient_until = now + interval * (1 << self.futile_looks);
        self.futile_looks = (self.futile_looks + 1).min(FUTILE_LOOKS_MAX);
    }

    /// Notes what all cores carry. Calls count only if the last look was not long ago.
    fn look(&mut self, siblings: &Siblings, now: Time, interval: Duration) {
        let is_recent = now.since(self.looked_at) < interval * 2;
        self.looked_at = now;
        let cores = self.loads.iter_mut().zip(&mut self.calls);
        for (core, (load, calls)) in siblings.all.iter().zip(cores) {
            let before = std::mem::replace(calls, core.calls_in.get());
            *load = Load {
                connections: core.connections.load(Ordering::Relaxed),
                calls: if is_recent { *calls - before } else { 0 },
            };
        }
        if !is_recent {
            self.samples.clear();
        }
    }
}

impl Connection {
    /// Whether all that it has is its own, so that another core could go on with it.
    fn can_leave(&self, now: Time) -> bool {
        let Role::Server(link) = &self.role else {
            return false;
        };
        let is_open = self.life == Life::Open && !self.input_ended;
        let is_held_back = self.outgoing.held_back || self.pipe_is_full || !self.stalled.is_empty();
        is_open
            && !is_held_back
            // A send of this very turn says nothing of whether the peer reads.
            && (!self.outgoing.is_sending() || self.outgoing.sending_since == now)
            && link.incoming.is_none()
            && link.protocol.is_idle()
            && link.rests_until <= now
    }
}

impl<R: Ring> Core<R> {
    /// Something has happened that may end the balance: looks around some time later.
    pub(super) fn expect_imbalance(&mut self) {
        if let Some(interval) = self.balancer.interval {
            self.look_around_at(self.now + interval);
        }
    }

    fn look_around_at(&mut self, due: Time) {
        if !self.balancer.alarm.is_before(due) && self.phase == Phase::Running {
            self.balancer.alarm.set(due);
            self.add_timer(due, Timer::Balance);
        }
    }

    /// Looks around, and gives away what is too much here.
    pub(super) fn balance(&mut self, replies: LocalReplies<'_>) {
        if !self.balancer.alarm.ring(self.now) {
            return;
        }
        self.call_off_late(replies);
        let Some(interval) = self.balancer.interval else {
            return;
        };
        if self.phase != Phase::Running {
            return;
        }
        for handover in std::mem::take(&mut self.balancer.stranded) {
            self.take_over(handover, replies);
        }
        let (now, own) = (self.now, self.siblings.index);
        let before = self.balancer.loads[own].connections;
        self.balancer.look(&self.siblings, now, interval);
        let is_mending = before != self.balancer.loads[own].connections;
        let surplus = balance::surplus(&self.balancer.loads, own);
        match surplus {
            Some(Surplus::Connections { to, count }) => self.give_quiet_ones(to, count),
            Some(Surplus::Calls { to, difference }) => self.give_busy_one(to, difference),
            None => self.balancer.samples.clear(),
        }
        let giver = balance::giver(&self.balancer.loads, own);
        if is_mending || matches!(surplus, Some(Surplus::Calls { .. })) {
            self.balancer.lose_patience();
        }
        if surplus.is_none() && giver.is_none() {
            return self.balancer.lose_patience();
        }
        if self.balancer.patient_until <= now {
            if let Some(giver) = giver {
                self.siblings.all[giver].submit(Command::Balance);
            }
            self.balancer.gain_patience(now, interval);
        }
        self.look_around_at(self.balancer.patient_until);
    }

    /// Gives the connections away that have been quiet for the longest time.
    fn give_quiet_ones(&mut self, to: usize, count: usize) {
        let now = self.now;
        let cursor = self.next_cursor();
        let mut quiet: Vec<_> = self
            .connections
            .some_from(cursor, CANDIDATES_MAX)
            .filter(|(_, connection)| connection.can_leave(now))
            .map(|(socket, connection)| (connection.active_at, socket))
            .collect();
        quiet.sort_unstable();
        for (_, socket) in quiet.into_iter().take(count) {
            if !self.begin_leaving(socket, to) {
                return;
            }
        }
    }

    /// Gives away the connection whose calls even the cores out; at the first time it is asked,
    /// it only begins to count.
    fn give_busy_one(&mut self, to: usize, difference: u64) {
        let now = self.now;
        let connections = &self.connections;
        let counted = self.balancer.samples.drain(..).filter_map(|sample| {
            let connection = connections.get(sample.socket)?;
            let may_go = connection.serial == sample.serial && connection.can_leave(now);
            let calls = connection.received_pdus().saturating_sub(sample.pdus);
            may_go.then_some((sample.socket, calls))
        });
        let chosen = balance::evener(difference, counted);
        if let Some(socket) = chosen {
            self.begin_leaving(socket, to);
            return;
        }
        let cursor = self.next_cursor();
        let samples = self
            .connections
            .some_from(cursor, CANDIDATES_MAX)
            .filter(|(_, connection)| matches!(connection.role, Role::Server(_)))
            .map(|(socket, connection)| Sample {
                socket,
                serial: connection.serial,
                pdus: connection.received_pdus(),
            });
        self.balancer.samples.extend(samples);
    }

    fn next_cursor(&mut self) -> usize {
        let cursor = self.balancer.cursor;
        self.balancer.cursor = cursor.wrapping_add(CANDIDATES_MAX);
        cursor
    }

    /// Sends a connection on its way; false if the other core has got others meanwhile.
    fn begin_leaving(&mut self, socket: SocketId, to: usize) -> bool {
        let Some(connection) = self.connections.get_mut(socket) else {
            return true;
        };
        // Its place there is taken from now on, so that not all cores give to the same one.
        let there = &self.siblings.all[to];
        let place = &mut self.balancer.loads[to].connections;
        let relaxed = Ordering::Relaxed;
        if !there.has_room()
            || there
                .connections
                .compare_exchange(*place, *place + 1, relaxed, relaxed)
                .is_err()
        {
            return false;
        }
        *place += 1;
        self.shared.connections.fetch_sub(1, relaxed);
        connection.life = Life::Leaving { to };
        if connection.outgoing.backlog() > 0 {
            let serial = connection.serial;
            self.balancer.leaving.push((socket, serial));
            self.ring.pause_receive(socket);
        } else {
            self.continue_leaving(socket);
        }
        true
    }

    /// Once a connection that is to go has nothing to send any more, the ring gives it up.
    pub(super) fn continue_leaving(&mut self, socket: SocketId) {
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        if let Life::Leaving { to } = connection.life
            && connection.outgoing.backlog() == 0
        {
            connection.life = Life::Detaching { to };
            self.ring.detach(socket);
        }
    }

    /// The place that a connection had on another core is free again; it stays here, or ends.
    pub(super) fn give_up_place(&self, life: Life) {
        if let Life::Leaving { to } | Life::Detaching { to } = life {
            self.siblings.all[to]
                .connections
                .fetch_sub(1, Ordering::Relaxed);
            self.shared.connections.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Peers that have not read since the last look cannot go, and are served again.
    fn call_off_late(&mut self, replies: LocalReplies<'_>) {
        for index in 0..self.balancer.leaving.len() {
            let (socket, serial) = self.balancer.leaving[index];
            if self.connections.has(socket, serial) {
                self.stop_leaving(socket, replies);
            }
        }
        self.balancer.leaving.clear();
    }

    /// A connection that was to go stays, unless its socket is on its way already.
    pub(super) fn stop_leaving(&mut self, socket: SocketId, replies: LocalReplies<'_>) {
        let connection = self.connections.get(socket);
        if connection.is_some_and(|connection| matches!(connection.life, Life::Leaving { .. })) {
            self.stay(socket, replies);
        }
    }

    pub(super) fn detach_failed(
        &mut self,
        socket: SocketId,
        error: &TransportError,
        replies: LocalReplies<'_>,
    ) {
        tracing::debug!(%error, "a connection stays on its core");
        self.stay(socket, replies);
    }

    /// Goes on with a connection that was to go.
    fn stay(&mut self, socket: SocketId, replies: LocalReplies<'_>) {
        let Some(connection) = self.connections.get_mut(socket) else {
            return;
        };
        let life = std::mem::replace(&mut connection.life, Life::Open);
        let unserved = std::mem::take(&mut connection.stalled);
        self.give_up_place(life);
        self.ring.resume_receive(socket);
        self.go_on(socket, &unserved, replies);
    }

    /// Serves what a connection has received and not served, and goes on with it.
    fn go_on(&mut self, socket: SocketId, unserved: &[u8], replies: LocalReplies<'_>) {
        if !unserved.is_empty() {
            self.resume_stalled(socket, unserved);
        }
        let deadline = self.now + self.limits.flush_timeout;
        if self.phase == Phase::Closing
            && let Some(connection) = self.connections.get_mut(socket)
        {
            connection.begin_flush(deadline);
        }
        self.settle(socket, replies);
    }

    /// The ring has given a socket up: the connection goes to its other core.
    pub(super) fn detached(&mut self, socket: SocketId, stream: R::Stream) {
        let Some(mut connection) = self.connections.remove(socket) else {
            return;
        };
        let (backlog, change) = connection.outgoing.account();
        debug_assert_eq!(backlog, 0, "what is not sent would be lost");
        self.backlog = self.backlog.wrapping_add_signed(change);
        let Connection {
            life: Life::Detaching { to },
            role: Role::Server(mut link),
            stalled,
            active_at,
            ..
        } = *connection
        else {
            unreachable!("only connections of servers are given away");
        };
        // They count with this core; the next call with pipes makes others.
        link.pipe_use = PipeUse::default();
        let counters = link.client.server.counters(self.siblings.index);
        counters.left.add(1);
        let handover = Handover {
            giver: self.siblings.index,
            stream: Box::new(stream),
            link,
            active_at,
            unserved: stalled,
        };
        let command = Command::TakeOver(Box::new(handover));
        self.siblings.all[to].submit(command);
    }

    /// Takes over a connection of another core. One for which there is no room after all, as this
    /// core's clients have got so many meanwhile, goes back.
    pub(super) fn take_over(&mut self, handover: Handover, replies: LocalReplies<'_>) {
        if self.shared.is_overfull() && handover.giver != self.siblings.index {
            return self.give_back(handover);
        }
        let Handover {
            giver,
            stream,
            mut link,
            active_at,
            unserved,
        } = handover;
        let Ok(stream) = stream.downcast::<R::Stream>() else {
            unreachable!("all cores of a runtime have rings of one type");
        };
        // Its time must not go backwards, and the other core's may be ahead of this turn's.
        self.now = self.ring.now();
        let socket = match self.ring.adopt(*stream) {
            Ok(socket) => socket,
            Err(NotAdopted { stream, error }) => {
                tracing::debug!(%error, "a connection finds no place on its way between two cores");
                return self.give_back(Handover {
                    giver,
                    stream: Box::new(stream),
                    link,
                    active_at,
                    unserved,
                });
            }
        };
        let interval = self.balancer.interval.unwrap_or_default();
        link.rests_until = self.now + interval * REST_LOOKS;
        link.client
            .server
            .counters(self.siblings.index)
            .arrived
            .add(1);
        let serial = self.connections.next_serial();
        let mut connection = Connection::new(serial, Role::Server(link), self.now);
        connection.active_at = active_at;
        self.connections.insert(socket, connection);
        self.go_on(socket, &unserved, replies);
        self.expect_imbalance();
    }

    /// A connection that finds no place here goes back to the core that gave it away; there, it
    /// waits until a place is free.
    fn give_back(&mut self, handover: Handover) {
        if handover.giver == self.siblings.index {
            if self.phase != Phase::Running {
                return self.abandon(handover);
            }
            self.balancer.stranded.push(handover);
            return self.expect_imbalance();
        }
        let giver = &self.siblings.all[handover.giver];
        giver.connections.fetch_add(1, Ordering::Relaxed);
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
        giver.submit(Command::TakeOver(Box::new(handover)));
    }

    /// The core ends: connections that wait for a place end with it.
    pub(super) fn abandon_stranded(&mut self) {
        for handover in std::mem::take(&mut self.balancer.stranded) {
            self.abandon(handover);
        }
    }

    fn abandon(&self, handover: Handover) {
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
        handover.abandon();
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use annulus_protocol::Limits;
    use annulus_transports::{Address, Completion, SimConfig, SimNet, SimRing, Wait};

    use super::*;
    use crate::config::Config;
    use crate::core::share;
    use crate::interfaces::rpcecho::{self, EchoServer};
    use crate::resolver::Resolver;
    use crate::server::Server;
    use crate::worker_pool::Workers;

    fn turn(core: &mut Core<SimRing>) -> bool {
        core.turn(Wait::No, &mut |_| {}).unwrap()
    }

    /// The other core has no room any more when a connection arrives, and nor has its own one when
    /// it comes back: it waits there, and goes on.
    #[test]
    fn a_connection_without_a_place_waits_for_one() {
        let net = SimNet::new(1, SimConfig::default());
        let config = Config::default().limits(Limits {
            connections_per_core_max: 1,
            closing_sockets_per_core_max: 0,
            ..Limits::default()
        });
        let rings = [net.ring(&config.limits), net.ring(&config.limits)];
        let all: Arc<[_]> = rings.iter().map(|ring| share(ring, &config)).collect();
        let mut index = 0..;
        let mut cores = rings.map(|ring| {
            let siblings = Siblings {
                all: Arc::clone(&all),
                index: index.next().unwrap(),
                resolver: Resolver::silent(),
            };
            Core::new(ring, siblings, &config).with_rests()
        });
        let server = Server::new().endpoint("ncacn_ip_tcp:10.0.0.1[1]").unwrap();
        let server = server.interface(rpcecho::interface(EchoServer::default()));
        let workers = Workers::new(&config.limits);
        let workers = server.worker_pool(&workers).unwrap();
        let server = server.resolve(workers, all[0].ncalrpc_directory()).unwrap();
        cores[0].serve(&server).unwrap();

        let mut client = net.ring(&Limits::DEFAULT);
        let address = Address::from(SocketAddr::from(([10, 0, 0, 1], 1)));
        for _ in 0..2 {
            client.connect(address.clone()).unwrap();
        }
        let mut ended = 0;
        let mut run_while =
            |cores: &mut [Core<SimRing>; 2], goes_on: &dyn Fn(&[Core<SimRing>; 2]) -> bool| {
                for _ in 0..10_000 {
                    if !goes_on(cores) {
                        return ended;
                    }
                    let worked = turn(&mut cores[0]) | turn(&mut cores[1]);
                    client.enter(Wait::No).unwrap();
                    while let Some(completion) = client.next_completion() {
                        ended += usize::from(matches!(completion, Completion::ReceiveEnded { .. }));
                    }
                    if !worked && !net.advance_to_next() {
                        net.advance(Duration::from_millis(10));
                    }
                }
                panic!("it hangs");
            };
        let each_has = |count: usize| {
            move |cores: &[Core<SimRing>; 2]| {
                cores.iter().any(|core| core.connections.len() != count)
            }
        };
        run_while(&mut cores, &each_has(1));

        // As if the first core had found a place for it on the other one.
        let socket = cores[0].connections.sockets()[0];
        cores[0].connections.get_mut(socket).unwrap().life = Life::Detaching { to: 1 };
        cores[0].ring.detach(socket);
        all[0].connections.fetch_sub(1, Ordering::Relaxed);
        all[1].connections.fetch_add(1, Ordering::Relaxed);
        run_while(&mut cores, &|cores| cores[0].connections.len() > 0);
        let thief = cores[0].ring.connect(address).unwrap();
        run_while(&mut cores, &|cores| cores[0].balancer.stranded.is_empty());
        assert_eq!(all[0].connections.load(Ordering::Relaxed), 1);
        assert_eq!(all[1].connections.load(Ordering::Relaxed), 1);

        cores[0].ring.close(thief);
        let ended = run_while(&mut cores, &each_has(1));
        assert_eq!(ended, 0, "no client has noticed");
    }
}
