//! Which ring carries the connections, on machines that forbid io_uring and on those that do not.
//!
//! What a process may do cannot be undone, and a warning comes once per process: each case runs
//! in a process of its own, which is this program again, told by its environment what to be.

mod serving;

use std::collections::BTreeMap;
use std::env;
use std::process::Command;

use annulus::{Config, Cores, Error, LocalRuntime, RingChoice, Runtime};
use rustix::process::{Resource, Rlimit};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use serving::{bind, limits, number, routine, serve};

/// The errno with which the child's system calls for io_uring fail.
const REFUSAL: &str = "ANNULUS_TEST_REFUSAL";
/// Which of them do: the number of the system call.
const REFUSED: &str = "ANNULUS_TEST_REFUSED";
/// Bytes of memory that the child may lock.
const MEMLOCK: &str = "ANNULUS_TEST_MEMLOCK";
/// What the child's configuration says, as `ANNULUS_RING` would.
const CONFIGURED: &str = "ANNULUS_TEST_CONFIGURED";

/// What a child has told.
struct Told {
    output: String,
    log: String,
}

impl Told {
    /// How often the log tells that io_uring is not to be had.
    fn warnings(&self) -> usize {
        self.log.matches("io_uring is not to be had").count()
    }

    #[track_caller]
    fn assert_ring(&self, name: &str) {
        assert!(
            self.output.contains(&format!("both runtimes: {name}\n")),
            "{}\n{}",
            self.output,
            self.log
        );
    }
}

/// Runs [`a_child_calls_itself`] with these variables.
fn child(variables: &[(&str, &str)]) -> Told {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "a_child_calls_itself",
            "--ignored",
            "--nocapture",
        ])
        .env_remove(RingChoice::VARIABLE)
        .envs(variables.iter().copied());
    let output = command.output().unwrap();
    let (out, log) = (output.stdout, output.stderr);
    let told = Told {
        output: String::from_utf8(out).unwrap(),
        log: String::from_utf8(log).unwrap(),
    };
    assert!(output.status.success(), "{}\n{}", told.output, told.log);
    told
}

#[test]
#[ignore = "the other tests run it, in processes of its own"]
fn a_child_calls_itself() {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    restrict();
    match call_over_both_runtimes() {
        Ok(name) => println!("both runtimes: {name}"),
        Err(error) => println!("an error: {error}"),
    }
}

/// Gives up what the variables say. Threads that are started later are bound by it too.
fn restrict() {
    if let Ok(len) = env::var(MEMLOCK) {
        let len = Some(len.parse().unwrap());
        let limit = Rlimit {
            current: len,
            maximum: len,
        };
        rustix::process::setrlimit(Resource::Memlock, limit).unwrap();
    }
    if let Ok(errno) = env::var(REFUSAL) {
        let refused = env::var(REFUSED).unwrap().parse().unwrap();
        let filter = SeccompFilter::new(
            BTreeMap::from([(refused, Vec::new())]),
            SeccompAction::Allow,
            SeccompAction::Errno(errno.parse().unwrap()),
            env::consts::ARCH.try_into().unwrap(),
        );
        let program = BpfProgram::try_from(filter.unwrap()).unwrap();
        seccompiler::apply_filter(&program).unwrap();
    }
}

/// Two servers of two cores and of one, and calls between them; returns what ring both have.
fn call_over_both_runtimes() -> Result<&'static str, Error> {
    let mut config = Config::default().cores(Cores::Unpinned(2)).limits(limits());
    if let Ok(name) = env::var(CONFIGURED) {
        config = config.ring(name.parse().unwrap());
    }
    let runtime = Runtime::start(config.clone())?;
    let serving = serve(
        &runtime,
        routine(|mut call| {
            let sum = call.decode::<serving::Number>()?.value + 1;
            call.reply(&number(sum))
        }),
    );
    let mut local = LocalRuntime::new(&config)?;
    assert_eq!(local.ring_name(), runtime.ring_name());
    let binding = bind(&runtime, &serving);
    assert_eq!(binding.call_blocking(0, &number(41)), Ok(number(42)));
    let address = serving.bindings()[0].to_string();
    let binding = annulus::Binding::new(&local, &address, serving::INTERFACE)?;
    let answer = local.block_on(binding.call::<_, serving::Number>(0, &number(1)))?;
    assert_eq!(answer, Ok(number(2)));
    Ok(runtime.ring_name())
}

/// What a container's runtime answers, and what an old one does.
#[test]
fn where_a_sandbox_forbids_io_uring_epoll_is_taken_and_one_warning_tells_why() {
    for (refused, errno, reason) in [
        (
            libc::SYS_io_uring_setup,
            libc::EPERM,
            "a sandbox refuses it",
        ),
        (libc::SYS_io_uring_setup, libc::ENOSYS, "seccomp profile"),
        (
            libc::SYS_io_uring_register,
            libc::EPERM,
            "IORING_REGISTER_PROBE",
        ),
        (libc::SYS_io_uring_enter, libc::EPERM, "io_uring_enter"),
    ] {
        let told = child(&[
            (REFUSED, &refused.to_string()),
            (REFUSAL, &errno.to_string()),
        ]);
        told.assert_ring("epoll");
        assert_eq!(told.warnings(), 1, "{}", told.log);
        assert!(told.log.contains(reason), "{}", told.log);
        assert!(!told.log.contains("ERROR"), "{}", told.log);
    }
}

#[test]
fn a_process_that_may_lock_little_memory_serves_and_calls() {
    let told = child(&[(MEMLOCK, "65536")]);
    // Kernels since 5.12 count io_uring's memory elsewhere, so that either may come of it.
    let warned = told.warnings() == 1;
    told.assert_ring(if warned { "epoll" } else { "io_uring" });
}

#[test]
fn the_environment_or_the_configuration_chooses_a_ring_without_a_warning() {
    for variable in [RingChoice::VARIABLE, CONFIGURED] {
        for (choice, ring) in [("epoll", "epoll"), ("uring", "io_uring")] {
            let told = child(&[(variable, choice)]);
            told.assert_ring(ring);
            assert_eq!(told.warnings(), 0, "{}", told.log);
        }
    }
}

#[test]
fn the_configuration_wins_over_the_environment() {
    for (configured, environment, ring) in [
        ("epoll", "uring", "epoll"),
        ("uring", "epoll", "io_uring"),
        ("uring", "nonsense", "io_uring"),
        ("auto", "epoll", "epoll"),
    ] {
        let told = child(&[
            (CONFIGURED, configured),
            (RingChoice::VARIABLE, environment),
        ]);
        told.assert_ring(ring);
    }
}

#[test]
fn an_environment_that_names_no_ring_is_an_error_that_says_so() {
    let told = child(&[(RingChoice::VARIABLE, "kqueue")]);
    let expected = "an error: ANNULUS_RING is \"kqueue\"; it must be `uring`, `epoll` or `auto`";
    assert!(told.output.contains(expected), "{}", told.output);
}

#[test]
fn io_uring_that_is_demanded_and_forbidden_is_an_error() {
    for variable in [RingChoice::VARIABLE, CONFIGURED] {
        let told = child(&[
            (variable, "uring"),
            (REFUSED, &libc::SYS_io_uring_setup.to_string()),
            (REFUSAL, &libc::EPERM.to_string()),
        ]);
        let expected = "an error: io_uring is forbidden to this process";
        assert!(told.output.contains(expected), "{}", told.output);
        assert_eq!(told.warnings(), 0, "{}", told.log);
    }
}
