//! Joins the stub data of a fragmented request or response.

use std::ops::Range;

use crate::framing::FrameBytes;
use crate::input::{AssembledStub, BufferPool, Stub};

/// The stub data is longer than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// The stub data of a call whose last fragment has not arrived. Grows with what arrives, never
/// with what is announced.
#[derive(Debug)]
pub(crate) struct Assembly {
    /// Bytes so far, kept or skipped.
    len: usize,
    /// `None` where the call is lost already and its fragments are only skipped.
    stub: Option<Vec<u8>>,
    /// Where the stub data begins in its buffer.
    start: usize,
}

impl Assembly {
    /// Begins to collect.
    pub(crate) fn collect(pool: &mut BufferPool) -> Self {
        Assembly {
            len: 0,
            stub: Some(pool.take()),
            start: 0,
        }
    }

    /// Skips the fragments of a call. They count all the same: a peer must not go on for ever.
    pub(crate) fn skip() -> Self {
        Assembly {
            len: 0,
            stub: None,
            start: 0,
        }
    }

    /// Whether the stub data is kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.stub.is_some()
    }

    /// Adds the stub data of one fragment, the part `range` of `fragment`. If that is the first
    /// one and has a buffer of its own, the others are added there, and the fragment has another
    /// buffer afterwards.
    pub(crate) fn append(
        &mut self,
        fragment: &mut FrameBytes<'_>,
        range: Range<usize>,
        limit: usize,
    ) -> Result<(), TooLong> {
        if range.len() > limit.saturating_sub(self.len) {
            return Err(TooLong);
        }
        let is_first = self.len == 0;
        self.len += range.len();
        match (&mut self.stub, fragment) {
            (None, _) => {}
            (Some(stub), FrameBytes::Owned(owned)) if is_first => {
                owned.truncate(range.end);
                self.start = range.start;
                std::mem::swap(owned, stub);
            }
            (Some(stub), fragment) => stub.extend_from_slice(&fragment.as_slice()[range]),
        }
        Ok(())
    }

    /// All stub data; `None` where it was skipped.
    pub(crate) fn finish(self) -> Option<Stub<'static>> {
        let stub = self.stub?;
        let range = self.start..stub.len();
        Some(Stub::Assembled(AssembledStub::new(stub, range)))
    }

    /// Gives the buffer of an assembly that will not be finished back.
    pub(crate) fn recycle(self, pool: &mut BufferPool) {
        if let Some(stub) = self.stub {
            pool.put(stub);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    #[test]
    fn the_limit_is_inclusive() {
        let mut pool = BufferPool::new(&Limits::DEFAULT);
        let mut assembly = Assembly::collect(&mut pool);
        assert_eq!(append(&mut assembly, &[1; 6], 10), Ok(()));
        assert_eq!(append(&mut assembly, &[2; 5], 10), Err(TooLong));
        assert_eq!(append(&mut assembly, &[2; 4], 10), Ok(()));
        assert_eq!(&*assembly.finish().unwrap(), [1, 1, 1, 1, 1, 1, 2, 2, 2, 2]);
    }

    fn append(assembly: &mut Assembly, fragment: &[u8], limit: usize) -> Result<(), TooLong> {
        let range = 0..fragment.len();
        assembly.append(&mut FrameBytes::InPlace(fragment), range, limit)
    }

    #[test]
    fn the_buffer_of_the_first_fragment_takes_the_others() {
        let mut pool = BufferPool::new(&Limits::DEFAULT);
        let mut assembly = Assembly::collect(&mut pool);
        let owned = vec![0, 0, 1, 2, 9];
        let address = owned.as_ptr();
        let mut first = FrameBytes::Owned(owned);
        assert_eq!(assembly.append(&mut first, 2..4, 10), Ok(()));
        assert!(first.as_slice().is_empty());
        let mut second = FrameBytes::Owned(vec![0, 3, 9]);
        assert_eq!(assembly.append(&mut second, 1..2, 10), Ok(()));
        let stub = assembly.finish().unwrap();
        assert_eq!(&*stub, [1, 2, 3]);
        assert_eq!(stub.as_ptr(), address.wrapping_add(2), "nothing was moved");
    }

    #[test]
    fn a_skipped_call_keeps_nothing_and_has_the_same_limit() {
        let mut assembly = Assembly::skip();
        assert_eq!(append(&mut assembly, &[1; 60], 100), Ok(()));
        assert_eq!(append(&mut assembly, &[1; 41], 100), Err(TooLong));
        assert_eq!(append(&mut assembly, &[1; 40], 100), Ok(()));
        assert!(assembly.finish().is_none());
    }
}
