//! The verification trailer: a copy of what the client sent, behind its in-parameters, where a
//! signature covers it (MS-RPCE 2.2.2.13).

use crate::drep::DataRepresentation;
use crate::pdu::PduType;
use crate::reader::{Reader, Truncated};
use crate::types::{CallId, ContextId, Opnum, SyntaxId};

const MAGIC: [u8; 8] = [0x8a, 0xe3, 0x13, 0x71, 0x02, 0xf4, 0x36, 0x71];
/// The trailer begins in this many last bytes of the stub data.
const SEARCHED_LEN: usize = 1024;

const COMMAND_BITMASK: u16 = 1;
const COMMAND_PCONTEXT: u16 = 2;
const COMMAND_HEADER2: u16 = 3;
const COMMAND_END: u16 = 0x4000;
const COMMAND_MUST_PROCESS: u16 = 0x8000;
/// The client offered header signing.
const BIT_HEADER_SIGNING: u32 = 1;

/// What arrived outside of the signature, to be compared with the trailer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) call: CallId,
    pub(crate) context: ContextId,
    pub(crate) opnum: Opnum,
    pub(crate) drep: DataRepresentation,
    pub(crate) abstract_syntax: SyntaxId,
    pub(crate) transfer_syntax: SyntaxId,
    pub(crate) header_signing: bool,
}

impl Received {
    /// Checks the trailer of a request's stub data, if it has one.
    ///
    /// # Errors
    ///
    /// The trailer says something else than what arrived; in words.
    pub(crate) fn check(&self, end: StubEnd<'_>) -> Result<(), &'static str> {
        let Some(at) = end.find_trailer() else {
            return Ok(());
        };
        let mut reader = Reader::new(end.bytes, at + MAGIC.len(), self.drep);
        loop {
            let is_last = self
                .check_command(&mut reader)
                .unwrap_or(Err("it is cut off"))?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Checks the next command; whether it is the last one.
    fn check_command(
        &self,
        reader: &mut Reader<'_>,
    ) -> Result<Result<bool, &'static str>, Truncated> {
        let command = reader.u16()?;
        let len = reader.u16()?;
        let body = reader.take(usize::from(len))?;
        let mut body = Reader::new(body, 0, self.drep);
        let holds = match command & !(COMMAND_END | COMMAND_MUST_PROCESS) {
            COMMAND_BITMASK => self.check_bitmask(&mut body)?,
            COMMAND_PCONTEXT => self.check_presentation(&mut body)?,
            COMMAND_HEADER2 => self.check_header(&mut body)?,
            _ if command & COMMAND_MUST_PROCESS != 0 => Err("it has an unknown command"),
            _ => Ok(()),
        };
        Ok(holds.map(|()| command & COMMAND_END != 0))
    }

    fn check_bitmask(&self, body: &mut Reader<'_>) -> Result<Result<(), &'static str>, Truncated> {
        let offered = body.u32()? & BIT_HEADER_SIGNING != 0;
        Ok(if offered && !self.header_signing {
            Err("the client's offer of header signing was lost")
        } else {
            Ok(())
        })
    }

    fn check_presentation(
        &self,
        body: &mut Reader<'_>,
    ) -> Result<Result<(), &'static str>, Truncated> {
        let sent = (body.syntax()?, body.syntax()?);
        let holds = sent == (self.abstract_syntax, self.transfer_syntax);
        Ok(if holds {
            Ok(())
        } else {
            Err("the presentation context differs")
        })
    }

    fn check_header(&self, body: &mut Reader<'_>) -> Result<Result<(), &'static str>, Truncated> {
        let kind = body.u8()?;
        body.take(3)?;
        let drep = body.take(4)?;
        let sent = (
            CallId(body.u32()?),
            ContextId(body.u16()?),
            Opnum(body.u16()?),
        );
        let holds = kind == PduType::Request.code()
            && drep == self.drep.to_bytes()
            && sent == (self.call, self.context, self.opnum);
        Ok(if holds {
            Ok(())
        } else {
            Err("the header differs")
        })
    }
}

/// The end of a request's stub data, long enough to find a trailer in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StubEnd<'s> {
    bytes: &'s [u8],
    /// Where `bytes` begin in the stub data.
    start: u64,
}

impl<'s> StubEnd<'s> {
    /// The end of stub data that is there as a whole.
    #[inline]
    pub(crate) fn of(stub: &'s [u8]) -> Self {
        StubEnd {
            bytes: stub,
            start: 0,
        }
    }

    /// Where in `bytes` the last trailer begins. It is 4-aligned from the start of the stub data.
    fn find_trailer(&self) -> Option<usize> {
        let misaligned = |at: usize| ((self.start + at as u64) % 4) as usize;
        let last = self.bytes.len().checked_sub(MAGIC.len())?;
        let last = last.checked_sub(misaligned(last))?;
        let first = self.bytes.len().saturating_sub(SEARCHED_LEN);
        (first..=last)
            .rev()
            .step_by(4)
            .find(|at| self.bytes[*at..].starts_with(&MAGIC))
    }
}

/// The last bytes of stub data that is handed out piece by piece.
#[derive(Debug)]
pub(crate) struct StubTail {
    bytes: Vec<u8>,
    start: u64,
}

impl StubTail {
    /// No stub data yet; `buffer` is empty.
    pub(crate) fn new(buffer: Vec<u8>) -> Self {
        StubTail {
            bytes: buffer,
            start: 0,
        }
    }

    /// Adds the next piece.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        let excess = (self.bytes.len() + piece.len()).saturating_sub(SEARCHED_LEN);
        let dropped = excess.min(self.bytes.len());
        self.bytes.drain(..dropped);
        self.bytes.extend_from_slice(&piece[excess - dropped..]);
        self.start += excess as u64;
    }

    /// What a trailer is to be found in.
    pub(crate) fn end(&self) -> StubEnd<'_> {
        StubEnd {
            bytes: &self.bytes,
            start: self.start,
        }
    }

    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn received() -> Received {
        Received {
            call: CallId(7),
            context: ContextId(1),
            opnum: Opnum(2),
            drep: DataRepresentation::LITTLE_ENDIAN,
            abstract_syntax: SyntaxId::NDR64,
            transfer_syntax: SyntaxId::NDR20,
            header_signing: false,
        }
    }

    /// Four bytes of parameters, then a trailer of one HEADER2 command.
    fn stub_with_header() -> Vec<u8> {
        let mut stub = vec![0xaa; 4];
        stub.extend_from_slice(&MAGIC);
        stub.extend_from_slice(&[0x03, 0x40, 16, 0]); // HEADER2, the last one; its length
        stub.extend_from_slice(&[0, 0, 0, 0, 0x10, 0, 0, 0]); // request, data representation
        stub.extend_from_slice(&[7, 0, 0, 0, 1, 0, 2, 0]); // call, context, opnum
        stub
    }

    #[test]
    fn rule_22_a_stub_without_a_trailer_is_fine() {
        assert_eq!(received().check(StubEnd::of(&[])), Ok(()));
        assert_eq!(received().check(StubEnd::of(&[0x8a; 2000])), Ok(()));
    }

    #[test]
    fn rule_22_the_header_is_compared() {
        let stub = stub_with_header();
        assert_eq!(received().check(StubEnd::of(&stub)), Ok(()));
        let other = Received {
            opnum: Opnum(3),
            ..received()
        };
        assert_eq!(other.check(StubEnd::of(&stub)), Err("the header differs"));
    }

    #[test]
    fn rule_22_the_presentation_context_is_compared() {
        let mut stub = MAGIC.to_vec();
        stub.extend_from_slice(&[0x02, 0x40, 40, 0]);
        for syntax in [SyntaxId::NDR64, SyntaxId::NDR20] {
            stub.extend_from_slice(&syntax.uuid.to_bytes_le());
            stub.extend_from_slice(&syntax.version().to_le_bytes());
        }
        assert_eq!(received().check(StubEnd::of(&stub)), Ok(()));
        let other = Received {
            transfer_syntax: SyntaxId::NDR64,
            ..received()
        };
        assert_eq!(
            other.check(StubEnd::of(&stub)),
            Err("the presentation context differs")
        );
    }

    #[test]
    fn rule_22_a_lost_offer_of_header_signing_is_noticed() {
        let mut stub = MAGIC.to_vec();
        stub.extend_from_slice(&[0x01, 0x40, 4, 0, 1, 0, 0, 0]);
        assert!(received().check(StubEnd::of(&stub)).is_err());
        assert_eq!(
            Received {
                header_signing: true,
                ..received()
            }
            .check(StubEnd::of(&stub)),
            Ok(())
        );
    }

    #[test]
    fn rule_22_attack_a_trailer_that_is_cut_off() {
        let stub = stub_with_header();
        for len in 12..stub.len() {
            assert_eq!(
                received().check(StubEnd::of(&stub[..len])),
                Err("it is cut off"),
                "{len} bytes"
            );
        }
    }

    proptest! {
        #[test]
        fn a_tail_finds_what_the_whole_finds(
            before in 0_usize..3000,
            behind in 0_usize..1100,
            cuts in prop::collection::vec(0.0..1.0, 0..8),
        ) {
            let stub = [vec![0; before], MAGIC.to_vec(), vec![0; behind]].concat();
            let mut places: Vec<usize> = cuts
                .iter()
                .map(|cut| (cut * stub.len() as f64) as usize)
                .chain([stub.len()])
                .collect();
            places.sort_unstable();
            let mut tail = StubTail::new(Vec::new());
            let mut from = 0;
            for place in places {
                tail.push(&stub[from..place]);
                from = place;
            }
            let found = tail.end().find_trailer().map(|at| at + tail.start as usize);
            prop_assert_eq!(found, StubEnd::of(&stub).find_trailer());
            let is_near = before % 4 == 0 && behind + MAGIC.len() <= SEARCHED_LEN;
            prop_assert_eq!(found, is_near.then_some(before));
            prop_assert!(tail.bytes.len() <= SEARCHED_LEN);
        }
    }

    #[test]
    fn rule_22_only_aligned_magic_in_the_last_1024_bytes_counts() {
        let mut stub = stub_with_header();
        let wrong = Received {
            call: CallId(8),
            ..received()
        };
        assert!(wrong.check(StubEnd::of(&stub)).is_err());
        stub.insert(0, 0);
        assert_eq!(wrong.check(StubEnd::of(&stub)), Ok(()), "not 4-aligned");
        let mut long = stub_with_header();
        long.resize(4 + 1025, 0);
        assert_eq!(
            wrong.check(StubEnd::of(&long)),
            Ok(()),
            "too far from the end"
        );
    }
}
