//! Stub data and JSON, one made of the other by a definition.

mod checks;
mod decode;
mod decoded;
mod encode;
mod encode_error;
mod error;
mod json;
mod reader;
mod scalars;
#[cfg(test)]
mod tests;
mod tree;
mod values;
mod writer;

pub(crate) use self::decode::decode;
pub use self::decoded::Decoded;
pub(crate) use self::encode::encode;
pub use self::encode_error::{EncodeError, EncodeErrorKind};
pub use self::error::{StubError, StubErrorKind};
pub use self::reader::ByteOrder;
use crate::layout::Listed;

/// How deep pointees, structures, unions and arrays may lie in each other.
const DEPTH_MAX: u32 = 384;

/// What a stub holds: values, each whole, one after another.
pub(crate) struct Target<'t> {
    pub(crate) list: Vec<Listed<'t>>,
    /// It is the one value of a type, and not parameters.
    pub(crate) is_type: bool,
}
