//! The limit: as many bytes as calls of rpcecho have, echoed over bare sockets.
//!
//! A request is 24 + 8 + payload bytes, an answer 24 + 4 + payload, as those of `EchoData` are.
//! Nobody looks at the bytes: they are only counted, and any others are sent back. What arrived at
//! one wake-up is answered by one send for each connection. So this is what sockets and the
//! kernel's interfaces cost, and what an engine can come close to and not beat.
//!
//! `raw --help` names the interfaces; the result is JSON, as `loadgen --json` writes it.
#![deny(unsafe_op_in_unsafe_fn)]

mod epoll;
mod roles;
mod sockets;
mod traffic;
mod tuning;
mod uring;

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;

use annulus_bench_measure::{Plan, Report, Side};
use anyhow::{Context, Result, anyhow, ensure};
use clap::{Parser, ValueEnum};

use crate::roles::{Client, Echo, Role};
use crate::sockets::Kind;
use crate::traffic::Shape;
use crate::tuning::{RingTuning, SocketTuning};

/// The kernel's interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Interface {
    Uring,
    Epoll,
}

/// What a side does when nothing has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Idle {
    /// Look again
    Spin,
    /// Sleep
    Block,
}

/// Echoes bytes over bare sockets, and measures that.
#[derive(Clone, Debug, Parser)]
#[command(name = "raw")]
struct Args {
    #[arg(long, value_enum, default_value_t = Interface::Uring)]
    interface: Interface,

    #[arg(long, value_enum, default_value_t = Kind::Tcp)]
    socket: Kind,

    #[arg(long, value_enum, default_value_t = Idle::Spin)]
    idle: Idle,

    #[command(flatten)]
    socket_tuning: SocketTuning,

    #[command(flatten)]
    ring_tuning: RingTuning,

    #[command(flatten)]
    plan: Plan,
}

fn main() -> Result<()> {
    let args = Args::parse();
    run(&args)?.print();
    Ok(())
}

fn run(args: &Args) -> Result<Report> {
    let plan = &args.plan;
    ensure!(
        args.interface == Interface::Uring || !args.ring_tuning.is_chosen(),
        "epoll has no ring whose settings could be chosen"
    );
    let (clients, servers) = sockets::connect(args.socket, plan, &args.socket_tuning)
        .context("the connections cannot be made")?;
    let shape = Shape::new(plan);
    let echo = Echo::default();
    let server_calls = Arc::clone(&echo.system_calls);
    let of_server = args.clone();
    let server = thread::spawn(move || -> Result<()> {
        let pinned = of_server.plan.pin_server();
        pinned.context("the server's core is not to be had")?;
        Side::Server.name_thread()?;
        of_server
            .drive(servers, &shape.of_server(), echo)
            .context("the server broke")?;
        Ok(())
    });
    let pinned = plan.pin_client();
    pinned.context("the client's core is not to be had")?;
    Side::Client.name_thread()?;
    let client = Client::new(plan, server_calls);
    let ended = args.drive(clients, &shape.of_client(), client);
    // The sockets of the client are closed by now, so the server comes to its end.
    server
        .join()
        .map_err(|_| anyhow!("the server panicked"))??;
    let subject = format!("raw {:?} {:?} {:?}", args.interface, args.socket, args.idle);
    let meter = ended.context("the client broke")?.into_meter();
    Ok(meter.report(&subject.to_lowercase()))
}

impl Args {
    /// Runs one side until its role ends it or the other side has gone.
    fn drive<R: Role>(&self, sockets: Vec<OwnedFd>, shape: &Shape, role: R) -> std::io::Result<R> {
        let spins = self.idle == Idle::Spin;
        match self.interface {
            Interface::Uring => uring::run(sockets, shape, spins, &self.ring_tuning, role),
            Interface::Epoll => epoll::run(sockets, shape, spins, role),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a twentieth of a second, both sides on one core that surely exists.
    fn completed(interface: &str, socket: &str, load: [&str; 3], settings: &[&str]) -> u64 {
        let [connections, outstanding, payload] = load;
        let core = first_core();
        let options = [
            "raw",
            "--interface",
            interface,
            "--socket",
            socket,
            "--idle",
            "block",
            "-c",
            connections,
            "-o",
            outstanding,
            "-p",
            payload,
            "-w",
            "0.01",
            "-d",
            "0.05",
            "--server-core",
            &core,
            "--client-core",
            &core,
        ];
        let args = Args::parse_from(options.iter().chain(settings));
        run(&args).unwrap().completed()
    }

    fn first_core() -> String {
        let set = rustix::thread::sched_getaffinity(None).unwrap();
        let core = (0..1024).find(|&core| set.is_set(core));
        core.expect("this thread runs somewhere").to_string()
    }

    #[test]
    fn each_interface_echoes_each_shape_over_each_socket() {
        for socket in ["tcp", "unix"] {
            for load in [["1", "1", "32"], ["8", "4", "32"], ["1", "4", "65536"]] {
                // Both sides share a core here, so the one that sleeps lets the other run.
                assert!(
                    completed("epoll", socket, load, &[]) > 0,
                    "{socket} {load:?}"
                );
                if uring::is_available() {
                    assert!(
                        completed("uring", socket, load, &[]) > 0,
                        "{socket} {load:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn each_setting_of_a_ring_echoes_small_and_large_messages() {
        if !uring::is_available() {
            eprintln!("the kernel lets this process have no ring");
            return;
        }
        let settings: [&[&str]; 6] = [
            &["--coop"],
            &["--sqpoll", "10"],
            &["--zero-copy"],
            &["--multishot"],
            &["--multishot", "--bundles", "--buffer-len", "1024"],
            &["--buffer-len", "256"],
        ];
        for setting in settings {
            for load in [["8", "4", "32"], ["1", "4", "65536"]] {
                let completed = completed("uring", "tcp", load, setting);
                assert!(completed > 0, "{setting:?} {load:?}");
            }
        }
    }
}
