//! The options that say what goes through pipes.

use super::values::{bytes, size};
use crate::transfer::{Direction, Transfer};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PipeArgs {
    /// Instead of calls, whole transfers through the pipes of one call each, --outstanding of them (1 without
    /// it) for each of the --connections, in a closed loop; each has a connection of its own. The
    /// interface is that of the embedded server and of annulus' example async_rpc_server: another target must
    /// serve the same (pipe_transfer/transfer.idl). Transfers that are under way at the end are given up
    /// and not counted as completed
    #[arg(
        long,
        value_name = "DIRECTION",
        value_enum,
        conflicts_with_all = [
            "payload", "mix", "idl", "call", "args", "uuid", "opnum", "stub", "cancel_rate", "cancel_after",
            "cancel_mode", "rate", "arrivals", "replay",
        ],
        help_heading = "Pipes"
    )]
    pipe: Option<Direction>,

    /// Bytes of a transfer, in each direction: 64MiB, 1GiB
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "64MiB",
        value_parser = bytes,
        requires = "pipe",
        help_heading = "Pipes"
    )]
    pipe_bytes: u64,

    /// Bytes that the client pushes and pulls at a time
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "64KiB",
        value_parser = chunk,
        requires = "pipe",
        help_heading = "Pipes"
    )]
    pipe_chunk: u32,
}

impl PipeArgs {
    /// `None` if calls are to be measured.
    pub(crate) fn transfer(&self) -> Option<Transfer> {
        self.pipe.map(|direction| Transfer {
            direction,
            len: self.pipe_bytes,
            chunk_len: self.pipe_chunk,
        })
    }
}

fn chunk(text: &str) -> Result<u32, String> {
    match size(text)? {
        0 => Err("a chunk is not empty".to_owned()),
        len => Ok(len),
    }
}
