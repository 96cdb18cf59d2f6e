//! Stub data as it was read: to be shown, and to be had as JSON.

use std::fmt;

use super::error::StubError;
use super::json;
use super::reader::ByteOrder;
use super::tree::Tree;

/// Stub data as it was read. Its `Display` has a line for each value: offset, bytes, path, value;
/// then what is wrong, if something is, or how many bytes are left.
#[derive(Clone, Debug)]
pub struct Decoded {
    pub(super) tree: Tree,
    pub(super) stub: Vec<u8>,
    pub(super) order: ByteOrder,
    pub(super) is_type: bool,
    pub(super) end: usize,
    pub(super) error: Option<StubError>,
}

impl Decoded {
    /// What is wrong with the stub data, if something is.
    #[must_use]
    pub fn error(&self) -> Option<&StubError> {
        self.error.as_ref()
    }

    /// What was read as JSON: the value of a type, or an object of parameters by their names, with the
    /// return value as `result`. [`Definitions::encode`](crate::Definitions::encode) takes the same, and
    /// says how each type looks in it.
    ///
    /// Values behind an [error](Decoded::error) are missing.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let mut values = json::Builder::new(&self.tree, &self.stub, self.order).outermost();
        match self.is_type {
            true => {
                let name = values.keys().next().cloned();
                name.and_then(|name| values.remove(&name))
                    .unwrap_or_default()
            }
            false => serde_json::Value::Object(values),
        }
    }

    /// Bytes behind the last value. Peers may send some, and servers ignore them.
    #[must_use]
    pub fn leftover(&self) -> usize {
        self.stub.len().saturating_sub(self.end)
    }
}

impl fmt::Display for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tree.write(&self.stub, f)?;
        match (&self.error, self.leftover()) {
            (Some(error), _) => writeln!(f, "error: {error}"),
            (None, 0) => Ok(()),
            (None, 1) => writeln!(f, "1 byte is left, at offset {}", self.end),
            (None, left) => writeln!(f, "{left} bytes are left, from offset {} on", self.end),
        }
    }
}
