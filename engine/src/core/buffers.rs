//! Buffers that are used again instead of freed.

use crossbeam_queue::ArrayQueue;

/// A buffer that grew beyond this is freed after use, so that one large reply does not hold
/// its memory for good.
const KEPT_CAPACITY_MAX: usize = 1 << 20;

/// What a new buffer has room for.
const NEW_CAPACITY: usize = 1 << 10;

/// The send buffers of one core. Never leaves its thread.
pub(crate) struct BufferPool {
    free: Vec<Vec<u8>>,
    free_max: usize,
}

impl BufferPool {
    pub(crate) fn new(free_max: usize) -> Self {
        BufferPool {
            free: Vec::with_capacity(free_max),
            free_max,
        }
    }

    /// An empty buffer.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.free
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(NEW_CAPACITY))
    }

    pub(crate) fn put(&mut self, mut buffer: Vec<u8>) {
        if self.free.len() < self.free_max && buffer.capacity() <= KEPT_CAPACITY_MAX {
            buffer.clear();
            self.free.push(buffer);
        }
    }
}

/// Buffers that carry stub data between threads and a core. Lock-free.
pub(crate) struct SharedBufferPool {
    free: ArrayQueue<Vec<u8>>,
}

impl SharedBufferPool {
    pub(crate) fn new(free_max: usize) -> Self {
        SharedBufferPool {
            free: ArrayQueue::new(free_max),
        }
    }

    /// An empty buffer.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.free
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(NEW_CAPACITY))
    }

    pub(crate) fn put(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() > 0 && buffer.capacity() <= KEPT_CAPACITY_MAX {
            buffer.clear();
            // A full pool frees the buffer.
            let _ = self.free.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_empty_and_outsized_ones_are_freed() {
        let mut pool = BufferPool::new(4);
        let mut buffer = pool.take();
        buffer.extend_from_slice(b"left over");
        let address = buffer.as_ptr();
        pool.put(buffer);
        pool.put(Vec::with_capacity(KEPT_CAPACITY_MAX + 1));
        assert_eq!(pool.free.len(), 1);
        let again = pool.take();
        assert!(again.is_empty());
        assert_eq!(again.as_ptr(), address);
    }
}
