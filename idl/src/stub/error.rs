//! What is wrong with stub data.

use std::fmt;

/// Where stub data stops being what the definition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StubError {
    pub(super) offset: usize,
    pub(super) path: String,
    pub(super) kind: StubErrorKind,
}

impl StubError {
    /// Bytes from the start of the stub.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The value that could not be read, or that contains it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> &StubErrorKind {
        &self.kind
    }
}

impl fmt::Display for StubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "at offset {}, in {}: {}",
            self.offset, self.path, self.kind
        )
    }
}

impl std::error::Error for StubError {}

/// What is wrong with stub data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StubErrorKind {
    /// The stub ends too early.
    Truncated {
        /// Bytes that the value takes.
        wanted: u64,
        /// Bytes that are there.
        left: usize,
    },
    /// Offset and actual count of an array are beyond its maximum count.
    BeyondMaximum {
        /// Index of the first element.
        offset: u64,
        /// Number of elements.
        actual: u64,
        /// Number of elements that there is room for.
        maximum: u64,
    },
    /// What follows a chunk of a pipe is not its count, negated.
    ChunkTrailer {
        /// The count in front of the chunk.
        count: u64,
        /// What is behind it.
        negated: u64,
    },
    /// No arm has this discriminant, and there is no default arm.
    UnknownDiscriminant {
        /// The discriminant, as an unsigned number.
        found: u64,
    },
    /// A count, an index or a discriminant is not what another field says.
    Mismatch {
        /// What speaks of it: `size_is`, `length_is`, `first_is` or `switch_is`.
        attribute: &'static str,
        /// What it says.
        declared: i128,
        /// What is there.
        found: i128,
    },
    /// A number is not in its `[range]`.
    OutOfRange {
        /// The number.
        found: i128,
        /// The least that is allowed.
        min: i128,
        /// The greatest that is allowed.
        max: i128,
    },
    /// Pointees and structures lie deeper in each other than is followed.
    TooDeep {
        /// So deep is followed.
        max: u32,
    },
    /// There are more values than are shown.
    TooMany {
        /// So many are shown.
        max: usize,
    },
}

impl fmt::Display for StubErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StubErrorKind::Truncated { wanted, left } => {
                write!(f, "{wanted} bytes are needed and {left} are left")
            }
            StubErrorKind::BeyondMaximum {
                offset,
                actual,
                maximum,
            } => write!(
                f,
                "{actual} elements from {offset} on are beyond the maximum count {maximum}"
            ),
            StubErrorKind::ChunkTrailer { count, negated } => write!(
                f,
                "{negated:#x} follows a chunk of {count}, where its negated count belongs"
            ),
            StubErrorKind::UnknownDiscriminant { found } => {
                write!(f, "the union has no arm for {found}")
            }
            StubErrorKind::Mismatch {
                attribute,
                declared,
                found,
            } => write!(f, "{attribute} says {declared}, and this is {found}"),
            StubErrorKind::OutOfRange { found, min, max } => {
                write!(f, "{found} is not in the range from {min} to {max}")
            }
            StubErrorKind::TooDeep { max } => write!(f, "more than {max} values lie in each other"),
            StubErrorKind::TooMany { max } => write!(f, "there are more than {max} values"),
        }
    }
}
