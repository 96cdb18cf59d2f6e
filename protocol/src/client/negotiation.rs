//! bind and alter_context with their answers.

use std::num::NonZeroU32;

use super::offers::Offer;
use super::{ClientConnection, ClientEvent, Outcome, Phase};
use crate::error::{CloseReason, OfferError, Violation};
use crate::extensions::Extensions;
use crate::pdu::{
    BindAck, BindNak, ContextResult, Header, PduFlags, PduType, ProviderReason, write_auth3,
    write_bind,
};
use crate::security::SecurityError;
use crate::time::Time;
use crate::types::{
    BindTimeFeatures, CallId, ContextId, GroupId, MaxFragment, SyntaxId, TransferSyntax,
};

/// A bind or alter_context that waits for its answer.
#[derive(Debug)]
pub(super) struct Negotiation {
    pub(super) call: CallId,
    /// When it was begun; further legs of the same exchange do not count.
    pub(super) since: Time,
    kind: PduType,
    offer: Offer,
    /// What the server said of the offer, while security has further legs.
    verdict: Option<Verdict>,
}

/// What the server says of an offer.
#[derive(Clone, Copy, Debug)]
enum Verdict {
    Accepted(ContextId, TransferSyntax),
    Refused(ProviderReason),
}

impl Negotiation {
    /// A first leg; its call id is not known yet.
    fn new(kind: PduType, offer: Offer, since: Time) -> Self {
        Negotiation {
            call: CallId(0),
            since,
            kind,
            offer,
            verdict: None,
        }
    }

    /// What answers it.
    fn answer_kind(&self) -> PduType {
        match self.kind {
            PduType::Bind => PduType::BindAck,
            _ => PduType::AlterContextResp,
        }
    }

    /// The contexts as bind and alter_context list them.
    fn items(&self) -> Vec<(ContextId, SyntaxId, SyntaxId)> {
        let item = |(id, transfer): &(ContextId, TransferSyntax)| {
            (*id, self.offer.abstract_syntax, transfer.syntax())
        };
        self.offer.contexts.iter().map(item).collect()
    }

    /// What the server says of the offer. The first context that it accepts counts.
    fn judge(&self, ack: &BindAck<'_>) -> Result<Verdict, Violation> {
        let wrong = Violation::WrongAnswer {
            kind: self.answer_kind(),
        };
        let mut refused = None;
        let mut results = ack.results;
        for (context, transfer) in &self.offer.contexts {
            let reason = match results.next().ok_or(wrong)? {
                ContextResult::Accepted(syntax) if syntax == transfer.syntax() => {
                    return Ok(Verdict::Accepted(*context, *transfer));
                }
                ContextResult::Accepted(_) => return Err(wrong),
                ContextResult::Refused(reason) => reason,
                _ => ProviderReason::NotSpecified,
            };
            refused.get_or_insert(reason);
        }
        Ok(Verdict::Refused(
            refused.unwrap_or(ProviderReason::NotSpecified),
        ))
    }
}

impl ClientConnection {
    /// Sends the bind.
    pub(super) fn send_bind(
        &mut self,
        now: Time,
        offer: Offer,
        group: Option<GroupId>,
        out: &mut Vec<u8>,
    ) -> Result<(), OfferError> {
        let mut token = Vec::new();
        let mut flags = PduFlags::WHOLE | PduFlags::MULTIPLEXING.when(self.config.multiplexing);
        if let Some(security) = &mut self.security {
            security.step(&[], &mut token)?;
            flags = flags | PduFlags::HEADER_SIGNING.when(self.config.header_signing);
        }
        let negotiation = Negotiation::new(PduType::Bind, offer, now);
        let mut items = negotiation.items();
        if self.config.features != BindTimeFeatures::NONE {
            let features = SyntaxId::bind_time_features(self.config.features);
            items.push((
                self.contexts.new_id(),
                negotiation.offer.abstract_syntax,
                features,
            ));
        }
        if let Some(extensions) = self.config.extensions() {
            let (id, offered) = (self.contexts.new_id(), extensions.syntax());
            items.push((id, negotiation.offer.abstract_syntax, offered));
        }
        self.group = group;
        self.send(negotiation, flags, &items, &token, out);
        Ok(())
    }

    /// Sends the offer that has waited longest, unless another is being answered.
    pub(super) fn send_next_offer(&mut self, now: Time, out: &mut Vec<u8>) {
        if self.negotiation.is_none()
            && self.phase == Phase::Bound
            && let Some(offer) = self.contexts.dequeue()
        {
            let negotiation = Negotiation::new(PduType::AlterContext, offer, now);
            let items = negotiation.items();
            self.send(negotiation, PduFlags::WHOLE, &items, &[], out);
        }
    }

    fn send(
        &mut self,
        mut negotiation: Negotiation,
        flags: PduFlags,
        items: &[(ContextId, SyntaxId, SyntaxId)],
        token: &[u8],
        out: &mut Vec<u8>,
    ) {
        negotiation.call = self.new_call_id();
        let mut header = Header::new(negotiation.kind, negotiation.call);
        header.flags = flags;
        let size = self.own_max.get();
        let group = self.group.map_or(0, |group| group.0.get());
        let security = self.security.as_ref().filter(|_| !token.is_empty());
        let trailer = security.map(|security| security.trailer(token));
        write_bind(&header, (size, size), group, items, trailer.as_ref(), out);
        self.negotiation = Some(negotiation);
    }

    /// Takes a bind_ack or an alter_context_resp.
    pub(super) fn acknowledged(
        &mut self,
        now: Time,
        header: &Header,
        pdu: &[u8],
        out: &mut Vec<u8>,
    ) -> Outcome<'static> {
        let is_answer =
            |sent: &mut Negotiation| sent.answer_kind() == header.kind && sent.call == header.call;
        let Some(mut negotiation) = self.negotiation.take_if(is_answer) else {
            return Err(self.unexpected(header));
        };
        let ack = BindAck::parse(header, pdu)?;
        if negotiation.kind == PduType::Bind {
            self.agree(header, &ack, negotiation.offer.contexts.len())?;
        }
        let verdict = match negotiation.verdict {
            Some(verdict) => verdict,
            None => negotiation.judge(&ack)?,
        };
        negotiation.verdict = Some(verdict);
        let Some(negotiation) = self.authenticate(negotiation, &ack, out)? else {
            return Ok(None);
        };
        self.phase = Phase::Bound;
        self.send_next_offer(now, out);
        self.tell(&negotiation.offer, verdict).map(Some)
    }

    /// Takes what a bind_ack says of the whole connection.
    fn agree(
        &mut self,
        header: &Header,
        ack: &BindAck<'_>,
        offered: usize,
    ) -> Result<(), Violation> {
        let wrong = Violation::WrongAnswer { kind: header.kind };
        self.fragment_max = MaxFragment::to_peer(ack.receive_max, self.own_max).ok_or(wrong)?;
        self.group = Some(GroupId(NonZeroU32::new(ack.group).ok_or(wrong)?));
        self.is_multiplexed =
            self.config.multiplexing && header.flags.contains(PduFlags::MULTIPLEXING);
        if let Some(security) = &mut self.security {
            security.header_signing =
                self.config.header_signing && header.flags.contains(PduFlags::HEADER_SIGNING);
        }
        for result in ack.results.skip(offered) {
            match (result, self.config.extensions()) {
                (ContextResult::Features(features), _) => {
                    self.features = features.intersection(self.config.features);
                }
                (ContextResult::Extensions(answer), Some(own)) => self.extend(own.agree(answer)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes on what the server has agreed to beside the standard.
    fn extend(&mut self, agreed: Extensions) {
        self.extensions = Some(agreed);
        self.fragment_max = agreed.fragment_max;
        self.own_max = agreed.fragment_max;
    }

    /// Goes on with the security exchange. The negotiation comes back when the exchange is
    /// over; otherwise its next leg was sent.
    fn authenticate(
        &mut self,
        negotiation: Negotiation,
        ack: &BindAck<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Negotiation>, CloseReason> {
        let Some(security) = self
            .security
            .as_mut()
            .filter(|security| !security.is_established())
        else {
            return Ok(Some(negotiation));
        };
        let trailer = ack.trailer.filter(|trailer| security.owns(trailer));
        let trailer = trailer.ok_or(SecurityError::new("the server sent no token"))?;
        let mut token = Vec::new();
        security.step(trailer.token, &mut token)?;
        if security.is_established() {
            if !token.is_empty() {
                write_auth3(negotiation.call, &security.trailer(&token), out);
            }
            return Ok(Some(negotiation));
        }
        // An alter_context must offer something: what is known already does.
        let next = Negotiation {
            kind: PduType::AlterContext,
            ..negotiation
        };
        let mut items = next.items();
        if let Some(Verdict::Accepted(accepted, _)) = next.verdict {
            items.retain(|(id, ..)| *id == accepted);
        }
        self.send(next, PduFlags::WHOLE, &items, &token, out);
        Ok(None)
    }

    /// The event for the server's verdict.
    fn tell(
        &mut self,
        offer: &Offer,
        verdict: Verdict,
    ) -> Result<ClientEvent<'static>, CloseReason> {
        let abstract_syntax = offer.abstract_syntax;
        let (context, transfer) = match verdict {
            Verdict::Refused(reason) => {
                return Ok(ClientEvent::InterfaceRefused {
                    abstract_syntax,
                    reason,
                });
            }
            Verdict::Accepted(context, transfer) => (context, transfer),
        };
        self.contexts.bind(context, transfer);
        let wrong = Violation::WrongAnswer {
            kind: PduType::BindAck,
        };
        let group = self.group.ok_or(wrong)?;
        Ok(ClientEvent::Bound {
            abstract_syntax,
            context,
            transfer,
            group,
        })
    }

    /// Takes a bind_nak.
    pub(super) fn refused(&mut self, header: &Header, pdu: &[u8]) -> Outcome<'static> {
        let is_answer =
            |sent: &mut Negotiation| sent.kind == PduType::Bind && sent.call == header.call;
        if self.negotiation.take_if(is_answer).is_none() {
            return Err(self.unexpected(header));
        }
        Ok(Some(ClientEvent::BindRefused(
            BindNak::parse(header, pdu)?.reason,
        )))
    }

    /// The end of a connection whose server sends a PDU that has no place.
    pub(super) fn unexpected(&self, header: &Header) -> CloseReason {
        let state = match self.phase {
            Phase::Unbound => "no bind was sent",
            Phase::Binding => "waiting for the answer to a bind",
            Phase::Bound => "the connection is bound",
        };
        Violation::UnexpectedPdu {
            kind: header.kind,
            state,
        }
        .into()
    }
}
