//! What the program knows of itself, and of the machine.

use std::os::unix::fs::PermissionsExt;

use annulus::transports::uring::UringFeature;

use crate::{json, loadgen, loadgen_with};

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
