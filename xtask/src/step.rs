//! The steps of a test run, in the order in which they run: the quick and telling ones first.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::session::Session;
use crate::{
    bench_check, cargo, epmapper, impacket, loadgen, loadgen_report, raw_protocol, samba_dcerpcd,
    samba_ndr, samba_python, smbtorture, stubs, tshark,
};

/// One check that a change must pass.
pub(crate) struct Step {
    /// What it is selected by; `FAMILY-VARIANT` where several are selected by their family too.
    pub(crate) name: &'static str,
    /// What a person learns from its passing.
    pub(crate) proves: &'static str,
    /// How long it may take, builds and installation of packages included.
    pub(crate) limit: Duration,
    /// Does the work and says in a few words what it saw.
    pub(crate) run: fn(&Session<'_>) -> Result<String>,
}

const MINUTE: Duration = Duration::from_secs(60);
/// For a step that builds much of the workspace.
const BUILD: Duration = Duration::from_secs(900);
/// For a step that builds one program and then talks to it, and may have to install a peer.
const PEER: Duration = Duration::from_secs(600);

/// Every step.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        proves: "the sources are formatted",
        limit: MINUTE,
        run: cargo::fmt,
    },
    Step {
        name: "generated",
        proves: "the stubs of the engine's interfaces are what their definitions make",
        limit: MINUTE,
        run: stubs::step,
    },
    Step {
        name: "clippy",
        proves: "no lint of any target of the workspace fires",
        limit: BUILD,
        run: cargo::clippy,
    },
    Step {
        name: "unit",
        proves: "unit, integration and documentation tests pass",
        limit: BUILD,
        run: cargo::unit,
    },
    Step {
        name: "unit-epoll",
        proves: "what goes through the kernel works as well where io_uring is forbidden",
        limit: BUILD,
        run: cargo::unit_epoll,
    },
    Step {
        name: "doc",
        proves: "the documentation builds without a warning",
        limit: BUILD,
        run: cargo::doc,
    },
    Step {
        name: "simulation",
        proves: "client and server keep their promises over a thousand simulated networks",
        limit: BUILD,
        run: cargo::simulation,
    },
    Step {
        name: "bench-check",
        proves: "no path of a call takes more instructions, or locks more, than its reference says",
        limit: BUILD,
        run: bench_check::check,
    },
    Step {
        name: "samba-ndr",
        proves: "Samba's NDR codec and ours make the same bytes of values drawn at random",
        limit: BUILD,
        run: samba_ndr::step,
    },
    Step {
        name: "smbtorture-plain",
        proves: "Samba's client gets ten right answers out of ten",
        limit: PEER,
        run: |session| smbtorture::step(session, &[]),
    },
    Step {
        name: "smbtorture-bigendian",
        proves: "the same with every integer the other way round",
        limit: PEER,
        run: |session| smbtorture::step(session, &["bigendian"]),
    },
    Step {
        name: "smbtorture-validate",
        proves: "the same, and encoding what was decoded gives the same again",
        limit: PEER,
        run: |session| smbtorture::step(session, &["validate"]),
    },
    Step {
        name: "smbtorture-padcheck",
        proves: "the same with its check of padding switched on",
        limit: PEER,
        run: |session| smbtorture::step(session, &["padcheck"]),
    },
    Step {
        name: "smbtorture-ndr64",
        proves: "the same in NDR64",
        limit: PEER,
        run: |session| smbtorture::step(session, &["ndr64"]),
    },
    Step {
        name: "smbtorture-epoll",
        proves: "the same where io_uring is forbidden",
        limit: PEER,
        run: smbtorture::epoll_step,
    },
    Step {
        name: "smbtorture-ncalrpc",
        proves: "the same over a Unix socket",
        limit: PEER,
        run: smbtorture::ncalrpc_step,
    },
    Step {
        name: "samba-ncalrpc",
        proves: "Samba's Python client gets right answers over a Unix socket, and errors where due",
        limit: PEER,
        run: samba_python::step,
    },
    Step {
        name: "raw-protocol",
        proves: "Samba's protocol-level suite finds binds, faults and cancels as they should be",
        limit: PEER,
        run: raw_protocol::step,
    },
    Step {
        name: "impacket-plain",
        proves: "impacket's client passes ten checks of ten, one of an [async] operation",
        limit: PEER,
        run: |session| impacket::step(session, &[]),
    },
    Step {
        name: "impacket-frag",
        proves: "the same with requests in fragments of 128 bytes",
        limit: PEER,
        run: |session| impacket::step(session, &["--frag", "128"]),
    },
    Step {
        name: "impacket-big",
        proves: "the same with two million bytes of stub data each way",
        limit: PEER,
        run: |session| impacket::step(session, &["--big", "2000000"]),
    },
    Step {
        name: "impacket-ndr64",
        proves: "the same in NDR64",
        limit: PEER,
        run: |session| impacket::step(session, &["--ndr64"]),
    },
    Step {
        name: "samba-dcerpcd",
        proves: "our client calls Samba's server and is told of its answers in all six ways",
        limit: PEER,
        run: samba_dcerpcd::step,
    },
    Step {
        name: "epmapper-echo",
        proves: "Samba's client finds rpcecho by our endpoint mapper, and gets ten right answers",
        limit: PEER,
        run: epmapper::echo,
    },
    Step {
        name: "epmapper-torture",
        proves: "Samba's tests of endpoint mappers pass, those that Samba's own fails too",
        limit: PEER,
        run: epmapper::torture,
    },
    Step {
        name: "epmapper-impacket",
        proves: "impacket maps interfaces and looks endpoints up, with handles",
        limit: PEER,
        run: epmapper::impacket,
    },
    Step {
        name: "epmapper-samba",
        proves: "our client finds a service by Samba's endpoint mapper, and calls it",
        limit: PEER,
        run: epmapper::samba,
    },
    Step {
        name: "tshark",
        proves: "a protocol analyser finds nothing wrong with what those clients and the server say",
        limit: PEER,
        run: tshark::step,
    },
    Step {
        name: "loadgen",
        proves: "the load generator completes calls on the kernel's own ring, without an error",
        limit: PEER,
        run: loadgen::step,
    },
    Step {
        name: "loadgen-report",
        proves: "a browser without a network shows each plot of the load generator's reports",
        limit: PEER,
        run: loadgen_report::step,
    },
    Step {
        name: "loadgen-samba",
        proves: "the load generator finds Samba's service by its mapper, and calls it by an IDL file",
        limit: PEER,
        run: loadgen::samba,
    },
];

/// What `cargo xtask asan` runs: no part of [`STEPS`], since it needs a nightly compiler.
pub(crate) const ASAN: Step = Step {
    name: "asan",
    proves: "the tests of NDR touch no memory that is not theirs",
    limit: BUILD,
    run: cargo::asan,
};

/// What `cargo xtask bench-check --accept` runs: no part of [`STEPS`], since it proves nothing.
pub(crate) const BENCH_ACCEPT: Step = Step {
    name: "bench-accept",
    proves: "nothing: it makes the instruction counts of this checkout the reference",
    limit: BUILD,
    run: bench_check::accept,
};

/// The steps that `names` select: each name is a step's or, if no step has it, a family's. No name
/// selects all.
///
/// The order is that of [`STEPS`], and a step selected twice runs once.
///
/// # Errors
///
/// If a name selects nothing.
pub(crate) fn select(names: &[String]) -> Result<Vec<&'static Step>> {
    if let Some(unknown) = names
        .iter()
        .find(|n| !STEPS.iter().any(|s| s.answers_to(n)))
    {
        bail!("no step and no family of steps is named {unknown:?}; `cargo xtask list` names them");
    }
    let wanted = |step: &&Step| names.is_empty() || names.iter().any(|n| step.answers_to(n));
    Ok(STEPS.iter().filter(wanted).collect())
}

impl Step {
    fn answers_to(&self, name: &str) -> bool {
        if STEPS.iter().any(|step| step.name == name) {
            return self.name == name;
        }
        let family = self.name.split_once('-').map(|(family, _)| family);
        family == Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(names: &[&str]) -> Vec<&'static str> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        select(&names).unwrap().iter().map(|s| s.name).collect()
    }

    #[test]
    fn no_name_selects_every_step() {
        assert_eq!(selected(&[]).len(), STEPS.len());
    }

    #[test]
    fn a_family_selects_its_variants_in_the_order_of_the_run() {
        assert_eq!(
            selected(&["impacket", "fmt", "impacket-frag"]),
            [
                "fmt",
                "impacket-plain",
                "impacket-frag",
                "impacket-big",
                "impacket-ndr64"
            ]
        );
    }

    #[test]
    fn a_step_s_own_name_selects_no_other_step() {
        assert_eq!(selected(&["unit"]), ["unit"]);
    }

    #[test]
    fn a_name_that_selects_nothing_is_refused() {
        let error = select(&["unit".to_owned(), "smb".to_owned()])
            .err()
            .unwrap();
        assert!(error.to_string().contains("\"smb\""), "{error}");
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = STEPS.iter().map(|s| s.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }
}
