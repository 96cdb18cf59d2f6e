//! A connected stream on its way to the core that will own it.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use socket2::{Domain, SockRef};

/// A connected socket that no ring owns yet: an ordinary descriptor, closed when dropped.
#[derive(Debug)]
pub struct KernelStream {
    fd: OwnedFd,
    is_unix: bool,
}

impl KernelStream {
    /// Takes a socket that is known to be in blocking mode.
    pub(crate) fn new(fd: OwnedFd, is_unix: bool) -> Self {
        KernelStream { fd, is_unix }
    }

    /// It is a Unix socket.
    pub(crate) const fn is_unix(&self) -> bool {
        self.is_unix
    }
}

impl TryFrom<OwnedFd> for KernelStream {
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
        Ok(KernelStream { fd, is_unix })
    }
}

impl From<KernelStream> for OwnedFd {
    fn from(stream: KernelStream) -> Self {
        stream.fd
    }
}

impl AsRawFd for KernelStream {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl AsFd for KernelStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
