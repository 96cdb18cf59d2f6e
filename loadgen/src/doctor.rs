//! `loadgen doctor`: what of this machine would spoil a measurement, and how to mend it.

use std::fmt;
use std::fs;
use std::hint;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use annulus::{Config, LocalRuntime};
use rustix::process::{Resource, getrlimit};

use crate::clock::Clock;
use crate::exit::Exit;
use crate::output::print;
use crate::report::table::row;

/// The oldest kernel with all that the ring needs.
const KERNEL_MIN: (u32, u32) = (6, 1);

/// Descriptors that a run with many connections needs.
const NOFILE_MIN: u64 = 16_384;

/// Memory that may be locked, for the buffers of rings.
const MEMLOCK_MIN: u64 = 8 << 20;

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
    let mut findings = vec![
        kernel(),
        ring(),
        limit(
            "open files",
            Resource::Nofile,
            NOFILE_MIN,
            "raise it with `ulimit -n 65536`",
        ),
        limit(
            "locked memory",
            Resource::Memlock,
            MEMLOCK_MIN,
            "raise it with `ulimit -l unlimited`",
        ),
        cores(),
        clock_source(),
        wall_clock(),
        governor(),
        loopback(),
    ];
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

fn ring() -> Finding {
    match LocalRuntime::new(&Config::default()) {
        Ok(runtime) => Finding::new(
            "ring",
            runtime.ring_name(),
            runtime.ring_name() == "io_uring",
            "io_uring is forbidden or incomplete here (kernel.io_uring_disabled, seccomp of a container); \
             the epoll ring works, and is slower",
        ),
        Err(error) => Finding::new("ring", error.to_string(), false, "no ring can be made"),
    }
}

fn limit(name: &'static str, resource: Resource, min: u64, advice: &'static str) -> Finding {
    let current = getrlimit(resource).current;
    let seen = current.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string());
    Finding::new(name, seen, current.is_none_or(|limit| limit >= min), advice)
}

fn cores() -> Finding {
    let count = core_affinity::get_core_ids().map_or(0, |cores| cores.len());
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
    let cores = core_affinity::get_core_ids().map_or(1, |cores| cores.len().max(1));
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
    fn bad_findings_say_what_to_do() {
        let bad = Finding::new("x", "seen", false, "do this").to_string();
        assert!(bad.contains("BAD") && bad.contains("do this"), "{bad}");
    }
}
