//! Connections whose both ends are here.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use clap::ValueEnum;

/// What connects the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// TCP over loopback
    Tcp,
    /// Unix stream sockets
    Unix,
}

/// Makes this many connections; the ends of the client, and those of the server in the same order.
pub(crate) fn connect(kind: Kind, connections: u32) -> io::Result<(Vec<OwnedFd>, Vec<OwnedFd>)> {
    let pair: Box<dyn Fn() -> io::Result<(OwnedFd, OwnedFd)>> = match kind {
        Kind::Unix => Box::new(|| UnixStream::pair().map(|(a, b)| (a.into(), b.into()))),
        Kind::Tcp => {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let address = listener.local_addr()?;
            Box::new(move || {
                let client = TcpStream::connect(address)?;
                let (server, _) = listener.accept()?;
                client.set_nodelay(true)?;
                server.set_nodelay(true)?;
                Ok((client.into(), server.into()))
            })
        }
    };
    (0..connections).map(|_| pair()).collect()
}
