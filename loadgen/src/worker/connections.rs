//! A worker's connections, and which of them are up.

use annulus::transports::Ring;
use annulus::{BindingOptions, LocalBinding, LocalRuntime};
use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::Job;
use crate::mix::Mix;

/// Of the connections that were asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConnectionsUp {
    /// When the measurement began.
    pub(crate) at_start: usize,
    /// When the last call had ended.
    pub(crate) at_end: usize,
    /// At both, and no call met a broken one in between.
    pub(crate) throughout: usize,
}

/// What is known of each connection. They are asked when nothing is measured, as that takes its time; in between, calls
/// tell of those that broke.
#[derive(Debug)]
pub(super) struct Connections {
    at_start: usize,
    /// Whether each has been up since then.
    have_held: Vec<bool>,
}

impl Connections {
    pub(super) fn new() -> Self {
        Connections {
            at_start: 0,
            have_held: Vec::new(),
        }
    }

    /// The measurement is about to begin: which are up.
    pub(super) fn begin(&mut self, are_up: impl Iterator<Item = bool>) {
        self.have_held.clear();
        self.have_held.extend(are_up);
        self.at_start = count(self.have_held.iter().copied());
    }

    /// A call has met one that was broken.
    pub(super) fn note_broken(&mut self, connection: usize) {
        if let Some(has_held) = self.have_held.get_mut(connection) {
            *has_held = false;
        }
    }

    /// The measurement is over: which are up.
    pub(super) fn end(&self, are_up: impl Iterator<Item = bool> + Clone) -> ConnectionsUp {
        let both = self.have_held.iter().zip(are_up.clone());
        ConnectionsUp {
            at_start: self.at_start,
            at_end: count(are_up),
            throughout: count(both.map(|(has_held, is_up)| *has_held && is_up)),
        }
    }
}

fn count(are: impl Iterator<Item = bool>) -> usize {
    are.filter(|it| *it).count()
}

/// Begins to make a connection: bindings to all interfaces of the mix, over one association of their own.
pub(super) fn connect<R: Ring + 'static>(
    runtime: &mut LocalRuntime<R>,
    job: &Job,
    options: BindingOptions,
) -> anyhow::Result<Vec<LocalBinding>> {
    let (first, others) = (job.mix.interfaces().split_first()).context("a mix has no operation")?;
    let first = runtime.bind_with(&job.target, *first, options)?;
    let mut bindings = vec![first];
    for interface in others {
        bindings.push(runtime.bind_further(first, *interface)?);
    }
    Ok(bindings)
}

/// Of each connection, whether it is up. One that was made again has the interface of the call that it was made for, and
/// the others of the mix from their next calls on.
pub(super) fn are_up<R: Ring + 'static>(
    runtime: &LocalRuntime<R>,
    bindings: &[LocalBinding],
    mix: &Mix,
) -> impl Iterator<Item = bool> + Clone {
    let connections = bindings.chunks_exact(mix.interfaces().len());
    connections.map(|bindings| bindings.iter().any(|binding| runtime.is_ready(*binding)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_broke_and_came_back_was_not_up_throughout() {
        let mut connections = Connections::new();
        connections.note_broken(0);
        connections.begin([true, true, false, true].into_iter());
        connections.note_broken(1);
        let up = connections.end([true, true, true, false].into_iter());
        let expected = ConnectionsUp {
            at_start: 3,
            at_end: 3,
            throughout: 1,
        };
        assert_eq!(up, expected);
    }
}
