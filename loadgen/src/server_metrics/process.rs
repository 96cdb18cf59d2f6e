//! What the kernel tells of a process of this machine.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The most threads that are looked at; more of them cost more than they tell.
const THREADS_MAX: usize = 1024;

/// A process, and what its threads had used when they were last seen.
#[derive(Debug)]
pub(super) struct Process {
    folder: PathBuf,
    /// In ticks since the machine started: the number of a process is given again, this is not.
    started: Option<u64>,
    threads: HashMap<u32, Used>,
    /// Of threads that have ended, as far as they were seen.
    ended: Used,
}

/// What has been used since the start of a thread.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    cpu_ns: u64,
    voluntary_switches: u64,
    involuntary_switches: u64,
}

/// What is read at a moment; what the kernel does not tell is missing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    /// Of all threads, also those that have ended.
    pub(super) cpu_seconds: f64,
    pub(super) voluntary_switches: f64,
    pub(super) involuntary_switches: f64,
    pub(super) threads: f64,
    pub(super) resident_bytes: Option<f64>,
    pub(super) descriptors: Option<f64>,
}

impl Process {
    pub(super) fn new(pid: u32) -> Self {
        Process {
            folder: PathBuf::from(format!("/proc/{pid}")),
            started: None,
            threads: HashMap::new(),
            ended: Used::default(),
        }
    }

    /// # Errors
    ///
    /// In words: there is no such process any longer.
    pub(super) fn read(&mut self) -> Result<Reading, String> {
        self.check_alive()?;
        self.read_threads()?;
        let mut sum = self.ended;
        self.threads.values().for_each(|used| sum.add(*used));
        Ok(Reading {
            cpu_seconds: sum.cpu_ns as f64 / 1e9,
            voluntary_switches: sum.voluntary_switches as f64,
            involuntary_switches: sum.involuntary_switches as f64,
            threads: self.threads.len() as f64,
            resident_bytes: self.resident_bytes(),
            descriptors: fs::read_dir(self.folder.join("fd"))
                .ok()
                .map(|entries| entries.count() as f64),
        })
    }

    /// That the process lives, and is still the one that it was.
    fn check_alive(&mut self) -> Result<(), String> {
        let stat = fs::read_to_string(self.folder.join("stat")).unwrap_or_default();
        // The name of the program, in parentheses, can have anything in it.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let mut fields = fields.split_whitespace();
        let state = fields.next();
        // starttime is the 22nd field, and two are gone with the name, and one with the state.
        let started = fields.nth(18).and_then(|ticks| ticks.parse().ok());
        match (state, started) {
            (None | Some("Z" | "X"), _) | (_, None) => Err("there is no such process".to_owned()),
            (_, started) if self.started.is_some_and(|first| Some(first) != started) => {
                Err("the process has ended, and another one has its number".to_owned())
            }
            _ => {
                self.started = started;
                Ok(())
            }
        }
    }

    fn read_threads(&mut self) -> Result<(), String> {
        let tasks = fs::read_dir(self.folder.join("task"))
            .map_err(|error| format!("its threads cannot be read: {error}"))?;
        let mut seen = HashMap::new();
        for task in tasks.flatten().take(THREADS_MAX) {
            let id = task.file_name().to_str().and_then(|name| name.parse().ok());
            // A thread can end while it is looked at.
            if let Some((id, used)) = id.zip(Used::read(&task.path())) {
                seen.insert(id, used);
            }
        }
        for (id, used) in &self.threads {
            if !seen.contains_key(id) {
                self.ended.add(*used);
            }
        }
        self.threads = seen;
        Ok(())
    }

    fn resident_bytes(&self) -> Option<f64> {
        let status = fs::read_to_string(self.folder.join("status")).ok()?;
        Some(field(&status, "VmRSS")? as f64 * 1024.0)
    }
}

impl Used {
    /// Of the thread with this folder in `/proc`. `schedstat` counts nanoseconds, where `stat` has ticks.
    fn read(folder: &Path) -> Option<Self> {
        let schedstat = fs::read_to_string(folder.join("schedstat")).ok()?;
        let status = fs::read_to_string(folder.join("status")).ok()?;
        Some(Used {
            cpu_ns: schedstat.split_whitespace().next()?.parse().ok()?,
            voluntary_switches: field(&status, "voluntary_ctxt_switches")?,
            involuntary_switches: field(&status, "nonvoluntary_ctxt_switches")?,
        })
    }

    fn add(&mut self, other: Used) {
        self.cpu_ns += other.cpu_ns;
        self.voluntary_switches += other.voluntary_switches;
        self.involuntary_switches += other.involuntary_switches;
    }
}

/// The number that stands behind a name in a `status` file, its unit aside.
fn field(status: &str, name: &str) -> Option<u64> {
    let mut lines = status.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    /// Until its thread has used so much CPU time.
    fn work(cpu_ns: u64) {
        let path = Path::new("/proc/thread-self");
        let used = || Used::read(path).unwrap().cpu_ns;
        let start = used();
        while used() < start + cpu_ns {}
    }

    #[test]
    fn the_work_of_all_threads_counts_also_of_those_that_have_ended() {
        let mut process = Process::new(std::process::id());
        let before = process.read().unwrap();
        let (end, until_end) = mpsc::channel::<()>();
        let (done, is_done) = mpsc::channel();
        let thread = thread::spawn(move || {
            work(20_000_000);
            done.send(()).unwrap();
            let _ = until_end.recv();
        });
        is_done.recv().unwrap();
        let during = process.read().unwrap();
        drop(end);
        thread.join().unwrap();
        let after = process.read().unwrap();
        for later in [during, after] {
            assert!(later.cpu_seconds >= before.cpu_seconds + 0.02, "{later:?}");
        }
        assert!(during.threads >= 2.0 && during.voluntary_switches > 0.0);
        assert!(after.resident_bytes.unwrap() > 100_000.0);
        assert!(after.descriptors.unwrap() >= 3.0);
    }

    #[test]
    fn a_process_that_has_ended_is_said_to_have() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let mut process = Process::new(child.id());
        process.read().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let error = process.read().unwrap_err();
        assert!(error.contains("no such process"), "{error}");
        let mut other = Process::new(std::process::id());
        other.started = Some(1);
        assert!(other.read().unwrap_err().contains("another one"));
    }
}
