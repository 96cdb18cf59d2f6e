//! The program as a user runs it.

use std::process::{Command, Output};

use serde_json::Value;

fn loadgen(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args(arguments)
        .output()
        .expect("loadgen can be started")
}

fn json(output: &Output) -> Value {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("standard output is JSON and nothing else")
}

#[test]
fn a_closed_loop_completes_all_that_it_sends() {
    let report = json(&loadgen(&[
        "-c", "3", "-o", "5", "-p", "100", "-d", "0.3", "-w", "0.1", "--json",
    ]));
    assert!(report["completed"].as_u64().unwrap() > 0);
    assert_eq!(report["sent"], report["completed"]);
    assert_eq!(report["offered"], report["sent"]);
    assert_eq!(report["errors"], serde_json::json!({}));
    assert_eq!(report["rate"], Value::Null);
    let latency = &report["latency_us"];
    let at = |name: &str| latency[name].as_f64().unwrap();
    assert!(
        0.0 < at("min")
            && at("min") <= at("p50")
            && at("p50") <= at("p99_9")
            && at("p99_9") <= at("max")
    );
    assert!(report["server_cpu"]["percent"].as_f64().unwrap() > 0.0);
}

#[test]
fn calls_go_over_unix_sockets_too() {
    let name = format!("annulus-loadgen-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    let output = Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args([
            "--listen",
            "ncalrpc:[echo]",
            "-d",
            "0.2",
            "-w",
            "0",
            "--json",
        ])
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
    let report = json(&loadgen(&[
        "--rate", "2000", "-d", "0.5", "-w", "0.1", "--json",
    ]));
    let offered = report["offered"].as_u64().unwrap();
    let intended = report["seconds"].as_f64().unwrap() * 2_000.0;
    assert!(
        (offered as f64 - intended).abs() < 5.0,
        "{offered} offered instead of {intended}"
    );
    assert_eq!(report["completed"], report["sent"]);
}

#[test]
fn an_overloaded_open_loop_counts_what_it_could_not_send() {
    let report = json(&loadgen(&[
        "--rate", "1e9", "-c", "1", "-o", "1", "-d", "0.2", "-w", "0", "--json",
    ]));
    assert!(report["offered"].as_u64() > report["sent"].as_u64());
    let offered = report["offered"].as_f64().unwrap();
    let intended = report["seconds"].as_f64().unwrap() * 1e9;
    assert!(
        (offered / intended - 1.0).abs() < 0.01,
        "{offered} offered instead of {intended}"
    );
    assert!(
        report["latency_us"]["max"].as_f64().unwrap() > 1e5,
        "waiting for a free place counts as latency: {report}"
    );
}

#[test]
fn a_warm_up_that_could_not_send_all_leaves_the_measurement_alone() {
    let report = json(&loadgen(&[
        "--rate", "1e7", "-c", "1", "-o", "1", "-d", "0.3", "-w", "0.3", "--json",
    ]));
    let intended = report["seconds"].as_f64().unwrap() * 1e7;
    let offered = report["offered"].as_f64().unwrap();
    assert!(
        (offered / intended - 1.0).abs() < 0.01,
        "{offered} offered instead of {intended}"
    );
    assert!(report["completed"].as_u64().unwrap() > 0);
}

#[test]
fn the_table_has_all_rows() {
    let output = loadgen(&["-d", "0.2", "-w", "0"]);
    let table = String::from_utf8(output.stdout).unwrap();
    for row in [
        "target",
        "load",
        "ring",
        "offered",
        "sent",
        "completed",
        "errors",
        "calls/s",
        "MB/s",
        "latency",
        "CPU",
    ] {
        assert!(table.contains(row), "{row} is missing in:\n{table}");
    }
}

#[test]
fn failures_say_what_failed_and_exit_with_2() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let nobody = format!("ncacn_ip_tcp:127.0.0.1[{free}]");
    let no_mapper = format!("ncacn_ip_tcp:127.0.0.1[,mapper={free}]");
    for (arguments, expected) in [
        (&["host[http]"][..], "expected a port"),
        (&[no_mapper.as_str()][..], "RPC_S_SERVER_UNAVAILABLE"),
        (&[nobody.as_str()][..], "RPC_S_SERVER_UNAVAILABLE"),
        (&["--cores", "4095"][..], "core 4095"),
        (&["--rate", "0"][..], "--rate"),
    ] {
        let output = loadgen(arguments);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}
