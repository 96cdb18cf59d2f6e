//! A connected stream on its way to the core that will own it.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use socket2::SockRef;

/// A connected socket that no ring owns yet: an ordinary descriptor, closed when dropped.
#[derive(Debug)]
pub struct UringStream(OwnedFd);

impl UringStream {
    /// Takes a socket that is known to be in blocking mode.
    pub(crate) fn new(fd: OwnedFd) -> Self {
        UringStream(fd)
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
    /// The descriptor's mode cannot be changed.
    fn try_from(fd: OwnedFd) -> io::Result<Self> {
        SockRef::from(&fd).set_nonblocking(false)?;
        Ok(UringStream(fd))
    }
}

impl AsRawFd for UringStream {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl AsFd for UringStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
