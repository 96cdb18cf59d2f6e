//! Whether the machine was quiet while something was measured.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result};

/// Clock ticks a second in `/proc` (proc(5): `USER_HZ`, which is 100 on all machines that Linux
/// runs this on).
const TICKS_PER_SECOND: f64 = 100.0;

/// What others may use of the machine, as a part of its cores.
const FOREIGN_MAX: f64 = 0.04;
/// What the host may take away from this machine, as a part of its cores.
const STOLEN_MAX: f64 = 0.03;

/// Clocks of the whole machine, and of this process's children, at one moment.
pub(crate) struct Watch<'c> {
    since: Instant,
    machine: MachineTicks,
    /// Those that still run, beside those that were waited for.
    children: &'c [u32],
    /// What they have used.
    own: u64,
}

/// What others took while something ran, as parts of all cores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Disturbance {
    pub(crate) foreign: f64,
    pub(crate) stolen: f64,
}

impl Disturbance {
    pub(crate) fn is_tolerable(self) -> bool {
        self.foreign <= FOREIGN_MAX && self.stolen <= STOLEN_MAX
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MachineTicks {
    cores: usize,
    busy: u64,
    stolen: u64,
}

impl Watch<'_> {
    /// From now on. These children run until the end of the watch; others are waited for by then.
    pub(crate) fn start(children: &[u32]) -> Result<Watch<'_>> {
        let form = |path: &str| format!("{path} has another form");
        let mut own = 0;
        let ended = (ENDED_CHILDREN, "/proc/self/stat".to_owned());
        let running = children
            .iter()
            .map(|id| (ITSELF, format!("/proc/{id}/stat")));
        for (field, path) in running.chain([ended]) {
            own += ticks(&read(&path)?, field).with_context(|| form(&path))?;
        }
        let machine = machine_ticks(&read("/proc/stat")?).with_context(|| form("/proc/stat"))?;
        Ok(Watch {
            since: Instant::now(),
            machine,
            children,
            own,
        })
    }

    /// What others took until now.
    pub(crate) fn stop(&self) -> Result<Disturbance> {
        let now = Watch::start(self.children)?;
        let elapsed = (now.since - self.since).as_secs_f64();
        let all = elapsed * TICKS_PER_SECOND * now.machine.cores as f64;
        let own = now.own - self.own;
        let busy = now.machine.busy - self.machine.busy;
        Ok(Disturbance {
            foreign: busy.saturating_sub(own) as f64 / all,
            stolen: (now.machine.stolen - self.machine.stolen) as f64 / all,
        })
    }
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
}

/// The first line of `/proc/stat`: user nice system idle iowait irq softirq steal …
fn machine_ticks(text: &str) -> Option<MachineTicks> {
    let mut lines = text.lines();
    let ticks: Vec<u64> = lines
        .next()?
        .strip_prefix("cpu ")?
        .split_whitespace()
        .map_while(|word| word.parse().ok())
        .collect();
    let &[user, nice, system, _idle, _iowait, irq, softirq, stolen, ..] = &ticks[..] else {
        return None;
    };
    Some(MachineTicks {
        cores: lines.take_while(|line| line.starts_with("cpu")).count(),
        busy: user + nice + system + irq + softirq,
        stolen,
    })
}

/// Fields of `/proc/PID/stat`, each the first of two: CPU time in user space and in the kernel.
const ITSELF: usize = 14;
const ENDED_CHILDREN: usize = 16;

/// The sum of such two fields. The name in field 2 may contain anything but ends with the last
/// parenthesis.
fn ticks(text: &str, field: usize) -> Option<u64> {
    let (_, fields) = text.rsplit_once(')')?;
    let value = |number: usize| {
        fields
            .split_whitespace()
            .nth(number - 3)?
            .parse::<u64>()
            .ok()
    };
    Some(value(field)? + value(field + 1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_read_by_their_places() {
        let text = "cpu  10 1 5 900 7 2 3 4 0 0\ncpu0 5 1 2 450\ncpu1 5 0 3 450\nintr 1\n";
        let told = MachineTicks {
            cores: 2,
            busy: 21,
            stolen: 4,
        };
        assert_eq!(machine_ticks(text), Some(told));
        assert_eq!(machine_ticks("cpu 1 2\n"), None);
        let stat = "77 (a) b) S 1 77 77 0 -1 4194560 5 6 7 8 11 12 130 14 20 0";
        assert_eq!(ticks(stat, ENDED_CHILDREN), Some(144));
        assert_eq!(ticks(stat, ITSELF), Some(23));
    }

    #[test]
    fn a_machine_that_others_use_or_that_is_taken_away_is_not_quiet() {
        let quiet = Disturbance {
            foreign: 0.01,
            stolen: 0.0,
        };
        assert!(quiet.is_tolerable());
        assert!(
            !Disturbance {
                foreign: 0.05,
                ..quiet
            }
            .is_tolerable()
        );
        assert!(
            !Disturbance {
                stolen: 0.04,
                ..quiet
            }
            .is_tolerable()
        );
    }

    #[test]
    fn this_machine_can_be_watched() {
        let children = [std::process::id()];
        let watch = Watch::start(&children).unwrap();
        assert!(watch.machine.cores > 0);
        assert!(watch.stop().is_ok());
    }
}
