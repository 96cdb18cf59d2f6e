//! Large arrays that are shared by count go to the kernel where they lie: over every ring, in
//! both directions, however the call is made and answered; and every reference comes back.

mod serving;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use annulus::ndr::{Bytes, NdrParams, SharedNumbers};
use annulus::transports::{SimConfig, SimNet, SimRing};
use annulus::{
    AsyncHandle, Binding, Config, Cores, Dispatch, Limits, LocalRuntime, Notify, Registration,
    RingChoice, Runtime, Server, ServerCall, Status,
};
use serving::{INTERFACE, routine};

const FETCH: u16 = 0;
const FETCH_LATER: u16 = 1;
const FETCH_IN_A_FUTURE: u16 = 2;
const FETCH_ON_A_WORKER: u16 = 3;
const STORE: u16 = 4;

const SERVER: &str = "ncacn_ip_tcp:127.0.0.1[0]";

/// What is fetched: two arrays with other things around them.
#[derive(Clone, Debug, PartialEq, NdrParams)]
#[ndr(crate = annulus::ndr)]
struct Record {
    kind: u16,
    #[ndr(conformant)]
    bytes: Bytes,
    len: u32,
    #[ndr(size_is = "len")]
    samples: SharedNumbers<u32>,
    status: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, NdrParams)]
#[ndr(crate = annulus::ndr)]
struct Stored {
    sum: u64,
}

/// Bytes in which a loss or an exchange shows.
fn content(len: usize) -> Bytes {
    (0..len)
        .map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8)
        .collect()
}

fn record(bytes: &Bytes, samples: &SharedNumbers<u32>) -> Record {
    Record {
        kind: 7,
        bytes: bytes.clone(),
        len: samples.len() as u32,
        samples: samples.clone(),
        status: 9,
    }
}

fn sum(record: &Record) -> u64 {
    let bytes: u64 = record.bytes.iter().map(|byte| u64::from(*byte)).sum();
    let samples: u64 = record.samples.to_vec().into_iter().map(u64::from).sum();
    bytes + samples
}

/// What a server gives, in a vault that shows whether all that was lent has come back.
#[derive(Clone)]
struct Vault {
    bytes: Bytes,
    samples: SharedNumbers<u32>,
}

impl Vault {
    fn new(len: usize) -> Self {
        Vault {
            bytes: content(len),
            samples: (0..len as u32 / 4).collect::<Vec<_>>().into(),
        }
    }

    fn record(&self) -> Record {
        record(&self.bytes, &self.samples)
    }

    fn answer(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        match call.opnum() {
            FETCH | FETCH_ON_A_WORKER => call.reply(&self.record()),
            FETCH_LATER => {
                let call: ServerCall<Record> = call.defer()?;
                let record = self.record();
                thread::spawn(move || call.complete(&record));
                Ok(())
            }
            FETCH_IN_A_FUTURE => {
                let record = self.record();
                call.spawn(async move |_| Ok(record))
            }
            _ => {
                let record: Record = call.decode()?;
                call.reply(&Stored { sum: sum(&record) })
            }
        }
    }

    fn manager(&self) -> Registration {
        let vault = self.clone();
        Registration::new(routine(move |call| vault.answer(call)))
            .blocking_operations([FETCH_ON_A_WORKER])
    }
}

fn limits() -> Limits {
    Limits {
        request_len_max: 32 << 20,
        ..serving::limits()
    }
}

const LENS: [usize; 4] = [100, 64 << 10, 100_001, 8 << 20];

fn call_over(ring: RingChoice) {
    for len in LENS {
        let vault = Vault::new(len);
        let config = || {
            Config::default()
                .cores(Cores::Unpinned(1))
                .ring(ring)
                .limits(limits())
        };
        let runtime = Runtime::start(config()).unwrap();
        let server = Server::new().endpoint(SERVER).unwrap();
        let serving = runtime.serve(server.interface(vault.manager())).unwrap();
        let target = serving.bindings()[0].to_string();
        let binding = Binding::new(&runtime, &target, INTERFACE).unwrap();
        for opnum in [FETCH, FETCH_LATER, FETCH_IN_A_FUTURE, FETCH_ON_A_WORKER] {
            let fetched: Record = binding.call(opnum, &()).wait().unwrap();
            assert!(fetched == vault.record(), "operation {opnum}, {len} bytes");
        }
        let own = Vault::new(len).record();
        let stored: Stored = binding.call(STORE, &own).wait().unwrap();
        assert_eq!(stored.sum, sum(&own), "{len} bytes");

        let mut local = LocalRuntime::new(&config()).unwrap();
        let bound = local.bind(&target, INTERFACE).unwrap();
        local.call(bound, FETCH, 1, &()).unwrap();
        local.call(bound, STORE, 2, &own).unwrap();
        let (mut fetched, mut stored) = (None, None);
        while fetched.is_none() || stored.is_none() {
            let taken = local.turn(&mut |reply| {
                let data = reply.result.unwrap();
                match reply.token {
                    1 => fetched = Some(data.decode::<Record>().unwrap()),
                    _ => stored = Some(data.decode::<Stored>().unwrap()),
                }
            });
            taken.unwrap();
        }
        assert!(fetched.unwrap() == vault.record(), "{len} bytes");
        assert_eq!(stored.unwrap().sum, sum(&own), "{len} bytes");
        local.shutdown().unwrap();
        drop((binding, serving));
        runtime.shutdown();
        assert!(own.bytes.is_unique(), "the client keeps what it has sent");
        assert!(vault.bytes.is_unique(), "the server keeps what it has sent");
    }
}

#[test]
fn arrays_cross_whole_over_io_uring() {
    call_over(RingChoice::Uring);
}

#[test]
fn arrays_cross_whole_over_epoll() {
    call_over(RingChoice::Epoll);
}

/// What a core writes for a reply by reference: heads of fragments, and where the parts lie.
#[test]
fn a_server_makes_no_copy_of_what_it_sends() {
    const LEN: usize = 8 << 20;
    const CALLS: usize = 10;
    let vault = Vault::new(LEN);
    let config = Config::default().cores(Cores::Unpinned(1)).limits(limits());
    let mut server = LocalRuntime::new(&config).unwrap();
    let endpoint = Server::new().endpoint(SERVER).unwrap();
    let serving = server.serve(endpoint.interface(vault.manager())).unwrap();
    let target = serving.bindings()[0].to_string();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = Runtime::start(config.clone()).unwrap();
            let binding = Binding::new(&runtime, &target, INTERFACE).unwrap();
            for _ in 0..CALLS {
                let fetched: Record = binding.call(FETCH, &()).wait().unwrap();
                assert_eq!(fetched.bytes.len(), LEN);
            }
            is_done.store(true, Ordering::Release);
        });
        let allocated = allocation_counter::measure(|| {
            while !is_done.load(Ordering::Acquire) {
                server.poll(&mut |_| {}).unwrap();
            }
        });
        let sent = (2 * LEN * CALLS) as u64;
        assert!(
            allocated.bytes_total < sent / 20,
            "{} bytes allocated to send {sent}",
            allocated.bytes_total
        );
    });
}

/// A client and a server over a simulated network.
struct Stage {
    net: SimNet,
    client: LocalRuntime<SimRing>,
    server: LocalRuntime<SimRing>,
}

impl Stage {
    fn new(seed: u64, network: SimConfig, vault: &Vault) -> Self {
        let net = SimNet::new(seed, network);
        let config = Config::default().seed(seed).limits(limits());
        let mut server = LocalRuntime::with_ring(net.ring(&config.limits), &config);
        let endpoint = Server::new().endpoint(SIMULATED).unwrap();
        server.serve(endpoint.interface(vault.manager())).unwrap();
        let client = LocalRuntime::with_ring(net.ring(&config.limits), &config);
        Stage {
            net,
            client,
            server,
        }
    }

    /// Lets both sides do what there is to do, or time pass.
    fn step(&mut self) {
        let worked =
            self.client.poll(&mut |_| {}).unwrap() | self.server.poll(&mut |_| {}).unwrap();
        if !worked {
            let due = [self.client.next_due(), self.server.next_due()];
            match (self.net.next_event_at(), due.into_iter().flatten().min()) {
                (event, Some(due)) if event.is_none_or(|event| due < event) => {
                    self.net.advance(due - self.net.now());
                }
                _ => drop(self.net.advance_to_next()),
            }
        }
    }

    fn until(&mut self, mut is_true: impl FnMut(&Self) -> bool) {
        let mut steps = 0..STEPS_MAX;
        while !is_true(self) {
            assert!(steps.next().is_some(), "unfinished");
            self.step();
        }
    }

    /// Ends both sides.
    fn finish(mut self) {
        self.client.begin_shutdown();
        self.server.begin_shutdown();
        self.until(|stage| stage.client.is_finished() && stage.server.is_finished());
    }
}

const SIMULATED: &str = "ncacn_ip_tcp:127.0.0.1[4711]";
const STEPS_MAX: usize = 1_000_000;

/// The network takes 64 KiB until the client reads, and the rest is where the manager has it.
#[test]
fn what_waits_to_be_sent_is_counted_and_given_back_when_the_client_goes() {
    const LEN: usize = 1 << 20;
    let vault = Vault::new(LEN);
    let mut stage = Stage::new(1, SimConfig::default(), &vault);
    let own = vault.bytes.clone();
    let holders = vault;
    let binding = Binding::new(&stage.client, SIMULATED, INTERFACE).unwrap();
    let mut handle: AsyncHandle<Record> = AsyncHandle::new(Notify::None);
    binding.call_async(&mut handle, FETCH, &()).unwrap();
    stage.until(|stage| stage.server.usage().backlog >= 2 * LEN);
    drop((handle, binding, holders));
    let Stage {
        net,
        client,
        mut server,
    } = stage;
    drop(client);
    for _ in 0..STEPS_MAX {
        if server.usage().connections == 0 {
            break;
        }
        if !server.poll(&mut |_| {}).unwrap() {
            net.advance_to_next();
        }
    }
    assert_eq!(server.usage().backlog, 0);
    assert_eq!(server.usage().ring.sends, 0);
    drop(server);
    assert!(own.is_unique(), "the server keeps what it did not send");
}

/// Whatever becomes of the calls and their connections, the right bytes arrive or none, and all
/// that was lent comes back.
#[test]
fn every_reference_comes_back_whatever_becomes_of_its_call() {
    let seeds = match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().expect("SEED is a number")],
        Err(_) => (0..40).collect(),
    };
    let mut answered = 0;
    for seed in seeds {
        println!("SEED={seed}");
        let vault = Vault::new(40_000 + seed as usize);
        let own = Vault::new(30_000 + seed as usize).record();
        let mut network = SimConfig::hostile();
        network.reset = [0.0, 0.002, 0.005][seed as usize % 3];
        let mut stage = Stage::new(seed, network, &vault);
        let binding = Binding::new(&stage.client, SIMULATED, INTERFACE).unwrap();
        for round in 0..4 {
            let mut fetches: Vec<AsyncHandle<Record>> = Vec::new();
            for opnum in [FETCH, FETCH_IN_A_FUTURE, FETCH] {
                let mut handle = AsyncHandle::new(Notify::None);
                binding.call_async(&mut handle, opnum, &()).unwrap();
                fetches.push(handle);
            }
            let mut store: AsyncHandle<Stored> = AsyncHandle::new(Notify::None);
            binding.call_async(&mut store, STORE, &own).unwrap();
            // One is cancelled by its handle's end, at some time.
            for _ in 0..50 * (seed % 7) {
                stage.step();
            }
            drop(fetches.pop());
            stage.until(|_| {
                let is_open = |status| status == Status::AsyncCallPending;
                !fetches.iter().any(|handle| is_open(handle.status())) && !is_open(store.status())
            });
            for mut handle in fetches {
                if let Ok(fetched) = handle.complete() {
                    assert!(fetched == vault.record(), "round {round}");
                    answered += 1;
                }
            }
            if let Ok(stored) = store.complete() {
                assert_eq!(stored.sum, sum(&own), "round {round}");
                answered += 1;
            }
        }
        drop(binding);
        stage.finish();
        assert!(own.bytes.is_unique(), "the client keeps what it was given");
        assert!(
            vault.bytes.is_unique(),
            "the server keeps what it was given"
        );
    }
    assert!(answered > 100, "hardly a call was answered: {answered}");
}
