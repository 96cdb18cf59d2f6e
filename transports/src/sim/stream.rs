//! A connection on its way to the ring that will own it.

use std::fmt;

use crate::sim::connection::EndId;
use crate::sim::net::{NetState, SharedNet};

/// A connected end that no ring owns yet; closed when dropped.
pub struct SimStream {
    net: SharedNet,
    end: Option<EndId>,
}

impl SimStream {
    pub(super) fn new(net: SharedNet, end: EndId) -> Self {
        SimStream {
            net,
            end: Some(end),
        }
    }

    /// Gives up the end, which the caller takes.
    pub(super) fn into_end(mut self) -> EndId {
        self.end.take().expect("taken once, here")
    }
}

impl fmt::Debug for SimStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimStream").field(&self.end).finish()
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            NetState::lock(&self.net).close_end(end);
        }
    }
}
