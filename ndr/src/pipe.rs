//! Pipes: chunks of elements, as long as there are some.
//!
//! A pipe follows the other parameters and may be longer than memory, so it is read and written
//! piece by piece, while the bytes come and go. NDR writes a count before each chunk and ends
//! with a count of zero (C706 chapter 14); NDR64 also writes the negated count behind each
//! chunk, the last one too (MS-RPCE 2.2.5.3.4.5).

use std::marker::PhantomData;

use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::reader::{ByteOrder, Reader};
use crate::syntax::Syntax;
use crate::traits::{Decode, Encode};
use crate::writer::Writer;

/// Takes a pipe apart as its bytes arrive.
///
/// Elements are of any type without pointers and without conformant arrays. One whose varying arrays
/// are longer than 1 MiB together is refused.
///
/// ```
/// use annulus_ndr::{ByteOrder, Ndr, PipeReader};
///
/// let wire = [2, 0, 0, 0, 7, 0, 8, 0, 0, 0, 0, 0];
/// let mut pipe = PipeReader::<Ndr>::new(0, ByteOrder::Little);
/// let mut elements: Vec<u16> = Vec::new();
/// // Half an element stays where it is, to be given again with what comes behind it.
/// assert_eq!(pipe.read(&wire[..7], usize::MAX, &mut elements)?, 6);
/// assert_eq!(pipe.read(&wire[6..], usize::MAX, &mut elements)?, 6);
/// assert_eq!(elements, [7, 8]);
/// assert!(pipe.is_ended());
/// # Ok::<(), annulus_ndr::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PipeReader<S> {
    offset: usize,
    order: ByteOrder,
    state: State,
    syntax: PhantomData<S>,
}

/// The most bytes of an element beyond its least length. So many are waited for; they are looked at
/// again whenever more have come.
const ELEMENT_EXTRA_LEN_MAX: usize = 1 << 20;

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum State {
    Count,
    Elements { left: u64, count: u64 },
    Trailer { count: u64 },
    Ended,
}

impl<S: Syntax> PipeReader<S> {
    /// A reader of a pipe that starts `offset` bytes into the stub, behind the other parameters
    /// or the pipe before it.
    #[must_use]
    pub fn new(offset: usize, order: ByteOrder) -> Self {
        PipeReader {
            offset,
            order,
            state: State::Count,
            syntax: PhantomData,
        }
    }

    /// Bytes from the start of the stub to what is read next.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Whether the last chunk has been read. What is behind it is no part of the pipe.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Reads the whole elements at the front of `input`, at most `limit` of them, appends them
    /// to `elements`, and says how many bytes of `input` it is done with. The others are to be
    /// given again, with more behind them; it is never more than an element, a count and a gap.
    ///
    /// # Errors
    /// What is wrong with the pipe; it cannot be read further then.
    pub fn read<'a, T: Decode<'a>>(
        &mut self,
        input: &'a [u8],
        limit: usize,
        elements: &mut Vec<T>,
    ) -> Result<usize, DecodeError> {
        let mut rest = input;
        let mut room = limit;
        loop {
            self.state = match self.state {
                State::Count => match self.number(&mut rest) {
                    Some(count) => self.chunk(count)?,
                    None => break,
                },
                State::Elements { left: 0, count } => State::Trailer { count },
                State::Elements { left, count } => {
                    let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(room);
                    let taken = self.elements(&mut rest, wanted, elements)?;
                    if taken == 0 {
                        break;
                    }
                    room -= taken;
                    State::Elements {
                        left: left - taken as u64,
                        count,
                    }
                }
                State::Trailer { count } => match self.trailer(count, &mut rest)? {
                    Some(state) => state,
                    None => break,
                },
                State::Ended => break,
            };
        }
        Ok(input.len() - rest.len())
    }

    /// Says that nothing comes any more.
    ///
    /// # Errors
    /// [`Truncated`](DecodeErrorKind::Truncated) if the last chunk has not come.
    pub fn finish(&self) -> Result<(), DecodeError> {
        if self.is_ended() {
            return Ok(());
        }
        Err(self.error(DecodeErrorKind::Truncated {
            needed: S::COUNT_LEN,
            remaining: 0,
        }))
    }

    fn chunk(&self, count: u64) -> Result<State, DecodeError> {
        if count > S::PIPE_CHUNK_MAX {
            return Err(self.error(DecodeErrorKind::PipeChunkTooLong {
                count,
                max: S::PIPE_CHUNK_MAX,
            }));
        }
        Ok(State::Elements { left: count, count })
    }

    /// What follows a chunk of `count` elements; `None` if it has not come yet.
    fn trailer(&mut self, count: u64, rest: &mut &[u8]) -> Result<Option<State>, DecodeError> {
        if S::PIPE_HAS_TRAILER {
            let Some(found) = self.number(rest) else {
                return Ok(None);
            };
            if found != count.wrapping_neg() {
                return Err(self.error(DecodeErrorKind::PipeTrailerMismatch { count, found }));
            }
        }
        Ok(Some(if count == 0 {
            State::Ended
        } else {
            State::Count
        }))
    }

    /// Takes an aligned count, once all of it is there.
    fn number(&mut self, rest: &mut &[u8]) -> Option<u64> {
        let mut reader = self.reader(rest);
        let number = if S::COUNT_LEN == 8 {
            reader.u64()
        } else {
            reader.u32().map(u64::from)
        };
        let number = number.ok()?;
        self.advance(rest, reader.offset());
        Some(number)
    }

    /// Appends up to `wanted` elements and says how many.
    fn elements<'a, T: Decode<'a>>(
        &mut self,
        rest: &mut &'a [u8],
        wanted: usize,
        elements: &mut Vec<T>,
    ) -> Result<usize, DecodeError> {
        const { assert!(!T::CONFORMANT, "an element of a pipe cannot be conformant") };
        let mut reader = self.reader(rest);
        let before = elements.len();
        let end = if const { T::LAYOUT.is_scalar() } {
            reader.align(const { T::LAYOUT.align::<S>() });
            let wanted = wanted.min(reader.remaining() / const { T::LAYOUT.min_len::<S>() });
            let shells = T::decode_elements(wanted, &mut reader)?;
            elements.extend(T::decode_deferred_elements(shells, &mut reader)?);
            reader.offset()
        } else {
            each(wanted, &mut reader, elements)?
        };
        let taken = elements.len() - before;
        if taken != 0 {
            self.advance(rest, end);
        }
        Ok(taken)
    }

    /// A reader of what has come and was not taken.
    fn reader<'a>(&self, rest: &&'a [u8]) -> Reader<'a, S> {
        Reader::continuing(rest, self.offset, self.order)
    }

    /// Is done with what is before `offset`.
    fn advance(&mut self, rest: &mut &[u8], offset: usize) {
        *rest = &rest[offset - self.offset..];
        self.offset = offset;
    }

    fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError::new(kind, self.offset)
    }
}

/// Appends up to `wanted` elements, those of which all bytes are there, and gives the offset
/// behind them.
fn each<'a, S: Syntax, T: Decode<'a>>(
    wanted: usize,
    reader: &mut Reader<'a, S>,
    elements: &mut Vec<T>,
) -> Result<usize, DecodeError> {
    let least = const { T::LAYOUT.min_len::<S>() }.max(1);
    let mut end = reader.offset();
    let longest = least.saturating_add(ELEMENT_EXTRA_LEN_MAX);
    for _ in 0..wanted.min(reader.remaining() / least) {
        // Elements may be longer than that. What cannot be whole is not looked at, so that what is
        // wrong is told at the same place however the pipe was cut.
        if reader.remaining() < least {
            break;
        }
        let mut ahead = reader.clone();
        let element = match element(&mut ahead) {
            Ok(element) => element,
            Err(error) if is_cut(&error) && reader.remaining() <= longest => break,
            Err(error) if is_cut(&error) => return Err(too_long(reader, longest)),
            Err(error) => return Err(error),
        };
        if ahead.is_beyond_end() {
            // The padding behind a structure has not come yet.
            break;
        }
        end = ahead.offset();
        if end - reader.offset() > longest {
            return Err(too_long(reader, longest));
        }
        *reader = ahead;
        elements.push(element);
    }
    Ok(end)
}

fn too_long<S: Syntax>(reader: &Reader<'_, S>, max: usize) -> DecodeError {
    DecodeError::new(DecodeErrorKind::PipeElementTooLong { max }, reader.offset())
}

/// Whether all that is wrong with an element is that it has not come whole, so that more bytes could
/// put it right. The counts of varying arrays are held against their room before, where that is known
/// by then: of several dimensions it is not.
fn is_cut(error: &DecodeError) -> bool {
    matches!(
        error.kind(),
        DecodeErrorKind::Truncated { .. } | DecodeErrorKind::CountTooLarge { .. }
    )
}

/// Reads one element as one of an array, with what it points to.
fn element<'a, S: Syntax, T: Decode<'a>>(reader: &mut Reader<'a, S>) -> Result<T, DecodeError> {
    let inline = T::decode_element(reader)?;
    T::decode_deferred(inline, (), reader)
}

/// Puts a pipe together.
///
/// ```
/// use annulus_ndr::{Ndr64, PipeWriter};
///
/// let mut wire = Vec::new();
/// let mut pipe = PipeWriter::<Ndr64>::new(0);
/// pipe.chunk(&[7u8], &mut wire)?;
/// pipe.end(&mut wire);
/// assert_eq!(wire[..9], [1, 0, 0, 0, 0, 0, 0, 0, 7]);
/// assert_eq!(wire[16..24], [0xff; 8]); // minus one, behind a gap
/// assert_eq!(wire[24..], [0; 16]);
/// # Ok::<(), annulus_ndr::EncodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PipeWriter<S> {
    offset: usize,
    syntax: PhantomData<S>,
}

impl<S: Syntax> PipeWriter<S> {
    /// A writer of a pipe that starts `offset` bytes into the stub, behind the other parameters
    /// or the pipe before it.
    #[must_use]
    pub fn new(offset: usize) -> Self {
        PipeWriter {
            offset,
            syntax: PhantomData,
        }
    }

    /// Bytes from the start of the stub to what is written next.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Appends a chunk of `elements` to `out`, or several where one cannot hold so many; no
    /// chunk at all if there are none, since that would end the pipe.
    ///
    /// # Errors
    /// What the element is that cannot be written; `out` and the pipe are then as before.
    pub fn chunk<T: Encode>(
        &mut self,
        elements: &[T],
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        const { assert!(!T::CONFORMANT, "an element of a pipe cannot be conformant") };
        let start = out.len();
        let mut writer = Writer::<S>::continuing(out, self.offset);
        let chunk_max = usize::try_from(S::PIPE_CHUNK_MAX).unwrap_or(usize::MAX);
        let written = elements.chunks(chunk_max).try_for_each(|elements| {
            writer.count(elements.len())?;
            T::encode_elements(elements, &mut writer)?;
            trailer(elements.len() as u64, &mut writer);
            Ok(())
        });
        match written {
            Ok(()) => self.offset = writer.offset(),
            Err(_) => out.truncate(start),
        }
        written
    }

    /// Appends what ends the pipe to `out`, and gives the offset behind it.
    pub fn end(self, out: &mut Vec<u8>) -> usize {
        let mut writer = Writer::<S>::continuing(out, self.offset);
        writer.null_count();
        trailer(0, &mut writer);
        writer.offset()
    }
}

/// Writes what stands behind a chunk.
fn trailer<S: Syntax>(count: u64, writer: &mut Writer<'_, S>) {
    if S::PIPE_HAS_TRAILER {
        writer.u64(count.wrapping_neg());
    }
}
