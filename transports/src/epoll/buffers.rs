//! The receive buffers of a ring: one piece of memory, lent out in parts of one length.

use annulus_protocol::Limits;

use crate::error::TransportError;
use crate::kernel;
use crate::ring::ReceiveLease;

/// Buffers that all sockets of a ring share.
#[derive(Debug)]
pub(super) struct ReceiveBuffers {
    /// The buffers that were used so far, one behind the other, with room for all.
    memory: Vec<u8>,
    buffer_len: usize,
    /// Buffers that nobody has, the one that came back last on top: it is warm.
    free: Vec<u32>,
    /// Bytes received in each buffer that is lent; 0 for a free one.
    lent: Box<[u32]>,
}

impl ReceiveBuffers {
    pub(super) fn new(limits: &Limits) -> Result<Self, TransportError> {
        kernel::check_receive_buffers(limits)?;
        let (count, buffer_len) = (limits.receive_buffers, limits.receive_buffer_len as usize);
        let len = usize::from(count) * buffer_len;
        let mut memory = Vec::new();
        let reserved = memory.try_reserve_exact(len);
        reserved.map_err(|_| TransportError::ReceiveBuffers { len })?;
        Ok(ReceiveBuffers {
            memory,
            buffer_len,
            free: (0..u32::from(count)).rev().collect(),
            lent: vec![0; usize::from(count)].into_boxed_slice(),
        })
    }

    /// Lets `fill` write into a free buffer and say how many bytes it wrote; the buffer is lent
    /// if there are any. `None` if no buffer is free; then `fill` is not called.
    pub(super) fn fill<E>(
        &mut self,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Option<Result<Option<ReceiveLease>, E>> {
        let buffer = *self.free.last()?;
        let start = buffer as usize * self.buffer_len;
        let end = start + self.buffer_len;
        if self.memory.len() < end {
            // Used for the first time; those before it were so earlier.
            self.memory.resize(end, 0);
        }
        let filled = fill(&mut self.memory[start..end]);
        Some(filled.map(|len| {
            if len == 0 {
                return None;
            }
            let len = len as u32;
            self.free.pop();
            self.lent[buffer as usize] = len;
            Some(ReceiveLease { buffer, len })
        }))
    }

    /// Bytes that fit in one buffer.
    pub(super) fn buffer_len(&self) -> usize {
        self.buffer_len
    }

    /// The bytes of a buffer that is lent.
    ///
    /// # Panics
    ///
    /// The lease is of another ring.
    pub(super) fn bytes(&self, lease: &ReceiveLease) -> &[u8] {
        let lent = self.lent.get(lease.buffer as usize).copied().unwrap_or(0);
        assert!(lease.len <= lent, "a lease of another ring");
        let start = lease.buffer as usize * self.buffer_len;
        &self.memory[start..start + lease.len as usize]
    }

    /// Takes a lent buffer back.
    ///
    /// # Panics
    ///
    /// The lease is of another ring.
    pub(super) fn give_back(&mut self, lease: ReceiveLease) {
        let lent = &mut self.lent[lease.buffer as usize];
        assert!(*lent > 0, "a lease of another ring");
        *lent = 0;
        self.free.push(lease.buffer);
    }

    /// How many buffers are lent.
    pub(super) fn lent(&self) -> usize {
        self.lent.len() - self.free.len()
    }

    /// How many buffers are free.
    pub(super) fn available(&self) -> usize {
        self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffers(count: u16) -> ReceiveBuffers {
        let limits = Limits {
            receive_buffers: count,
            receive_buffer_len: 8,
            ..Limits::DEFAULT
        };
        ReceiveBuffers::new(&limits).unwrap()
    }

    fn fill(buffers: &mut ReceiveBuffers, bytes: &[u8]) -> Option<ReceiveLease> {
        let filled = buffers.fill(|buffer| {
            assert_eq!(buffer.len(), 8);
            buffer[..bytes.len()].copy_from_slice(bytes);
            Ok::<_, ()>(bytes.len())
        });
        filled.expect("a buffer is free").unwrap()
    }

    #[test]
    fn a_lease_counts_until_it_comes_back() {
        let mut buffers = buffers(2);
        let first = fill(&mut buffers, b"first").unwrap();
        let second = fill(&mut buffers, b"the 2nd!").unwrap();
        assert_eq!((buffers.lent(), buffers.available()), (2, 0));
        assert!(
            buffers
                .fill(|_| -> Result<usize, ()> { panic!("no buffer is free") })
                .is_none()
        );
        assert_eq!(buffers.bytes(&first), b"first");
        assert_eq!(buffers.bytes(&second), b"the 2nd!");
        buffers.give_back(first);
        assert_eq!((buffers.lent(), buffers.available()), (1, 1));
        buffers.give_back(second);
    }

    #[test]
    fn a_buffer_without_a_byte_is_not_lent() {
        let mut buffers = buffers(1);
        assert_eq!(fill(&mut buffers, b""), None);
        assert!(matches!(
            buffers.fill(|_| Err("failed")),
            Some(Err("failed"))
        ));
        assert_eq!(buffers.lent(), 0);
    }

    #[test]
    #[should_panic(expected = "a lease of another ring")]
    fn a_lease_of_another_ring_opens_no_free_buffer() {
        let foreign = fill(&mut buffers(2), b"foreign").unwrap();
        let _ = buffers(2).bytes(&foreign);
    }

    #[test]
    #[should_panic(expected = "a lease of another ring")]
    fn a_lease_of_another_ring_frees_no_buffer_twice() {
        let foreign = fill(&mut buffers(2), b"foreign").unwrap();
        buffers(2).give_back(foreign);
    }
}
