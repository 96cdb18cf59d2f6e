//! The presentation contexts that a client offers, and those that it got.

use std::collections::VecDeque;

use crate::error::OfferError;
use crate::types::{ContextId, SyntaxId, TransferSyntax};

/// One interface with its transfer syntaxes, each a context of its own.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) abstract_syntax: SyntaxId,
    /// Never empty, in the order of preference.
    pub(super) contexts: Vec<(ContextId, TransferSyntax)>,
}

/// The contexts of a connection.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    bound: Vec<(ContextId, TransferSyntax)>,
    waiting: VecDeque<Offer>,
    /// How many context ids are used up.
    used: u16,
}

impl Contexts {
    /// Gives the transfer syntaxes of an interface their context ids.
    ///
    /// # Errors
    ///
    /// There is no transfer syntax, or there are too many contexts.
    pub(super) fn offer(
        &mut self,
        abstract_syntax: SyntaxId,
        transfers: &[TransferSyntax],
        limit: usize,
    ) -> Result<Offer, OfferError> {
        if transfers.is_empty() {
            return Err(OfferError::NoTransferSyntax);
        }
        // Two items of a bind are kept for feature negotiation and extensions.
        let limit = limit.min(usize::from(u8::MAX) - 2);
        if usize::from(self.used) + transfers.len() > limit {
            return Err(OfferError::TooManyContexts(limit));
        }
        let contexts = transfers
            .iter()
            .map(|transfer| (self.new_id(), *transfer))
            .collect();
        Ok(Offer {
            abstract_syntax,
            contexts,
        })
    }

    /// A context id that was not used before.
    pub(super) fn new_id(&mut self) -> ContextId {
        let id = ContextId(self.used);
        self.used += 1;
        id
    }

    /// Lets an offer wait for the answer to those before it.
    pub(super) fn enqueue(&mut self, offer: Offer) {
        self.waiting.push_back(offer);
    }

    /// The offer that has waited longest.
    pub(super) fn dequeue(&mut self) -> Option<Offer> {
        self.waiting.pop_front()
    }

    /// Notes a context that the server accepted.
    pub(super) fn bind(&mut self, context: ContextId, transfer: TransferSyntax) {
        self.bound.push((context, transfer));
    }

    /// The transfer syntax of a bound context.
    #[inline]
    pub(super) fn find(&self, context: ContextId) -> Option<TransferSyntax> {
        self.bound
            .iter()
            .find(|(id, _)| *id == context)
            .map(|(_, transfer)| *transfer)
    }
}
