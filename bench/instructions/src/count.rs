//! What is counted, and what is not.

/// Operations that are counted together; the count of one is a part of this many.
pub(crate) const OPERATIONS: u64 = 16;

/// Operations before the count begins: they allocate what is kept and fill what is filled once.
const WARM_UP: u64 = 64;

/// Does `operation` until it is warm, then lets some be counted.
pub(crate) fn count(mut operation: impl FnMut()) {
    (0..WARM_UP).for_each(|_| operation());
    counted(&mut operation);
}

/// Valgrind counts what runs in here and in what it calls, by this function's name, which
/// `cargo xtask bench-check` knows.
#[inline(never)]
fn counted(operation: &mut dyn FnMut()) {
    (0..OPERATIONS).for_each(|_| operation());
}
