//! What a connection in the making will offer, and how far its making is.

use std::sync::{Arc, Weak};

use annulus_protocol::{Limits, Time};
use annulus_transports::{SocketId, SocketOptions};

use crate::binding::BindingShared;
use crate::core::associations::Offer;

/// A connection that an association is about to have.
pub(in crate::core) struct Dial {
    /// What it will offer, in this order; the first goes into the bind.
    pub(super) offers: Vec<Offer>,
    pub(super) step: Step,
    /// When it fails. None once it has: then it only awaits the resolver, which is asked one
    /// thing at a time, and begins anew with the next call.
    pub(super) deadline: Option<Time>,
    /// Whether the server is asked to multiplex.
    pub(super) may_multiplex: bool,
    pub(super) socket: SocketOptions,
}

/// How far it is.
pub(super) enum Step {
    /// The resolver looks for the addresses, as long as there is this.
    Resolving(Arc<()>),
    /// The association's addresses are tried.
    Trying {
        /// The index of the next one.
        next: usize,
        /// When its turn comes, if none fails or answers before.
        next_at: Option<Time>,
        attempts: Vec<SocketId>,
    },
}

impl Dial {
    /// Whether an interface will be offered.
    pub(in crate::core) fn wants(&self, binding: &BindingShared) -> bool {
        self.offers.iter().any(|offer| offer.is_for(binding))
    }

    /// Whether it goes on for somebody's sake.
    pub(in crate::core) fn is_awaited(&self) -> bool {
        self.deadline.is_some()
    }

    /// Sees to it that an interface will be offered. If there is no room for it left, its calls
    /// wait for what can be done with the connection once it is there.
    pub(super) fn want(&mut self, binding: &BindingShared, limits: &Limits) {
        // A bind has 255 contexts at most, and may take two for itself, to negotiate features and
        // extensions; the protocol keeps them free of offers.
        let contexts_max = limits.contexts_per_connection_max.min(253);
        let early_max = contexts_max.saturating_sub(2).max(1);
        if !self.wants(binding) && self.offers.len() < early_max {
            self.offers.push(Offer::new(binding));
        }
    }

    /// When it is to be looked at.
    pub(in crate::core) fn next_deadline(&self) -> Option<Time> {
        let next_at = match &self.step {
            Step::Trying { next_at, .. } => *next_at,
            Step::Resolving(_) => None,
        };
        self.deadline.into_iter().chain(next_at).min()
    }

    /// The sockets that try to connect.
    pub(in crate::core) fn into_attempts(self) -> Vec<SocketId> {
        match self.step {
            Step::Trying { attempts, .. } => attempts,
            Step::Resolving(_) => Vec::new(),
        }
    }

    /// There is as long as the resolver's answer is of use.
    pub(super) fn asker(&self) -> Weak<()> {
        match &self.step {
            Step::Resolving(asker) => Arc::downgrade(asker),
            Step::Trying { .. } => Weak::new(),
        }
    }

    /// Forgets an attempt. False if it is none of these.
    pub(super) fn remove(&mut self, socket: SocketId) -> bool {
        let Step::Trying { attempts, .. } = &mut self.step else {
            return false;
        };
        let count = attempts.len();
        attempts.retain(|attempt| *attempt != socket);
        attempts.len() < count
    }
}

impl Step {
    pub(super) fn trying(first: usize) -> Self {
        Step::Trying {
            next: first,
            next_at: None,
            attempts: Vec::new(),
        }
    }
}

/// Which addresses a dial tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core) enum DialFrom {
    /// Those that the server has now.
    Anew,
    /// Those that are known, from this index on.
    Index(usize),
}
