//! Cuts a byte stream into PDUs.

use std::ops::Range;

use crate::drep::DataRepresentation;
use crate::error::Violation;
use crate::input::{AssembledStub, BufferPool, Input, Stub};
use crate::pdu::{Header, PduFlags, PduType};
use crate::types::CallId;

/// One whole PDU.
#[derive(Debug)]
pub(crate) struct Frame<'b> {
    pub(crate) header: Header,
    pub(crate) bytes: FrameBytes<'b>,
}

/// The bytes of a PDU: where they were received, or assembled from several receives.
#[derive(Debug)]
pub(crate) enum FrameBytes<'b> {
    InPlace(&'b [u8]),
    Owned(Vec<u8>),
}

impl<'b> FrameBytes<'b> {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            FrameBytes::InPlace(bytes) => bytes,
            FrameBytes::Owned(bytes) => bytes,
        }
    }

    /// The same bytes where they can be changed.
    pub(crate) fn into_owned(self, pool: &mut BufferPool) -> Vec<u8> {
        match self {
            FrameBytes::InPlace(bytes) => {
                let mut owned = pool.take();
                owned.extend_from_slice(bytes);
                owned
            }
            FrameBytes::Owned(bytes) => bytes,
        }
    }

    /// The part `range`, which must lie inside, as the stub data of a call.
    pub(crate) fn into_stub(self, range: Range<usize>) -> Stub<'b> {
        match self {
            FrameBytes::InPlace(bytes) => Stub::InPlace(&bytes[range]),
            FrameBytes::Owned(bytes) => Stub::Assembled(AssembledStub::new(bytes, range)),
        }
    }

    /// Gives an assembled buffer back.
    pub(crate) fn recycle(self, pool: &mut BufferPool) {
        if let FrameBytes::Owned(bytes) = self {
            pool.put(bytes);
        }
    }
}

/// The stream cannot be cut any further.
#[derive(Debug)]
pub(crate) struct FrameError {
    /// The header that made no sense.
    pub(crate) header: Header,
    /// What was wrong with it.
    pub(crate) violation: Violation,
}

/// A PDU of which so many bytes are missing is worth a receive of its own, right to its place.
/// Fragments of 5840 bytes, as all others send them, never are.
const REST_LEN_MIN: usize = 8 << 10;

/// Bytes that such a receive may take of what comes behind the PDU: as a rule the end of a request
/// or response, and the head of the next one. They are copied, so they are few.
const AHEAD_LEN_MAX: usize = 4 << 10;

/// Cuts a stream into PDUs; keeps the beginning of one that is not complete.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    /// The beginning of a PDU; never longer than the longest legal PDU. Empty while it is lent.
    partial: Vec<u8>,
    /// How many bytes it had when it was lent; 0 if it is here.
    lent_len: usize,
    /// Whole PDUs so far.
    count: u64,
}

impl Framer {
    /// How many whole PDUs came out so far.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Whether a PDU has begun and is not complete.
    pub(crate) fn is_mid_pdu(&self) -> bool {
        !self.partial.is_empty() || self.lent_len > 0
    }

    /// Whether a whole PDU lies here, which came back as such.
    #[inline]
    pub(crate) fn has_whole(&self) -> bool {
        !self.partial.is_empty() && self.missing_len() == Some(0)
    }

    /// How many bytes the PDU lacks that has begun; `None` if that cannot be told.
    fn missing_len(&self) -> Option<usize> {
        let len = usize::from(self.partial_header()?.fragment_len);
        Some(len.saturating_sub(self.partial.len()))
    }

    /// Lends what has come of a PDU that lacks many bytes, with room for them and a few more.
    /// Until it is back nothing else is to come in.
    #[inline]
    pub(crate) fn lend_partial(&mut self) -> Option<Vec<u8>> {
        if self.partial.is_empty() {
            return None;
        }
        let missing = self.missing_len().filter(|&len| len >= REST_LEN_MIN)?;
        let mut buffer = std::mem::take(&mut self.partial);
        buffer.reserve_exact(missing + AHEAD_LEN_MAX);
        self.lent_len = buffer.len();
        Some(buffer)
    }

    /// Takes back what was lent, with the bytes that were added. Those that lie behind the PDU go
    /// to `ahead`, as the next input. Whether there are more bytes than before.
    pub(crate) fn take_back(&mut self, buffer: Vec<u8>, ahead: &mut Vec<u8>) -> bool {
        debug_assert!(self.lent_len > 0 && self.partial.is_empty());
        let lent_len = std::mem::take(&mut self.lent_len);
        let has_grown = buffer.len() > lent_len;
        self.partial = buffer;
        if let Some(header) = self.partial_header() {
            let end = usize::from(header.fragment_len).min(self.partial.len());
            ahead.extend_from_slice(&self.partial[end..]);
            self.partial.truncate(end);
        }
        has_grown
    }

    /// The header of the PDU that has begun; `None` if there is none, or too little of it.
    pub(crate) fn partial_header(&self) -> Option<Header> {
        let (head, _) = self.partial.split_first_chunk()?;
        Some(Header::parse(head))
    }

    /// The next whole PDU, `None` when the input is used up.
    #[inline]
    pub(crate) fn next<'b>(
        &mut self,
        input: &mut Input<'b>,
        legal_len: usize,
        pool: &mut BufferPool,
    ) -> Result<Option<Frame<'b>>, FrameError> {
        if self.partial.is_empty() {
            let Some((head, _)) = input.bytes().split_first_chunk() else {
                return Ok(self.keep(input, Header::LEN, pool));
            };
            let header = Header::parse(head);
            let len = checked_len(&header, legal_len)?;
            if input.remaining() >= len {
                self.count += 1;
                let bytes = FrameBytes::InPlace(input.take(len));
                return Ok(Some(Frame { header, bytes }));
            }
            return Ok(self.keep(input, len, pool));
        }
        self.assemble(input, legal_len)
    }

    /// The next PDU, if it lies whole in the input and is what nearly all are: of version 5.0,
    /// little-endian, first and last fragment with no other flag, without authentication. It is
    /// not taken yet; it has at least `len_min` bytes.
    #[inline]
    pub(crate) fn peek_plain<'b>(
        &self,
        input: &Input<'b>,
        kind: PduType,
        len_min: usize,
        legal_len: usize,
    ) -> Option<(CallId, &'b [u8])> {
        let (head, _) = input.bytes().split_first_chunk::<{ Header::LEN }>()?;
        let [start @ .., l0, l1, 0, 0, c0, c1, c2, c3] = *head else {
            return None;
        };
        let [d0, d1, d2, d3] = DataRepresentation::LITTLE_ENDIAN.to_bytes();
        let plain = [5, 0, kind.code(), PduFlags::WHOLE.0, d0, d1, d2, d3];
        let len = usize::from(u16::from_le_bytes([l0, l1]));
        if start != plain || !(len_min..=legal_len).contains(&len) || self.is_mid_pdu() {
            return None;
        }
        let pdu = input.bytes().get(..len)?;
        Some((CallId(u32::from_le_bytes([c0, c1, c2, c3])), pdu))
    }

    /// Takes the PDU that [`peek_plain`](Self::peek_plain) has found.
    #[inline]
    pub(crate) fn take_plain(&mut self, input: &mut Input<'_>, pdu: &[u8]) {
        self.count += 1;
        input.take(pdu.len());
    }

    /// Keeps all of the input, which is less than `len` bytes.
    fn keep<'b>(
        &mut self,
        input: &mut Input<'b>,
        len: usize,
        pool: &mut BufferPool,
    ) -> Option<Frame<'b>> {
        if !input.is_empty() {
            self.partial = pool.take();
            let is_long = len >= REST_LEN_MIN;
            let ahead = if is_long { AHEAD_LEN_MAX } else { 0 };
            self.partial.reserve_exact(len + ahead);
            self.partial.extend_from_slice(input.take(len));
        }
        None
    }

    /// Adds input to the PDU that has begun.
    fn assemble<'b>(
        &mut self,
        input: &mut Input<'b>,
        legal_len: usize,
    ) -> Result<Option<Frame<'b>>, FrameError> {
        if self.partial.len() < Header::LEN {
            self.partial
                .extend_from_slice(input.take(Header::LEN - self.partial.len()));
        }
        let Some((head, _)) = self.partial.split_first_chunk() else {
            return Ok(None);
        };
        let header = Header::parse(head);
        let len = checked_len(&header, legal_len)?;
        self.partial
            .reserve_exact(len - self.partial.len().min(len));
        self.partial
            .extend_from_slice(input.take(len.saturating_sub(self.partial.len())));
        if self.partial.len() < len {
            return Ok(None);
        }
        self.count += 1;
        let bytes = FrameBytes::Owned(std::mem::take(&mut self.partial));
        Ok(Some(Frame { header, bytes }))
    }
}

/// The length of a PDU whose header is sane.
fn checked_len(header: &Header, legal_len: usize) -> Result<usize, FrameError> {
    let len = usize::from(header.fragment_len);
    let violation = if !header.is_known_version() {
        Violation::Version {
            major: header.version.0,
            minor: header.version.1,
        }
    } else if len < Header::LEN || len > legal_len {
        Violation::FragmentLength {
            kind: header.kind,
            len,
            legal_len,
        }
    } else {
        return Ok(len);
    };
    Err(FrameError {
        header: *header,
        violation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::pdu::write_bare;

    const LEGAL: usize = 5840;

    fn cut(pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>, Violation> {
        let (mut framer, mut pool) = (Framer::default(), BufferPool::new(&Limits::DEFAULT));
        let mut pdus = Vec::new();
        for piece in pieces {
            let mut input = Input::new(piece);
            while let Some(frame) = framer
                .next(&mut input, LEGAL, &mut pool)
                .map_err(|error| error.violation)?
            {
                pdus.push(frame.bytes.as_slice().to_vec());
                frame.bytes.recycle(&mut pool);
            }
            assert!(input.is_empty(), "all of a piece is consumed");
        }
        assert!(!framer.is_mid_pdu());
        Ok(pdus)
    }

    fn stream() -> Vec<u8> {
        let mut stream = Vec::new();
        for call in 0..3 {
            write_bare(PduType::CoCancel, CallId(call), &mut stream);
        }
        stream
    }

    #[test]
    fn rule_14_several_pdus_in_one_piece_and_pieces_of_one_byte() {
        let stream = stream();
        let whole = cut(&[&stream]).unwrap();
        assert_eq!(whole.concat(), stream);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(cut(&bytes).unwrap(), whole);
    }

    #[test]
    fn rule_14_attack_a_length_shorter_than_the_header() {
        let mut stream = stream();
        stream[8] = 15;
        assert!(matches!(
            cut(&[&stream]),
            Err(Violation::FragmentLength { len: 15, .. })
        ));
        // The same, noticed when the header was assembled from pieces.
        assert!(matches!(
            cut(&[&stream[..9], &stream[9..]]),
            Err(Violation::FragmentLength { len: 15, .. })
        ));
    }

    #[test]
    fn rule_01_attack_a_length_above_the_legal_one_is_refused_at_the_header() {
        let mut stream = stream();
        stream[8..10].copy_from_slice(&5841_u16.to_le_bytes());
        assert!(matches!(
            cut(&[&stream[..16]]),
            Err(Violation::FragmentLength {
                len: 5841,
                legal_len: LEGAL,
                ..
            })
        ));
    }

    /// A PDU so long that its rest is worth a receive of its own.
    fn long_pdu(len: u16) -> Vec<u8> {
        let mut pdu = Vec::new();
        write_bare(PduType::CoCancel, CallId(7), &mut pdu);
        pdu[8..10].copy_from_slice(&len.to_le_bytes());
        pdu.extend((Header::LEN..len.into()).map(|at| at as u8));
        pdu
    }

    const LONG: u16 = 60_000;

    /// The framer after the first `begun` bytes of a long PDU.
    fn begin(pdu: &[u8], begun: usize, pool: &mut BufferPool) -> Framer {
        let mut framer = Framer::default();
        let mut input = Input::new(&pdu[..begun]);
        let frame = framer.next(&mut input, LONG.into(), pool).unwrap();
        assert!(frame.is_none() && input.is_empty());
        framer
    }

    #[test]
    fn rule_14_the_rest_of_a_long_pdu_is_received_to_its_place_in_any_pieces() {
        let pdu = long_pdu(LONG);
        let behind = stream();
        for piece in [1, 7, 40_000, pdu.len(), 100_000] {
            let mut pool = BufferPool::new(&Limits::DEFAULT);
            let mut framer = begin(&pdu, 20, &mut pool);
            let mut rest = [&pdu[20..], &behind].concat();
            let mut ahead = Vec::new();
            while let Some(mut buffer) = framer.lend_partial() {
                assert!(framer.is_mid_pdu() && !framer.has_whole());
                let room = buffer.capacity() - buffer.len();
                assert!(room + buffer.len() > pdu.len(), "for all of it, and more");
                buffer.extend(rest.drain(..piece.min(room).min(rest.len())));
                assert!(framer.take_back(buffer, &mut ahead));
            }
            ahead.append(&mut rest);
            let mut pdus = Vec::new();
            let mut input = Input::new(&ahead);
            while let Some(frame) = framer.next(&mut input, LONG.into(), &mut pool).unwrap() {
                pdus.extend_from_slice(frame.bytes.as_slice());
            }
            assert!(pdus == [&pdu[..], &behind].concat(), "in pieces of {piece}");
            assert!(!framer.is_mid_pdu());
        }
    }

    #[test]
    fn what_comes_back_without_a_byte_more_is_as_it_was() {
        let pdu = long_pdu(LONG);
        let mut pool = BufferPool::new(&Limits::DEFAULT);
        let mut framer = begin(&pdu, 1000, &mut pool);
        let lent = framer.lend_partial().unwrap();
        let address = lent.as_ptr();
        let mut ahead = Vec::new();
        assert!(!framer.take_back(lent, &mut ahead));
        assert!(ahead.is_empty() && framer.partial == pdu[..1000]);
        assert_eq!(framer.partial.as_ptr(), address, "it is not moved");
    }

    #[test]
    fn a_whole_pdu_that_came_back_needs_no_further_byte() {
        let pdu = long_pdu(LONG);
        let mut pool = BufferPool::new(&Limits::DEFAULT);
        let mut framer = begin(&pdu, 1000, &mut pool);
        let mut lent = framer.lend_partial().unwrap();
        lent.extend_from_slice(&pdu[1000..]);
        assert!(framer.take_back(lent, &mut Vec::new()));
        assert!(framer.has_whole() && framer.lend_partial().is_none());
        let frame = framer.next(&mut Input::new(&[]), LONG.into(), &mut pool);
        assert!(matches!(frame, Ok(Some(frame)) if frame.bytes.as_slice() == pdu));
    }

    #[test]
    fn neither_a_short_rest_nor_a_torn_header_is_worth_a_receive_of_its_own() {
        let pdu = long_pdu(LONG);
        let mut pool = BufferPool::new(&Limits::DEFAULT);
        let begun = usize::from(LONG) - REST_LEN_MIN;
        assert!(begin(&pdu, begun, &mut pool).lend_partial().is_some());
        for begun in [1, Header::LEN - 1, begun + 1] {
            assert!(begin(&pdu, begun, &mut pool).lend_partial().is_none());
        }
        assert!(Framer::default().lend_partial().is_none());
    }

    #[test]
    fn attack_a_promised_length_reserves_no_more_than_a_legal_pdu() {
        let (mut framer, mut pool) = (Framer::default(), BufferPool::new(&Limits::DEFAULT));
        let mut stream = stream();
        stream[8..10].copy_from_slice(&5840_u16.to_le_bytes());
        let mut input = Input::new(&stream);
        assert!(framer.next(&mut input, LEGAL, &mut pool).unwrap().is_none());
        assert!(framer.partial.capacity() <= LEGAL);
    }
}
