//! Which pointers point to what.

use std::collections::HashMap;

use crate::stub::encode_error::{EncodeError, EncodeErrorKind};

/// The first referent id, and how far apart they are.
const REFERENT_FIRST: u64 = 0x2_0000;
const REFERENT_STEP: u64 = 4;

/// The referent ids. A full pointer has that of its path, so another one can have the same.
#[derive(Default)]
pub(super) struct Referents {
    count: u64,
    of_paths: HashMap<String, Referent>,
}

struct Referent {
    id: u64,
    /// What it points to is there.
    is_met: bool,
}

impl Referents {
    pub(super) fn next(&mut self) -> u64 {
        self.count += 1;
        REFERENT_FIRST + (self.count - 1) * REFERENT_STEP
    }

    /// Of the full pointer at `path`, which says what it points to.
    pub(super) fn first(&mut self, path: &str) -> u64 {
        let id = self.again(path);
        if let Some(referent) = self.of_paths.get_mut(path) {
            referent.is_met = true;
        }
        id
    }

    /// Of a full pointer to what the one at `path` points to.
    pub(super) fn again(&mut self, path: &str) -> u64 {
        if let Some(referent) = self.of_paths.get(path) {
            return referent.id;
        }
        let id = self.next();
        let is_met = false;
        self.of_paths
            .insert(path.to_owned(), Referent { id, is_met });
        id
    }

    pub(super) fn check(&self) -> Result<(), EncodeError> {
        let mut unmet = self
            .of_paths
            .iter()
            .filter(|(_, referent)| !referent.is_met);
        match unmet.next() {
            None => Ok(()),
            Some((path, _)) => Err(EncodeError::new(
                "",
                EncodeErrorKind::NoSuchPointer { path: path.clone() },
            )),
        }
    }
}
