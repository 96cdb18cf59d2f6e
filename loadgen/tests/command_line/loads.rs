//! What is sent, and what of it comes back.

use serde_json::Value;

use crate::{command, json, loadgen, loadgen_with};

#[test]
fn a_closed_loop_completes_all_that_it_sends() {
    let report = json(&loadgen("-c 3 -o 5 -p 100 -d 0.3 -w 0.1 --json"));
    assert!(report["completed"].as_u64().unwrap() > 0);
    assert_eq!(report["sent"], report["completed"]);
    assert_eq!(report["offered"], report["sent"]);
    let all = serde_json::json!({"at_start": 3, "at_end": 3, "throughout": 3});
    assert_eq!(report["connections_up"], all);
    assert_eq!(report["errors"], serde_json::json!({}));
    assert_eq!(report["rate"], Value::Null);
    let latency = &report["response_us"];
    let at = |name: &str| latency[name].as_f64().unwrap();
    assert!(0.0 < at("min") && at("min") <= at("p50") && at("p50") <= at("max"));
    assert!(report["server_cpu"]["percent"].as_f64().unwrap() > 0.0);
}

#[test]
fn calls_go_over_unix_sockets_too() {
    let name = format!("annulus-loadgen-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    let output = command("--listen ncalrpc:[echo] -d 0.2 -w 0 --json")
        .env("ANNULUS_NCALRPC_DIR", &directory)
        .output()
        .expect("loadgen can be started");
    let report = json(&output);
    assert_eq!(report["target"], "ncalrpc:[echo]");
    assert!(report["completed"].as_u64().unwrap() > 0);
    assert_eq!(report["errors"], serde_json::json!({}));
    std::fs::remove_dir(&directory).expect("the directory was made, and is empty again");
}

#[test]
fn an_open_loop_offers_what_was_asked_whatever_the_server_does() {
    let report = json(&loadgen(
        "--rate 2000 -d 0.5 -w 0.1 --json --accept-invalid",
    ));
    let offered = report["offered"].as_u64().unwrap();
    let intended = report["seconds"].as_f64().unwrap() * 2_000.0;
    assert!(
        (offered as f64 - intended).abs() < 5.0,
        "{offered} offered instead of {intended}"
    );
    assert_eq!(report["completed"], report["sent"]);
    assert_eq!(report["rate"], 2000.0);
    assert!(report["pacing_error_us"]["count"].as_u64().unwrap() > 0);
}

#[test]
fn an_overloaded_open_loop_counts_what_it_could_not_send() {
    let report = json(&loadgen(
        "--rate 1e9 -c 1 -o 1 -d 0.2 -w 0 --json --accept-invalid",
    ));
    assert_eq!(report["verdict"]["valid"], false);
    assert!(report["offered"].as_u64() > report["sent"].as_u64());
    let offered = report["offered"].as_f64().unwrap();
    let intended = report["seconds"].as_f64().unwrap() * 1e9;
    assert!(
        (offered / intended - 1.0).abs() < 0.01,
        "{offered} offered instead of {intended}"
    );
    assert!(
        report["response_us"]["max"].as_f64().unwrap() > 1e5,
        "waiting for a free place counts as latency: {report}"
    );
}

#[test]
fn a_warm_up_that_could_not_send_all_leaves_the_measurement_alone() {
    let report = json(&loadgen(
        "--rate 1e7 -c 1 -o 1 -d 0.3 -w 0.3 --json --accept-invalid",
    ));
    let intended = report["seconds"].as_f64().unwrap() * 1e7;
    let offered = report["offered"].as_f64().unwrap();
    assert!(
        (offered / intended - 1.0).abs() < 0.01,
        "{offered} offered instead of {intended}"
    );
    assert!(report["completed"].as_u64().unwrap() > 0);
}

#[test]
fn mixed_operations_and_payloads_are_all_answered() {
    let report = json(&loadgen(
        "--mix Echo=40,Add=20,Sink=20,Source=20 -p lognormal:1KiB,1 -d 0.4 -w 0.1 --json --seed 9",
    ));
    assert!(report["completed"].as_u64().unwrap() > 0);
    assert_eq!(report["errors"], serde_json::json!({}));
    assert_eq!(report["operations"].as_array().unwrap().len(), 4);
}

#[test]
fn a_trace_is_replayed_call_by_call() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("arrivals");
    let lines: Vec<String> = (0..100)
        .map(|call| (call * 2_000_000).to_string())
        .collect();
    std::fs::write(&trace, lines.join("\n")).unwrap();
    let report = json(&loadgen_with(
        "-w 0 --json --accept-invalid --replay",
        &[trace.to_str().unwrap()],
    ));
    assert_eq!(report["offered"], 100);
    assert_eq!(report["completed"], 100);
}

#[test]
fn calls_are_cancelled_as_asked() {
    let report = json(&loadgen(
        "--cancel-rate 50% --cancel-after 0 -c 2 -o 4 -d 0.3 -w 0 --json --accept-invalid",
    ));
    let number = |value: &Value| value.as_u64().unwrap();
    let (sent, completed) = (number(&report["sent"]), number(&report["completed"]));
    let cancelled = number(&report["errors"]["cancelled"]);
    assert_eq!(completed + cancelled, sent);
    assert!(
        cancelled > sent / 4 && completed > 0,
        "{cancelled} of {sent}"
    );
    assert_eq!(report["response_us"]["count"], completed);
    assert_eq!(report["cancelling"], "50 % after 0ns, abortive");
    assert_eq!(loadgen("--cancel-after 1ms").status.code(), Some(1));
}

/// The trace is an account of each call that owes nothing to the histograms.
#[test]
fn percentiles_are_those_of_the_full_trace() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("calls.csv");
    let report = json(&loadgen_with(
        "--rate 5000 -d 1 -w 0.1 --json --accept-invalid --trace-file",
        &[trace.to_str().unwrap()],
    ));
    let mut response = Vec::new();
    let mut service = Vec::new();
    for line in std::fs::read_to_string(&trace).unwrap().lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let at = |index: usize| fields[index].parse::<u64>().unwrap();
        assert_eq!(fields[3..], ["EchoData", "ok"]);
        response.push(at(2) - at(0));
        service.push(at(2) - at(1));
    }
    assert_eq!(response.len() as u64, report["completed"].as_u64().unwrap());
    for (name, mut times) in [("response_us", response), ("service_us", service)] {
        times.sort_unstable();
        for (key, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
            let rank = (share * times.len() as f64).ceil() as usize;
            let exact = times[rank - 1] as f64 / 1e3;
            let seen = report[name][key].as_f64().unwrap();
            // Three digits.
            let is_near = (exact..=exact * 1.002).contains(&seen);
            assert!(
                is_near,
                "{name} {key}: {seen} µs, and the trace says {exact} µs"
            );
        }
        assert_eq!(
            report[name]["p99_99"],
            Value::Null,
            "5000 calls cannot tell it"
        );
    }
}
