//! The examples run, against a server of their own or one that this test starts, and say what they
//! are to say.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long an example may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// An example that runs, and what it prints, line by line.
struct Example {
    name: &'static str,
    process: Child,
    lines: mpsc::Receiver<String>,
}

impl Example {
    fn start(name: &'static str, arguments: &[&str]) -> Self {
        let mut process = Command::new(executable(name))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, lines) = mpsc::channel();
        let output = BufReader::new(process.stdout.take().unwrap());
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    break;
                }
            }
        });
        Example {
            name,
            process,
            lines,
        }
    }

    fn next_line(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("{} is silent", self.name),
        }
    }

    /// The last line, once the example has ended well.
    fn finish(mut self) -> String {
        let mut last = String::new();
        while let Some(line) = self.next_line() {
            last = line;
        }
        let status = self.process.wait().unwrap();
        let mut complaint = String::new();
        let mut stderr = self.process.stderr.take().unwrap();
        stderr.read_to_string(&mut complaint).unwrap();
        assert!(
            status.success(),
            "{} ended with {status}: {complaint}",
            self.name
        );
        last
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where cargo puts the examples: beside the folder of the tests.
fn executable(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    let path = profile.join("examples").join(name);
    assert!(
        path.exists(),
        "{} is missing; `cargo test -p annulus` builds it, and so does `cargo build --examples`",
        path.display()
    );
    path
}

/// A server and its string binding.
fn serve(name: &'static str) -> (Example, String) {
    let server = Example::start(name, &["ncacn_ip_tcp:127.0.0.1[0]"]);
    let line = server
        .next_line()
        .expect("the server says where it listens");
    let target = line.strip_prefix("listening on ").unwrap().to_owned();
    (server, target)
}

/// Runs an example of an asynchronous call, both ways, and returns what it says of it.
fn outcome(name: &'static str, topic: &str) -> String {
    let (_server, target) = serve("async_rpc_server");
    let alone = told(Example::start(name, &[]), topic);
    let calling = told(Example::start(name, &[&target]), topic);
    assert_eq!(without_numbers(&alone), without_numbers(&calling));
    calling
}

/// What an example says of its topic, last.
fn told(example: Example, topic: &str) -> String {
    let name = example.name;
    let line = example.finish();
    let rest = line.strip_prefix(topic);
    let rest = rest.and_then(|rest| rest.strip_prefix(": "));
    rest.unwrap_or_else(|| panic!("{name} says last: {line}"))
        .to_owned()
}

fn without_numbers(line: &str) -> String {
    line.replace(|character: char| character.is_ascii_digit(), "")
}

#[test]
fn an_event_is_set() {
    let line = outcome("async_event", "event");
    assert!(line.starts_with("AsyncFunc completed, and "), "{line}");
}

#[test]
fn polling_sees_the_call_complete() {
    let line = outcome("async_polling", "polling");
    assert!(line.starts_with("AsyncFunc completed after "), "{line}");
}

#[test]
fn an_apc_runs_in_an_alertable_wait() {
    let line = outcome("async_apc", "APC");
    assert!(line.starts_with("AsyncFunc completed, told in "), "{line}");
}

#[test]
fn a_completion_port_serves_several_calls() {
    let line = outcome("async_completion_port", "completion port");
    assert_eq!(line, "3 calls of AsyncFunc completed");
}

#[test]
fn a_message_reaches_the_event_loop() {
    let line = outcome("async_message", "message");
    assert!(
        line.starts_with("AsyncFunc completed, and the loop drew "),
        "{line}"
    );
}

#[test]
fn a_callback_is_called() {
    assert_eq!(outcome("async_callback", "callback"), "AsyncFunc completed");
}

#[test]
fn a_cancel_ends_the_call_by_the_server() {
    let line = outcome("async_cancel", "cancel");
    assert!(line.starts_with("AsyncFunc ended by the server"), "{line}");
    assert!(line.contains("RPC_S_CALL_CANCELLED (1818)"), "{line}");
}

#[test]
fn the_server_hears_of_a_cancel_and_of_a_client_that_goes() {
    let (server, target) = serve("async_rpc_server");
    let cancelling = Example::start("async_cancel", &[&target]);
    assert_eq!(server.next_line().as_deref(), Some("Delay(10s)"));
    assert_eq!(server.next_line().as_deref(), Some("Cancelled"));
    cancelling.finish();
    let going = Example::start("async_cancel", &[&target]);
    assert_eq!(server.next_line().as_deref(), Some("Delay(10s)"));
    drop(going);
    assert_eq!(server.next_line().as_deref(), Some("Cancelled"));
}

#[test]
fn the_documented_sample_works_and_ends_by_its_shutdown() {
    let (server, target) = serve("async_rpc_server");
    let client = Example::start(
        "async_rpc_client",
        &[&target, "--delay", "50", "--shutdown"],
    );
    let line = client.finish();
    assert!(
        line.starts_with("AsyncFunc(50 ms) completed after "),
        "{line}"
    );
    assert_eq!(server.finish(), "Shutdown");
}

#[test]
fn tokio_tasks_answer_and_await() {
    let line = outcome("tokio_service", "tokio");
    assert!(line.starts_with("3 calls in "), "{line}");
}

#[cfg(feature = "glommio")]
#[test]
fn a_glommio_program_serves_and_calls() {
    let example = Example::start("glommio_service", &["Cargo.toml"]);
    let line = told(example, "glommio");
    let len = std::fs::metadata("Cargo.toml").unwrap().len();
    let expected = format!("{len} bytes in 2 calls, ");
    assert!(line.starts_with(&expected), "{line}");
}

#[test]
fn rpcecho_is_called_in_three_ways() {
    let (_server, target) = serve("rpcecho_server");
    let line = Example::start("rpcecho_client", &[&target]).finish();
    assert!(line.starts_with("TestSleep(1) took "), "{line}");
}

#[test]
fn pipes_move_data_both_ways() {
    let (_server, target) = serve("async_rpc_server");
    let calling = told(
        Example::start("pipe_transfer", &[&target, "1000001"]),
        "pipes",
    );
    assert!(calling.starts_with("1000001 bytes each way, "), "{calling}");
    let alone = told(Example::start("pipe_transfer", &[]), "pipes");
    assert!(alone.starts_with("4194304 bytes each way, "), "{alone}");
}

#[test]
fn all_six_notifications_arrive_for_the_management_interface() {
    let (_server, target) = serve("rpcecho_server");
    let calling = Example::start("six_notifications", &[&target, "--mgmt-only"]);
    for kind in 0..6 {
        let line = calling.next_line().expect("a line for each notification");
        let tells = "1 interface(s), listening, statistics [";
        assert!(line.contains(tells), "notification {kind}: {line}");
    }
    assert_eq!(calling.finish(), "notifications: 6 of 6 for mgmt");
}

#[test]
fn an_example_that_fails_says_so_with_its_exit_status() {
    let (_server, target) = serve("rpcecho_server");
    let mut calling = Example::start("six_notifications", &[&target]);
    while calling.next_line().is_some() {}
    assert_eq!(
        calling.process.wait().unwrap().code(),
        Some(1),
        "no endpoint mapper there"
    );
}
