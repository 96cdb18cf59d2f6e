//! The receive buffers of a ring: memory that the kernel fills as bytes arrive.
//!
//! One mapping holds the ring of buffer descriptors (read by the kernel) and behind it the
//! buffers (written by the kernel). A buffer is in one of two places:
//!
//! ```text
//!            completion with its id
//!   kernel ──────────────────────────▶ lent, `lent[id]` = bytes received
//!     ▲                                  │
//!     └──────────────────────────────────┘
//!        `give_back`: a descriptor, then the tail
//! ```
//!
//! This module holds unsafe code. It rests on one fact: the kernel writes into a buffer only
//! between the store of the tail that published its descriptor and the completion that carries
//! its id, and this module touches a buffer only outside of that time.

use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicU16, Ordering};

use annulus_protocol::Limits;
use rustix::mm::{MapFlags, ProtFlags};

use crate::error::TransportError;
use crate::kernel::check_receive_buffers;
use crate::ring::ReceiveLease;
use crate::uring::probe;
use crate::uring::queue::Queue;

/// The one buffer group of a ring.
pub(super) const GROUP: u16 = 0;

const PAGE: usize = 4096;

/// `struct io_uring_buf`. In entry 0, `reserved` is the tail of the ring.
#[repr(C)]
struct Descriptor {
    address: u64,
    len: u32,
    id: u16,
    reserved: u16,
}

/// The provided-buffer ring and its buffers.
#[derive(Debug)]
pub(super) struct ReceiveBuffers {
    /// Start of the mapping: the descriptors, then at `data_offset` the buffers.
    map: NonNull<u8>,
    map_len: usize,
    data_offset: usize,
    count: u16,
    buffer_len: u32,
    /// The next descriptor to write, modulo 2¹⁶ as the kernel counts.
    tail: u16,
    /// Bytes received in each buffer that is lent; 0 for a buffer that the kernel has.
    lent: Box<[u32]>,
    lent_count: usize,
    leaked: bool,
}

impl ReceiveBuffers {
    /// Maps the memory. The kernel does not know of it before
    /// [`register`](ReceiveBuffers::register).
    pub(super) fn new(limits: &Limits) -> Result<Self, TransportError> {
        check_receive_buffers(limits)?;
        let (count, buffer_len) = (limits.receive_buffers, limits.receive_buffer_len);
        let data_offset = (usize::from(count) * size_of::<Descriptor>()).next_multiple_of(PAGE);
        let map_len = data_offset + usize::from(count) * buffer_len as usize;
        // SAFETY:
        // - a new anonymous mapping at an address of the kernel's choice overlaps nothing;
        // - it is unmapped once, by `drop`.
        let map = unsafe {
            rustix::mm::mmap_anonymous(
                ptr::null_mut(),
                map_len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        }
        .map_err(|errno| probe::memory_error("the receive buffers", errno.into()))?;
        Ok(ReceiveBuffers {
            map: NonNull::new(map.cast()).expect("a mapping is never at address zero"),
            map_len,
            data_offset,
            count,
            buffer_len,
            tail: 0,
            lent: vec![0; usize::from(count)].into_boxed_slice(),
            lent_count: 0,
            leaked: false,
        })
    }

    /// Makes the buffers known to the kernel and gives all of them to it.
    ///
    /// # Safety
    ///
    /// `self` must outlive the kernel's use of it: it may be dropped only when `queue` is gone
    /// and no receive of it was in flight, or else be [leaked](ReceiveBuffers::leak) before.
    pub(super) unsafe fn register(&mut self, queue: &Queue) -> Result<(), TransportError> {
        let address = self.map.as_ptr() as u64;
        // SAFETY: the mapping begins on a page, has room for `count` descriptors, and lives as
        // long as the kernel uses it, as the caller promises.
        unsafe { queue.register_buffer_ring(address, self.count, GROUP) }?;
        for id in 0..self.count {
            self.publish(id);
        }
        Ok(())
    }

    /// The kernel filled `len` bytes of buffer `id`.
    ///
    /// # Panics
    ///
    /// The kernel named a buffer that it does not have: memory is no longer trustworthy.
    pub(super) fn lend(&mut self, id: u16, len: u32) -> ReceiveLease {
        assert!(
            len > 0 && len <= self.buffer_len,
            "the kernel filled {len} bytes of a buffer"
        );
        let lent = &mut self.lent[usize::from(id)];
        assert_eq!(*lent, 0, "the kernel used buffer {id}, which it had not");
        *lent = len;
        self.lent_count += 1;
        ReceiveLease {
            buffer: id.into(),
            len,
        }
    }

    /// The bytes of a buffer that is lent.
    ///
    /// # Panics
    ///
    /// The lease is of another ring.
    pub(super) fn bytes(&self, lease: &ReceiveLease) -> &[u8] {
        let lent = self.lent.get(lease.buffer as usize).copied().unwrap_or(0);
        assert!(lease.len <= lent, "a lease of another ring");
        // SAFETY:
        // - `buffer` < `count`, as the lookup in `lent` found it, so the range lies in the map;
        // - `lent` ≥ `len` > 0: the buffer is lent, so the kernel does not write to it before
        //   `give_back`, which needs `&mut self` and so waits for the end of this borrow;
        // - the bytes are initialised: the map began as zeros.
        unsafe { slice::from_raw_parts(self.data(lease.buffer as usize), lease.len as usize) }
    }

    /// Gives a lent buffer to the kernel again.
    ///
    /// # Panics
    ///
    /// The lease is of another ring.
    pub(super) fn give_back(&mut self, lease: ReceiveLease) {
        let lent = &mut self.lent[lease.buffer as usize];
        assert!(*lent > 0, "a lease of another ring");
        *lent = 0;
        self.lent_count -= 1;
        self.publish(lease.buffer as u16);
    }

    /// Gives a buffer back that came without a byte in it.
    pub(super) fn give_back_unused(&mut self, id: u16) {
        assert_eq!(
            self.lent[usize::from(id)],
            0,
            "the kernel used buffer {id}, which it had not"
        );
        self.publish(id);
    }

    /// How many buffers are lent.
    pub(super) fn lent(&self) -> usize {
        self.lent_count
    }

    /// How many buffers the kernel has, as far as its completions were seen.
    pub(super) fn available(&self) -> usize {
        usize::from(self.count) - self.lent_count
    }

    /// Keeps the memory mapped for ever, because the kernel may still write to it.
    pub(super) fn leak(&mut self) {
        self.leaked = true;
    }

    /// Appends the descriptor of a buffer that is not in the ring.
    fn publish(&mut self, id: u16) {
        let index = usize::from(self.tail & (self.count - 1));
        let address = self.data(usize::from(id)) as u64;
        self.tail = self.tail.wrapping_add(1);
        // SAFETY:
        // - `index` < `count`, and the map begins with `count` descriptors, well aligned because
        //   it begins on a page;
        // - the kernel does not read this entry now: at most `count` - 1 others are between its
        //   head and our tail, because a buffer is published once per time that it came back;
        // - `reserved` is left alone, it is the tail in entry 0; the tail is only ever accessed
        //   as an atomic, by the kernel too;
        // - release pairs with the kernel's acquire load of the tail: it sees the descriptor.
        unsafe {
            let descriptors = self.map.as_ptr().cast::<Descriptor>();
            let entry = descriptors.add(index);
            (&raw mut (*entry).address).write(address);
            (&raw mut (*entry).len).write(self.buffer_len);
            (&raw mut (*entry).id).write(id);
            AtomicU16::from_ptr(&raw mut (*descriptors).reserved)
                .store(self.tail, Ordering::Release);
        }
    }

    /// Start of buffer `id`, which must be less than `count`.
    fn data(&self, id: usize) -> *mut u8 {
        debug_assert!(id < usize::from(self.count));
        // SAFETY: the map is `data_offset` + `count` × `buffer_len` bytes long.
        unsafe {
            self.map
                .as_ptr()
                .add(self.data_offset + id * self.buffer_len as usize)
        }
    }
}

impl Drop for ReceiveBuffers {
    fn drop(&mut self) {
        if self.leaked {
            return;
        }
        // SAFETY:
        // - the mapping was made by `new` with this length and is unmapped only here;
        // - no slice of it is alive, as all borrow `self`;
        // - the kernel is done with it, by the contract of `register`.
        if let Err(errno) = unsafe { rustix::mm::munmap(self.map.as_ptr().cast(), self.map_len) } {
            tracing::error!(%errno, "the receive buffers could not be unmapped");
        }
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

    #[test]
    fn a_lease_counts_until_it_comes_back() {
        let mut buffers = buffers(2);
        let lease = buffers.lend(1, 8);
        assert_eq!((buffers.lent(), buffers.available()), (1, 1));
        assert_eq!(buffers.bytes(&lease), [0; 8]);
        buffers.give_back(lease);
        assert_eq!((buffers.lent(), buffers.available()), (0, 2));
    }

    #[test]
    #[should_panic(expected = "a lease of another ring")]
    fn a_lease_of_another_ring_opens_no_buffer_that_the_kernel_has() {
        let mut others = buffers(4);
        let foreign = others.lend(1, 8);
        let _ = buffers(4).bytes(&foreign);
    }

    #[test]
    #[should_panic(expected = "a lease of another ring")]
    fn a_lease_of_another_ring_publishes_no_buffer_twice() {
        let mut others = buffers(4);
        let foreign = others.lend(1, 8);
        buffers(4).give_back(foreign);
    }

    #[test]
    fn descriptors_wrap_around_the_ring() {
        let mut buffers = buffers(2);
        for _ in 0..70_000 {
            let lease = buffers.lend(0, 1);
            buffers.give_back(lease);
        }
        assert_eq!(buffers.tail, 70_000_u32 as u16);
    }
}
