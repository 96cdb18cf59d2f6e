//! Programs that take turns of a fraction of a second, round by round.

use std::fmt;

use anyhow::{Context, Result, ensure};

use super::Run;
use super::contender::Contender;
use super::quiet::Watch;
use super::sample::{Sample, Samples};
use super::subject::{Program, Subject, Workload};
use crate::process::{command_line, interrupted};
use crate::session::Session;
use crate::tuning::kernel::{Altered, Setting};

/// One of those that take turns.
pub(crate) struct Entrant<'a> {
    pub(crate) name: &'a str,
    pub(crate) program: &'a Program,
    pub(crate) load: &'a Workload,
    /// Settings of the kernel while it starts, and while it has its turn.
    pub(crate) settings: &'a [Setting],
}

impl<'a> Entrant<'a> {
    /// A subject under a load, with the kernel as it is.
    pub(crate) fn new(subject: &'a Subject, load: &'a Workload) -> Self {
        Entrant {
            name: subject.name,
            program: &subject.program,
            load,
            settings: &[],
        }
    }

    fn start(&self, session: &Session<'_>, run: &Run) -> Result<Contender> {
        let mut command = self.program.command(self.load, run);
        session.note(&command_line(&command))?;
        let _altered = Altered::apply(self.settings)?;
        Contender::start(command.arg("--turns")).with_context(|| self.to_string())
    }

    fn take_turn(&self, contender: &mut Contender) -> Result<Sample> {
        let _altered = Altered::apply(self.settings)?;
        contender.take_turn().with_context(|| self.to_string())
    }
}

impl fmt::Display for Entrant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} under {}", self.name, self.load.name)
    }
}

/// What the turns of each brought, and how many rounds were made again because others used the
/// machine.
pub(crate) struct Turns {
    pub(crate) samples: Vec<Samples>,
    pub(crate) repeated: usize,
}

/// So many rounds, in each of which each entrant has a turn.
///
/// # Errors
///
/// If one cannot be started, ends, or does not say what it measured.
pub(crate) fn take_turns(
    session: &Session<'_>,
    entrants: &[Entrant<'_>],
    run: &Run,
    rounds: usize,
) -> Result<Turns> {
    let contenders = entrants.iter().map(|entrant| entrant.start(session, run));
    let mut contenders: Vec<_> = contenders.collect::<Result<_>>()?;
    let ids: Vec<u32> = contenders.iter().map(Contender::id).collect();
    let mut turns = Turns {
        samples: vec![Samples::default(); entrants.len()],
        repeated: 0,
    };
    let mut round = 0;
    while round < rounds {
        // One that came between two waits has ended none.
        ensure!(!interrupted(), "interrupted");
        let watch = Watch::start(&ids)?;
        let mut samples = vec![None; entrants.len()];
        for place in 0..entrants.len() {
            // Who begins changes, so that nobody always comes after the same one.
            let index = (round + place) % entrants.len();
            samples[index] = Some(entrants[index].take_turn(&mut contenders[index])?);
        }
        let disturbance = watch.stop()?;
        let is_noisy = !disturbance.is_tolerable();
        if is_noisy && turns.repeated < run.tries {
            session.note(&format!("again: {disturbance:?}"))?;
            turns.repeated += 1;
            continue;
        }
        round += 1;
        for (all, sample) in turns.samples.iter_mut().zip(samples) {
            all.0
                .extend(sample.map(|sample| Sample { is_noisy, ..sample }));
        }
    }
    Ok(turns)
}
