//! What the watch is built from. The loom tests put other types in its place: see
//! `tests/call_watch_races.rs`.

pub(super) use std::sync::atomic::{AtomicU64, Ordering};
pub(super) use std::sync::{Mutex, MutexGuard};

pub(super) use crate::lock::lock;
