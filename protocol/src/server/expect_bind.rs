//! The state before the bind.

use super::established::Established;
use super::refusal::Refusal;
use super::{Env, ServerEndpoint, association, unexpected};
use crate::framing::Frame;
use crate::pdu::PduType;
use crate::types::MaxFragment;

/// A connection that has not seen its bind.
pub(super) struct ExpectBind {
    /// The largest PDU that this side offers.
    pub(super) own_max: MaxFragment,
    /// Varies from connection to connection.
    pub(super) seed: u64,
}

impl ExpectBind {
    /// Takes the first PDU, which must be a bind that can be accepted.
    pub(super) fn handle<E: ServerEndpoint>(
        &self,
        frame: Frame<'_>,
        env: &mut Env<'_, E>,
    ) -> Result<Established, Refusal> {
        let Frame { header, bytes } = frame;
        if header.kind != PduType::Bind {
            return Err(unexpected(&header, "waiting for a bind"));
        }
        let mut state = Established::new(self.own_max, self.seed);
        association::answer(&mut state, &header, bytes.as_slice(), env)
            .map_err(|refused| refused.into_nak(header.call))?;
        bytes.recycle(env.pool);
        Ok(state)
    }
}
