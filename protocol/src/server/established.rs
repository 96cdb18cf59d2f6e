//! The state after the bind.

use super::calls::ActiveCalls;
use super::fragmented::FragmentedCall;
use super::presentation::Presentation;
use super::refusal::Refusal;
use super::responses::StreamedResponse;
use super::security::{ExchangeError, SecurityTable};
use super::{Env, Outcome, ServerEndpoint, ServerEvent, association, unexpected};
use crate::fault::FaultStatus;
use crate::framing::Frame;
use crate::pdu::{BindNakReason, Header, MalformedPdu, PduType, SecurityTrailer};
use crate::types::{BindTimeFeatures, CallId, GroupId, MaxFragment};

/// A connection that is bound: calls come and go, contexts are added.
pub(super) struct Established {
    pub(super) presentation: Presentation,
    pub(super) security: SecurityTable,
    pub(super) calls: ActiveCalls,
    /// The one call whose fragments are arriving.
    pub(super) fragmented: Option<FragmentedCall>,
    /// The one response that goes out in parts.
    pub(super) streamed_response: Option<StreamedResponse>,
    pub(super) fragment_max: MaxFragment,
    pub(super) is_multiplexed: bool,
    pub(super) features: BindTimeFeatures,
    /// `None` when the connection has left its group.
    pub(super) group: Option<GroupId>,
}

impl Established {
    /// A state that knows nothing yet of its client.
    pub(super) fn new(own_max: MaxFragment, seed: u64) -> Self {
        Established {
            presentation: Presentation::default(),
            security: SecurityTable::default(),
            calls: ActiveCalls::new(seed),
            fragmented: None,
            streamed_response: None,
            fragment_max: own_max,
            is_multiplexed: false,
            features: BindTimeFeatures::NONE,
            group: None,
        }
    }

    /// Whether no call is active, and no request or exchange of security tokens has begun.
    pub(super) fn is_idle(&self) -> bool {
        let has_call = self.calls.len() > 0 || self.fragmented.is_some();
        !has_call && self.security.exchanging_since().is_none()
    }

    /// Settles the size of PDUs, for both directions.
    pub(super) fn agree_on_sizes(&mut self, transmit_max: u16, receive_max: u16) {
        self.fragment_max = MaxFragment::negotiate(transmit_max, receive_max, self.fragment_max);
    }

    /// Takes one PDU.
    pub(super) fn handle<'b, E: ServerEndpoint>(
        &mut self,
        frame: Frame<'b>,
        env: &mut Env<'_, E>,
    ) -> Outcome<'b> {
        if frame.header.kind == PduType::Request {
            return self.request(frame, env);
        }
        let Frame { header, bytes } = frame;
        let outcome = self.control(&header, bytes.as_slice(), env);
        bytes.recycle(env.pool);
        outcome
    }

    /// Takes a PDU that is not a request.
    fn control<E: ServerEndpoint>(
        &mut self,
        header: &Header,
        pdu: &[u8],
        env: &mut Env<'_, E>,
    ) -> Outcome<'static> {
        let call = header.call;
        match header.kind {
            PduType::AlterContext => association::answer(self, header, pdu, env)
                .map(|()| None)
                .map_err(|refused| refused.into_fault(call)),
            PduType::Auth3 => self.auth3(header, pdu).map(|()| None),
            // Of no call: ignored, as both are where a call is still being assembled.
            PduType::CoCancel => Ok(self
                .calls
                .cancel(call)
                .map(|key| ServerEvent::Cancel { call, key })),
            PduType::Orphaned => Ok(self.orphaned(call, env)),
            PduType::Bind => Err(Refusal {
                reason: unexpected(header, "the connection is bound").reason,
                ..Refusal::nak(call, BindNakReason::NotSpecified)
            }),
            _ => Err(unexpected(header, "the connection is bound").not_executed()),
        }
    }

    /// The client has lost interest in a call, whichever way its data goes at this time.
    fn orphaned<E: ServerEndpoint>(
        &mut self,
        call: CallId,
        env: &mut Env<'_, E>,
    ) -> Option<ServerEvent<'static>> {
        self.abandon_fragments(call, env);
        let key = self.calls.orphan(call)?;
        self.end_orphaned_response(call, env.out);
        Some(ServerEvent::Orphaned { call, key })
    }

    /// Takes the third leg of a security exchange: four bytes of nothing, then the trailer.
    fn auth3(&mut self, header: &Header, pdu: &[u8]) -> Result<(), Refusal> {
        const BODY_START: usize = Header::LEN + 4;
        let refused = |status, malformed: MalformedPdu| {
            Refusal::fault(header.call, status, malformed).not_executed()
        };
        let trailer = SecurityTrailer::parse(header, pdu, BODY_START)
            .map_err(|malformed| refused(FaultStatus::NCA_S_FAULT_REMOTE_NO_MEMORY, malformed))?;
        let Some(trailer) = trailer else {
            let malformed = MalformedPdu::new(header.kind, "it has no security trailer");
            return Err(refused(FaultStatus::NCA_S_PROTO_ERROR, malformed));
        };
        self.security.third_leg(&trailer).map_err(|error| {
            let status = match error {
                ExchangeError::TypeChanged(_) => FaultStatus::SEC_PKG_ERROR,
                _ => FaultStatus::NCA_S_PROTO_ERROR,
            };
            Refusal::fault(header.call, status, error).not_executed()
        })
    }
}
