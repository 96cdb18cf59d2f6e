//! The one place that puts bytes into a stub.

use crate::wire::TransferSyntax;

/// Writes stub data from its start, least significant byte first; alignment counts from there.
pub(super) struct Writer {
    stub: Vec<u8>,
    syntax: TransferSyntax,
}

impl Writer {
    pub(super) fn new(syntax: TransferSyntax) -> Self {
        Writer {
            stub: Vec::new(),
            syntax,
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.stub
    }

    /// Fills the gap in front of something aligned to `align`, at most 8.
    pub(super) fn align(&mut self, align: u64) {
        let align = usize::try_from(align).unwrap_or(1).max(1);
        self.stub.resize(self.stub.len().next_multiple_of(align), 0);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.stub.extend_from_slice(bytes);
    }

    /// The lower `len` bytes of a number, 1, 2, 4 or 8, aligned to their number.
    pub(super) fn number(&mut self, bits: u64, len: u64) {
        self.align(len);
        let len = usize::try_from(len).unwrap_or(8).min(8);
        self.bytes(&bits.to_le_bytes()[..len]);
    }

    /// A referent id or a count.
    pub(super) fn word(&mut self, value: u64) {
        self.number(value, self.syntax.word_len());
    }
}
