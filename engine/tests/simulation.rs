//! Client and server, the whole engine, over the simulated ring: one thread, virtual time,
//! seeds.
//!
//! Each seed is one run: a few clients make calls of many kinds to a server while the network
//! tears, delays, reorders and resets. Clients go in the middle of their calls, handles are dropped
//! while their replies arrive, and managers complete their calls from outside the core. Afterwards each call must have ended exactly once, each
//! reply must be the one to its request, and every buffer, slot and socket must be back.
//!
//! `ANNULUS_SIM_SEED=N` replays one seed. `ANNULUS_SIM_SEEDS=N` sets how many fixed seeds run,
//! `ANNULUS_SIM_FRESH=N` how many fresh ones, which are printed.

mod simulation {
    pub(crate) mod client;
    pub(crate) mod elsewhere;
    pub(crate) mod interface;
    pub(crate) mod outcome;
    pub(crate) mod pipes;
    pub(crate) mod world;
}

use std::time::{SystemTime, UNIX_EPOCH};

use simulation::outcome::Outcome;
use simulation::world::World;

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")),
    )
}

/// How often the runs met what is rare.
#[derive(Default)]
struct Rare {
    handovers: u64,
    dropped: u64,
    late: u64,
}

impl Rare {
    fn add(mut self, outcome: Outcome) -> Self {
        self.handovers += outcome.handovers;
        self.dropped += outcome.dropped;
        self.late += outcome.late;
        self
    }
}

fn run(seed: u64) -> Outcome {
    let outcome = std::panic::catch_unwind(|| World::new(seed).run());
    match outcome {
        Ok(outcome) => outcome,
        Err(panic) => {
            eprintln!("seed {seed} failed; replay it with ANNULUS_SIM_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn every_call_ends_once_and_everything_comes_back() {
    if let Some(seed) = variable("ANNULUS_SIM_SEED") {
        println!("seed {seed}");
        run(seed);
        return;
    }
    let fixed = variable("ANNULUS_SIM_SEEDS").unwrap_or(100);
    let rare = (0..fixed).map(run).fold(Rare::default(), Rare::add);
    let Rare {
        handovers,
        dropped,
        late,
    } = rare;
    println!(
        "seeds 0 to {} passed, with {handovers} hand-overs, {dropped} handles dropped, {late} calls \
         completed without a client",
        fixed.saturating_sub(1)
    );
    for (count, what) in [
        (handovers, "no connection went from core to core"),
        (dropped, "no handle was dropped"),
        (late, "no client went before its call was completed"),
    ] {
        assert!(count > 0 || fixed < 100, "{what}");
    }
    let clock = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is set");
    let first_fresh = clock.as_nanos() as u64 >> 16 << 16;
    for seed in (0..variable("ANNULUS_SIM_FRESH").unwrap_or(4)).map(|index| first_fresh + index) {
        println!("fresh seed {seed}");
        run(seed);
    }
}

#[test]
fn a_seed_replays() {
    for seed in 0..20 {
        assert_eq!(
            World::new(seed).run(),
            World::new(seed).run(),
            "seed {seed}"
        );
    }
}
