//! The security context of a client's connection.

use crate::pdu::SecurityTrailer;
use crate::protection::Protection;
use crate::security::{AuthenticationLevel, ClientMechanism, SecurityError, Step};

/// The one security context of a client's connection.
pub(super) struct ClientSecurity {
    mechanism: Box<dyn ClientMechanism>,
    level: AuthenticationLevel,
    is_established: bool,
    pub(super) header_signing: bool,
}

/// The name of the context on the wire.
const CONTEXT: u32 = 0;

impl ClientSecurity {
    /// A context that is not established.
    pub(super) fn new(mechanism: Box<dyn ClientMechanism>, level: AuthenticationLevel) -> Self {
        ClientSecurity {
            mechanism,
            level,
            is_established: false,
            header_signing: false,
        }
    }

    /// Whether the exchange is over.
    pub(super) fn is_established(&self) -> bool {
        self.is_established
    }

    /// Takes the server's token, empty at first; the next one goes to `token_out`.
    pub(super) fn step(
        &mut self,
        token: &[u8],
        token_out: &mut Vec<u8>,
    ) -> Result<(), SecurityError> {
        let step = self.mechanism.step(token, token_out)?;
        self.is_established = step == Step::Done;
        Ok(())
    }

    /// The trailer that carries a token.
    pub(super) fn trailer<'t>(&self, token: &'t [u8]) -> SecurityTrailer<'t> {
        SecurityTrailer {
            kind: self.mechanism.kind(),
            level: self.level.code(),
            pad_len: 0,
            context: CONTEXT,
            token,
            offset: 0,
        }
    }

    /// Whether a trailer belongs to this context.
    pub(super) fn owns(&self, trailer: &SecurityTrailer<'_>) -> bool {
        let own = (self.mechanism.kind(), self.level.code(), CONTEXT);
        (trailer.kind, trailer.level, trailer.context) == own
    }

    /// What protects PDUs, if the level does.
    #[inline]
    pub(super) fn protection(&mut self) -> Option<Protection<'_>> {
        (self.level.is_protected() && self.is_established).then(|| Protection {
            kind: self.mechanism.kind(),
            mechanism: &mut *self.mechanism,
            level: self.level,
            context: CONTEXT,
            header_signing: self.header_signing,
        })
    }
}
