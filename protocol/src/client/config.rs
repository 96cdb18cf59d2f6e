//! What a client asks for.

use std::sync::Arc;

use crate::extensions::Extensions;
use crate::limits::Limits;
use crate::types::BindTimeFeatures;

/// What a client asks for in its bind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientConfig {
    /// The limits of this side.
    pub limits: Arc<Limits>,
    /// The largest PDU to offer, in bytes. Default: that of the limits.
    pub fragment_len_max: u16,
    /// Whether to offer several calls at a time. Default true.
    pub multiplexing: bool,
    /// The features to offer; a peer that knows none ignores them. Default: all.
    pub features: BindTimeFeatures,
    /// The largest PDU to offer to a peer of this implementation, in bytes. Default: that of the
    /// limits.
    pub extended_fragment_len_max: u16,
    /// Whether to offer header signing, where there is security. Default true.
    pub header_signing: bool,
}

impl ClientConfig {
    /// The defaults within these limits.
    #[must_use]
    pub fn new(limits: Arc<Limits>) -> Self {
        ClientConfig {
            fragment_len_max: limits.fragment_len_max,
            extended_fragment_len_max: limits.extended_fragment_len_max,
            limits,
            multiplexing: true,
            features: BindTimeFeatures::ALL,
            header_signing: true,
        }
    }

    /// What is offered to a peer of this implementation.
    pub(super) fn extensions(&self) -> Option<Extensions> {
        Extensions::own(self.fragment_len_max, self.extended_fragment_len_max)
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        ClientConfig::new(Arc::new(Limits::DEFAULT))
    }
}
