//! What can go wrong below the protocol.

/// A failure of a transport: what failed, on what, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The connection broke.
    #[error("connection: {0}")]
    Io(#[from] std::io::Error),
}
