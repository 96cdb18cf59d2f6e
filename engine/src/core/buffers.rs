//! Buffers that are used again instead of freed.

use annulus_ndr::SHARED_LEN_MIN;
use annulus_protocol::{Pieces, SendBuffer};
use crossbeam_queue::ArrayQueue;

/// What a new buffer has room for.
const NEW_CAPACITY: usize = 1 << 10;

/// The send buffers of one core. Never leaves its thread.
///
/// A connection has a buffer only while it has something to send.
pub(crate) struct BufferPool {
    free: Vec<Vec<u8>>,
    /// Bytes of all free buffers together.
    free_len: usize,
    free_len_max: usize,
}

impl BufferPool {
    /// Free buffers take `free_len_max` bytes at most; what comes back beyond that is freed.
    pub(crate) fn new(free_len_max: usize) -> Self {
        BufferPool {
            free: Vec::new(),
            free_len: 0,
            free_len_max,
        }
    }

    /// An empty buffer.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        match self.free.pop() {
            Some(buffer) => {
                self.free_len -= buffer.capacity();
                buffer
            }
            None => Vec::with_capacity(NEW_CAPACITY),
        }
    }

    /// Takes a buffer back; what was shared beside it is let go.
    pub(crate) fn put(&mut self, buffer: impl Into<SendBuffer>) {
        let mut buffer = written(buffer.into());
        let len = buffer.capacity();
        if len > 0 && self.free_len + len <= self.free_len_max {
            buffer.clear();
            self.free_len += len;
            self.free.push(buffer);
        }
    }
}

/// Buffers that carry stub data between threads and a core. Lock-free.
pub(crate) struct SharedBufferPool {
    free: ArrayQueue<Vec<u8>>,
    buffer_len_max: usize,
}

impl SharedBufferPool {
    /// `free_max` free buffers of `buffer_len_max` bytes at most; larger ones are freed.
    pub(crate) fn new(free_max: usize, buffer_len_max: usize) -> Self {
        SharedBufferPool {
            free: ArrayQueue::new(free_max.max(1)),
            buffer_len_max,
        }
    }

    /// An empty buffer.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.free
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(NEW_CAPACITY))
    }

    /// Takes a buffer back; what was shared beside it is let go.
    pub(crate) fn put(&self, buffer: impl Into<SendBuffer>) {
        let mut buffer = written(buffer.into());
        if (1..=self.buffer_len_max).contains(&buffer.capacity()) {
            buffer.clear();
            // A full pool frees the buffer.
            let _ = self.free.push(buffer);
        }
    }

    /// Appends stub data to what is to be sent, and takes its buffer back. A buffer that is too
    /// large to be kept is sent as it is, and freed when it was.
    pub(crate) fn send(&self, stub: SendBuffer, out: &mut Pieces) {
        match stub {
            SendBuffer::Whole(buffer) if buffer.len() >= SHARED_LEN_MIN => {
                out.share(buffer.into());
            }
            SendBuffer::Whole(buffer) => {
                out.written().extend_from_slice(&buffer);
                self.put(buffer);
            }
            SendBuffer::Pieces(pieces) => {
                out.append(&pieces);
                self.put(SendBuffer::Pieces(pieces));
            }
        }
    }
}

/// What was written, without what is shared.
fn written(buffer: SendBuffer) -> Vec<u8> {
    match buffer {
        SendBuffer::Whole(buffer) => buffer,
        SendBuffer::Pieces(mut pieces) => std::mem::take(pieces.written()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_empty_and_are_used_again() {
        let mut pool = BufferPool::new(1 << 20);
        let mut buffer = pool.take();
        buffer.extend_from_slice(b"left over");
        let address = buffer.as_ptr();
        pool.put(buffer);
        let again = pool.take();
        assert!(again.is_empty());
        assert_eq!(again.as_ptr(), address);
    }

    #[test]
    fn free_buffers_take_no_more_than_they_may() {
        let mut pool = BufferPool::new(10_000);
        for _ in 0..5 {
            pool.put(Vec::with_capacity(4_000));
        }
        assert_eq!(pool.free.len(), 2);
        let (first, second) = (pool.take(), pool.take());
        assert_eq!(pool.free_len, 0);
        pool.put(first);
        pool.put(second);
        assert_eq!(pool.free.len(), 2);
    }
}
