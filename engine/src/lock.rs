//! Locks, also those under which somebody has panicked.
//!
//! A thread that panics while it holds a lock poisons it. That tells nothing here: what is done under
//! a lock are a few steps of this crate's own, none of which panics half way. Foreign code that runs
//! under one, which encodes and decodes a pipe's elements and clones the wakers of those who wait for
//! a context, does so before anything is changed that would have to be changed with it. So what a lock
//! protects is whole, and others that share it go on.

use std::sync::{LockResult, Mutex, MutexGuard, PoisonError, TryLockError};

/// What a mutex protects.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    unpoisoned(mutex.lock())
}

/// What a mutex protects, unless somebody else looks at it at this moment.
pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// The guard, also of a lock under which somebody has panicked.
pub(crate) fn unpoisoned<G>(taken: LockResult<G>) -> G {
    taken.unwrap_or_else(PoisonError::into_inner)
}
