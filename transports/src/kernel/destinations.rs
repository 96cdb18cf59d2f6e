//! Receiving right into buffers of the owner's.

use std::mem::MaybeUninit;
use std::num::NonZeroU16;

/// Bytes that one of the [`Singles`] takes at most: enough to see the head of something long, of
/// which little is copied then.
pub(crate) const SINGLE_LEN_MAX: usize = 4 << 10;

/// After so many receives into the ring's buffers, a socket has gone back to small things.
const SINGLES: u8 = 16;

/// How many more receives of a socket come one after the other, so that its owner can give a
/// buffer for the next one; none where all that comes goes into the ring's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Singles(u8);

impl Singles {
    /// No such receive.
    pub(crate) const NONE: Self = Singles(0);

    /// The owner has a buffer for something long.
    pub(crate) fn begin(&mut self) {
        self.0 = SINGLES;
    }

    pub(crate) fn are_left(self) -> bool {
        self.0 > 0
    }

    /// Something came that went into a buffer of the ring.
    pub(crate) fn end_one(&mut self) {
        self.0 = self.0.saturating_sub(1);
    }
}

/// A buffer in [`Destinations`]. Small, for a place in each socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Destination(NonZeroU16);

impl Destination {
    fn from_index(index: usize) -> Option<Self> {
        let number = u16::try_from(index + 1).ok()?;
        NonZeroU16::new(number).map(Destination)
    }

    fn index(self) -> usize {
        usize::from(self.0.get()) - 1
    }
}

/// The buffers of a ring's owner that are to be filled; 65,535 at most.
#[derive(Debug, Default)]
pub(crate) struct Destinations {
    buffers: Vec<Vec<u8>>,
    free: Vec<Destination>,
}

impl Destinations {
    /// Keeps a buffer.
    ///
    /// # Errors
    ///
    /// There are too many; it comes back.
    ///
    /// # Panics
    ///
    /// It has no room.
    pub(crate) fn put(&mut self, buffer: Vec<u8>) -> Result<Destination, Vec<u8>> {
        assert!(buffer.len() < buffer.capacity(), "a buffer without room");
        if let Some(free) = self.free.pop() {
            self.buffers[free.index()] = buffer;
            return Ok(free);
        }
        let Some(new) = Destination::from_index(self.buffers.len()) else {
            return Err(buffer);
        };
        self.buffers.push(buffer);
        Ok(new)
    }

    /// The buffer; its bytes stay where they are until it is taken.
    pub(crate) fn get_mut(&mut self, destination: Destination) -> &mut Vec<u8> {
        &mut self.buffers[destination.index()]
    }

    /// Where the next bytes go.
    pub(crate) fn room(&mut self, destination: Destination) -> &mut [MaybeUninit<u8>] {
        self.get_mut(destination).spare_capacity_mut()
    }

    /// Gives a buffer back.
    pub(crate) fn take(&mut self, destination: Destination) -> Vec<u8> {
        self.free.push(destination);
        std::mem::take(self.get_mut(destination))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.buffers.len() - self.free.len()
    }

    /// Forgets all buffers without freeing what the kernel may still write to.
    pub(crate) fn leak(&mut self) {
        std::mem::forget(std::mem::take(&mut self.buffers));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_keeps_its_bytes_in_place_while_others_come_and_go() {
        let mut destinations = Destinations::default();
        let mut buffer = Vec::with_capacity(100);
        buffer.extend_from_slice(b"begun");
        let address = buffer.as_ptr();
        let first = destinations.put(buffer).unwrap();
        let others: Vec<_> = (1..1000)
            .map(|room| destinations.put(Vec::with_capacity(room)).unwrap())
            .collect();
        assert_eq!(destinations.len(), 1000);
        for &other in &others {
            destinations.take(other);
        }
        assert_eq!(destinations.room(first).len(), 95);
        let buffer = destinations.take(first);
        assert_eq!((buffer.as_ptr(), &buffer[..]), (address, &b"begun"[..]));
        assert_eq!(destinations.len(), 0);
    }

    #[test]
    fn one_too_many_comes_back() {
        let mut destinations = Destinations::default();
        for _ in 0..u16::MAX {
            destinations.put(Vec::with_capacity(1)).unwrap();
        }
        let one_more = Vec::with_capacity(7);
        let refused = destinations.put(one_more).unwrap_err();
        assert_eq!(refused.capacity(), 7);
        assert_eq!(destinations.len(), usize::from(u16::MAX));
    }
}
