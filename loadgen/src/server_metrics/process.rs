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
    /// Whether these were all that there were.
    has_seen_all: bool,
    /// By the threads that were looked at, while they were.
    used: Used,
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
    /// Of all threads, also those that have ended; of a process with very many, of those that are looked at.
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
            has_seen_all: true,
            used: Used::default(),
        }
    }

    /// # Errors
    ///
    /// In words: there is no such process any longer.
    pub(super) fn read(&mut self) -> Result<Reading, String> {
        let threads = self.check_alive()?;
        self.read_threads()?;
        Ok(Reading {
            cpu_seconds: self.used.cpu_ns as f64 / 1e9,
            voluntary_switches: self.used.voluntary_switches as f64,
            involuntary_switches: self.used.involuntary_switches as f64,
            threads: threads as f64,
            resident_bytes: self.resident_bytes(),
            descriptors: fs::read_dir(self.folder.join("fd"))
                .ok()
                .map(|entries| entries.count() as f64),
        })
    }

    /// That the process lives, and is still the one that it was; how many threads it has.
    fn check_alive(&mut self) -> Result<u32, String> {
        let stat = fs::read_to_string(self.folder.join("stat")).unwrap_or_default();
        // The name of the program, in parentheses, can have anything in it.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let mut fields = fields.split_whitespace();
        let state = fields.next();
        // num_threads is the 20th field and starttime the 22nd; two are gone with the name, and one with the state.
        let threads = fields.nth(16).and_then(|count| count.parse().ok());
        let started = fields.nth(1).and_then(|ticks| ticks.parse().ok());
        let (Some(threads), Some(started)) = (threads, started) else {
            return Err("there is no such process".to_owned());
        };
        if let Some("Z" | "X") = state {
            return Err("there is no such process".to_owned());
        }
        if *self.started.get_or_insert(started) != started {
            return Err("the process has ended, and another one has its number".to_owned());
        }
        Ok(threads)
    }

    fn read_threads(&mut self) -> Result<(), String> {
        let tasks = fs::read_dir(self.folder.join("task"))
            .map_err(|error| format!("its threads cannot be read: {error}"))?;
        let mut seen = HashMap::new();
        let mut tasks = tasks.flatten();
        for task in tasks.by_ref().take(THREADS_MAX) {
            let id = task.file_name().to_str().and_then(|name| name.parse().ok());
            // A thread can end while it is looked at.
            if let Some((id, used)) = id.zip(Used::read(&task.path())) {
                seen.insert(id, used);
            }
        }
        self.account(seen, tasks.next().is_none());
        Ok(())
    }

    /// Adds what these threads have used since they were last seen. One that is seen for the first time has
    /// used it all since then, unless others were left out then: it can be one of those, come up in the place
    /// of one that has ended, and what it used before is not of now.
    fn account(&mut self, seen: HashMap<u32, Used>, are_all: bool) {
        for (id, used) in &seen {
            let before = match self.threads.get(id) {
                Some(before) => *before,
                None if self.has_seen_all => Used::default(),
                None => *used,
            };
            self.used.add(used.since(before));
        }
        self.threads = seen;
        self.has_seen_all = are_all;
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

    /// What came since then; all, if the number is another thread's now.
    fn since(self, before: Used) -> Used {
        if self.cpu_ns < before.cpu_ns {
            return self;
        }
        Used {
            cpu_ns: self.cpu_ns - before.cpu_ns,
            voluntary_switches: self
                .voluntary_switches
                .saturating_sub(before.voluntary_switches),
            involuntary_switches: self
                .involuntary_switches
                .saturating_sub(before.involuntary_switches),
        }
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

    fn threads(used: &[(u32, u64)]) -> HashMap<u32, Used> {
        let used = used.iter().map(|(id, cpu_ns)| {
            let used = Used {
                cpu_ns: *cpu_ns,
                ..Used::default()
            };
            (*id, used)
        });
        used.collect()
    }

    #[test]
    fn a_thread_that_comes_up_in_the_place_of_another_is_no_spike() {
        let mut process = Process::new(1);
        process.account(threads(&[(1, 100), (2, 50)]), false);
        assert_eq!(process.used.cpu_ns, 150);
        // Thread 2 has ended, and 3 has been there for long.
        process.account(threads(&[(1, 110), (3, 9_000)]), false);
        assert_eq!(process.used.cpu_ns, 160);
        process.account(threads(&[(1, 110), (3, 9_005)]), true);
        assert_eq!(process.used.cpu_ns, 165);
        // None was left out, so this one is new; and the number 3 is of a new thread as well.
        process.account(threads(&[(1, 110), (3, 7), (4, 20)]), true);
        assert_eq!(process.used.cpu_ns, 192);
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
