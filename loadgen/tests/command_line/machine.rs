//! What the program knows of itself, and of the machine.

use std::collections::BTreeMap;
use std::env;
use std::os::unix::fs::PermissionsExt;
use std::thread;

use annulus::RingChoice;
use annulus::transports::uring::UringFeature;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use crate::{command, json, loadgen, loadgen_with};

#[test]
fn shells_and_manuals_know_all_commands() {
    let bash = loadgen("completions bash");
    let bash = String::from_utf8(bash.stdout).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man");
    assert!(
        loadgen_with("man", &[pages.to_str().unwrap()])
            .status
            .success()
    );
    for command in ["run", "merge", "compare"] {
        assert!(bash.contains(command), "{command}");
        let page = pages.join(format!("loadgen-{command}.1"));
        assert!(page.exists(), "{}", page.display());
    }
}

#[test]
fn the_client_knows_its_own_ceiling() {
    let directory = tempfile::tempdir().unwrap();
    let raw = directory.path().join("raw");
    let script =
        "#!/bin/sh\n[ \"$1 $2\" = '--connections 64' ] && echo '{\"calls_per_second\": 1e9}'\n";
    std::fs::write(&raw, script).unwrap();
    std::fs::set_permissions(&raw, PermissionsExt::from_mode(0o755)).unwrap();
    let raw = raw.to_str().unwrap();
    let selftest = json(&loadgen_with("selftest -d 0.2 --json --raw-limit", &[raw]));
    let ceiling = selftest["ceiling"]["calls_per_second"].as_f64().unwrap();
    let reached = selftest["raw_limit"]["reached"].as_f64().unwrap();
    assert!((reached * 1e9 / ceiling - 1.0).abs() < 1e-6, "{reached}");
    for run in ["ceiling", "floor", "paced"] {
        let run = &selftest[run];
        assert!(run["completed"].as_u64().unwrap() > 0, "{run}");
        assert_eq!(run["errors"], serde_json::json!({}));
    }
}

#[test]
fn the_doctor_looks_at_everything_and_says_what_to_do() {
    let output = loadgen("doctor");
    let findings = String::from_utf8(output.stdout).unwrap();
    let features = [
        "present  IORING_SETUP_DEFER_TASKRUN (Linux 6.1), needed",
        "IORING_RECV_MULTISHOT",
        "IORING_REGISTER_PBUF_RING",
        "IORING_RSRC_REGISTER_SPARSE",
        "IORING_OP_SENDMSG_ZC",
    ];
    // Where io_uring is forbidden there is nothing to be said of them.
    let features = features.iter().filter(|_| UringFeature::all().is_ok());
    let others = [
        "kernel",
        "ring",
        "open files",
        "locked memory",
        "clock source",
        "wall clock",
        "loopback",
        "CPU steal",
        "scheduling",
    ];
    for name in others.iter().chain(features) {
        assert!(findings.contains(name), "{name} is missing in:\n{findings}");
    }
    let is_bad = findings.contains("BAD");
    assert_eq!(
        output.status.code(),
        Some(if is_bad { 4 } else { 0 }),
        "{findings}"
    );
}

/// What the doctor says, with this choice of a ring, where no ring of io_uring can be set up, if that fails with an
/// errno; and its exit status.
fn doctor_of(refusal: Option<i32>, choice: &str) -> (String, Option<i32>) {
    // The filter binds the thread that installs it, and the processes that the thread starts.
    let patient = thread::spawn({
        let mut doctor = command("doctor");
        doctor.env(RingChoice::VARIABLE, choice);
        move || {
            if let Some(errno) = refusal {
                refuse_rings(errno);
            }
            doctor.output().expect("loadgen can be started")
        }
    });
    let output = patient.join().unwrap();
    let findings = String::from_utf8(output.stdout).unwrap();
    (findings, output.status.code())
}

fn refuse_rings(errno: i32) {
    let errno = u32::try_from(errno).unwrap();
    let filter = SeccompFilter::new(
        BTreeMap::from([(libc::SYS_io_uring_setup, Vec::new())]),
        SeccompAction::Allow,
        SeccompAction::Errno(errno),
        env::consts::ARCH.try_into().unwrap(),
    );
    let program = BpfProgram::try_from(filter.unwrap()).unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

#[test]
fn where_io_uring_is_forbidden_the_doctor_says_so_and_goes_on() {
    let forbidden = "io_uring is forbidden to this process: ";
    let hidden = "the kernel was built without it, or a sandbox hides it";
    let (slower, none) = ("the epoll ring works, and is slower", "no ring can be made");
    for (errno, choice, ring, advice) in [
        (libc::EPERM, "auto", format!("epoll: {forbidden}"), slower),
        (
            libc::ENOSYS,
            "auto",
            format!("epoll: {forbidden}{hidden}"),
            slower,
        ),
        (libc::EPERM, "uring", forbidden.to_owned(), none),
    ] {
        let (findings, code) = doctor_of(Some(errno), choice);
        let row = format!("ring           BAD      {ring}");
        assert!(findings.contains(&row), "{row} in:\n{findings}");
        assert!(findings.contains(advice), "{advice} in:\n{findings}");
        assert!(
            !findings.contains("  feature"),
            "nobody can tell:\n{findings}"
        );
        for row in ["locked memory  unknown ", "loopback  ", "scheduling  "] {
            assert!(findings.contains(row), "{row} in:\n{findings}");
        }
        assert_eq!(code, Some(4), "{findings}");
    }
}

#[test]
fn the_doctor_says_that_the_environment_wants_no_io_uring() {
    // Where there is none, the reason for that is said.
    if UringFeature::all().is_ok() {
        let (findings, code) = doctor_of(None, "epoll");
        let row = format!("BAD      epoll: {} says so", RingChoice::VARIABLE);
        assert!(findings.contains(&row), "{row} in:\n{findings}");
        assert_eq!(code, Some(4), "{findings}");
    }
}
