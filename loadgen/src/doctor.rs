//! `loadgen doctor`: what of this machine would spoil a measurement, and how to mend it.

use std::fmt;
use std::fs;
use std::hint;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use annulus::transports::uring::{FeatureRole, UringFeature};
use annulus::transports::{RingChoice, TransportError, UringConfig, UringRing};
use annulus::{Config, Limits, LocalRuntime};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::clock::{Clock, ERROR_MAX};
use crate::exit::Exit;
use crate::output::print;
use crate::report::table::row;

/// The oldest kernel with all that the ring needs.
const KERNEL_MIN: (u32, u32) = (6, 1);

/// Descriptors that a run with many connections needs.
const NOFILE_MIN: u64 = 16_384;

/// How long the machine is watched.
const WATCH: Duration = Duration::from_secs(1);

/// A thread that does nothing but look at the clock should not miss it for so long.
const HICCUP_MAX: Duration = Duration::from_millis(1);

/// How often a byte goes there and back over the loopback.
const ROUND_TRIPS: usize = 2000;

/// Of those, the one that is slower than 99 of 100 should not take so many times what half of them take.
const LOOPBACK_SPREAD_MAX: f64 = 5.0;

/// Of the time of all cores: what others, or the hypervisor, may have used.
const BUSY_MAX: f64 = 0.10;
const STEAL_MAX: f64 = 0.01;

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    name: &'static str,
    seen: String,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Fine,
    /// The machine does not tell.
    Unknown,
    /// With what to do about it.
    Bad(&'static str),
}

/// Looks at everything, and shows what it sees.
pub(crate) fn doctor() -> anyhow::Result<Exit> {
    // The kernel takes its time to give the memory of a ring back. So the ring of this core is there while those of
    // the others are tried, and no others were there before.
    let counts_as_locked = counts_as_locked();
    let runtime = LocalRuntime::new(&Config::default());
    let locked_memory = locked_memory(counts_as_locked, core_count() - 1);
    let mut findings = vec![kernel(), ring(&runtime)];
    drop(runtime);
    findings.extend(features());
    findings.extend([
        open_files(),
        locked_memory,
        cores(),
        clock_source(),
        wall_clock(),
        governor(),
        loopback(),
    ]);
    let before = CpuTimes::read();
    let hiccup = longest_hiccup(WATCH);
    findings.extend(noise(before, CpuTimes::read()));
    findings.push(scheduling(hiccup));
    for finding in &findings {
        print(finding)?;
    }
    let is_bad = |finding: &Finding| matches!(finding.state, State::Bad(_));
    Ok(if findings.iter().any(is_bad) {
        Exit::Invalid
    } else {
        Exit::Ok
    })
}

impl Finding {
    fn new(
        name: &'static str,
        seen: impl Into<String>,
        is_fine: bool,
        advice: &'static str,
    ) -> Self {
        Finding {
            name,
            seen: seen.into(),
            state: if is_fine {
                State::Fine
            } else {
                State::Bad(advice)
            },
        }
    }

    /// What is offered and what that means; bad if a ring needs what is not there.
    fn of_feature(feature: UringFeature) -> Self {
        let is_offered = match feature.is_offered {
            Some(true) => "present",
            Some(false) => "absent",
            None => "not told",
        };
        let (role, is_fine) = match feature.role {
            FeatureRole::Needed => ("needed".to_owned(), feature.is_offered != Some(false)),
            FeatureRole::Optional { without } if feature.is_offered != Some(true) => {
                (format!("used if there; {without}"), true)
            }
            FeatureRole::Optional { .. } => ("used".to_owned(), true),
            FeatureRole::Configured { without } if feature.is_offered != Some(true) => {
                (format!("used if there and configured; {without}"), true)
            }
            FeatureRole::Configured { .. } => ("used if configured".to_owned(), true),
            _ => ("not used".to_owned(), true),
        };
        let seen = format!("{is_offered:<8} {feature}, {role}");
        let advice =
            "without it connections are carried by epoll, which is slower; a newer kernel has it";
        let finding = Finding::new("  feature", seen, is_fine, advice);
        match feature.is_offered {
            None => Finding {
                state: State::Unknown,
                ..finding
            },
            Some(_) => finding,
        }
    }

    fn unknown(name: &'static str) -> Self {
        Finding {
            name,
            seen: "not told by this machine".to_owned(),
            state: State::Unknown,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::Fine => row(f, self.name, format_args!("ok       {}", self.seen)),
            State::Unknown => row(f, self.name, format_args!("unknown  {}", self.seen)),
            State::Bad(advice) => {
                row(f, self.name, format_args!("BAD      {}", self.seen))?;
                row(f, "", format_args!("         {advice}"))
            }
        }
    }
}

fn kernel() -> Finding {
    let Ok(release) = fs::read_to_string("/proc/sys/kernel/osrelease") else {
        return Finding::unknown("kernel");
    };
    let release = release.trim();
    let is_fine = kernel_version(release).is_some_and(|version| version >= KERNEL_MIN);
    Finding::new(
        "kernel",
        release,
        is_fine,
        "io_uring needs Linux 6.1 or newer",
    )
}

fn kernel_version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(['.', '-']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// What a client's thread would run on.
fn ring(runtime: &Result<LocalRuntime, annulus::Error>) -> Finding {
    let advice = "the epoll ring works, and is slower";
    match runtime {
        Ok(runtime) if runtime.ring_name() == "io_uring" => {
            Finding::new("ring", runtime.ring_name(), true, "")
        }
        Ok(runtime) => {
            let why = match rings(1) {
                Ok(_) => format!("{} says so", RingChoice::VARIABLE),
                Err(error) => error.to_string(),
            };
            let seen = format!("{}: {why}", runtime.ring_name());
            Finding::new("ring", seen, false, advice)
        }
        Err(error) => Finding::new("ring", error.to_string(), false, "no ring can be made"),
    }
}

/// What the kernel offers of io_uring, by name. That there is no ring at all is said elsewhere.
fn features() -> Vec<Finding> {
    let features = UringFeature::all().unwrap_or_default();
    features.into_iter().map(Finding::of_feature).collect()
}

fn open_files() -> Finding {
    let limit = getrlimit(Resource::Nofile).current;
    Finding::new(
        "open files",
        shown(limit),
        limit.is_none_or(|limit| limit >= NOFILE_MIN),
        "raise it with `ulimit -n 65536`",
    )
}

/// Whether the memory of rings counts as locked. It did up to Linux 5.11, did not from 5.12 on, and does again
/// where rings are regions of memory, as in 6.18; it never does for who has CAP_IPC_LOCK, as root has it outside
/// of containers. So it is tried, without any memory that may be locked.
fn counts_as_locked() -> Option<bool> {
    let limit = getrlimit(Resource::Memlock);
    let none = Rlimit {
        current: Some(0),
        ..limit
    };
    setrlimit(Resource::Memlock, none).ok()?;
    let made = rings(1);
    setrlimit(Resource::Memlock, limit).ok()?;
    match made {
        Ok(_) => Some(false),
        Err(TransportError::UringMemory { .. }) => Some(true),
        Err(_) => None,
    }
}

/// Whether there may be so many rings more.
fn locked_memory(counts: Option<bool>, more: usize) -> Finding {
    let name = "locked memory";
    let limit = shown(getrlimit(Resource::Memlock).current);
    match counts {
        None => Finding::unknown(name),
        Some(false) => {
            let seen = format!("{limit}; not counted for rings of this process");
            Finding::new(name, seen, true, "")
        }
        Some(true) => Finding::new(
            name,
            format!("{limit}, counted for the rings of all processes of this user"),
            rings(more).is_ok(),
            "it is too little for a ring on each core; raise it with `ulimit -l unlimited`, in \
             /etc/security/limits.conf or with LimitMEMLOCK=infinity in a systemd unit, or give CAP_IPC_LOCK",
        ),
    }
}

/// As many rings as this at once.
fn rings(count: usize) -> Result<Vec<UringRing>, TransportError> {
    let make = |_| UringRing::new(UringConfig::new(&Limits::DEFAULT));
    (0..count).map(make).collect()
}

fn shown(limit: Option<u64>) -> String {
    limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string())
}

/// Those that this process may use.
fn core_count() -> usize {
    core_affinity::get_core_ids().map_or(1, |cores| cores.len().max(1))
}

fn cores() -> Finding {
    let count = core_count();
    Finding::new(
        "cores",
        count.to_string(),
        count > 1,
        "client and server share a core; measure from another machine, or give this one more cores",
    )
}

fn clock_source() -> Finding {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let Ok(source) = fs::read_to_string(path) else {
        return Finding::unknown("clock source");
    };
    let source = source.trim();
    let is_slow = matches!(source, "hpet" | "acpi_pm" | "jiffies" | "pit");
    Finding::new(
        "clock source",
        source,
        !is_slow,
        "reading the clock is a slow device access; boot with tsc=reliable if the TSC is",
    )
}

/// It matters to clients on several machines alone, so it is never bad.
fn wall_clock() -> Finding {
    let Some(clock) = Clock::read() else {
        return Finding::unknown("wall clock");
    };
    let seen = match clock.error_seconds() {
        Some(error) if error > ERROR_MAX => {
            format!("can be {error:.3} s from its reference; --start-at is refused")
        }
        Some(error) => format!("follows a reference within {error:.3} s"),
        None => "follows no reference; --start-at is refused".to_owned(),
    };
    Finding::new("wall clock", seen, true, "")
}

/// What the network of this machine does to a client and a server that share it.
fn loopback() -> Finding {
    let Ok(mut times) = round_trips() else {
        return Finding::unknown("loopback");
    };
    times.sort_unstable();
    let at = |percent: usize| times[times.len() * percent / 100].as_secs_f64() * 1e6;
    let (p50, p99) = (at(50), at(99));
    Finding::new(
        "loopback",
        format!("a round trip takes {p50:.0} µs, one of 100 more than {p99:.0} µs"),
        p99 < p50 * LOOPBACK_SPREAD_MAX,
        "round trips within this machine vary: latencies below a few of the longer ones are noise; see the \
         load and the scheduling",
    )
}

/// Of a byte, between two threads.
fn round_trips() -> std::io::Result<Vec<Duration>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let echo = thread::spawn(move || {
        let mut byte = [0];
        while server.read_exact(&mut byte).is_ok() && server.write_all(&byte).is_ok() {}
    });
    let times: std::io::Result<Vec<_>> = (0..ROUND_TRIPS)
        .map(|_| {
            let start = Instant::now();
            client.write_all(&[0])?;
            client.read_exact(&mut [0])?;
            Ok(start.elapsed())
        })
        .collect();
    drop(client);
    let _ = echo.join();
    times
}

fn governor() -> Finding {
    let path = |core: usize| format!("/sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor");
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let governors = cores.iter().map(|core| fs::read_to_string(path(core.id)));
    let Ok(mut governors) = governors.collect::<Result<Vec<_>, _>>() else {
        return Finding::unknown("governor");
    };
    governors
        .iter_mut()
        .for_each(|it| *it = it.trim().to_owned());
    governors.sort();
    governors.dedup();
    Finding::new(
        "governor",
        governors.join(", "),
        governors == ["performance"],
        "cores change their clock rate while measuring; `cpupower frequency-set -g performance`",
    )
}

/// What all cores did since the start of the machine, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CpuTimes {
    total: u64,
    idle: u64,
    steal: u64,
}

impl CpuTimes {
    fn read() -> Option<Self> {
        CpuTimes::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal.
    fn parse(text: &str) -> Option<Self> {
        let line = text.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = line
            .split_whitespace()
            .take(8)
            .map(|ticks| ticks.parse().ok())
            .collect::<Option<_>>()?;
        Some(CpuTimes {
            total: ticks.iter().sum(),
            idle: ticks.get(3)? + ticks.get(4)?,
            steal: *ticks.get(7)?,
        })
    }
}

/// What others used while one core was kept busy here.
fn noise(before: Option<CpuTimes>, after: Option<CpuTimes>) -> [Finding; 2] {
    let (Some(before), Some(after)) = (before, after) else {
        return [
            Finding::unknown("other load"),
            Finding::unknown("CPU steal"),
        ];
    };
    let cores = core_count();
    // The kernel's count of the time of waiting for devices can go back.
    let total = after.total.saturating_sub(before.total).max(1) as f64;
    let steal = after.steal.saturating_sub(before.steal) as f64 / total;
    let busy = 1.0 - after.idle.saturating_sub(before.idle) as f64 / total - steal;
    let others = (busy - 1.0 / cores as f64).max(0.0);
    [
        Finding::new(
            "other load",
            format!("{:.0} % of all cores", others * 100.0),
            others < BUSY_MAX,
            "other programs run on this machine; stop them, or pin them elsewhere",
        ),
        Finding::new(
            "CPU steal",
            format!("{:.1} %", steal * 100.0),
            steal < STEAL_MAX,
            "the hypervisor gives this machine's cores to others; measure on another host",
        ),
    ]
}

/// The longest time for which a thread that looks at the clock all the time did not see it.
fn longest_hiccup(watch: Duration) -> Duration {
    let start = Instant::now();
    let (mut last, mut longest) = (start, Duration::ZERO);
    while last - start < watch {
        let now = Instant::now();
        longest = longest.max(now - last);
        last = now;
        hint::spin_loop();
    }
    longest
}

fn scheduling(hiccup: Duration) -> Finding {
    Finding::new(
        "scheduling",
        format!(
            "longest pause of a busy thread {:.0} µs",
            hiccup.as_secs_f64() * 1e6
        ),
        hiccup < HICCUP_MAX,
        "a thread that should run all the time does not; isolate cores (isolcpus, cgroups), and see the load \
         and the steal above",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_compared_by_number() {
        assert_eq!(kernel_version("6.18.5-amd64"), Some((6, 18)));
        assert!(kernel_version("6.18.5").unwrap() > KERNEL_MIN);
        assert!(kernel_version("5.15.0").unwrap() < KERNEL_MIN);
        assert_eq!(kernel_version("x"), None);
    }

    #[test]
    fn load_and_steal_come_from_the_ticks() {
        let before = CpuTimes::parse("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1\n").unwrap();
        let after = CpuTimes::parse("cpu  100 0 100 800 0 0 0 50 0 0\n").unwrap();
        let [_, steal] = noise(Some(before), Some(after));
        assert!(matches!(steal.state, State::Bad(_)), "{steal:?}");
        let after = CpuTimes::parse("cpu  100 0 100 1600 0 0 0 0 0 0\n").unwrap();
        for finding in noise(Some(before), Some(after)) {
            assert_eq!(finding.state, State::Fine, "{finding:?}");
        }
        assert_eq!(CpuTimes::parse("intr 5"), None);
    }

    #[test]
    fn a_feature_is_bad_only_if_a_ring_needs_it_and_it_is_not_there() {
        // Where io_uring is forbidden there are none.
        let mut of_all = UringFeature::all().unwrap_or_default();
        of_all.dedup_by_key(|feature| feature.role);
        for mut feature in of_all {
            for (is_offered, expected) in [
                (Some(true), "ok       present"),
                (Some(false), "absent"),
                (None, "unknown  not told"),
            ] {
                feature.is_offered = is_offered;
                let is_bad = is_offered == Some(false) && feature.role == FeatureRole::Needed;
                let shown = Finding::of_feature(feature).to_string();
                assert!(shown.contains(expected), "{shown}");
                assert_eq!(shown.contains("BAD"), is_bad, "{shown}");
                let is_configured = matches!(feature.role, FeatureRole::Configured { .. });
                assert_eq!(shown.contains("configured"), is_configured, "{shown}");
                let (FeatureRole::Optional { without } | FeatureRole::Configured { without }) =
                    feature.role
                else {
                    continue;
                };
                assert_eq!(shown.contains(without), is_offered != Some(true), "{shown}");
            }
        }
    }

    #[test]
    fn bad_findings_say_what_to_do() {
        let bad = Finding::new("x", "seen", false, "do this").to_string();
        assert!(bad.contains("BAD") && bad.contains("do this"), "{bad}");
    }
}
