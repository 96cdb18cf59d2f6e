//! The program as a user runs it.

mod exits;
mod interfaces;
mod loads;
mod machine;
mod pipes;
mod results;

use std::process::{Command, Output};

use annulus::rpcecho::{self, EchoServer};
use annulus::{Config, Cores, Runtime, Server};
use serde_json::Value;

/// Runs the program with the words of a line.
fn loadgen(line: &str) -> Output {
    loadgen_with(line, &[])
}

/// The program with the words of a line.
fn command(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(line.split_whitespace());
    command
}

/// Runs the program with the words of a line, and more that are as they are.
fn loadgen_with(line: &str, more: &[&str]) -> Output {
    command(line)
        .args(more)
        .output()
        .expect("loadgen can be started")
}

/// What it printed.
fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", failure(output).1);
    serde_json::from_slice(&output.stdout).expect("standard output is JSON and nothing else")
}

/// The exit status and what was said on standard error.
fn failure(output: &Output) -> (Option<i32>, String) {
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), message)
}

/// Another's server of rpcecho, up to the drop of its runtime, and its string binding.
fn echo_server() -> (Runtime, String) {
    let runtime = Runtime::start(Config::default().cores(Cores::Unpinned(1))).unwrap();
    let server = Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[0]").unwrap();
    let echo = rpcecho::interface(EchoServer::default());
    let serving = runtime.serve(server.interface(echo)).unwrap();
    let binding = serving.bindings()[0].to_string();
    (runtime, binding)
}
