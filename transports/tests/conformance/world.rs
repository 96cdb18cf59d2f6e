//! Where the rings of a test live: the kernel, or a simulated network.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use annulus_protocol::Limits;
use annulus_transports::{Address, KernelRing, Ring, RingChoice, SimConfig, SimNet, SimRing};

/// Where the rings of a test live.
pub(crate) trait World {
    type Ring: Ring;

    /// More bytes than a connection holds when nobody reads.
    const MORE_THAN_FITS: usize;
    /// How many sockets a test of many takes.
    const MANY: usize;

    fn ring(&self, limits: &Limits) -> Self::Ring;

    /// Nothing is ready: lets time pass. Returns false if nothing will ever be.
    fn pass_time(&self) -> bool;

    /// What addresses its tests use.
    fn transport(&self) -> Transport;

    /// An address that nobody listens on, for a listener; the ring may choose its port.
    fn any_address(&self) -> Address {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        match self.transport() {
            Transport::Tcp => Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 0))),
            Transport::Unix => {
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                let name = format!("annulus-conformance-{}-{number}", std::process::id());
                Address::Unix(std::env::temp_dir().join(name))
            }
        }
    }

    /// Starts the measurement of how long a test may take.
    fn bound(&self) -> Bound;
}

/// What a world's connections are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Unix,
}

/// After this, "unfinished" is a failure.
pub(crate) struct Bound {
    end: Option<Instant>,
    steps_left: u64,
}

impl Bound {
    pub(crate) fn check(&mut self) {
        self.steps_left -= 1;
        let in_time = self.end.is_none_or(|end| Instant::now() < end);
        assert!(in_time && self.steps_left > 0, "unfinished");
    }
}

/// The kernel of this machine.
#[derive(Clone, Copy)]
pub(crate) struct Kernel {
    pub(crate) choice: RingChoice,
    pub(crate) transport: Transport,
}

impl World for Kernel {
    type Ring = KernelRing;

    // Loopback sockets grow to some 10 MiB.
    const MORE_THAN_FITS: usize = 48 << 20;
    const MANY: usize = 4_000;

    fn transport(&self) -> Transport {
        self.transport
    }

    fn ring(&self, limits: &Limits) -> KernelRing {
        KernelRing::new(self.choice, limits).expect("this machine offers both rings")
    }

    fn pass_time(&self) -> bool {
        thread::sleep(Duration::from_micros(50));
        true
    }

    fn bound(&self) -> Bound {
        Bound {
            end: Some(Instant::now() + Duration::from_secs(30)),
            steps_left: u64::MAX,
        }
    }
}

/// A simulated network without failures.
#[derive(Clone)]
pub(crate) struct Simulation {
    net: SimNet,
    transport: Transport,
}

impl Simulation {
    /// Runs a test with several seeds, and says with which one it fails.
    pub(crate) fn with_seeds(transport: Transport, test: fn(Simulation)) {
        let seeds = match std::env::var("SEED") {
            Ok(seed) => vec![seed.parse().expect("SEED is a number")],
            Err(_) => (0..8).collect(),
        };
        for seed in seeds {
            let net = SimNet::new(seed, SimConfig::default());
            let world = Simulation { net, transport };
            if let Err(failure) = panic::catch_unwind(AssertUnwindSafe(|| test(world))) {
                eprintln!("replay with SEED={seed}");
                panic::resume_unwind(failure);
            }
        }
    }
}

impl World for Simulation {
    type Ring = SimRing;

    const MORE_THAN_FITS: usize = 256 << 10;
    const MANY: usize = 500;

    fn transport(&self) -> Transport {
        self.transport
    }

    fn ring(&self, limits: &Limits) -> SimRing {
        self.net.ring(limits)
    }

    fn pass_time(&self) -> bool {
        self.net.advance_to_next()
    }

    fn bound(&self) -> Bound {
        Bound {
            end: None,
            steps_left: 2_000_000,
        }
    }
}
