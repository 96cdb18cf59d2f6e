//! The examples in `deploy/`, run as they are: with clients on this machine in place of others.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use annulus::rpcecho::{self, EchoServer};
use annulus::{Config, Cores, Runtime, Server};
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

/// Of one client. The clock of a test's machine follows no reference, as that of a container, and the
/// machine has other things to do.
const OPTIONS: &str =
    "-c 4 -o 16 --rate 200 -d 0.5 -w 0.1 --allow-unsynchronised-clock --accept-invalid";

/// A folder with programs that stand before all others.
struct Stage {
    directory: tempfile::TempDir,
    /// A server, and how to reach it.
    _runtime: Runtime,
    target: String,
}

impl Stage {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let loadgen = directory.path().join("loadgen");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_loadgen"), loadgen).unwrap();
        let runtime = Runtime::start(Config::default().cores(Cores::Unpinned(1))).unwrap();
        let server = Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[0]").unwrap();
        let echo = rpcecho::interface(EchoServer::default());
        let serving = runtime.serve(server.interface(echo)).unwrap();
        Stage {
            target: serving.bindings()[0].to_string(),
            directory,
            _runtime: runtime,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn program(&self, name: &str, script: &str) {
        fs::write(self.path(name), script).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs it in the folder.
    fn run(&self, command: &mut Command) -> Output {
        let others = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{others}", self.directory.path().display());
        command
            .current_dir(self.directory.path())
            .env("PATH", path)
            .output()
            .unwrap()
    }
}

fn deployed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(name)
}

fn in_two_seconds() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    (now.as_secs() + 2).to_string()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Hosts are this machine; one of them has a clock of its own, and one does not let a client start.
const SSH: &str = "#!/bin/sh
host=$1
shift
if [ \"$host\" = skewed ] && [ \"$1\" = date ]; then
    echo $(($(date +%s%3N) + 5000))
    exit
fi
[ \"$host\" != refusing ] || [ \"$1\" = date ] || exit 4
exec sh -c \"$*\"
";

#[test]
fn clients_on_several_hosts_are_started_by_ssh_and_merged() {
    let stage = Stage::new();
    stage.program("ssh", SSH);
    // Clients that miss an objective have measured all the same.
    let options = format!("{OPTIONS} --slo 'p50<1ns'");
    let mut command = Command::new("bash");
    command
        .arg(deployed("ssh.sh"))
        .args([stage.target.as_str(), &options, "client-1", "client-2"])
        .env("LEAD", "2");
    let output = stage.run(&mut command);
    let (table, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(table.contains("2 results"), "{table}{errors}");
    for agent in ["client-1", "client-2"] {
        assert!(table.contains(agent), "{agent} in {table}{errors}");
    }
    let offered = table.lines().find_map(|line| line.strip_prefix("offered"));
    assert_eq!(offered.map(str::trim), Some("200"), "{table}{errors}");
}

#[test]
fn a_host_that_is_named_twice_runs_two_clients() {
    let stage = Stage::new();
    stage.program("ssh", SSH);
    let mut command = Command::new("bash");
    command
        .arg(deployed("ssh.sh"))
        .args([stage.target.as_str(), OPTIONS, "client", "client"])
        .env("LEAD", "2");
    let output = stage.run(&mut command);
    let (table, errors) = (text(&output.stdout), text(&output.stderr));
    for row in [
        "2 results",
        "client.json client ",
        "client#2.json client#2 ",
    ] {
        assert!(table.contains(row), "{row} is missing in {table}{errors}");
    }
}

#[test]
fn a_host_that_refuses_to_start_is_named() {
    let stage = Stage::new();
    stage.program("ssh", SSH);
    let mut command = Command::new("bash");
    command
        .arg(deployed("ssh.sh"))
        .args([stage.target.as_str(), OPTIONS, "client", "refusing"])
        .env("LEAD", "2");
    let output = stage.run(&mut command);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("refusing has no result"), "{errors}");
}

/// What the example says to hosts whose clocks are not to be trusted.
fn refusal(stage: &Stage, hosts: &[&str]) -> String {
    let mut command = Command::new("bash");
    command
        .arg(deployed("ssh.sh"))
        .args([&stage.target, OPTIONS])
        .args(hosts);
    let output = stage.run(&mut command);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{errors}");
    errors
}

#[test]
fn a_host_whose_clock_is_wrong_is_found_by_the_ssh_example() {
    let stage = Stage::new();
    stage.program("ssh", SSH);
    let errors = refusal(&stage, &["client-1", "skewed"]);
    assert!(errors.contains("the clock of skewed is"), "{errors}");
}

/// Time goes on by 600 ms whenever it is looked at, so a round trip takes 1.2 s.
const SLOW_DATE: &str = "#!/bin/sh
now=$(($(cat now 2>/dev/null || echo 0) + 600))
echo $now >now
echo $now
";

#[test]
fn a_host_whose_clock_is_not_known_well_enough_is_not_trusted_by_the_ssh_example() {
    let stage = Stage::new();
    stage.program("ssh", SSH);
    stage.program("date", SLOW_DATE);
    let errors = refusal(&stage, &["client-1"]);
    assert!(
        errors.contains("the clock of client-1 is -600 to 600 ms ahead")
            && errors.contains("as ssh takes 1200 ms"),
        "{errors}"
    );
}

/// Says what it was given, and becomes the task.
const SRUN: &str = "#!/bin/sh
echo \"$1\" >srun-option
shift
exec \"$@\"
";

#[test]
fn a_task_of_a_slurm_array_is_an_agent() {
    let stage = Stage::new();
    stage.program("srun", SRUN);
    let mut command = Command::new("bash");
    command
        .arg(deployed("slurm.sh"))
        .args(OPTIONS.split_whitespace())
        .env("TARGET", &stage.target)
        .env("START", in_two_seconds())
        .env("SLURM_ARRAY_TASK_ID", "3")
        .env("SLURM_CPUS_PER_TASK", "7");
    let output = stage.run(&mut command);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let result = fs::read_to_string(stage.path("results/3.json")).unwrap();
    let result: Value = serde_json::from_str(&result).unwrap();
    assert_eq!(result["agent"], "3");
    assert_eq!(result["offered"], 100);
    let given = fs::read_to_string(stage.path("srun-option")).unwrap();
    assert_eq!(given, "--cpus-per-task=7\n");
    let mut without_target = Command::new("bash");
    without_target.arg(deployed("slurm.sh"));
    assert!(!stage.run(&mut without_target).status.success());
}

/// The manifest as the command in its head makes it, and its container's command with a pod's variables.
#[test]
fn a_pod_of_the_kubernetes_job_is_an_agent() {
    let stage = Stage::new();
    let manifest = fs::read_to_string(deployed("kubernetes.yaml")).unwrap();
    let manifest: String = (manifest.lines())
        .map(|line| line.replacen("START", &in_two_seconds(), 1))
        .map(|line| line.replacen("TARGET", &stage.target, 1) + "\n")
        .collect();
    let documents = Yaml::load_from_str(&manifest).unwrap();
    let [job] = &documents[..] else {
        panic!("{} documents", documents.len());
    };
    assert_eq!(job["kind"].as_str(), Some("Job"));
    let spec = &job["spec"];
    assert_eq!(spec["completionMode"].as_str(), Some("Indexed"));
    // All run at once, or they do not start together.
    assert_eq!(
        spec["completions"].as_integer(),
        spec["parallelism"].as_integer()
    );
    let container = &spec["template"]["spec"]["containers"][0];
    let words: Vec<_> = ["command", "args"]
        .iter()
        .flat_map(|name| container[*name].as_sequence().unwrap())
        .map(|word| word.as_str().unwrap())
        .collect();
    // The default of a short load, for the machine of a test.
    let line = words[2]
        .replace("--rate 50k --duration 60s", OPTIONS)
        .replacen("--accept-invalid", "", 1);
    let mut command = Command::new(words[0]);
    command
        .args([words[1], &line])
        .env("JOB_COMPLETION_INDEX", "2");
    let output = stage.run(&mut command);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["agent"], "2");
    assert_eq!(result["offered"], 100);
}
