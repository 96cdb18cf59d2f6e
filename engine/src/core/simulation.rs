//! Servers that come and go, and a client that knows several addresses, over the simulated ring:
//! calls that are made again are executed once, in their order, by whichever server is there.
//!
//! Here and not in `tests/simulation.rs`, as a string binding resolves to several addresses only
//! where the machine's name service has them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::panic;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annulus_ndr::NdrParams;
use annulus_protocol::{Limits, SyntaxId, Uuid};
use annulus_transports::{SimConfig, SimNet, SimRing};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::{
    AsyncHandle, Binding, BindingOptions, Config, Dispatch, Interface, LocalRuntime, Notify,
    Server, Status, Usage,
};

const INTERFACE: SyntaxId = SyntaxId::new(Uuid::from_u128(0xadd2_e55e_5000_4000), 1, 0);
const FIRST_PORT: u16 = 5001;

/// Turns after which a run that has not ended counts as hanging.
const STEPS_MAX: usize = 1_000_000;

#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = annulus_ndr)]
struct Parcel {
    number: u32,
    len: u32,
    #[ndr(size_is = "len")]
    content: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = annulus_ndr)]
struct Receipt {
    number: u32,
    server: u32,
}

/// The numbers of the calls that were executed, and by which server.
type Executed = Arc<Mutex<Vec<(u32, usize)>>>;

struct Receiver {
    index: usize,
    executed: Executed,
}

impl Interface for Receiver {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        1
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let Parcel { number, .. } = call.decode()?;
        self.executed.lock().unwrap().push((number, self.index));
        call.reply(&Receipt {
            number,
            server: self.index as u32,
        })
    }
}

/// One of the addresses, and who is there at the moment.
struct Place {
    index: usize,
    runtime: LocalRuntime<SimRing>,
}

struct World {
    random: StdRng,
    net: SimNet,
    places: Vec<Place>,
    client: LocalRuntime<SimRing>,
    executed: Executed,
    calls: Vec<Asked>,
    asked: u32,
}

struct Asked {
    number: u32,
    handle: AsyncHandle<Receipt>,
    /// The only place where the client had a connection when it made the call.
    connected_to: Option<usize>,
}

/// What a run came to.
#[derive(Default)]
struct Outcome {
    answered: Vec<u32>,
    failed: u32,
    /// Calls that were made on a connection to one server and answered by another one.
    made_again: u32,
    answered_by: BTreeSet<u32>,
}

fn config(random: &mut StdRng) -> Config {
    Config::default().seed(random.random()).limits(Limits {
        drain_timeout: Duration::from_millis(20),
        flush_timeout: Duration::from_millis(20),
        send_backlog_max: 1 << 20,
        ..Limits::default()
    })
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut network = SimConfig::hostile();
        network.reset = [0.0, 0.002, 0.02][random.random_range(0..3)];
        let net = SimNet::new(seed, network);
        let executed = Executed::default();
        let client_config = config(&mut random);
        let client = LocalRuntime::with_ring(net.ring(&client_config.limits), &client_config);
        let mut world = World {
            places: Vec::new(),
            client,
            executed,
            calls: Vec::new(),
            asked: 0,
            random,
            net,
        };
        for index in 0..world.random.random_range(2..=4) {
            let place = world.place(index);
            world.places.push(place);
        }
        world
    }

    /// A server at the address of this index; now and then nobody is there.
    fn place(&mut self, index: usize) -> Place {
        let config = config(&mut self.random);
        let mut runtime = LocalRuntime::with_ring(self.net.ring(&config.limits), &config);
        let endpoint = format!("ncacn_ip_tcp:127.0.0.1[{}]", FIRST_PORT + index as u16);
        let server = Server::new().endpoint(&endpoint).unwrap();
        let executed = Arc::clone(&self.executed);
        let server = server.interface(Receiver { index, executed });
        if self.random.random_bool(0.8) {
            runtime.serve(server).expect("the port is free");
        }
        Place { index, runtime }
    }

    fn addresses(&self) -> Vec<annulus_transports::Address> {
        let ports = (0..self.places.len()).map(|index| FIRST_PORT + index as u16);
        ports
            .map(|port| SocketAddr::from(([127, 0, 0, 1], port)).into())
            .collect()
    }

    fn run(mut self) -> Outcome {
        let (mut outcome, mut left) = (Outcome::default(), self.random.random_range(10..=80));
        let options = BindingOptions::new();
        let binding = Binding::to_addresses(&self.client, self.addresses(), INTERFACE, options);
        for _ in 0..STEPS_MAX {
            if left == 0 && self.calls.is_empty() {
                drop(binding);
                self.end();
                return outcome;
            }
            if left > 0 && self.random.random_bool(0.2) {
                left -= 1;
                self.ask(&binding);
            }
            if self.random.random_bool(0.002) {
                self.replace_a_server();
            }
            let mut worked = self.turn();
            worked |= self.take_ended(&mut outcome);
            if !worked {
                self.pass();
            }
        }
        panic!("the run hangs: client {:?}", self.client.usage());
    }

    fn ask(&mut self, binding: &Binding) {
        let len = match self.random.random_range(0..4) {
            // So that what comes behind it is not sent for a while.
            0 => self.random.random_range(0..20_000),
            _ => self.random.random_range(0..100),
        };
        let parcel = Parcel {
            number: self.asked,
            len,
            content: vec![7; len as usize],
        };
        let mut handle = AsyncHandle::new(Notify::None);
        binding.call_async(&mut handle, 0, &parcel).unwrap();
        let mut connected = (self.places.iter()).filter(|it| it.runtime.usage().connections > 0);
        let only = connected.next().map(|place| place.index);
        self.calls.push(Asked {
            number: self.asked,
            handle,
            connected_to: only.filter(|_| connected.next().is_none()),
        });
        self.asked += 1;
    }

    /// A server ends, with what it has, and another one may begin at its address.
    fn replace_a_server(&mut self) {
        let index = self.random.random_range(0..self.places.len());
        self.places[index].runtime.begin_shutdown();
        for _ in 0..STEPS_MAX {
            if self.places[index].runtime.is_finished() {
                self.places[index] = self.place(index);
                return;
            }
            if !self.turn() {
                self.pass();
            }
        }
        panic!("a shutdown hangs");
    }

    fn turn(&mut self) -> bool {
        let runtimes = self.places.iter_mut().map(|place| &mut place.runtime);
        let mut worked = false;
        for runtime in runtimes.chain([&mut self.client]) {
            worked |= runtime
                .poll(&mut |_| {})
                .expect("the simulation does not break");
        }
        worked
    }

    fn pass(&self) {
        let runtimes = self.places.iter().map(|place| &place.runtime);
        let due = runtimes
            .chain([&self.client])
            .filter_map(LocalRuntime::next_due)
            .min();
        match (self.net.next_event_at(), due) {
            (event, Some(due)) if event.is_none_or(|event| due < event) => {
                self.net.advance(due - self.net.now());
            }
            (Some(_), _) => drop(self.net.advance_to_next()),
            // The next call comes some time.
            (None, _) => {}
        }
    }

    fn take_ended(&mut self, outcome: &mut Outcome) -> bool {
        let before = self.calls.len();
        self.calls.retain_mut(|call| {
            match call.handle.complete() {
                Err(Status::AsyncCallPending) => return true,
                Ok(receipt) => {
                    assert_eq!(receipt.number, call.number, "the answer to another call");
                    outcome.answered.push(call.number);
                    outcome.answered_by.insert(receipt.server);
                    let at = call.connected_to;
                    outcome.made_again +=
                        u32::from(at.is_some_and(|at| at as u32 != receipt.server));
                }
                Err(
                    Status::CallFailed
                    | Status::CallFailedDne
                    | Status::ServerUnavailable
                    | Status::ServerTooBusy,
                ) => outcome.failed += 1,
                Err(other) => panic!("call {} ended with {other:?}", call.number),
            }
            assert_eq!(
                call.handle.complete(),
                Err(Status::InvalidAsyncHandle),
                "it ends once"
            );
            false
        });
        before != self.calls.len()
    }

    /// Everything comes back.
    fn end(&mut self) {
        self.client.begin_shutdown();
        for place in &mut self.places {
            place.runtime.begin_shutdown();
        }
        for _ in 0..STEPS_MAX {
            let servers = self.places.iter().map(|place| &place.runtime);
            if servers.chain([&self.client]).all(LocalRuntime::is_finished) {
                break;
            }
            if !self.turn() {
                self.pass();
            }
        }
        for runtime in self
            .places
            .iter()
            .map(|place| &place.runtime)
            .chain([&self.client])
        {
            assert_eq!(
                runtime.usage(),
                Usage::default(),
                "something did not come back"
            );
        }
    }
}

fn run(seed: u64) -> Outcome {
    let run = || {
        let world = World::new(seed);
        let executed = Arc::clone(&world.executed);
        let outcome = world.run();
        let executed = executed.lock().unwrap();
        let mut seen = BTreeSet::new();
        for (number, _) in executed.iter() {
            assert!(seen.insert(*number), "call {number} was executed twice");
        }
        let answered: BTreeSet<_> = outcome.answered.iter().copied().collect();
        let order = executed.iter().map(|(number, _)| *number);
        let order: Vec<_> = order.filter(|number| answered.contains(number)).collect();
        assert!(order.is_sorted(), "the causal order {order:?}");
        assert!(answered.is_subset(&seen), "answered by nobody");
        drop(executed);
        outcome
    };
    panic::catch_unwind(run).unwrap_or_else(|panic| {
        eprintln!("seed {seed} failed");
        panic::resume_unwind(panic)
    })
}

#[test]
fn rule_44_calls_that_are_made_again_reach_the_next_address_and_are_executed_once() {
    let (mut made_again, mut answered, mut failed, mut others) = (0, 0, 0, 0);
    for seed in 0..100 {
        let outcome = run(seed);
        made_again += outcome.made_again;
        answered += outcome.answered.len();
        failed += outcome.failed;
        others += outcome
            .answered_by
            .iter()
            .filter(|server| **server > 0)
            .count();
    }
    println!("{answered} answered, {made_again} of them made again, {failed} failed");
    assert!(
        made_again > 20 && failed > 20 && others > 20,
        "{made_again} {failed} {others}"
    );
    assert!(answered > 1_000, "{answered}");
}
