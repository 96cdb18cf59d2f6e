//! Pipes: parameters that are too large, or too slow, for one message.
//!
//! A call with pipes has one [`PipeLink`] that its core and its two ends share. An `[in]` pipe is
//! pushed by the client and pulled by the server, behind the other in-parameters; an `[out]` pipe
//! goes the other way, in front of the other out-parameters. Between a core and an end lies a
//! bounded queue in each direction: a puller that is slow makes the core stop receiving, which
//! stops the peer through TCP; a pusher that is fast is told to wait.

mod backlog;
mod codec;
mod inbound;
mod link;
mod outbound;
mod pull;
mod push;
#[cfg(test)]
mod tests;
mod unpulled;

pub(crate) use self::backlog::PipeBacklog;
pub use self::link::PipeShape;
pub(crate) use self::link::{PipeLink, PipeNotify, PipeSide, WorkerPart};
pub(crate) use self::outbound::OutPiece;
pub use self::pull::{Pull, PullPipe};
pub use self::push::{Push, PushPipe};
pub(crate) use self::unpulled::Unpulled;

use std::sync::Arc;

/// The pipes of one call, to be taken out one by one.
///
/// Generated stubs use this; it gives the pipes their element types.
#[derive(Debug)]
pub struct Pipes {
    link: Arc<PipeLink>,
}

impl Pipes {
    pub(crate) fn new(link: Arc<PipeLink>) -> Self {
        Pipes { link }
    }

    /// The end that pulls the pipe with this number, counted from zero among those that this
    /// side pulls, in the order of the parameters. To be taken out once.
    #[must_use]
    pub fn pull<T>(&self, index: usize) -> PullPipe<T> {
        debug_assert!(index < self.link.pull_count());
        PullPipe::new(Arc::clone(&self.link), index)
    }

    /// The end that pushes the pipe with this number, counted from zero among those that this
    /// side pushes, in the order of the parameters. To be taken out once.
    #[must_use]
    pub fn push<T>(&self, index: usize) -> PushPipe<T> {
        debug_assert!(index < self.link.push_count());
        PushPipe::new(Arc::clone(&self.link), index)
    }
}
