//! What connections and calls cost that are only there: memory and CPU time of a server in a process
//! of its own, with many idle connections or many parked calls.
#![forbid(unsafe_code)]

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use annulus::rpcecho::{self, AddOneRequest, EchoServer, TestSleepRequest};
use annulus::{
    BindingOptions, Config, Cores, Limits, LocalBinding, LocalRuntime, Runtime, Server, Status,
    Time,
};
use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use rustix::process::{Resource, getrlimit};
use serde_json::json;

/// Connections that are made at a time: the kernel queues no more than 4096 until they are accepted.
const CONNECTIONS_AT_ONCE: usize = 1000;

/// Calls between two turns of the client.
const CALLS_AT_ONCE: usize = 1000;

/// How long the server may take to accept connections, or to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The tokens of calls that stay with the server, and of those that it answers.
const PARKED: u64 = 0;
const CONFIRMING: u64 = 1;

/// Descriptors that a process needs for anything but connections.
const SPARE_DESCRIPTORS: u64 = 100;

/// Clock ticks a second in `/proc` (proc(5): `USER_HZ`, which is 100 on all machines that Linux
/// runs this on).
const TICKS_PER_SECOND: f64 = 100.0;

/// Measures what costs a server memory and time while nothing happens.
#[derive(Debug, Parser)]
#[command(name = "annulus-scale")]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Connections that are bound and make no call
    Idle {
        #[arg(long, default_value_t = 10_000)]
        connections: usize,
        /// Seconds in which the server's CPU time is taken
        #[arg(long, default_value_t = 3)]
        seconds: u64,
    },
    /// Calls that the server has and will answer later
    Parked {
        #[arg(long, default_value_t = 100_000)]
        calls: usize,
    },
    /// Serves until its standard input ends
    #[command(hide = true)]
    Serve {
        #[arg(long)]
        connections: usize,
    },
}

fn main() -> Result<()> {
    match Args::parse().what {
        What::Idle {
            connections,
            seconds,
        } => idle(connections, Duration::from_secs(seconds)),
        What::Parked { calls } => parked(calls),
        What::Serve { connections } => serve(connections),
    }
}

fn config(core: usize, connections: usize) -> Config {
    let limits = Limits {
        connections_per_core_max: connections + 16,
        ..Limits::default()
    };
    Config::default()
        .cores(Cores::List(vec![core]))
        .limits(limits)
}

fn serve(connections: usize) -> Result<()> {
    let runtime = Runtime::start(config(0, connections))?;
    let echo = rpcecho::interface(EchoServer::default());
    let server = Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[0]")?;
    let serving = runtime.serve(server.interface(echo))?;
    println!("{}", serving.bindings()[0]);
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn idle(connections: usize, time: Duration) -> Result<()> {
    let most = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    ensure!(
        connections as u64 + SPARE_DESCRIPTORS <= most,
        "{connections} connections need more descriptors than this process may have ({most}, \
         RLIMIT_NOFILE)"
    );
    let mut scene = Scene::open(connections)?;
    let (server, client) = (scene.server.memory()?, memory("self")?);
    scene.connect(connections)?;
    let each = |now: u64, before: u64| now.saturating_sub(before) / connections as u64;
    let server_each = each(scene.server.memory()?, server);
    let client_each = each(memory("self")?, client);
    let before = scene.server.cpu_seconds()?;
    // Nobody does anything: that is what is measured.
    thread::sleep(time);
    let used = scene.server.cpu_seconds()? - before;
    let report = json!({
        "connections": connections,
        "server_bytes_each": server_each,
        "client_bytes_each": client_each,
        "server_cpu_percent": used / time.as_secs_f64() * 100.0,
    });
    println!("{report}");
    Ok(())
}

fn parked(calls: usize) -> Result<()> {
    // One call of each connection tells that the others have arrived.
    let on_each = Limits::default().calls_per_connection_max - 1;
    let connections = calls.div_ceil(on_each);
    let mut scene = Scene::open(connections)?;
    let bindings = scene.connect(connections)?;
    for &binding in &bindings {
        scene.confirm(binding)?;
    }
    let before = scene.server.memory()?;
    for (index, &binding) in bindings.iter().enumerate() {
        scene.park(binding, on_each.min(calls - index * on_each))?;
        scene.confirm(binding)?;
    }
    let each = scene.server.memory()?.saturating_sub(before) / calls as u64;
    println!("{}", json!({ "calls": calls, "server_bytes_each": each }));
    Ok(())
}

/// A server in a process of its own, and a client.
struct Scene {
    client: LocalRuntime,
    server: Process,
    target: String,
    /// The calls that have ended since the last time that anybody asked, by their tokens.
    ended: Vec<(u64, Result<(), Status>)>,
}

impl Scene {
    /// With one connection that has made a call: what a first call costs is no matter of scale.
    fn open(connections: usize) -> Result<Self> {
        let (server, target) = Process::start(connections)?;
        let mut scene = Scene {
            client: LocalRuntime::new(&config(1, connections))?,
            server,
            target,
            ended: Vec::new(),
        };
        let first = scene.connect(1)?;
        scene.confirm(first[0])?;
        Ok(scene)
    }

    fn connect(&mut self, count: usize) -> Result<Vec<LocalBinding>> {
        let own = BindingOptions::new().unique_binding();
        let mut bindings = Vec::with_capacity(count);
        while bindings.len() < count {
            let from = bindings.len();
            for _ in from..count.min(from + CONNECTIONS_AT_ONCE) {
                let interface = rpcecho::INTERFACE;
                bindings.push(self.client.bind_with(&self.target, interface, own)?);
            }
            let deadline = self.client.clock() + PATIENCE;
            for &binding in &bindings[from..] {
                while !self.client.is_ready(binding) {
                    self.turn(deadline)?;
                }
            }
        }
        Ok(bindings)
    }

    /// Leaves calls with the server for longer than anybody measures.
    fn park(&mut self, binding: LocalBinding, calls: usize) -> Result<()> {
        let sleep = TestSleepRequest { seconds: u32::MAX };
        for call in 1..=calls {
            self.client
                .call(binding, rpcecho::TEST_SLEEP, PARKED, &sleep)
                .context("a call cannot be made")?;
            if call % CALLS_AT_ONCE == 0 {
                let ended = &mut self.ended;
                self.client
                    .poll(&mut |reply| ended.push((reply.token, reply.result.map(drop))))?;
            }
        }
        Ok(())
    }

    /// Waits until the server has all that was sent on a connection: it dispatches in that order. A call
    /// that it has refused has ended by then.
    fn confirm(&mut self, binding: LocalBinding) -> Result<()> {
        let request = AddOneRequest { in_data: 1 };
        self.client
            .call(binding, rpcecho::ADD_ONE, CONFIRMING, &request)
            .context("a call cannot be made")?;
        let deadline = self.client.clock() + PATIENCE;
        while self.ended.is_empty() {
            self.turn(deadline)?;
        }
        let ended = std::mem::take(&mut self.ended);
        let first = ended.iter().find(|&&call| call != (CONFIRMING, Ok(())));
        ensure!(first.is_none(), "a call ended with {first:?}");
        Ok(())
    }

    /// One turn of the client, before `deadline`.
    fn turn(&mut self, deadline: Time) -> Result<()> {
        let ended = &mut self.ended;
        self.client.turn_before(deadline, &mut |reply| {
            ended.push((reply.token, reply.result.map(drop)));
        })?;
        ensure!(
            self.client.now() < deadline,
            "the server took more than {} s",
            PATIENCE.as_secs()
        );
        Ok(())
    }
}

/// The process of the server; it ends when this is dropped.
struct Process(Child);

impl Process {
    fn start(connections: usize) -> Result<(Self, String)> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", "--connections", &connections.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the server's process does not start")?;
        let said = child.stdout.take().context("the server has no output")?;
        let process = Process(child);
        let mut target = String::new();
        BufReader::new(said).read_line(&mut target)?;
        ensure!(!target.is_empty(), "the server does not start");
        Ok((process, target.trim().to_owned()))
    }

    fn memory(&self) -> Result<u64> {
        memory(&self.0.id().to_string())
    }

    /// CPU time of all threads so far: fields 14 and 15 of `/proc/PID/stat`.
    fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let ticks = cpu_ticks(&stat).context("/proc/PID/stat has another form")?;
        Ok(ticks as f64 / TICKS_PER_SECOND)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The name in field 2 may contain anything but ends with the last parenthesis.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut field = || fields.next()?.parse::<u64>().ok();
    Some(field()? + field()?)
}

/// Bytes of memory of a process that no file backs.
fn memory(process: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    anonymous_bytes(&status).context("/proc/PID/status has no RssAnon")
}

fn anonymous_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kib: u64 = line?.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_time_are_read_by_their_places() {
        let status = "Name:\tx\nVmRSS:\t    9000 kB\nRssAnon:\t    1234 kB\n";
        assert_eq!(anonymous_bytes(status), Some(1234 << 10));
        assert_eq!(anonymous_bytes("Name:\tx\n"), None);
        let stat = "77 (a) b) S 1 77 77 0 -1 4194560 5 6 7 8 11 12 130 14 20 0";
        assert_eq!(cpu_ticks(stat), Some(23));
        assert!(memory("self").unwrap() > 1 << 10);
    }
}
