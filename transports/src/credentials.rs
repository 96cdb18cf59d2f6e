//! Who is at the other end of a Unix socket.
//!
//! This module holds unsafe code: one line, where the kernel fills a structure in.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

/// The process at the other end of a Unix socket, as the kernel saw it when it connected
/// (`SO_PEERCRED`, unix(7)). A peer cannot forge it.
///
/// The identifiers are those of this process's namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerCredentials {
    /// The effective user.
    pub uid: u32,
    /// The effective group.
    pub gid: u32,
    /// The process; `None` if it lives in a namespace that this process cannot see. It may have
    /// ended since, and its number may belong to another: for logs, not for decisions.
    pub pid: Option<u32>,
}

impl PeerCredentials {
    /// Asks the kernel who is at the other end of `socket`.
    ///
    /// # Errors
    ///
    /// The descriptor is no socket.
    pub(crate) fn of(socket: impl AsFd) -> io::Result<Self> {
        let mut found = libc::ucred {
            pid: 0,
            uid: u32::MAX,
            gid: u32::MAX,
        };
        let mut len = size_of::<libc::ucred>() as libc::socklen_t;
        // SAFETY: both pointers are to variables of this function, which outlive the call;
        // `len` is the size of the first, and any bytes make a valid `ucred`.
        let result = unsafe {
            libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERCRED,
                ptr::from_mut(&mut found).cast(),
                &mut len,
            )
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(PeerCredentials {
            uid: found.uid,
            gid: found.gid,
            pid: u32::try_from(found.pid).ok().filter(|pid| *pid != 0),
        })
    }
}

impl fmt::Display for PeerCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "process {pid}")?,
            None => f.write_str("a process")?,
        }
        write!(f, " (uid {}, gid {})", self.uid, self.gid)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_other_end_of_a_pair_is_this_process() {
        let (end, _other) = UnixStream::pair().unwrap();
        let credentials = PeerCredentials::of(&end).unwrap();
        assert_eq!(credentials.pid, Some(std::process::id()));
        assert_eq!(credentials.uid, rustix::process::geteuid().as_raw());
        assert_eq!(credentials.gid, rustix::process::getegid().as_raw());
        let text = credentials.to_string();
        assert!(
            text.starts_with(&format!("process {} (uid ", std::process::id())),
            "{text}"
        );
    }
}
