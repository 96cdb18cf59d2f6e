//! Connections whose both ends are here.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use annulus_bench_measure::Plan;
use anyhow::Result;
use clap::ValueEnum;

use crate::tuning::SocketTuning;

/// What connects the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// TCP over loopback
    Tcp,
    /// Unix stream sockets
    Unix,
}

/// The ends of the client, and those of the server in the same order.
type Ends = (Vec<OwnedFd>, Vec<OwnedFd>);

/// Makes the connections of a plan.
pub(crate) fn connect(kind: Kind, plan: &Plan, tuning: &SocketTuning) -> Result<Ends> {
    match kind {
        Kind::Unix => unix(plan, tuning),
        Kind::Tcp => tcp(plan, tuning),
    }
}

fn unix(plan: &Plan, tuning: &SocketTuning) -> Result<Ends> {
    let pair = |_| {
        let (client, server) = UnixStream::pair()?;
        tuning.set_buffers(&client)?;
        tuning.set_buffers(&server)?;
        Ok((client.into(), server.into()))
    };
    (0..plan.connections).map(pair).collect()
}

fn tcp(plan: &Plan, tuning: &SocketTuning) -> Result<Ends> {
    let (listener, address) = tuning.listen()?;
    let pair = |_| {
        let client = tuning.connect(address)?;
        let (server, _) = listener.accept()?;
        tuning.finish(&client, plan.client_core)?;
        tuning.finish(&server, plan.server_core)?;
        Ok((client.into(), server.into()))
    };
    (0..plan.connections).map(pair).collect()
}
