//! Responses and faults.

use std::ops::Range;

use super::{ClientConnection, ClientEvent, Outcome, OutstandingCall, Phase};
use crate::assembly::{Assembly, TooLong};
use crate::drep::DataRepresentation;
use crate::error::{CloseReason, Violation};
use crate::framing::{Frame, FrameBytes};
use crate::input::{Input, Stub};
use crate::pdu::{FaultPdu, Header, PduFlags, PduType, ResponseHead, SecurityTrailer};
use crate::security::SecurityError;
use crate::time::Time;
use crate::types::{CallId, TransferSyntax};

/// A response whose last fragment has not arrived. Its call is still outstanding.
#[derive(Debug)]
pub(super) struct ArrivingResponse {
    pub(super) call: CallId,
    /// When its last fragment came.
    pub(super) progress: Time,
    drep: DataRepresentation,
    /// `None` where each fragment is handed out.
    assembly: Option<Assembly>,
}

impl ArrivingResponse {
    /// Whether each fragment is handed out, and nothing is kept.
    pub(super) fn is_streamed(&self) -> bool {
        self.assembly.is_none()
    }
}

/// A call's out-parameters, little-endian and in one piece: what
/// [`ClientConnection::next_plain_response`] tells.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PlainResponse<'b> {
    /// The caller's name of the call.
    pub key: u64,
    /// The call.
    pub call: CallId,
    /// How the stub data is encoded.
    pub transfer: TransferSyntax,
    /// The out-parameters.
    pub stub: &'b [u8],
}

impl<'b> From<PlainResponse<'b>> for ClientEvent<'b> {
    fn from(response: PlainResponse<'b>) -> Self {
        ClientEvent::Response {
            key: response.key,
            call: response.call,
            transfer: response.transfer,
            drep: DataRepresentation::LITTLE_ENDIAN,
            stub: Stub::InPlace(response.stub),
        }
    }
}

impl ClientConnection {
    /// Lets the response to a call come as [`ClientEvent::ResponseData`], fragment by fragment,
    /// also where it is one fragment: its out-parameters begin with a pipe. Nothing of it is kept
    /// here, so `Limits::response_len_max` does not bound it, and its fragments may come slowly:
    /// who is told of them bounds what it keeps, by not receiving more (see
    /// [`pause`](Self::pause)).
    ///
    /// To be called before anything of the response can have come. Whether it will come so:
    /// false if the call is not outstanding, or its response is being assembled already.
    pub fn stream_response(&mut self, call: CallId) -> bool {
        let has_begun = self
            .arriving
            .as_ref()
            .is_some_and(|begun| begun.call == call);
        match self.calls.get_mut(call) {
            Some(outstanding) if !has_begun => {
                outstanding.is_streamed = true;
                true
            }
            Some(outstanding) => outstanding.is_streamed,
            None => false,
        }
    }

    /// The short way of [`next_event`](Self::next_event) for what nearly all PDUs are: a whole
    /// little-endian response without anything special, to a call that waits for it. `None` takes
    /// nothing and says nothing: ask `next_event`.
    #[inline(always)]
    pub fn next_plain_response<'b>(
        &mut self,
        now: Time,
        input: &mut Input<'b>,
    ) -> Option<PlainResponse<'b>> {
        let is_special =
            self.security.is_some() || self.arriving.is_some() || self.sending.is_some();
        if is_special || self.is_closing || self.phase != Phase::Bound {
            return None;
        }
        let legal_len = self.own_max.legal_to_receive();
        let (call, pdu) =
            self.framer
                .peek_plain(input, PduType::Response, ResponseHead::LEN, legal_len)?;
        let stub = pdu.get(ResponseHead::LEN..)?;
        let ended = self.calls.remove_if(call, |call| !call.is_streamed)?;
        self.framer.take_plain(input, pdu);
        self.progress = now;
        Some(PlainResponse {
            key: ended.key,
            call,
            transfer: ended.transfer,
            stub,
        })
    }

    /// Takes a response, or a fragment of one.
    #[inline]
    pub(super) fn response<'b>(
        &mut self,
        now: Time,
        frame: Frame<'b>,
        out: &mut Vec<u8>,
    ) -> Outcome<'b> {
        let Frame { header, bytes } = frame;
        ResponseHead::parse(&header, bytes.as_slice())?;
        // Also what nobody waits for counts for the numbering of signatures.
        let (mut bytes, stub) = self.open(&header, bytes)?;
        if header.flags.contains(PduFlags::WHOLE) && self.arriving.is_none() {
            return self.answer(&header, bytes.into_stub(stub), out);
        }
        let Some(&call) = self.calls.get(header.call) else {
            bytes.recycle(&mut self.pool);
            return self.nobody_waits(header.call);
        };
        self.fragment(now, &header, call.is_streamed, &mut bytes, stub.clone())?;
        if header.flags.contains(PduFlags::LAST) {
            let assembly = self.arriving.take().and_then(|begun| begun.assembly);
            return match assembly.and_then(Assembly::finish) {
                Some(whole) => {
                    bytes.recycle(&mut self.pool);
                    self.answer(&header, whole, out)
                }
                None => self.answer(&header, bytes.into_stub(stub), out),
            };
        }
        if call.is_streamed {
            return Ok(Some(data(&header, call, bytes.into_stub(stub), false)));
        }
        bytes.recycle(&mut self.pool);
        Ok(None)
    }

    /// Checks the protection of a response; where its stub data lies.
    #[inline]
    fn open<'b>(
        &mut self,
        header: &Header,
        bytes: FrameBytes<'b>,
    ) -> Result<(FrameBytes<'b>, Range<usize>), CloseReason> {
        let start = ResponseHead::LEN;
        let trailer = SecurityTrailer::parse(header, bytes.as_slice(), start)?;
        let Some(security) = &mut self.security else {
            let end = trailer.map_or(bytes.as_slice().len(), |trailer| trailer.body_end());
            return Ok((bytes, start..end));
        };
        let owned = trailer.filter(|trailer| security.owns(trailer));
        let owned = owned.map(|trailer| (trailer.place(), trailer.body_end()));
        let end = trailer.map_or(bytes.as_slice().len(), |trailer| trailer.body_end());
        match (owned, security.protection()) {
            (_, None) => Ok((bytes, start..end)),
            (None, Some(_)) => Err(SecurityError::new("a response is not protected").into()),
            (Some((place, end)), Some(mut protection)) => {
                Ok(protection.open(bytes, start, place, end, &mut self.pool)?)
            }
        }
    }

    /// Adds a fragment to the response that has begun, or begins one.
    fn fragment(
        &mut self,
        now: Time,
        header: &Header,
        is_streamed: bool,
        fragment: &mut FrameBytes<'_>,
        stub: Range<usize>,
    ) -> Result<(), CloseReason> {
        let call = header.call;
        let is_first = header.flags.contains(PduFlags::FIRST);
        let arriving = match &mut self.arriving {
            Some(begun) if !is_first && begun.call == call => begun,
            none @ None if is_first => none.insert(ArrivingResponse {
                call,
                progress: now,
                drep: header.drep,
                assembly: (!is_streamed).then(|| Assembly::collect(&mut self.pool)),
            }),
            _ => return Err(Violation::FragmentOrder { call }.into()),
        };
        if header.drep != arriving.drep {
            return Err(Violation::RepresentationChanged { call }.into());
        }
        arriving.progress = now;
        let limit = self.config.limits.response_len_max;
        let Some(assembly) = &mut arriving.assembly else {
            return Ok(());
        };
        assembly
            .append(fragment, stub, limit)
            .map_err(|TooLong| CloseReason::ResponseTooLong { call, limit })
    }

    /// Ends a call with its whole answer, or with the last fragment of one that is streamed.
    #[inline]
    fn answer<'b>(&mut self, header: &Header, stub: Stub<'b>, out: &mut Vec<u8>) -> Outcome<'b> {
        let call = header.call;
        let Some(ended) = self.calls.remove(call) else {
            if let Some(stub) = stub.into_assembled() {
                self.recycle(stub);
            }
            return self.nobody_waits(call);
        };
        self.end_sending(call, out);
        if ended.is_streamed {
            return Ok(Some(data(header, ended, stub, true)));
        }
        Ok(Some(ClientEvent::Response {
            key: ended.key,
            call,
            transfer: ended.transfer,
            drep: header.drep,
            stub,
        }))
    }

    /// Takes a fault.
    pub(super) fn fault<'b>(&mut self, frame: Frame<'b>, out: &mut Vec<u8>) -> Outcome<'b> {
        let Frame { header, bytes } = frame;
        let FaultPdu {
            status,
            did_not_execute,
            extended,
            ..
        } = FaultPdu::parse(&header, bytes.as_slice())?;
        let extended_len = extended.len();
        let call = header.call;
        if self.negotiation.take_if(|sent| sent.call == call).is_some() {
            return Err(CloseReason::NegotiationRefused(status));
        }
        self.forget_response(call);
        let Some(OutstandingCall { key, .. }) = self.calls.remove(call) else {
            bytes.recycle(&mut self.pool);
            return self.nobody_waits(call);
        };
        self.end_sending(call, out);
        let limit = self.config.limits.extended_error_len_max;
        let extended = if (1..=limit).contains(&extended_len) {
            let start = FaultPdu::LEN;
            Some(bytes.into_stub(start..start + extended_len))
        } else {
            bytes.recycle(&mut self.pool);
            None
        };
        Ok(Some(ClientEvent::Fault {
            key,
            call,
            status,
            did_not_execute,
            extended,
        }))
    }

    /// Drops what has arrived of the response to a call.
    pub(super) fn forget_response(&mut self, call: CallId) {
        let begun = self.arriving.take_if(|begun| begun.call == call);
        if let Some(assembly) = begun.and_then(|begun| begun.assembly) {
            assembly.recycle(&mut self.pool);
        }
    }

    /// An answer to a call that is not outstanding: late for an orphaned call, wrong for one that
    /// was never made.
    #[cold]
    fn nobody_waits(&self, call: CallId) -> Outcome<'static> {
        if self.call_ids.was_given_out(call) {
            Ok(None)
        } else {
            Err(Violation::UnknownCall { call }.into())
        }
    }
}

/// A fragment of a response that is streamed.
fn data<'b>(
    header: &Header,
    call: OutstandingCall,
    stub: Stub<'b>,
    is_last: bool,
) -> ClientEvent<'b> {
    ClientEvent::ResponseData {
        key: call.key,
        call: header.call,
        transfer: call.transfer,
        drep: header.drep,
        stub,
        is_last,
    }
}

#[cfg(test)]
mod tests {
    use super::super::call_ids::CallIds;
    use super::*;
    use crate::client::ClientConfig;

    /// The call was orphaned, then the ids began again at 1.
    #[test]
    fn an_answer_that_is_late_by_a_wrap_of_call_ids_is_dropped() {
        let mut client = ClientConnection::new(ClientConfig::default());
        client.call_ids = CallIds::after(u64::from(u32::MAX) + 2);
        assert!(matches!(client.nobody_waits(CallId(u32::MAX)), Ok(None)));
        assert_eq!(
            client.nobody_waits(CallId(0)).unwrap_err(),
            Violation::UnknownCall { call: CallId(0) }.into()
        );
    }
}
