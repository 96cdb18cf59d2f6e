//! The presentation contexts of a connection, and how a client gets them.

use super::ServerEndpoint;
use crate::error::Violation;
use crate::extensions::Extensions;
use crate::pdu::{ContextItem, ContextResult, ProviderReason};
use crate::types::{BindTimeFeatures, ContextId, InterfaceKey, SyntaxId, TransferSyntax};

/// One interface with one transfer syntax, as a request finds it by its context id.
#[derive(Clone, Copy, Debug)]
pub(super) struct PresentationContext {
    pub(super) id: ContextId,
    pub(super) abstract_syntax: SyntaxId,
    pub(super) interface: InterfaceKey,
    pub(super) transfer: TransferSyntax,
    pub(super) operation_count: u16,
}

/// The contexts that were accepted.
#[derive(Debug, Default)]
pub(super) struct Presentation {
    contexts: Vec<PresentationContext>,
}

impl Presentation {
    /// The context of this id.
    #[inline]
    pub(super) fn find(&self, id: ContextId) -> Option<&PresentationContext> {
        self.contexts.iter().find(|context| context.id == id)
    }

    /// Answers an offer to use a context.
    ///
    /// # Errors
    ///
    /// The id is bound to something else.
    fn answer<E: ServerEndpoint>(
        &mut self,
        item: &ContextItem<'_>,
        endpoint: &E,
        contexts_max: usize,
    ) -> Result<ContextResult, Violation> {
        if let Some(bound) = self.find(item.id) {
            return answer_bound(bound, item);
        }
        let Some(interface) = endpoint.find_interface(&item.abstract_syntax) else {
            return Ok(ContextResult::Refused(
                ProviderReason::AbstractSyntaxNotSupported,
            ));
        };
        let transfer = item
            .transfers
            .iter()
            .filter_map(|syntax| TransferSyntax::from_syntax(&syntax))
            .find(|transfer| endpoint.supports(interface, *transfer));
        let Some(transfer) = transfer else {
            return Ok(ContextResult::Refused(
                ProviderReason::TransferSyntaxesNotSupported,
            ));
        };
        if self.contexts.len() >= contexts_max {
            return Ok(ContextResult::Refused(ProviderReason::LocalLimitExceeded));
        }
        self.contexts.push(PresentationContext {
            id: item.id,
            abstract_syntax: item.abstract_syntax,
            interface,
            transfer,
            operation_count: endpoint.operation_count(interface),
        });
        Ok(ContextResult::Accepted(transfer.syntax()))
    }
}

/// A context that is bound may be offered again, but not for something else. Transfer syntaxes
/// that nobody knows are refused and leave the context as it is.
fn answer_bound(
    bound: &PresentationContext,
    item: &ContextItem<'_>,
) -> Result<ContextResult, Violation> {
    let changed = Violation::ContextChanged { context: item.id };
    if bound.abstract_syntax != item.abstract_syntax {
        return Err(changed);
    }
    let mut known = item
        .transfers
        .iter()
        .filter_map(|syntax| TransferSyntax::from_syntax(&syntax))
        .peekable();
    if known.peek().is_none() {
        return Ok(ContextResult::Refused(
            ProviderReason::TransferSyntaxesNotSupported,
        ));
    }
    if known.any(|transfer| transfer == bound.transfer) {
        Ok(ContextResult::Accepted(bound.transfer.syntax()))
    } else {
        Err(changed)
    }
}

/// Answers the items of one bind or alter_context, one after the other.
#[derive(Debug)]
pub(super) struct Negotiation {
    has_accepted: bool,
    /// What was agreed on; `None` before feature negotiation, which only a bind may have.
    features: Option<BindTimeFeatures>,
    /// What this side has beside the standard.
    own: Option<Extensions>,
    /// What was agreed on of it.
    extensions: Option<Extensions>,
    is_bind: bool,
}

impl Negotiation {
    /// For a bind, or else an alter_context, by a side that has `own` extensions.
    pub(super) fn new(is_bind: bool, own: Option<Extensions>) -> Self {
        Negotiation {
            has_accepted: false,
            features: None,
            own: own.filter(|_| is_bind),
            extensions: None,
            is_bind,
        }
    }

    /// What was agreed on beside the standard.
    pub(super) fn extensions(&self) -> Option<Extensions> {
        self.extensions
    }

    /// The features that were agreed on.
    pub(super) fn features(&self) -> BindTimeFeatures {
        self.features.unwrap_or_default()
    }

    /// Answers the next item. One context at most is accepted; after that all others are
    /// refused, even those that are bound already.
    ///
    /// # Errors
    ///
    /// The item contradicts what is bound, or what came before it.
    pub(super) fn answer<E: ServerEndpoint>(
        &mut self,
        presentation: &mut Presentation,
        item: &ContextItem<'_>,
        endpoint: &E,
        contexts_max: usize,
    ) -> Result<ContextResult, Violation> {
        let first = item.transfers.iter().next();
        let offered = first.and_then(|syntax| syntax.as_bind_time_features());
        if let Some(features) = offered.filter(|_| self.is_bind) {
            return match self.features.replace(features) {
                None => Ok(ContextResult::Features(features)),
                Some(_) => Err(Violation::FeaturesTwice),
            };
        }
        let offered = first.and_then(|syntax| Extensions::from_syntax(&syntax));
        if let (Some(own), Some(offered)) = (self.own, offered) {
            let agreed = *self.extensions.get_or_insert(own.agree(offered));
            return Ok(ContextResult::Extensions(agreed));
        }
        if self.has_accepted {
            return Ok(ContextResult::Refused(
                ProviderReason::TransferSyntaxesNotSupported,
            ));
        }
        let result = presentation.answer(item, endpoint, contexts_max)?;
        self.has_accepted = matches!(result, ContextResult::Accepted(_));
        Ok(result)
    }
}
