//! Joins the stub data of a fragmented request or response.

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
}

impl Assembly {
    /// Begins to collect.
    pub(crate) fn collect(pool: &mut BufferPool) -> Self {
        Assembly {
            len: 0,
            stub: Some(pool.take()),
        }
    }

    /// Skips the fragments of a call. They count all the same: a peer must not go on for ever.
    pub(crate) fn skip() -> Self {
        Assembly { len: 0, stub: None }
    }

    /// Whether the stub data is kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.stub.is_some()
    }

    /// Adds the stub data of one fragment.
    pub(crate) fn append(&mut self, fragment: &[u8], limit: usize) -> Result<(), TooLong> {
        if fragment.len() > limit.saturating_sub(self.len) {
            return Err(TooLong);
        }
        self.len += fragment.len();
        if let Some(stub) = &mut self.stub {
            stub.extend_from_slice(fragment);
        }
        Ok(())
    }

    /// All stub data; `None` where it was skipped.
    pub(crate) fn finish(self) -> Option<Stub<'static>> {
        let stub = self.stub?;
        let range = 0..stub.len();
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
        assert_eq!(assembly.append(&[1; 6], 10), Ok(()));
        assert_eq!(assembly.append(&[2; 5], 10), Err(TooLong));
        assert_eq!(assembly.append(&[2; 4], 10), Ok(()));
        assert_eq!(&*assembly.finish().unwrap(), [1, 1, 1, 1, 1, 1, 2, 2, 2, 2]);
    }

    #[test]
    fn a_skipped_call_keeps_nothing_and_has_the_same_limit() {
        let mut assembly = Assembly::skip();
        assert_eq!(assembly.append(&[1; 60], 100), Ok(()));
        assert_eq!(assembly.append(&[1; 41], 100), Err(TooLong));
        assert_eq!(assembly.append(&[1; 40], 100), Ok(()));
        assert!(assembly.finish().is_none());
    }
}
