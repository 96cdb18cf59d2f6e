//! What the exit status and standard error say.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{command, echo_server, failure, loadgen, loadgen_with};

#[test]
fn a_server_that_is_not_there_is_named_and_exits_with_2() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let nobody = format!("ncacn_ip_tcp:127.0.0.1[{free}]");
    let no_mapper = format!("ncacn_ip_tcp:127.0.0.1[,mapper={free}]");
    for target in [nobody, no_mapper] {
        let (code, message) = failure(&loadgen(&target));
        assert_eq!(code, Some(2), "{target}: {message}");
        assert!(message.contains("RPC_S_SERVER_UNAVAILABLE"), "{message}");
    }
}

#[test]
fn a_command_line_that_makes_no_sense_exits_with_1() {
    for (line, expected) in [
        ("host[http]", "expected a port"),
        ("--cores 4095", "core 4095"),
        ("--rate 0", "--rate"),
        ("--mix Ping", "no operation of rpcecho"),
        ("--replay /nonexistent", "/nonexistent"),
    ] {
        let (code, message) = failure(&loadgen(line));
        assert_eq!(code, Some(1), "{line}: {message}");
        assert!(message.contains(expected), "{line}: {message}");
    }
}

#[test]
fn what_nobody_reads_ends_quietly() {
    for line in ["-d 0.1 -w 0", "completions bash"] {
        let (reader, writer) = std::io::pipe().unwrap();
        let (errors, error_writer) = std::io::pipe().unwrap();
        drop((reader, errors));
        let status = command(line)
            .stdout(writer)
            .stderr(error_writer)
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(141), "{line}");
    }
}

#[test]
fn a_missed_objective_exits_with_3_and_says_what_was_seen() {
    let run = |slo| failure(&loadgen_with("-d 0.3 -w 0 --quiet --slo", &[slo]));
    let (code, message) = run("p50<1ns");
    assert_eq!(code, Some(3), "{message}");
    assert!(
        message.contains("p50 <") && message.contains("was missed"),
        "{message}"
    );
    let (code, message) = run("p50<1h,errors<1%,rate>1");
    assert_eq!(code, Some(0), "{message}");
}

#[test]
fn a_run_that_the_client_could_not_keep_up_with_exits_with_4() {
    let (code, message) = failure(&loadgen("--rate 1e8 -d 0.3 -w 0 --quiet"));
    assert_eq!(code, Some(4), "{message}");
    assert!(message.contains("invalid"), "{message}");
}

/// A server that takes connections, and says nothing: connections may take half a minute.
#[test]
fn an_interrupt_is_not_kept_waiting_by_a_server_that_does_not_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = command(&format!("ncacn_ip_tcp:127.0.0.1[{port}] -c 1 --quiet"))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _silent = listener.accept().unwrap();
    kill_process(Pid::from_child(&client), Signal::INT).unwrap();
    let (code, message) = failure(&client.wait_with_output().unwrap());
    assert_eq!(code, Some(4), "{message}");
    assert!(message.contains("interrupted"), "{message}");
}

/// The program, interrupted when it says for the nth time what it measures, as it does once a second.
fn interrupted(line: &str, nth: usize) -> (Option<i32>, Value) {
    let mut client = command(line)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(client.stderr.take().unwrap()).lines();
    let mut measures = said.filter(|line| line.as_ref().unwrap().starts_with("measure "));
    assert!(measures.nth(nth - 1).is_some());
    kill_process(Pid::from_child(&client), Signal::INT).unwrap();
    let output = client.wait_with_output().unwrap();
    (
        output.status.code(),
        serde_json::from_slice(&output.stdout).unwrap(),
    )
}

#[test]
fn a_search_that_is_interrupted_keeps_the_runs_that_it_made() {
    let line = "max --slo rate>1 --from 100 -c 1 -d 1.2 -w 0 --json --accept-invalid";
    let (code, search) = interrupted(line, 2);
    assert_eq!(code, Some(4));
    assert_eq!(search["interrupted"], true);
    assert_eq!(search["rate"], Value::Null);
    assert_eq!(search["steps"][0]["rate"], 100.0);
}

#[test]
fn a_run_that_is_interrupted_shows_what_it_measured_until_then_and_exits_with_4() {
    let line = "-c 1 -o 1 --rate 100 -d 1h -w 0 --json --accept-invalid";
    let (code, report) = interrupted(line, 1);
    assert_eq!(code, Some(4));
    assert_eq!(report["interrupted"], true);
    assert!(report["completed"].as_u64().unwrap() > 0, "{report}");
    let seconds = report["seconds"].as_f64().unwrap();
    assert!((1.0..3600.0).contains(&seconds), "{seconds}");
}

/// In a measurement that would go on for long.
#[test]
fn a_run_whose_server_goes_exits_with_4_and_says_which_connections_were_left() {
    let (server, target) = echo_server();
    let mut client = command(&format!("{target} -c 3 -d 2.5 -w 0"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(client.stderr.take().unwrap()).lines();
    let measures = |line: &str| line.starts_with("measure ");
    assert!(said.any(|line| measures(line.as_ref().unwrap())));
    drop(server);
    let rest: Vec<_> = said.map(Result::unwrap).collect();
    let output = client.wait_with_output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(4), "{table}\n{rest:?}");
    let row = "connections    0 of 3 up throughout, 3 at the start, 0 at the end\n";
    assert!(table.contains(row), "{table}");
    let why = "invalid: of the 3 connections that were asked for, 0 were up throughout";
    assert!(rest.iter().any(|line| line.contains(why)), "{rest:?}");
}
