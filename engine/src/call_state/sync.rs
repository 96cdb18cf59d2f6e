//! What a call's life is built from. The loom tests put other types in its place: see
//! `tests/call_races.rs`.

pub(super) use std::sync::atomic::{AtomicU32, Ordering, fence};
pub(super) use std::sync::{Mutex, MutexGuard};

pub(super) use crate::foreign::WakerCell;
