//! What goes in, received bytes, and what comes out, stub data.

use std::fmt;
use std::ops::{Deref, Range};

use crate::limits::Limits;

/// A received piece of stream, consumed from the front.
#[derive(Debug)]
pub struct Input<'b> {
    bytes: &'b [u8],
}

impl<'b> Input<'b> {
    /// The bytes of one receive.
    #[must_use]
    pub fn new(bytes: &'b [u8]) -> Self {
        Input { bytes }
    }

    /// Whether all of it was consumed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes that were not consumed yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// Takes at most `len` bytes.
    pub(crate) fn take(&mut self, len: usize) -> &'b [u8] {
        let (taken, rest) = self.bytes.split_at(len.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }

    /// Drops what is left: nothing after a fatal error is looked at.
    pub(crate) fn discard(&mut self) {
        self.bytes = &[];
    }
}

/// The stub data of a call: in place in the received bytes, or assembled from pieces.
pub enum Stub<'b> {
    /// A part of the bytes of an [`Input`].
    InPlace(&'b [u8]),
    /// A buffer of its own, to be given back by `recycle` of the connection.
    Assembled(AssembledStub),
}

impl<'b> Stub<'b> {
    /// The stub data.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Stub::InPlace(bytes) => bytes,
            Stub::Assembled(stub) => stub.as_slice(),
        }
    }

    /// The buffer, if the stub has one of its own.
    #[must_use]
    pub fn into_assembled(self) -> Option<AssembledStub> {
        match self {
            Stub::InPlace(_) => None,
            Stub::Assembled(stub) => Some(stub),
        }
    }

    /// The stub data free of the input's lifetime; copies what lies in place.
    #[must_use]
    pub fn into_owned(self) -> AssembledStub {
        match self {
            Stub::InPlace(bytes) => AssembledStub::new(bytes.to_vec(), 0..bytes.len()),
            Stub::Assembled(stub) => stub,
        }
    }
}

impl Deref for Stub<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl fmt::Debug for Stub<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Stub::InPlace(_) => "InPlace",
            Stub::Assembled(_) => "Assembled",
        };
        write!(f, "{name}({} bytes)", self.len())
    }
}

/// Stub data in a buffer of its own.
pub struct AssembledStub {
    bytes: Vec<u8>,
    range: Range<usize>,
}

impl AssembledStub {
    /// The part `range` of `bytes`.
    pub(crate) fn new(bytes: Vec<u8>, range: Range<usize>) -> Self {
        debug_assert!(range.start <= range.end && range.end <= bytes.len());
        AssembledStub { bytes, range }
    }

    /// The stub data.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.range.clone()).unwrap_or_default()
    }

    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }
}

impl Deref for AssembledStub {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl fmt::Debug for AssembledStub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssembledStub({} bytes)", self.len())
    }
}

/// Buffers that wait for their next use, so that a warm connection does not allocate.
#[derive(Debug)]
pub(crate) struct BufferPool {
    free: Vec<Vec<u8>>,
    /// Buffers that are kept.
    count_max: usize,
    /// The largest buffer that is kept, in bytes.
    len_max: usize,
}

impl BufferPool {
    /// An empty pool.
    pub(crate) fn new(limits: &Limits) -> Self {
        BufferPool {
            free: Vec::new(),
            count_max: limits.kept_buffers_per_connection_max,
            len_max: limits.kept_buffer_len_max,
        }
    }

    /// An empty buffer.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.free.pop().unwrap_or_default()
    }

    /// Keeps a buffer, or frees it.
    pub(crate) fn put(&mut self, mut buffer: Vec<u8>) {
        let useful = (1..=self.len_max).contains(&buffer.capacity());
        if useful && self.free.len() < self.count_max {
            buffer.clear();
            self.free.push(buffer);
        }
    }

    /// Frees all buffers.
    pub(crate) fn trim(&mut self) {
        self.free = Vec::new();
    }

    /// Bytes that are kept.
    pub(crate) fn kept_len(&self) -> usize {
        self.free.iter().map(Vec::capacity).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_taken_from_the_front_and_never_past_the_end() {
        let mut input = Input::new(b"abcd");
        assert_eq!((input.take(3), input.remaining()), (&b"abc"[..], 1));
        assert_eq!((input.take(9), input.is_empty()), (&b"d"[..], true));
    }

    #[test]
    fn the_pool_keeps_few_buffers_and_no_large_one() {
        let limits = Limits {
            kept_buffers_per_connection_max: 3,
            kept_buffer_len_max: 100,
            ..Limits::DEFAULT
        };
        let mut pool = BufferPool::new(&limits);
        pool.put(Vec::with_capacity(101));
        assert_eq!(pool.kept_len(), 0);
        for _ in 0..5 {
            pool.put(Vec::with_capacity(100));
        }
        assert_eq!((pool.free.len(), pool.kept_len()), (3, 300));
        assert_eq!(pool.take().capacity(), 100);
    }
}
