//! Client and server, the whole engine, over the simulated ring: one thread, virtual time,
//! seeds.
//!
//! Each seed is one run: a few clients make calls of many kinds to a server while the network
//! tears, delays, reorders and resets. Afterwards each call must have ended exactly once, each
//! reply must be the one to its request, and every buffer, slot and socket must be back.
//!
//! `ANNULUS_SIM_SEED=N` replays one seed. `ANNULUS_SIM_SEEDS=N` sets how many fixed seeds run,
//! `ANNULUS_SIM_FRESH=N` how many fresh ones, which are printed.

mod simulation {
    pub(crate) mod interface;
    pub(crate) mod pipes;
    pub(crate) mod world;
}

use std::time::{SystemTime, UNIX_EPOCH};

use simulation::world::World;

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")),
    )
}

/// Returns how often a connection went from core to core.
fn run(seed: u64) -> u64 {
    let outcome = std::panic::catch_unwind(|| World::new(seed).run());
    match outcome {
        Ok(outcome) => outcome.handovers,
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
    let handovers: u64 = (0..fixed).map(run).sum();
    println!(
        "seeds 0 to {} passed, with {handovers} hand-overs",
        fixed.saturating_sub(1)
    );
    assert!(
        handovers > 0 || fixed < 100,
        "no connection went from core to core"
    );
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
