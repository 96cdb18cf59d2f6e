//! What is to be sent, with large parts that are shared and not copied.

use bytes::Bytes;

/// Bytes that are shared, and how many written bytes stand in front of them, counted from the
/// beginning of the buffer that these were written to.
pub type SharedPart = (usize, Bytes);

/// A stream of bytes: most of it written to one buffer, some of it shared with whoever made it.
///
/// Headers are always written, so each lies in one piece.
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    written: Vec<u8>,
    /// In the order of the stream; none is empty.
    shared: Vec<SharedPart>,
    shared_len: usize,
}

impl Pieces {
    /// Bytes of the stream.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.written.len() + self.shared_len
    }

    /// Whether the stream has no byte.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that are shared.
    #[must_use]
    pub fn shared_len(&self) -> usize {
        self.shared_len
    }

    /// Whether nothing is shared: what was written is all.
    #[inline]
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.shared.is_empty()
    }

    /// What was written. More may be appended: it follows all that there is. The buffer may be
    /// replaced while the stream is empty.
    #[inline]
    pub fn written(&mut self) -> &mut Vec<u8> {
        &mut self.written
    }

    /// Has somebody append to the stream who may share parts of what he appends, each with the
    /// length of the buffer at its place.
    ///
    /// # Panics
    ///
    /// In debug builds: a part is empty, or lies outside of what was appended, or out of order.
    #[inline]
    pub fn append_with<T>(
        &mut self,
        append: impl FnOnce(&mut Vec<u8>, &mut Vec<SharedPart>) -> T,
    ) -> T {
        let parts = self.shared.len();
        let result = append(&mut self.written, &mut self.shared);
        if self.shared.len() > parts {
            self.account(parts);
        }
        result
    }

    /// Appends bytes by reference; without effect if there are none.
    pub fn share(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.shared_len += bytes.len();
            self.shared.push((self.written.len(), bytes));
        }
    }

    /// Appends another stream: copies what was written of it, and shares what is shared.
    pub fn append(&mut self, other: &Pieces) {
        let base = self.written.len();
        self.written.extend_from_slice(&other.written);
        let parts = other.shared.iter();
        self.shared
            .extend(parts.map(|(at, bytes)| (base + at, bytes.clone())));
        self.shared_len += other.shared_len;
    }

    /// Takes back all that was appended since the buffer had `written_len` bytes, a shared part
    /// only if bytes were written in front of it since then.
    #[inline]
    pub fn truncate(&mut self, written_len: usize) {
        self.written.truncate(written_len);
        if !self.shared.is_empty() {
            let kept = self.parts_until(written_len);
            let gone: usize = self.shared.drain(kept..).map(|(_, part)| part.len()).sum();
            self.shared_len -= gone;
        }
    }

    /// Lets go of all bytes, and keeps the room for others.
    pub fn clear(&mut self) {
        self.written.clear();
        self.shared.clear();
        self.shared_len = 0;
    }

    /// The pieces of the stream in their order, none of them empty.
    pub fn iter(&self) -> PieceIter<'_> {
        self.iter_from(Place::default())
    }

    /// The pieces from a place on.
    pub fn iter_from(&self, place: Place) -> PieceIter<'_> {
        PieceIter {
            written: &self.written,
            shared: &self.shared,
            place,
        }
    }

    /// All bytes in one buffer; the same one if nothing is shared.
    #[must_use]
    pub fn into_whole(mut self) -> Vec<u8> {
        self.unshare_behind(0);
        self.written
    }

    /// Copies what is shared behind the first `written_len` bytes of the buffer into it.
    pub(crate) fn unshare_behind(&mut self, written_len: usize) {
        let first = match written_len {
            0 => 0,
            _ => self.parts_until(written_len),
        };
        let mut from = written_len;
        let end = self.written.len();
        if first == self.shared.len() {
            return;
        }
        for (at, bytes) in self.shared.drain(first..) {
            self.written.extend_from_within(from..at);
            self.written.extend_from_slice(&bytes);
            self.shared_len -= bytes.len();
            from = at;
        }
        self.written.extend_from_within(from..end);
        self.written.drain(written_len..end);
    }

    /// Whether something is shared behind more than the first `written_len` bytes of the buffer.
    #[inline]
    pub(crate) fn shares_behind(&self, written_len: usize) -> bool {
        self.shared.last().is_some_and(|(at, _)| *at > written_len)
    }

    /// Bytes that are shared behind more than the first `written_len` bytes of the buffer.
    pub(crate) fn shared_len_behind(&self, written_len: usize) -> usize {
        let parts = &self.shared[self.parts_until(written_len)..];
        parts.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Replaces all behind the first `written_len` bytes of the buffer by what `append` appends:
    /// bytes of its own, and those of the old, which it takes over in their order. Shared ones
    /// are cut about `cuts` times.
    pub(crate) fn rewrite_behind(
        &mut self,
        written_len: usize,
        cuts: usize,
        append: impl FnOnce(&mut Rewriting<'_>),
    ) {
        let (end, first) = (self.written.len(), self.parts_until(written_len));
        self.shared.reserve(self.shared.len() - first + cuts);
        let mut rewriting = Rewriting {
            next_written: written_len,
            end,
            next_part: first,
            part_offset: 0,
            parts_end: self.shared.len(),
            pieces: self,
        };
        append(&mut rewriting);
        let parts_end = rewriting.parts_end;
        self.written.drain(written_len..end);
        self.shared.drain(first..parts_end);
        for (at, _) in &mut self.shared[first..] {
            *at -= end - written_len;
        }
    }

    /// How many parts are shared behind the first `written_len` bytes of the buffer or fewer.
    fn parts_until(&self, written_len: usize) -> usize {
        self.shared.partition_point(|(at, _)| *at <= written_len)
    }

    /// Counts the parts from `first` on.
    #[cold]
    fn account(&mut self, first: usize) {
        let ends = self.shared[first.saturating_sub(1)..].windows(2);
        debug_assert!(ends.into_iter().all(|pair| pair[0].0 <= pair[1].0));
        for (at, bytes) in &self.shared[first..] {
            debug_assert!(!bytes.is_empty() && *at <= self.written.len());
            self.shared_len += bytes.len();
        }
    }
}

impl From<Vec<u8>> for Pieces {
    fn from(written: Vec<u8>) -> Self {
        Pieces {
            written,
            shared: Vec::new(),
            shared_len: 0,
        }
    }
}

/// A stream of pieces whose end is being written anew.
pub(crate) struct Rewriting<'p> {
    pieces: &'p mut Pieces,
    /// Of the old, the written bytes from here to `end` are to come.
    next_written: usize,
    end: usize,
    /// Of the old, the shared parts from here to `parts_end` are to come, but for the first
    /// `part_offset` bytes.
    next_part: usize,
    part_offset: usize,
    parts_end: usize,
}

impl Rewriting<'_> {
    /// Where the new stream is written to.
    pub(crate) fn written(&mut self) -> &mut Vec<u8> {
        &mut self.pieces.written
    }

    /// Passes over written bytes of the old.
    pub(crate) fn skip_written(&mut self, len: usize) {
        self.next_written += len;
        debug_assert!(self.next_written <= self.end);
    }

    /// Appends the next `len` bytes of the old.
    pub(crate) fn take_over(&mut self, mut len: usize) {
        while len > 0 {
            let Pieces {
                written, shared, ..
            } = &mut *self.pieces;
            let part = shared[..self.parts_end].get(self.next_part);
            match part {
                Some((at, bytes)) if *at == self.next_written => {
                    let taken = len.min(bytes.len() - self.part_offset);
                    let slice = bytes.slice(self.part_offset..self.part_offset + taken);
                    self.part_offset += taken;
                    if self.part_offset == bytes.len() {
                        self.next_part += 1;
                        self.part_offset = 0;
                    }
                    shared.push((written.len(), slice));
                    len -= taken;
                }
                next => {
                    let until = next.map_or(self.end, |(at, _)| *at);
                    let taken = len.min(until - self.next_written);
                    assert!(taken > 0, "the old stream has so many bytes");
                    let from = self.next_written;
                    written.extend_from_within(from..from + taken);
                    self.next_written += taken;
                    len -= taken;
                }
            }
        }
    }
}

/// A place in a stream of pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Written bytes in front of it.
    written: usize,
    /// Shared parts that lie in front of it as a whole.
    parts: usize,
    /// Bytes of the next part that lie in front of it.
    part_offset: usize,
}

/// The pieces of a stream, from a place on; none of them is empty.
#[derive(Clone, Debug)]
pub struct PieceIter<'p> {
    written: &'p [u8],
    shared: &'p [SharedPart],
    place: Place,
}

impl<'p> PieceIter<'p> {
    /// The next piece, or its first `len_max` bytes, which are more than none.
    pub fn next_part(&mut self, len_max: usize) -> Option<&'p [u8]> {
        let Place {
            written,
            parts,
            part_offset,
        } = &mut self.place;
        let next = self.shared.get(*parts);
        let until = next.map_or(self.written.len(), |(at, _)| *at);
        if *written < until {
            let piece = &self.written[*written..until];
            let piece = &piece[..piece.len().min(len_max)];
            *written += piece.len();
            return Some(piece);
        }
        let (_, bytes) = next?;
        let piece = &bytes[*part_offset..];
        let piece = &piece[..piece.len().min(len_max)];
        *part_offset += piece.len();
        if *part_offset == bytes.len() {
            *parts += 1;
            *part_offset = 0;
        }
        Some(piece)
    }

    /// Passes over `len` bytes, or over all that there are.
    pub fn skip_bytes(&mut self, mut len: usize) {
        while len > 0 {
            let Some(piece) = self.next_part(len) else {
                return;
            };
            len -= piece.len();
        }
    }

    /// Where the next piece begins.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }
}

impl<'p> Iterator for PieceIter<'p> {
    type Item = &'p [u8];

    fn next(&mut self) -> Option<&'p [u8]> {
        self.next_part(usize::MAX)
    }
}

/// What is handed over as a whole: one buffer, or pieces where some are shared. No larger than a
/// buffer's head.
#[derive(Clone, Debug)]
pub enum SendBuffer {
    /// One buffer.
    Whole(Vec<u8>),
    /// Pieces, of which at least one is shared.
    Pieces(Box<Pieces>),
}

impl SendBuffer {
    /// Bytes that there are to send.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            SendBuffer::Whole(buffer) => buffer.len(),
            SendBuffer::Pieces(pieces) => pieces.len(),
        }
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its pieces in their order, none of them empty.
    pub fn pieces(&self) -> PieceIter<'_> {
        match self {
            SendBuffer::Whole(buffer) => PieceIter {
                written: buffer,
                shared: &[],
                place: Place::default(),
            },
            SendBuffer::Pieces(pieces) => pieces.iter(),
        }
    }

    /// All bytes in one buffer.
    #[must_use]
    pub fn into_whole(self) -> Vec<u8> {
        match self {
            SendBuffer::Whole(buffer) => buffer,
            SendBuffer::Pieces(pieces) => pieces.into_whole(),
        }
    }
}

impl Default for SendBuffer {
    fn default() -> Self {
        SendBuffer::Whole(Vec::new())
    }
}

impl From<Vec<u8>> for SendBuffer {
    fn from(buffer: Vec<u8>) -> Self {
        SendBuffer::Whole(buffer)
    }
}

impl From<Pieces> for SendBuffer {
    fn from(pieces: Pieces) -> Self {
        if pieces.is_written() {
            SendBuffer::Whole(pieces.written)
        } else {
            SendBuffer::Pieces(Box::new(pieces))
        }
    }
}

/// Where a request or response is written: a buffer, or pieces if its stub data may be shared.
pub trait Output: sealed::Sealed {
    /// What was written.
    #[doc(hidden)]
    fn buffer(&mut self) -> &mut Vec<u8>;

    /// The pieces, if something is shared behind more than the first `written_len` bytes.
    #[doc(hidden)]
    fn shared_behind(&mut self, written_len: usize) -> Option<&mut Pieces>;

    /// Takes back what was written from `written_len` on, and what is shared behind that.
    #[doc(hidden)]
    fn take_back(&mut self, written_len: usize);
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for Vec<u8> {}
    impl Sealed for super::Pieces {}
}

impl Output for Vec<u8> {
    #[inline]
    fn buffer(&mut self) -> &mut Vec<u8> {
        self
    }

    #[inline]
    fn shared_behind(&mut self, _: usize) -> Option<&mut Pieces> {
        None
    }

    #[inline]
    fn take_back(&mut self, written_len: usize) {
        self.truncate(written_len);
    }
}

impl Output for Pieces {
    #[inline]
    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.written
    }

    #[inline]
    fn shared_behind(&mut self, written_len: usize) -> Option<&mut Pieces> {
        self.shares_behind(written_len).then_some(self)
    }

    #[inline]
    fn take_back(&mut self, written_len: usize) {
        self.truncate(written_len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `written` with `shared` at its places.
    fn pieces(written: &[u8], shared: &[(usize, &'static [u8])]) -> Pieces {
        let mut pieces = Pieces::default();
        pieces.append_with(|out, parts| {
            out.extend_from_slice(written);
            parts.extend(
                shared
                    .iter()
                    .map(|(at, bytes)| (*at, Bytes::from_static(bytes))),
            );
        });
        pieces
    }

    fn bytes(pieces: &Pieces) -> Vec<u8> {
        pieces.iter().collect::<Vec<_>>().concat()
    }

    #[test]
    fn a_send_buffer_is_as_small_as_a_vector() {
        assert_eq!(size_of::<SendBuffer>(), size_of::<Vec<u8>>());
    }

    #[test]
    fn pieces_come_in_the_order_of_the_stream() {
        let pieces = pieces(b"abcd", &[(0, b"1"), (2, b"23"), (2, b"4"), (4, b"5")]);
        let all: Vec<&[u8]> = pieces.iter().collect();
        assert_eq!(all, [&b"1"[..], b"ab", b"23", b"4", b"cd", b"5"]);
        assert_eq!((pieces.len(), pieces.shared_len()), (9, 5));
        assert_eq!(pieces.clone().into_whole(), b"1ab234cd5");
    }

    #[test]
    fn any_place_can_be_gone_on_from() {
        let pieces = pieces(b"abcd", &[(0, b"1"), (2, b"23"), (2, b"4"), (4, b"5")]);
        for from in 0..=9 {
            for step in 1..4 {
                let mut iter = pieces.iter();
                iter.skip_bytes(from);
                let mut read = Vec::new();
                while let Some(part) = pieces.iter_from(iter.place()).next_part(step) {
                    read.extend_from_slice(part);
                    iter.skip_bytes(part.len());
                }
                assert_eq!(
                    read,
                    &b"1ab234cd5"[from..],
                    "from {from} in steps of {step}"
                );
            }
        }
    }

    #[test]
    fn what_is_taken_back_leaves_the_shared_end_of_what_was_there() {
        let mut pieces = pieces(b"abcd", &[(2, b"12"), (3, b"3"), (4, b"4")]);
        pieces.truncate(2);
        assert_eq!((bytes(&pieces), pieces.shared_len()), (b"ab12".to_vec(), 2));
        pieces.truncate(2);
        assert_eq!(bytes(&pieces), b"ab12");
    }

    #[test]
    fn a_stream_behind_another_one_keeps_its_shared_parts() {
        let mut one = pieces(b"ab", &[(2, b"1")]);
        one.append(&pieces(b"cd", &[(0, b"2"), (1, b"3")]));
        assert_eq!(bytes(&one), b"ab12c3d");
        assert_eq!((one.len(), one.shared_len()), (7, 3));
        one.unshare_behind(2);
        assert_eq!(bytes(&one), b"ab12c3d");
        assert_eq!(
            one.shared_len(),
            2,
            "what lies at the very place is not behind it"
        );
    }
}
