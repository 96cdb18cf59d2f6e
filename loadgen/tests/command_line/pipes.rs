//! Transfers through pipes, as a user measures them.

use std::process::Output;

use serde_json::Value;

use crate::{echo_server, failure, json, loadgen, loadgen_with};

/// Runs transfers of 128 KiB and a bit for a second, two at a time on each of two connections.
fn transfers(direction: &str, more: &[&str]) -> Output {
    let common =
        "--pipe-bytes 131073 --pipe-chunk 16KiB -c 2 -o 2 -d 1 -w 0.1 -q --accept-invalid --pipe";
    loadgen_with(common, &[&[direction], more].concat())
}

#[test]
fn bytes_go_each_way_as_asked() {
    for (direction, goes_in, goes_out) in [
        ("in", true, false),
        ("out", false, true),
        ("inout", true, true),
    ] {
        let report: Value = json(&transfers(direction, &["--json"]));
        assert_eq!(report["errors"], serde_json::json!({}), "{direction}");
        let number = |name: &str| report[name].as_u64().unwrap();
        let completed = number("completed");
        assert!(completed > 0, "{direction}");
        let under_way = number("sent") - completed;
        assert!(
            under_way <= 4,
            "{direction}: {under_way} were given up at the end"
        );
        assert_eq!(report["response_us"]["count"], completed);
        assert_eq!(report["pipe"]["direction"], direction);
        assert_eq!(report["pipe"]["bytes"], 131_073);
        assert_eq!(report["connections_up"], Value::Null);
        let moved = completed as f64 * 131_073.0 / report["seconds"].as_f64().unwrap();
        let throughput = &report["pipe_throughput"];
        for (name, goes) in [
            ("in_bytes_per_second", goes_in),
            ("out_bytes_per_second", goes_out),
        ] {
            let expected = if goes { moved } else { 0.0 };
            let got = throughput[name].as_f64().unwrap();
            assert!(
                (got - expected).abs() <= expected * 1e-9,
                "{direction}: {name} is {got}, not {expected}"
            );
        }
    }
}

#[test]
fn the_table_and_the_report_speak_of_transfers() {
    let directory = tempfile::tempdir().unwrap();
    let report = directory.path().join("report.html");
    let output = transfers("inout", &["--html", report.to_str().unwrap()]);
    let table = String::from_utf8(output.stdout).unwrap();
    for text in [
        "transfers/s",
        "MB/s",
        " in, ",
        " out\n",
        "pipe inout",
        "µs per transfer",
    ] {
        assert!(table.contains(text), "{text} is missing in:\n{table}");
    }
    for other in ["call ", "\ncalls "] {
        assert!(!table.contains(other), "{other:?} is in:\n{table}");
    }
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.contains("transfers a second") && report.contains("pipe inout"));
}

#[test]
fn a_server_without_the_pipes_is_named_and_exits_with_2() {
    let (_runtime, target) = echo_server();
    let (code, said) = failure(&transfers("in", &[&target]));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("(bind)"), "{said}");
}

#[test]
fn options_of_calls_are_refused_by_name() {
    for other in [
        &["--payload", "1KiB"][..],
        &["--mix", "Echo"],
        &["--idl", "x.idl"],
        &["--uuid", "60a15ec5-4de8-11d7-a637-005056a20182"],
        &["--opnum", "1"],
        &["--cancel-rate", "5%"],
        &["--rate", "50k"],
        &["--arrivals", "poisson"],
        &["--replay", "trace"],
    ] {
        let (code, said) = failure(&transfers("in", other));
        assert_eq!(code, Some(1), "{other:?}: {said}");
        assert!(
            said.contains("--pipe") && said.contains(other[0]),
            "{other:?}: {said}"
        );
    }
    for alone in [
        "--pipe-bytes 1MiB",
        "--pipe-chunk 1KiB",
        "--pipe in --pipe-chunk 0",
    ] {
        assert_eq!(loadgen(alone).status.code(), Some(1), "{alone}");
    }
}
