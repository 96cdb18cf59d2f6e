//! A connected stream on its way to the core that will own it.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use socket2::{Domain, SockRef};

/// A connected socket that no ring owns yet: an ordinary descriptor, closed when dropped.
#[derive(Debug)]
pub struct UringStream {
    fd: OwnedFd,
    is_unix: bool,
}

impl UringStream {
    /// Takes a socket that is known to be in blocking mode.
    pub(crate) fn new(fd: OwnedFd, is_unix: bool) -> Self {
        UringStream { fd, is_unix }
    }

    /// It is a Unix socket.
    pub(super) const fn is_unix(&self) -> bool {
        self.is_unix
    }
}

impl TryFrom<OwnedFd> for UringStream {
    type Error = io::Error;

    /// Takes a connected stream socket that was made elsewhere (socket activation, a test), and
    /// puts it into blocking mode: the ring never blocks on it, but a non-blocking one would make
    /// the kernel give up instead of waiting.
    ///
    /// # Errors
    ///
    /// The descriptor's mode cannot be changed, or it is no socket.
    fn try_from(fd: OwnedFd) -> io::Result<Self> {
        let socket = SockRef::from(&fd);
        socket.set_nonblocking(false)?;
        let is_unix = socket.domain()? == Domain::UNIX;
        Ok(UringStream { fd, is_unix })
    }
}

impl AsRawFd for UringStream {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl AsFd for UringStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
