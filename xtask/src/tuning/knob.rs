//! What can be set: of the kernel, of sockets, of rings, of annulus.

use std::path::PathBuf;

use super::kernel::Setting;

/// Whose echo is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measured {
    /// `annulus-echo`.
    Annulus,
    /// `raw`, where annulus has no such setting.
    Raw,
}

/// Something that can be set one way or the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Knob {
    /// As it is named on the command line and in the page.
    pub(crate) name: &'static str,
    /// What changes, from what to what.
    pub(crate) change: &'static str,
    pub(crate) how: How,
}

/// How a setting is made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum How {
    /// Both ways are measured under these loads.
    Measured {
        measured: Measured,
        /// Arguments of both ways.
        always: &'static [&'static str],
        /// Arguments of the one with the setting.
        with: &'static [&'static str],
        /// Files of the kernel and what they are to say meanwhile.
        kernel: &'static [(&'static str, &'static str)],
        loads: &'static [&'static str],
    },
    /// There is nothing to measure on a machine alone, for this reason.
    NotHere(&'static str),
}

impl Knob {
    /// The settings of the kernel that belong to it.
    pub(crate) fn kernel_settings(kernel: &[(&str, &str)]) -> Vec<Setting> {
        let setting = |&(file, value): &(&str, &str)| Setting {
            file: PathBuf::from(file),
            value: value.to_owned(),
        };
        kernel.iter().map(setting).collect()
    }
}

const fn annulus(
    name: &'static str,
    change: &'static str,
    always: &'static [&'static str],
    with: &'static [&'static str],
    loads: &'static [&'static str],
) -> Knob {
    let how = How::Measured {
        measured: Measured::Annulus,
        always,
        with,
        kernel: &[],
        loads,
    };
    Knob { name, change, how }
}

const fn raw(
    name: &'static str,
    change: &'static str,
    always: &'static [&'static str],
    with: &'static [&'static str],
    loads: &'static [&'static str],
) -> Knob {
    let how = How::Measured {
        measured: Measured::Raw,
        always,
        with,
        kernel: &[],
        loads,
    };
    Knob { name, change, how }
}

const fn kernel(
    name: &'static str,
    change: &'static str,
    always: &'static [&'static str],
    kernel: &'static [(&'static str, &'static str)],
    loads: &'static [&'static str],
) -> Knob {
    let how = How::Measured {
        measured: Measured::Annulus,
        always,
        with: &[],
        kernel,
        loads,
    };
    Knob { name, change, how }
}

const CONGESTION: &str = "/proc/sys/net/ipv4/tcp_congestion_control";

/// All of them, in the order of docs/tuning/README.md.
pub(crate) const KNOBS: &[Knob] = &[
    annulus(
        "ring",
        "io_uring → epoll",
        &[],
        &["--ring", "epoll"],
        &["W1", "W4"],
    ),
    annulus(
        "socket-kind",
        "TCP over loopback → Unix socket",
        &[],
        &["--socket", "unix"],
        &["W1", "W5"],
    ),
    annulus(
        "spin-short",
        "spin time of the adaptive policy: the default → 5 µs",
        &[],
        &["--spin", "5"],
        &["W1", "W3"],
    ),
    annulus(
        "spin-long",
        "spin time of the adaptive policy: the default → 500 µs",
        &[],
        &["--spin", "500"],
        &["W1", "W3"],
    ),
    annulus(
        "pinning",
        "each thread on its core → where the kernel puts them",
        &[],
        &["--unpinned"],
        &["W1", "W4"],
    ),
    annulus(
        "fragment-len",
        "fragments of 65,528 bytes → 5,840",
        &[],
        &["--fragment-len", "5840"],
        &["W5"],
    ),
    annulus(
        "receive-buffer-len",
        "buffers of the ring: the default → 64 KiB",
        &[],
        &["--receive-buffer-len", "65536"],
        &["W4", "W5"],
    ),
    annulus(
        "send-buffer",
        "`SO_SNDBUF`: tuned by the kernel → 200 KiB",
        &[],
        &["--send-buffer", "204800"],
        &["W5"],
    ),
    annulus(
        "receive-buffer",
        "`SO_RCVBUF`: tuned by the kernel → 200 KiB",
        &[],
        &["--receive-buffer", "204800"],
        &["W5"],
    ),
    annulus(
        "socket-busy-poll",
        "`SO_BUSY_POLL`: 0 → 50 µs, both sides blocking",
        &["--idle", "block"],
        &["--busy-poll", "50"],
        &["W1"],
    ),
    annulus(
        "napi",
        "NAPI busy polling of the ring: off → 50 µs, both sides blocking",
        &["--idle", "block"],
        &["--napi", "50"],
        &["W1"],
    ),
    kernel(
        "busy-poll",
        "`net.core.busy_poll`: 0 → 50 µs, over epoll, both sides blocking",
        &["--idle", "block", "--ring", "epoll"],
        &[("/proc/sys/net/core/busy_poll", "50")],
        &["W1"],
    ),
    kernel(
        "congestion-cubic",
        "congestion control: the machine's → CUBIC",
        &[],
        &[(CONGESTION, "cubic")],
        &["W4", "W5"],
    ),
    kernel(
        "congestion-reno",
        "congestion control: the machine's → Reno",
        &[],
        &[(CONGESTION, "reno")],
        &["W4", "W5"],
    ),
    kernel(
        "congestion-bbr",
        "congestion control: the machine's → BBR",
        &[],
        &[(CONGESTION, "bbr")],
        &["W4", "W5"],
    ),
    kernel(
        "packet-steering",
        "`rps_cpus` of loopback: 0 → both cores",
        &[],
        &[("/sys/class/net/lo/queues/rx-0/rps_cpus", "3")],
        &["W1", "W4"],
    ),
    Knob {
        name: "irq-affinity",
        change: "`smp_affinity` of the network device: any core → the server's",
        how: How::NotHere("loopback raises no interrupt"),
    },
    raw(
        "incoming-cpu",
        "`SO_INCOMING_CPU`: off → the core of each side",
        &[],
        &["--incoming-cpu"],
        &["W1"],
    ),
    raw(
        "nagle",
        "`TCP_NODELAY` → Nagle's delay",
        &[],
        &["--nagle"],
        &["W2", "W5"],
    ),
    raw(
        "quick-ack",
        "`TCP_QUICKACK`: off → on",
        &[],
        &["--quick-ack"],
        &["W1", "W2"],
    ),
    raw(
        "sqpoll",
        "submissions by system call → by a thread of the kernel (`SQPOLL`)",
        &[],
        &["--sqpoll", "100"],
        &["W1", "W4"],
    ),
    raw(
        "coop-taskrun",
        "`DEFER_TASKRUN` → `COOP_TASKRUN`",
        &[],
        &["--coop"],
        &["W1", "W4"],
    ),
    raw(
        "multishot-bulk",
        "large messages each into its own place → by multishot receives into the ring of buffers",
        &[],
        &["--multishot"],
        &["W5"],
    ),
    raw(
        "bundles",
        "multishot receives of one buffer → of several (`RECVSEND_BUNDLE`)",
        &["--multishot"],
        &["--bundles"],
        &["W4", "W5"],
    ),
    raw(
        "zero-copy",
        "`SEND` → `SEND_ZC`",
        &[],
        &["--zero-copy"],
        &["W4", "W5"],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::compare::subject::WORKLOADS;

    #[test]
    fn each_knob_has_a_name_of_its_own_and_loads_that_exist() {
        let names: BTreeSet<_> = KNOBS.iter().map(|knob| knob.name).collect();
        assert_eq!(names.len(), KNOBS.len());
        for knob in KNOBS {
            if let How::Measured { loads, .. } = knob.how {
                assert!(!loads.is_empty(), "{}", knob.name);
                for load in loads {
                    assert!(WORKLOADS.iter().any(|it| it.name == *load), "{load}");
                }
            }
        }
    }

    #[test]
    fn the_page_tells_of_each_knob() {
        let page = include_str!("../../../docs/tuning/README.md");
        for knob in KNOBS {
            assert!(page.contains(&format!("`{}`", knob.name)), "{}", knob.name);
        }
    }
}
