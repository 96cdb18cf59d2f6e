//! Inner parts of a core, for the benchmarks of this repository alone: no part of the API, and no
//! promise.

use crate::inbox::Inbox as InnerInbox;
use crate::table::{Key, Table};

/// A core's table of calls, with numbers in the place of calls.
pub struct CallTable(Table<u64>);

impl CallTable {
    /// A table of at most `len_max` calls.
    #[must_use]
    pub fn new(len_max: usize) -> Self {
        CallTable(Table::new(len_max))
    }

    /// Puts a call in; its key, as it goes through the protocol. `None` if the table is full.
    pub fn insert(&mut self, call: u64) -> Option<u64> {
        self.0.insert(call).ok().map(Key::to_bits)
    }

    /// The call with this key, if it has not been removed.
    #[must_use]
    pub fn get(&self, key: u64) -> Option<&u64> {
        self.0.get(Key::from_bits(key))
    }

    /// Takes a call out.
    pub fn remove(&mut self, key: u64) -> Option<u64> {
        self.0.remove(Key::from_bits(key))
    }
}

/// The way into a core from other threads, with numbers in the place of commands.
pub struct Inbox(InnerInbox<u64>);

impl Inbox {
    /// An inbox with `len` preallocated entries, whose consumer never sleeps.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Inbox(InnerInbox::new(len, Box::new(|| {})))
    }

    /// Puts a command in.
    pub fn push(&self, command: u64) {
        self.0.push(command);
    }

    /// The next command.
    #[must_use]
    pub fn pop(&self) -> Option<u64> {
        self.0.pop()
    }
}
