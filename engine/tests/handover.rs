//! Cores that have more to do than others hand idle connections over, and no client notices.

mod raw;
mod serving;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annulus::rpcecho::{self, EchoServer, RpcEchoClient};
use annulus::transports::{SimConfig, SimNet, SimRing};
use annulus::{
    BalancePolicy, Binding, BindingOptions, Config, Cores, Limits, LocalBinding, LocalRuntime,
    Runtime, Server, ServerCall, Serving,
};

use raw::{MULTIPLEXING, RESPONSE, WHOLE, bind, read_pdu, request, until};
use serving::{Number, number};

/// Fast, so that the tests are.
const LOOK: Duration = Duration::from_millis(5);

fn start(cores: usize, balance: BalancePolicy) -> (Runtime, Serving, SocketAddr) {
    let config = Config::default()
        .cores(Cores::Unpinned(cores))
        .balance(balance);
    let runtime = Runtime::start(config).unwrap();
    let server = Server::new()
        .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
        .unwrap()
        .interface(rpcecho::interface(EchoServer::default()));
    let serving = runtime.serve(server).unwrap();
    let port = serving.bindings()[0].port().unwrap();
    (runtime, serving, SocketAddr::from(([127, 0, 0, 1], port)))
}

/// A connection that has bound rpcecho.
fn bound(address: SocketAddr) -> TcpStream {
    raw::bound(address, &bind(MULTIPLEXING))
}

/// Connections of which each core has as many, in the order in which they were made: the first of
/// them is on the core that got the first one, and so on.
fn many_bound(
    count: usize,
    cores: usize,
    serving: &Serving,
    address: SocketAddr,
) -> Vec<TcpStream> {
    let streams: Vec<_> = (0..count).map(|_| bound(address)).collect();
    assert_eq!(
        serving.accepted_per_core(),
        vec![(count / cores) as u64; cores],
        "connections are dealt out evenly"
    );
    streams
}

/// AddOne calls on one connection, each answered before the next.
fn add_ones(stream: &mut TcpStream, calls: u32) {
    for call in 1..=calls {
        let pdu = request(call, 0, WHOLE, &call.to_le_bytes());
        stream.write_all(&pdu).unwrap();
        check_answer(stream, call);
    }
}

/// The same, all under way at once.
fn add_at_once(stream: &mut TcpStream, calls: u32) {
    let pdus = (1..=calls).flat_map(|call| request(call, 0, WHOLE, &call.to_le_bytes()));
    stream.write_all(&pdus.collect::<Vec<_>>()).unwrap();
    for call in 1..=calls {
        check_answer(stream, call);
    }
}

fn check_answer(stream: &mut TcpStream, call: u32) {
    let answer = read_pdu(stream).unwrap();
    assert_eq!(answer[2], RESPONSE);
    assert_eq!(answer[12..16], call.to_le_bytes());
    assert_eq!(answer[24..28], (call + 1).to_le_bytes());
}

/// The busiest core over the idlest.
fn ratio(counts: &[u64]) -> f64 {
    let (most, least) = (counts.iter().max().unwrap(), counts.iter().min().unwrap());
    *most as f64 / *least as f64
}

fn closes_one_cores_connections(cores: usize) {
    let (_runtime, serving, address) = start(cores, BalancePolicy::Every(LOOK));
    let streams = many_bound(64, cores, &serving, address);
    // They were dealt out in turns, so this empties one core.
    let mut kept: Vec<_> = (0..)
        .zip(streams)
        .filter(|(index, _)| index % cores != 1)
        .map(|(_, stream)| stream)
        .collect();
    let is_even = || {
        let connections = serving.connections_per_core();
        connections.iter().sum::<u64>() == kept.len() as u64 && ratio(&connections) < 1.5
    };
    until("the cores share what is left", is_even);
    let handovers = serving.handovers();
    let even_share = 64 / cores - 64 / cores / cores;
    println!(
        "{cores} cores: {:?} after {handovers} hand-overs",
        serving.connections_per_core()
    );
    assert!(handovers >= 1 && handovers <= even_share as u64);
    let before = serving.calls_per_core();
    kept.iter_mut().for_each(|stream| add_ones(stream, 20));
    let after = serving.calls_per_core();
    let calls: Vec<u64> = before.iter().zip(&after).map(|(b, a)| a - b).collect();
    println!("{cores} cores: calls {calls:?}");
    assert_eq!(calls.iter().sum::<u64>(), kept.len() as u64 * 20);
    assert!(ratio(&calls) < 1.5, "{calls:?}");
}

#[test]
fn two_cores_share_what_one_has_left() {
    closes_one_cores_connections(2);
}

#[test]
fn four_cores_share_what_three_have_left() {
    closes_one_cores_connections(4);
}

#[test]
fn connections_stay_where_that_is_wanted() {
    let (_runtime, serving, address) = start(2, BalancePolicy::Off);
    let streams = many_bound(8, 2, &serving, address);
    let mut kept: Vec<_> = (0..)
        .zip(streams)
        .filter(|(index, _)| index % 2 == 0)
        .collect();
    until("closed connections go", || {
        serving.connections_per_core().contains(&0)
    });
    kept.iter_mut()
        .for_each(|(_, stream)| add_ones(stream, 200));
    assert_eq!(serving.handovers(), 0);
    let mut connections = serving.connections_per_core();
    connections.sort_unstable();
    assert_eq!(connections, [0, 4]);
}

/// Connections that have not bound stay where they are; a core that looks all the time for one to
/// give away has time for its calls.
#[test]
fn a_skew_that_nobody_can_mend_holds_nothing_up() {
    let (_runtime, serving, address) = start(2, BalancePolicy::Every(Duration::ZERO));
    let silent: Vec<_> = (0..8)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let connections = || serving.connections_per_core();
    until("connections arrive", || {
        connections().iter().sum::<u64>() == 8
    });
    let kept = silent.into_iter().step_by(2).collect::<Vec<_>>();
    until("connections go", || connections().iter().sum::<u64>() == 4);
    let mut calling = [bound(address), bound(address)];
    calling.iter_mut().for_each(|stream| add_ones(stream, 200));
    drop(kept);
}

/// Bindings of a client runtime with many calls in flight, while connections that were made to
/// fill cores come and go, so that the others are handed over again and again.
#[test]
fn calls_go_on_while_their_connections_move() {
    const MOVES: u64 = 40;
    let (_runtime, serving, address) = start(3, BalancePolicy::Every(LOOK));
    let client = Runtime::start(Config::default().cores(Cores::Unpinned(1))).unwrap();
    let target = serving.bindings()[0].to_string();
    let is_over = AtomicBool::new(false);
    let calls = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..6_u32 {
            let options = BindingOptions::new().unique_binding();
            let binding =
                Binding::with_options(&client, &target, rpcecho::INTERFACE, options).unwrap();
            let echo = RpcEchoClient::new(binding);
            let (is_over, calls) = (&is_over, &calls);
            scope.spawn(move || {
                let mut value = thread << 24;
                while !is_over.load(Ordering::Relaxed) {
                    let data: Vec<u8> =
                        (0..200 + value % 50).map(|at| (at ^ value) as u8).collect();
                    assert_eq!(echo.echo_data(&data), Ok(data));
                    assert_eq!(echo.add_one(value), Ok(value + 1));
                    value += 1;
                    calls.fetch_add(2, Ordering::Relaxed);
                }
            });
        }
        let mut round = 0;
        until("connections move", || {
            round += 1;
            let streams: Vec<_> = (0..12).map(|_| bound(address)).collect();
            let keep = streams
                .into_iter()
                .enumerate()
                .filter(|(index, _)| index % 3 == round % 3);
            let kept: Vec<_> = keep.collect();
            let before = serving.handovers();
            // A skew that a few looks even out; or there was none, by chance.
            let enough = calls.load(Ordering::Relaxed) + 2_000;
            while serving.handovers() < before + 2 && calls.load(Ordering::Relaxed) < enough {
                std::thread::yield_now();
            }
            drop(kept);
            serving.handovers() >= MOVES
        });
        is_over.store(true, Ordering::Relaxed);
    });
    println!(
        "{} calls during {} hand-overs",
        calls.load(Ordering::Relaxed),
        serving.handovers()
    );
    assert!(calls.load(Ordering::Relaxed) > 0);
}

/// One PDU in two pieces, the second of which may find the connection on another core; and several
/// at once. The client does not wait for answers before it sends on.
#[test]
fn torn_pdus_survive_the_move() {
    const CONNECTIONS: usize = 12;
    let (_runtime, serving, address) = start(2, BalancePolicy::Every(Duration::from_millis(1)));
    let mut call = 0;
    let mut streams: Vec<_> = (0..CONNECTIONS).map(|_| bound(address)).collect();
    until("connections move", || {
        // Those that are closed were on one core, if the others are where they were dealt to.
        let mut index = 0;
        streams.retain(|_| {
            index += 1;
            index % 2 == call as usize % 2
        });
        for _ in 0..30 {
            call += 3;
            for (connection, stream) in streams.iter_mut().enumerate() {
                let pdus: Vec<u8> = (call..call + 3)
                    .flat_map(|call| request(call, 0, WHOLE, &call.to_le_bytes()))
                    .collect();
                let (first, second) =
                    pdus.split_at(1 + (connection * 7 + call as usize) % (pdus.len() - 1));
                stream.write_all(first).unwrap();
                std::thread::yield_now();
                stream.write_all(second).unwrap();
            }
            for stream in &mut streams {
                (call..call + 3).for_each(|call| check_answer(stream, call));
            }
        }
        while streams.len() < CONNECTIONS {
            streams.push(bound(address));
        }
        serving.handovers() >= 40
    });
    println!("{} calls, {} hand-overs", call, serving.handovers());
}

#[test]
fn busy_connections_spread() {
    spreads(|stream| add_ones(stream, 50));
}

/// Whose connections are never without a call, and answered in each turn.
#[test]
fn connections_of_many_calls_at_once_spread() {
    spreads(|stream| add_at_once(stream, 32));
}

/// Few connections make nearly all calls, and were dealt to the same core.
fn spreads(call: impl Fn(&mut TcpStream) + Sync) {
    let (_runtime, serving, address) = start(2, BalancePolicy::Every(LOOK));
    let streams = many_bound(16, 2, &serving, address);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let mut quiet = Vec::new();
        for (index, mut stream) in streams.into_iter().enumerate() {
            if index % 2 == 1 || index >= 8 {
                quiet.push(stream);
                continue;
            }
            let (is_over, call) = (&is_over, &call);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    call(&mut stream);
                }
            });
        }
        until("calls spread", || {
            let before = serving.calls_per_core();
            let enough = before.iter().sum::<u64>() + 4_000;
            let mut after = before.clone();
            while after.iter().sum::<u64>() < enough {
                std::thread::yield_now();
                after = serving.calls_per_core();
            }
            let calls: Vec<u64> = before.iter().zip(&after).map(|(b, a)| a - b).collect();
            let is_even = ratio(&calls) < 1.5;
            if is_even {
                println!("calls {calls:?}, {} hand-overs", serving.handovers());
            }
            is_even
        });
        assert!(ratio(&serving.connections_per_core()) < 1.5);
        is_over.store(true, Ordering::Relaxed);
    });
}

/// Calls that were not answered yet, with their answers.
type Held = Vec<(ServerCall<Number>, Number)>;

/// Two cores of a server and a client in a simulated network. The client calls again on each of its
/// connections as soon as it has the answer.
struct Simulated {
    net: SimNet,
    cores: Vec<LocalRuntime<SimRing>>,
    serving: Serving,
    client: LocalRuntime<SimRing>,
    bindings: Vec<LocalBinding>,
    /// Answers that have come, on each.
    answers: Vec<u64>,
    /// The first so many connections go on calling; the others become idle.
    busy: usize,
    /// The second core makes connections of its own, to nobody, whenever it has room.
    is_crowded: bool,
    /// While it is set, calls are kept instead of answered.
    is_holding: Arc<AtomicBool>,
    held: Arc<Mutex<Held>>,
}

impl Simulated {
    fn new(seed: u64) -> Self {
        let net = SimNet::new(seed, SimConfig::default());
        net.black_hole(SocketAddr::from(([10, 0, 0, 1], 1)).into());
        let looks = BalancePolicy::Every(Duration::from_micros(100));
        let config = Config::default().balance(looks).seed(seed);
        let limits = Limits {
            connections_per_core_max: CONNECTIONS_MAX,
            ..Limits::default()
        };
        let crowdable = config.clone().limits(limits);
        let rings = (0..2).map(|_| net.ring(&crowdable.limits)).collect();
        let mut cores = LocalRuntime::with_rings(rings, &crowdable);
        let (is_holding, held) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Held>>::default());
        let (holds, holder) = (Arc::clone(&is_holding), Arc::clone(&held));
        let add_one = serving::routine(move |mut call| {
            let asked: Number = call.decode()?;
            let answer = number(asked.value + 1);
            if holds.load(Ordering::Relaxed) {
                holder.lock().unwrap().push((call.defer()?, answer));
                return Ok(());
            }
            call.reply(&answer)
        });
        let server = Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[4711]");
        let serving = cores[0].serve(server.unwrap().interface(add_one)).unwrap();
        let client = LocalRuntime::with_ring(net.ring(&config.limits), &config);
        Simulated {
            net,
            cores,
            serving,
            client,
            bindings: Vec::new(),
            answers: Vec::new(),
            busy: KEPT,
            is_crowded: false,
            is_holding,
            held,
        }
    }

    fn crowd(&mut self) {
        let crowded = &mut self.cores[1];
        while self.is_crowded && crowded.usage().connections < CONNECTIONS_MAX {
            let options = BindingOptions::new().unique_binding();
            let nobody = "ncacn_ip_tcp:10.0.0.1[1]";
            let bound = crowded.bind_with(nobody, serving::INTERFACE, options);
            bound.unwrap();
        }
    }

    fn add_connection(&mut self) {
        let options = BindingOptions::new().unique_binding().dont_linger();
        let target = self.serving.bindings()[0].to_string();
        let binding = self.client.bind_with(&target, serving::INTERFACE, options);
        self.bindings.push(binding.unwrap());
        self.answers.push(0);
        self.call(self.bindings.len() - 1);
    }

    fn call(&mut self, index: usize) {
        let value = number(self.answers[index]);
        self.client
            .call(self.bindings[index], 0, index as u64, &value)
            .unwrap();
    }

    /// Adds connections one after the other, so that they are dealt out in turns.
    fn add_idle_connections(&mut self, count: usize) {
        self.busy = 0;
        for index in 0..count {
            self.add_connection();
            self.run_until(index, 3);
        }
    }

    /// Turns everything until connection `index` has so many answers, all of them right.
    fn run_until(&mut self, index: usize, count: u64) {
        self.run_while(|it| it.answers[index] < count);
    }

    /// Turns everything while `goes_on`; how often time had to pass.
    fn run_while(&mut self, goes_on: impl Fn(&Self) -> bool) -> usize {
        let mut passes = 0;
        for _ in 0..200_000 {
            if !goes_on(self) {
                return passes;
            }
            let mut worked = false;
            for core in &mut self.cores {
                worked |= core.poll(&mut |_| {}).unwrap();
            }
            self.crowd();
            let mut ended = Vec::new();
            worked |= self
                .client
                .poll(&mut |reply| {
                    let answer = reply.result.and_then(|stub| stub.decode::<Number>());
                    ended.push((reply.token as usize, answer));
                })
                .unwrap();
            for (index, answer) in ended {
                self.answers[index] += 1;
                assert_eq!(answer, Ok(number(self.answers[index])));
                // The others are to be idle when they are released.
                if index < self.busy || self.answers[index] < 3 {
                    self.call(index);
                }
            }
            if !worked {
                passes += 1;
                self.pass_time();
            }
        }
        panic!("it hangs: {:?}", self.answers);
    }

    fn pass_time(&self) {
        let runtimes = self.cores.iter().chain([&self.client]);
        let timer = runtimes.filter_map(LocalRuntime::next_due).min();
        match (self.net.next_event_at(), timer) {
            (Some(event), timer) if timer.is_none_or(|timer| event <= timer) => {
                self.net.advance_to_next();
            }
            (_, Some(timer)) => self.net.advance(timer - self.net.now()),
            (_, None) => panic!("nothing will ever happen again: {:?}", self.answers),
        }
    }
}

/// Connections that a simulated client has all the time, while others come and go.
const KEPT: usize = 6;

/// Connections that a simulated core may have.
const CONNECTIONS_MAX: usize = 16;

/// A request that comes while its connection is on its way is served where it arrives.
#[test]
fn requests_meet_their_connection_on_its_way() {
    let mut handovers = 0;
    for seed in 0..8 {
        println!("seed {seed}");
        let mut simulated = Simulated::new(seed);
        (0..KEPT).for_each(|_| simulated.add_connection());
        for round in 0..10 {
            (0..8).for_each(|_| simulated.add_connection());
            (KEPT..KEPT + 8).for_each(|index| simulated.run_until(index, 3));
            // They were dealt out in turns, so this leaves most of them on one core.
            for index in (KEPT..KEPT + 8).filter(|index| index % 2 == round % 2) {
                simulated.client.release(simulated.bindings[index]);
            }
            let count = simulated.answers[0] + 20;
            (0..KEPT).for_each(|index| simulated.run_until(index, count));
            for index in (KEPT..KEPT + 8).filter(|index| index % 2 != round % 2) {
                simulated.client.release(simulated.bindings[index]);
            }
            simulated.bindings.truncate(KEPT);
            simulated.answers.truncate(KEPT);
        }
        handovers += simulated.serving.handovers();
    }
    println!("{handovers} hand-overs");
    assert!(handovers >= 50, "{handovers}");
}

/// A core whose clients take all its room has few connections of servers, but is given none.
#[test]
fn a_connection_for_which_there_is_no_room_stays_where_it_is() {
    for seed in 0..8 {
        println!("seed {seed}");
        let mut simulated = Simulated::new(seed);
        simulated.add_idle_connections(KEPT + 8);
        simulated.is_crowded = true;
        simulated.busy = KEPT;
        (0..KEPT).for_each(|index| simulated.call(index));
        for index in (KEPT..KEPT + 8).filter(|index| index % 2 == seed as usize % 2) {
            simulated.client.release(simulated.bindings[index]);
        }
        let count = simulated.answers[0] + 100;
        (0..KEPT).for_each(|index| simulated.run_until(index, count));
        let left = simulated.serving.connections_per_core();
        assert_eq!(left.iter().sum::<u64>(), KEPT as u64 + 4, "{left:?}");
        // With an even seed it is the crowded core that has too many.
        let handovers = simulated.serving.handovers();
        assert_eq!(handovers > 0, seed % 2 == 0, "{handovers}");
    }
}

/// The clients of a core take all its room before the first connection comes in.
#[test]
fn a_core_full_of_its_clients_is_dealt_nothing() {
    for seed in 0..8 {
        println!("seed {seed}");
        let mut simulated = Simulated::new(seed);
        simulated.is_crowded = true;
        simulated.crowd();
        (0..CONNECTIONS_MAX).for_each(|_| simulated.add_connection());
        (0..CONNECTIONS_MAX).for_each(|index| simulated.run_until(index, 3));
        let accepted = simulated.serving.accepted_per_core();
        assert_eq!(accepted, [CONNECTIONS_MAX as u64, 0]);
    }
}

/// All that one core could give away has an open call. Both cores know of the skew, and neither is
/// kept awake by it.
#[test]
fn a_skew_that_lasts_is_looked_at_less_and_less() {
    let mut simulated = Simulated::new(0);
    simulated.add_idle_connections(12);
    simulated.is_holding.store(true, Ordering::Relaxed);
    // All connections of the first core have an open call then, and half of the other's.
    let (idle, calling) = (0..12).partition::<Vec<_>, _>(|index| index % 4 == 3);
    calling.iter().for_each(|index| simulated.call(*index));
    simulated.run_while(|it| it.held.lock().unwrap().len() < calling.len());
    for index in idle {
        simulated.client.release(simulated.bindings[index]);
    }
    let is_skewed = |it: &Simulated| it.serving.connections_per_core() == [6, 3];
    simulated.run_while(|it| !is_skewed(it));

    let end = simulated.net.now() + Duration::from_secs(10);
    let passes = simulated.run_while(|it| it.net.now() < end);
    // Each of the two cores has 100,000 intervals.
    assert!(passes < 2_000, "{passes}");
    assert!(is_skewed(&simulated));

    simulated.is_holding.store(false, Ordering::Relaxed);
    for (call, answer) in std::mem::take(&mut *simulated.held.lock().unwrap()) {
        call.complete(&answer).unwrap();
    }
    simulated.run_while(|it| it.serving.connections_per_core() != [5, 4]);
}

/// A local runtime has nobody to share with.
#[test]
fn one_core_does_not_look_around() {
    let config = Config::default().balance(BalancePolicy::Every(Duration::ZERO));
    let mut runtime = LocalRuntime::new(&config).unwrap();
    runtime.poll(&mut |_| {}).unwrap();
    assert_eq!(runtime.next_due(), None);
}
