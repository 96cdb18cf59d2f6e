//! Responses and faults.

use std::ops::Range;

use super::{ClientConnection, ClientEvent, Outcome, OutstandingCall};
use crate::assembly::{Assembly, TooLong};
use crate::drep::DataRepresentation;
use crate::error::{CloseReason, Violation};
use crate::framing::{Frame, FrameBytes};
use crate::input::{BufferPool, Stub};
use crate::pdu::{FaultPdu, Header, PduFlags, ResponseHead, SecurityTrailer};
use crate::security::SecurityError;
use crate::types::CallId;

/// A response whose last fragment has not arrived. Its call is still outstanding.
#[derive(Debug)]
pub(super) struct AssemblingResponse {
    pub(super) call: CallId,
    drep: DataRepresentation,
    assembly: Assembly,
}

impl AssemblingResponse {
    /// Gives the buffer back.
    pub(super) fn recycle(self, pool: &mut BufferPool) {
        self.assembly.recycle(pool);
    }
}

impl ClientConnection {
    /// Takes a response, or a fragment of one.
    #[inline]
    pub(super) fn response<'b>(&mut self, frame: Frame<'b>) -> Outcome<'b> {
        let Frame { header, bytes } = frame;
        ResponseHead::parse(&header, bytes.as_slice())?;
        // Also what nobody waits for counts for the numbering of signatures.
        let (bytes, stub) = self.open(&header, bytes)?;
        if header.flags.contains(PduFlags::WHOLE) && self.assembling.is_none() {
            return self.answer(&header, bytes.into_stub(stub));
        }
        if self.calls.get(header.call).is_none() {
            bytes.recycle(&mut self.pool);
            return self.nobody_waits(header.call);
        }
        self.fragment(&header, &bytes.as_slice()[stub])?;
        bytes.recycle(&mut self.pool);
        if !header.flags.contains(PduFlags::LAST) {
            return Ok(None);
        }
        match self
            .assembling
            .take()
            .and_then(|assembling| assembling.assembly.finish())
        {
            Some(stub) => self.answer(&header, stub),
            None => Ok(None),
        }
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
    fn fragment(&mut self, header: &Header, stub: &[u8]) -> Result<(), CloseReason> {
        let call = header.call;
        let is_first = header.flags.contains(PduFlags::FIRST);
        let assembling = match &mut self.assembling {
            Some(begun) if !is_first && begun.call == call => begun,
            none @ None if is_first => {
                let assembly = Assembly::collect(&mut self.pool);
                none.insert(AssemblingResponse {
                    call,
                    drep: header.drep,
                    assembly,
                })
            }
            _ => return Err(Violation::FragmentOrder { call }.into()),
        };
        if header.drep != assembling.drep {
            return Err(Violation::RepresentationChanged { call }.into());
        }
        let limit = self.config.limits.response_len_max;
        assembling
            .assembly
            .append(stub, limit)
            .map_err(|TooLong| CloseReason::ResponseTooLong { call, limit })
    }

    /// Ends a call with its whole answer.
    #[inline]
    fn answer<'b>(&mut self, header: &Header, stub: Stub<'b>) -> Outcome<'b> {
        let (call, drep) = (header.call, header.drep);
        match self.calls.remove(call) {
            Some(OutstandingCall { key, transfer }) => Ok(Some(ClientEvent::Response {
                key,
                call,
                transfer,
                drep,
                stub,
            })),
            None => {
                if let Some(stub) = stub.into_assembled() {
                    self.recycle(stub);
                }
                self.nobody_waits(call)
            }
        }
    }

    /// Takes a fault.
    pub(super) fn fault(&mut self, header: &Header, pdu: &[u8]) -> Outcome<'static> {
        let FaultPdu {
            status,
            did_not_execute,
            ..
        } = FaultPdu::parse(header, pdu)?;
        let call = header.call;
        if self.negotiation.take_if(|sent| sent.call == call).is_some() {
            return Err(CloseReason::NegotiationRefused(status));
        }
        if let Some(begun) = self.assembling.take_if(|begun| begun.call == call) {
            begun.recycle(&mut self.pool);
        }
        match self.calls.remove(call) {
            Some(OutstandingCall { key, .. }) => Ok(Some(ClientEvent::Fault {
                key,
                call,
                status,
                did_not_execute,
            })),
            None => self.nobody_waits(call),
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
