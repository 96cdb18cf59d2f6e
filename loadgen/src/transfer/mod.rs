//! Whole transfers through pipes: what `--pipe` measures.
//!
//! The interface is that of the engine's example `pipe_transfer`, so that its server can be measured as
//! well as the embedded one.

pub(crate) mod exchanger;
#[rustfmt::skip]
pub(crate) mod stub;

use std::fmt;
use std::rc::Rc;

use annulus::{PullPipe, PushPipe, Status};
use clap::ValueEnum;

use self::stub::TransferClient;

/// Which pipes carry something. Those of `Exchange` come one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Direction {
    /// To the server
    In,
    /// From the server
    Out,
    /// To the server, and then as much back
    #[value(name = "inout")]
    InOut,
}

impl Direction {
    pub(crate) fn goes_in(self) -> bool {
        self != Direction::Out
    }

    pub(crate) fn goes_out(self) -> bool {
        self != Direction::In
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::In => "in",
            Direction::Out => "out",
            Direction::InOut => "inout",
        })
    }
}

/// A transfer as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) direction: Direction,
    /// Bytes in each direction that carries something.
    pub(crate) len: u64,
    /// Bytes that are pushed and pulled at a time.
    pub(crate) chunk_len: u32,
}

impl Transfer {
    /// What is pushed, again and again.
    pub(crate) fn chunk(self) -> Rc<[u8]> {
        pattern(self.chunk_len as usize).into()
    }

    /// Makes the call, pushes and pulls all, and waits for its end; whether the server got and gave
    /// what it should have. `chunk` is [`Transfer::chunk`].
    ///
    /// # Errors
    ///
    /// How the call failed.
    pub(crate) async fn make(
        self,
        client: TransferClient,
        chunk: Rc<[u8]>,
    ) -> Result<bool, Status> {
        let len_if = |goes: bool| if goes { self.len } else { 0 };
        let back = len_if(self.direction.goes_out());
        let count = i64::try_from(back).map_err(|_| Status::InvalidArg)?;
        let (call, mut pipes) = client.exchange(count)?;
        let there = len_if(self.direction.goes_in());
        let sum = push_all(&mut pipes.up, there, &chunk).await?;
        let pulled = pull_all(&mut pipes.down, chunk.len(), |_| {}).await?;
        let answer = call.await?;
        Ok(answer.result == sum && pulled == back)
    }
}

impl fmt::Display for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each_way = match self.direction {
            Direction::InOut => " each way",
            _ => "",
        };
        write!(
            f,
            "{} B{each_way}, {} B at a time",
            self.len, self.chunk_len
        )
    }
}

/// Pushes so many bytes and the end; their sum.
async fn push_all(pipe: &mut PushPipe<u8>, len: u64, chunk: &[u8]) -> Result<i64, Status> {
    let chunk_sum = sum(chunk);
    let (mut left, mut total) = (len, 0);
    while left > 0 {
        let last_len = usize::try_from(left).unwrap_or(usize::MAX);
        let next = &chunk[..chunk.len().min(last_len)];
        pipe.push_future(next).await?;
        left -= next.len() as u64;
        total += if next.len() == chunk.len() {
            chunk_sum
        } else {
            sum(next)
        };
    }
    pipe.finish()?;
    Ok(total)
}

/// Pulls to the end, so many bytes at a time at most, each of which `each` sees; how many came.
async fn pull_all(
    pipe: &mut PullPipe<u8>,
    chunk_len: usize,
    mut each: impl FnMut(&[u8]),
) -> Result<u64, Status> {
    let mut bytes = Vec::with_capacity(chunk_len);
    let mut pulled = 0;
    while pipe.pull_future(&mut bytes, chunk_len).await? > 0 {
        each(&bytes);
        pulled += bytes.len() as u64;
        bytes.clear();
    }
    Ok(pulled)
}

fn pattern(len: usize) -> Vec<u8> {
    (0..251).cycle().take(len).collect()
}

fn sum(bytes: &[u8]) -> i64 {
    bytes.iter().map(|byte| i64::from(*byte)).sum()
}
