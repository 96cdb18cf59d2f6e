//! The one place that takes bytes out of a stub.

use super::StubErrorKind;
use crate::wire::TransferSyntax;

/// The byte order of numbers, from a PDU's data representation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ByteOrder {
    /// Least significant byte first.
    #[default]
    Little,
    /// Most significant byte first.
    Big,
}

impl ByteOrder {
    /// The unsigned number that at most eight bytes are.
    pub(super) fn value(self, bytes: &[u8]) -> u64 {
        let add = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        match self {
            ByteOrder::Little => bytes.iter().rev().fold(0, add),
            ByteOrder::Big => bytes.iter().fold(0, add),
        }
    }
}

/// Reads stub data from its start; offsets and alignment count from there.
pub(super) struct Reader<'a> {
    stub: &'a [u8],
    /// May lie beyond the end behind a gap; then any read of at least a byte fails.
    offset: usize,
    syntax: TransferSyntax,
    order: ByteOrder,
}

impl<'a> Reader<'a> {
    pub(super) fn new(stub: &'a [u8], syntax: TransferSyntax, order: ByteOrder) -> Self {
        Reader {
            stub,
            offset: 0,
            syntax,
            order,
        }
    }

    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    pub(super) fn order(&self) -> ByteOrder {
        self.order
    }

    /// Skips the gap in front of something aligned to `align`, at most 8.
    pub(super) fn align(&mut self, align: u64) {
        let align = usize::try_from(align).unwrap_or(1);
        self.offset = self.offset.next_multiple_of(align.max(1));
    }

    /// Takes `count` times `len` bytes.
    pub(super) fn take(&mut self, count: u64, len: u64) -> Result<&'a [u8], StubErrorKind> {
        let rest = self.stub.get(self.offset..).unwrap_or_default();
        let wanted = count.checked_mul(len);
        let bytes = wanted
            .and_then(|wanted| usize::try_from(wanted).ok())
            .and_then(|wanted| rest.get(..wanted))
            .ok_or(StubErrorKind::Truncated {
                wanted: wanted.unwrap_or(u64::MAX),
                left: rest.len(),
            })?;
        self.offset += bytes.len();
        Ok(bytes)
    }

    /// Takes an unsigned number of 1, 2, 4 or 8 bytes, aligned to its own length.
    pub(super) fn number(&mut self, len: u64) -> Result<u64, StubErrorKind> {
        self.align(len);
        let bytes = self.take(1, len)?;
        Ok(self.value(bytes))
    }

    /// The unsigned number that at most eight bytes are.
    pub(super) fn value(&self, bytes: &[u8]) -> u64 {
        self.order.value(bytes)
    }

    /// Takes a referent id or a count.
    pub(super) fn word(&mut self) -> Result<u64, StubErrorKind> {
        self.number(self.syntax.word_len())
    }
}
