//! Which thread is which.

use std::io;

use rustix::thread::set_name;

/// The sides of a load, each of them a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Calls, and measures.
    Client,
    /// Answers.
    Server,
}

impl Side {
    /// Names the calling thread `client` or `server`, so that profilers can tell them apart.
    /// What it did before goes by another name.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    pub fn name_thread(self) -> io::Result<()> {
        let name = match self {
            Side::Client => c"client",
            Side::Server => c"server",
        };
        Ok(set_name(name)?)
    }
}
