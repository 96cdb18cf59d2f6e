//! A connected stream on its way to the core that will own it.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use socket2::{Domain, SockRef};

/// A connected socket that no ring owns yet: an ordinary descriptor, closed when dropped.
#[derive(Debug)]
pub struct KernelStream {
    fd: OwnedFd,
    is_unix: bool,
    has_sent: bool,
}

impl KernelStream {
    /// Takes a socket that is known to be in blocking mode, and to which a ring has sent, or not.
    pub(crate) fn new(fd: OwnedFd, is_unix: bool, has_sent: bool) -> Self {
        KernelStream {
            fd,
            is_unix,
            has_sent,
        }
    }

    /// Something may have been sent before: a close must not destroy it.
    pub(crate) const fn has_sent(&self) -> bool {
        self.has_sent
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
        // Whoever made it may have used it.
        Ok(KernelStream::new(fd, is_unix, true))
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
