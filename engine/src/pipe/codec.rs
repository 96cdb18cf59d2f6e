//! Reading and writing pipes in the transfer syntax of their call.

use annulus_ndr::{
    ByteOrder, Decode, DecodeError, Encode, EncodeError, Ndr, Ndr64, PipeReader, PipeWriter,
};
use annulus_protocol::TransferSyntax;

/// Takes one pipe apart, in either transfer syntax.
#[derive(Debug)]
pub(super) enum Reader {
    Ndr(PipeReader<Ndr>),
    Ndr64(PipeReader<Ndr64>),
}

impl Reader {
    pub(super) fn new(transfer: TransferSyntax, offset: usize, order: ByteOrder) -> Self {
        match transfer {
            TransferSyntax::Ndr => Reader::Ndr(PipeReader::new(offset, order)),
            TransferSyntax::Ndr64 => Reader::Ndr64(PipeReader::new(offset, order)),
        }
    }

    pub(super) fn offset(&self) -> usize {
        match self {
            Reader::Ndr(reader) => reader.offset(),
            Reader::Ndr64(reader) => reader.offset(),
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        match self {
            Reader::Ndr(reader) => reader.is_ended(),
            Reader::Ndr64(reader) => reader.is_ended(),
        }
    }

    /// Appends whole elements, at most `limit`; how many bytes of `input` are done with.
    pub(super) fn read<T: for<'a> Decode<'a>>(
        &mut self,
        input: &[u8],
        limit: usize,
        elements: &mut Vec<T>,
    ) -> Result<usize, DecodeError> {
        match self {
            Reader::Ndr(reader) => reader.read(input, limit, elements),
            Reader::Ndr64(reader) => reader.read(input, limit, elements),
        }
    }
}

/// Appends a chunk that starts `offset` bytes into the stub; the offset behind it.
pub(super) fn write_chunk<T: Encode>(
    transfer: TransferSyntax,
    offset: usize,
    elements: &[T],
    out: &mut Vec<u8>,
) -> Result<usize, EncodeError> {
    match transfer {
        TransferSyntax::Ndr => {
            let mut writer = PipeWriter::<Ndr>::new(offset);
            writer.chunk(elements, out)?;
            Ok(writer.offset())
        }
        TransferSyntax::Ndr64 => {
            let mut writer = PipeWriter::<Ndr64>::new(offset);
            writer.chunk(elements, out)?;
            Ok(writer.offset())
        }
    }
}

/// Appends the end of a pipe, `offset` bytes into the stub; the offset behind it.
pub(super) fn write_end(transfer: TransferSyntax, offset: usize, out: &mut Vec<u8>) -> usize {
    match transfer {
        TransferSyntax::Ndr => PipeWriter::<Ndr>::new(offset).end(out),
        TransferSyntax::Ndr64 => PipeWriter::<Ndr64>::new(offset).end(out),
    }
}
