//! Code of others that a core runs: routines, wakers, and the destructors of what was handed to it.

use std::any::Any;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use atomic_waker::AtomicWaker;

/// Runs foreign code; a panic ends that code and nothing else. The panic hook has reported it.
#[inline(always)]
pub(crate) fn contain_panic<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run))
        .map_err(drop_payload)
        .ok()
}

/// What somebody panicked with is foreign, too.
fn drop_payload(payload: Box<dyn Any + Send>) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // There is no end to this otherwise.
        std::mem::forget(another);
    }
}

/// Wakes all; what one of them does is nothing to the others.
pub(crate) fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        contain_panic(|| waker.wake());
    }
}

/// A foreign value; a panic of its destructor ends that and nothing else.
#[derive(Clone)]
pub(crate) struct Contained<T>(
    /// Taken when it is dropped, or moved out.
    Option<T>,
);

impl<T> Contained<T> {
    pub(crate) fn new(value: T) -> Self {
        Contained(Some(value))
    }

    pub(crate) fn into_inner(mut self) -> T {
        self.0.take().expect("it is taken once")
    }
}

impl<T> Deref for Contained<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("it is taken at the end")
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            contain_panic(|| drop(value));
        }
    }
}

/// The place of one waker, which its task sets and a core wakes.
pub(crate) struct WakerCell(AtomicWaker);

impl WakerCell {
    pub(crate) fn new() -> Self {
        WakerCell(AtomicWaker::new())
    }

    /// Clones the waker, and drops the one before; for the task alone, whose code that is.
    pub(crate) fn register(&self, waker: &Waker) {
        self.0.register(waker);
    }

    pub(crate) fn wake(&self) {
        wake_all(self.0.take());
    }
}

impl Drop for WakerCell {
    fn drop(&mut self) {
        drop(self.0.take().map(Contained::new));
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;

    /// Panics when it is dropped.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a destructor");
        }
    }

    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            std::mem::forget(self);
            panic!("a waker");
        }
    }

    #[test]
    fn whatever_foreign_code_does_it_does_to_itself() {
        assert_eq!(contain_panic(|| 1), Some(1));
        assert_eq!(contain_panic(|| panic_any(1)), None::<()>);
        assert_eq!(contain_panic(|| panic_any(Bomb)), None::<()>);
        drop(Contained::new(Bomb));
        std::mem::forget(Contained::new(Bomb).into_inner());
        let cell = WakerCell::new();
        cell.register(&Waker::from(Arc::new(Bomb)));
        cell.wake();
        cell.register(&Waker::from(Arc::new(Bomb)));
        drop(cell);
    }

    #[test]
    fn a_waker_that_panics_does_not_keep_others_asleep() {
        let wakes = Arc::new(());
        struct Count(#[expect(dead_code, reason = "counted by its references")] Arc<()>);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {}
        }
        let last = Waker::from(Arc::new(Count(Arc::clone(&wakes))));
        wake_all([Waker::from(Arc::new(Bomb)), last]);
        assert_eq!(Arc::strong_count(&wakes), 1, "woken, and gone");
    }
}
