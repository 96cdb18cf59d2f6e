//! Answers what a client offers, in a bind or an alter_context.

use std::num::NonZeroU32;

use super::established::Established;
use super::presentation::Negotiation;
use super::refusal::Refusal;
use super::security::ExchangeError;
use super::{Env, ServerEndpoint};
use crate::error::Violation;
use crate::extensions::Extensions;
use crate::pdu::{
    Bind, BindAckWriter, BindNakReason, Header, MalformedPdu, PduFlags, PduType, SecurityTrailer,
};
use crate::types::{CallId, GroupId};

/// An offer that is not answered but ends the connection.
#[derive(Debug)]
pub(super) enum NotAgreed {
    Malformed(MalformedPdu),
    Violation(Violation),
    Exchange(ExchangeError),
    NoGroup,
}

impl NotAgreed {
    /// As the answer to a bind.
    pub(super) fn into_nak(self, call: CallId) -> Refusal {
        let (nak, reason) = match self {
            NotAgreed::NoGroup => return Refusal::nak(call, BindNakReason::NotSpecified),
            NotAgreed::Malformed(malformed) => {
                (BindNakReason::ProtocolVersionNotSupported, malformed.into())
            }
            NotAgreed::Violation(violation) => (BindNakReason::NotSpecified, violation.into()),
            NotAgreed::Exchange(error) => (error.nak_reason(), error.into()),
        };
        Refusal {
            reason,
            ..Refusal::nak(call, nak)
        }
    }

    /// As the answer to an alter_context.
    pub(super) fn into_fault(self, call: CallId) -> Refusal {
        let refusal = match self {
            NotAgreed::NoGroup => Refusal::nak(call, BindNakReason::NotSpecified),
            NotAgreed::Malformed(malformed) => Refusal::proto_error(call, malformed),
            NotAgreed::Violation(violation) => Refusal::proto_error(call, violation),
            NotAgreed::Exchange(error) => Refusal::fault(call, error.fault_status(), error),
        };
        refusal.not_executed()
    }
}

impl From<Violation> for NotAgreed {
    fn from(violation: Violation) -> Self {
        NotAgreed::Violation(violation)
    }
}

/// Answers a bind or an alter_context with its acknowledgement. Contexts are judged first, then
/// security; a bind joins its group when all else is sure.
///
/// # Errors
///
/// There is no acknowledgement; `env.out` is as it was.
pub(super) fn answer<E: ServerEndpoint>(
    state: &mut Established,
    header: &Header,
    pdu: &[u8],
    env: &mut Env<'_, E>,
) -> Result<(), NotAgreed> {
    let offer = Bind::parse(header, pdu).map_err(NotAgreed::Malformed)?;
    if !offer.contexts.is_legal() {
        return Err(Violation::EmptyOffer { kind: header.kind }.into());
    }
    let start = env.out.len();
    let mut token = env.pool.take();
    let result = acknowledge(state, header, &offer, &mut token, env);
    env.pool.put(token);
    if result.is_err() {
        env.out.truncate(start);
    }
    result
}

fn acknowledge<E: ServerEndpoint>(
    state: &mut Established,
    header: &Header,
    offer: &Bind<'_>,
    token: &mut Vec<u8>,
    env: &mut Env<'_, E>,
) -> Result<(), NotAgreed> {
    let is_bind = header.kind == PduType::Bind;
    if is_bind {
        state.agree_on_sizes(offer.transmit_max, offer.receive_max);
    }
    let size = state.fragment_max.get();
    let group = state.group.map_or(0, |group| group.0.get());
    let address = if is_bind {
        env.endpoint.secondary_address()
    } else {
        ""
    };
    let count = offer.contexts.len() as u8;
    let mut ack = BindAckWriter::begin(
        &ack_header(header),
        (size, size),
        group,
        address,
        count,
        env.out,
    );

    let limits = env.limits;
    let own = Extensions::own(limits.fragment_len_max, limits.extended_fragment_len_max);
    let mut negotiation = Negotiation::new(is_bind, own);
    let contexts_max = env.limits.contexts_per_connection_max;
    for item in offer.contexts {
        let result =
            negotiation.answer(&mut state.presentation, &item, env.endpoint, contexts_max)?;
        ack.result(result);
    }

    let security = &mut state.security;
    security.header_signing |= header.flags.contains(PduFlags::HEADER_SIGNING);
    if let Some(trailer) = &offer.trailer {
        let contexts_max = env.limits.security_contexts_per_connection_max;
        security
            .exchange(trailer, env.endpoint, contexts_max, env.now, token)
            .map_err(NotAgreed::Exchange)?;
    }
    if is_bind {
        state.features = negotiation.features();
        if let Some(extensions) = negotiation.extensions() {
            state.fragment_max = extensions.fragment_max;
        }
        state.is_multiplexed = header.flags.contains(PduFlags::MULTIPLEXING);
        security.claim_default();
        let requested = NonZeroU32::new(offer.group).map(GroupId);
        let group = env
            .endpoint
            .join_group(requested)
            .ok_or(NotAgreed::NoGroup)?;
        state.group = Some(group);
        ack.patch_group(group.0.get());
    }
    let answer = offer
        .trailer
        .map(|offered| SecurityTrailer { token, ..offered });
    ack.finish(answer.filter(|answer| !answer.token.is_empty()).as_ref());
    Ok(())
}

/// Multiplexing is agreed on in a bind, header signing in an alter_context too; other flags are
/// not echoed.
fn ack_header(header: &Header) -> Header {
    let (kind, echoed) = match header.kind {
        PduType::Bind => (
            PduType::BindAck,
            PduFlags::MULTIPLEXING | PduFlags::HEADER_SIGNING,
        ),
        _ => (PduType::AlterContextResp, PduFlags::HEADER_SIGNING),
    };
    let mut ack = Header::new(kind, header.call);
    ack.flags = PduFlags::WHOLE | header.flags.intersection(echoed);
    ack
}
