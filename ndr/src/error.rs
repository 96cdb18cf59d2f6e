//! What can be wrong with stub data, and with values that are to become stub data.

use std::fmt;

/// Why stub data could not be decoded: what, at which offset, in which field.
///
/// The peer is the guilty party; the engine answers with the fault "bad stub data".
#[derive(Clone, PartialEq, Eq)]
pub struct DecodeError(Box<Failure<DecodeErrorKind>>);

/// Why a value could not be encoded: what, at which offset of the stub, in which field.
///
/// The caller is the guilty party: it filled in a structure that contradicts itself.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodeError(Box<Failure<EncodeErrorKind>>);

/// What is wrong with stub data that came in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The stub ends before the value does.
    #[error("needs {needed} bytes, the stub has {remaining} left")]
    Truncated {
        /// Bytes that the value needs from here.
        needed: usize,
        /// Bytes that the stub still has.
        remaining: usize,
    },
    /// An array announces more elements than the rest of the stub can hold.
    #[error("count {count} cannot fit into the {remaining} bytes that are left")]
    CountTooLarge {
        /// The announced number of elements.
        count: u64,
        /// Bytes that the stub still has.
        remaining: usize,
    },
    /// Elements of arrays are far longer in memory than on the wire.
    #[error("arrays take {needed} bytes of memory, a stub of this length may take {max}")]
    TooMuchMemory {
        /// Bytes that the arrays so far take.
        needed: usize,
        /// Bytes that they may take.
        max: usize,
    },
    /// A varying array announces elements beyond its maximum count.
    #[error("offset {offset} + actual count {actual} exceeds the maximum count {maximum}")]
    BeyondMaximum {
        /// Index of the first element that is transmitted.
        offset: u64,
        /// Number of elements that are transmitted.
        actual: u64,
        /// Number of elements that the array has room for.
        maximum: i128,
    },
    /// A varying array does not start at its first element.
    #[error("the array starts at its element {offset}; only arrays that start at 0 are taken")]
    OffsetNotZero {
        /// Index of the first element that is transmitted.
        offset: u64,
    },
    /// The number of elements differs from the `size_is` or `length_is` field.
    #[error("{found} elements where the field that gives their number says {declared}")]
    CountMismatch {
        /// What the correlated field says.
        declared: i128,
        /// What the array says.
        found: u64,
    },
    /// The first element that was sent differs from the `first_is` field.
    #[error(
        "the array starts at {found} where the field that gives its first element says {declared}"
    )]
    FirstMismatch {
        /// What the correlated field says.
        declared: i128,
        /// What the array says.
        found: u64,
    },
    /// A union's discriminant differs from the `switch_is` field.
    #[error("discriminant {found} where the field that selects the arm says {declared}")]
    DiscriminantMismatch {
        /// What the correlated field says.
        declared: i128,
        /// What the union says.
        found: i128,
    },
    /// A union has no arm for its discriminant.
    #[error("no arm for discriminant {found}")]
    UnknownDiscriminant {
        /// The discriminant on the wire.
        found: i128,
    },
    /// An enum has no such value.
    #[error("{found} is not a value of the enum")]
    UnknownEnumValue {
        /// The value on the wire.
        found: u32,
    },
    /// A number is outside the range that its definition allows.
    #[error("{found} is outside {min}..={max}")]
    OutOfRange {
        /// The value on the wire.
        found: i128,
        /// The least value allowed.
        min: i128,
        /// The greatest value allowed.
        max: i128,
    },
    /// A string's last character is not NUL, or it has no character at all.
    #[error("the string is not terminated by NUL")]
    MissingTerminator,
    /// A string holds a surrogate without its twin.
    #[error("the string is not valid UTF-16")]
    InvalidUtf16,
    /// Full pointers with the same referent id have pointees of different types.
    #[error("referent {id:#x} has another type where it was met first")]
    ReferentTypeMismatch {
        /// The referent id.
        id: u64,
    },
    /// A chunk of a pipe announces more elements than the transfer syntax allows.
    #[error("a chunk of {count} elements, the transfer syntax allows {max}")]
    PipeChunkTooLong {
        /// The announced number of elements.
        count: u64,
        /// The number that is allowed.
        max: u64,
    },
    /// An element of a pipe is longer than elements that can be received are.
    #[error("an element of a pipe has more than {max} bytes")]
    PipeElementTooLong {
        /// The number of bytes that is allowed.
        max: usize,
    },
    /// What follows a chunk of a pipe is not its negated count.
    #[error("{found:#x} behind a chunk of {count} elements is not its negated count")]
    PipeTrailerMismatch {
        /// The number of elements in the chunk.
        count: u64,
        /// What follows it.
        found: u64,
    },
    /// The value is good on the wire, but the type that represents it does not take it.
    #[error("the value cannot be represented: {reason}")]
    NotRepresentable {
        /// Why, in the words of the type.
        reason: &'static str,
    },
    /// A reference pointer is null.
    #[error("null where a reference pointer is required")]
    NullRefPointer,
    /// Pointers lead to pointers more than [`DEPTH_MAX`](crate::DEPTH_MAX) deep.
    #[error("pointees are nested more than {max} deep")]
    TooDeep {
        /// The depth that is allowed.
        max: u32,
    },
}

/// What is wrong with a value that is to be encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// The array has another length than its `size_is` or `length_is` field says.
    #[error("{found} elements where the field that gives their number says {declared}")]
    CountMismatch {
        /// What the correlated field says.
        declared: i128,
        /// What the array has.
        found: u64,
    },
    /// The array has more elements than its maximum count.
    #[error("{found} elements where there is room for {maximum}")]
    BeyondMaximum {
        /// What the array has.
        found: u64,
        /// What it may have.
        maximum: i128,
    },
    /// The union holds another arm than its `switch_is` field selects.
    #[error("arm {found} where the field that selects the arm says {declared}")]
    DiscriminantMismatch {
        /// What the correlated field says.
        declared: i128,
        /// What the union holds.
        found: i128,
    },
    /// The default arm of a union holds a discriminant that has an arm of its own.
    #[error("discriminant {found} has an arm of its own, the default arm cannot carry it")]
    DiscriminantTaken {
        /// The discriminant in the default arm.
        found: i128,
    },
    /// A number is outside the range that its definition allows.
    #[error("{found} is outside {min}..={max}")]
    OutOfRange {
        /// The value in the field.
        found: i128,
        /// The least value allowed.
        min: i128,
        /// The greatest value allowed.
        max: i128,
    },
    /// The array is longer than a count of the transfer syntax can say.
    #[error("{count} elements are more than the transfer syntax can count")]
    TooLong {
        /// Number of elements.
        count: u64,
    },
    /// A full pointer is an alias of a pointee whose owner is gone.
    #[error("the pointee is gone; its owner must be part of what is encoded, or outlive it")]
    DanglingPointer,
    /// The array's first element has another index than its `first_is` field says.
    #[error(
        "the array starts at {found} where the field that gives its first element says {declared}"
    )]
    FirstMismatch {
        /// What the correlated field says.
        declared: i128,
        /// What the array says.
        found: u64,
    },
    /// A string has a NUL inside, which its receiver would take for its end.
    #[error("the string has a NUL at position {position}")]
    NulInString {
        /// Index of the NUL, in characters of the wire.
        position: usize,
    },
    /// Pointers lead to pointers more than [`DEPTH_MAX`](crate::DEPTH_MAX) deep.
    #[error("pointees are nested more than {max} deep")]
    TooDeep {
        /// The depth that is allowed.
        max: u32,
    },
}

/// A kind of error and where it happened. Boxed, because a small `Result` is what the good way
/// through wants; the bad way allocates once.
#[derive(Clone, PartialEq, Eq)]
struct Failure<K> {
    kind: K,
    offset: usize,
    /// Innermost first: (type, field).
    path: Vec<(&'static str, &'static str)>,
}

impl<K: fmt::Display> Failure<K> {
    fn path(&self) -> String {
        let mut path = String::new();
        for (index, (owner, field)) in self.path.iter().rev().enumerate() {
            if index == 0 {
                path.push_str(owner);
            }
            path.push('.');
            path.push_str(field);
        }
        path
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path())?;
        }
        write!(f, "{} (stub offset {})", self.kind, self.offset)
    }
}

macro_rules! error_methods {
    ($error:ident, $kind:ident) => {
        impl $error {
            /// An error at `offset` bytes into the stub, in no field yet.
            #[cold]
            #[must_use]
            pub fn new(kind: $kind, offset: usize) -> Self {
                $error(Box::new(Failure {
                    kind,
                    offset,
                    path: Vec::new(),
                }))
            }

            /// Adds the field `owner.field` in front of the path; called from the inside out.
            #[cold]
            #[must_use]
            pub fn within(mut self, owner: &'static str, field: &'static str) -> Self {
                self.0.path.push((owner, field));
                self
            }

            /// What is wrong.
            #[must_use]
            pub fn kind(&self) -> &$kind {
                &self.0.kind
            }

            /// Where, in bytes from the start of the stub.
            #[must_use]
            pub fn offset(&self) -> usize {
                self.0.offset
            }

            /// The field, as `Struct.field.field`; empty outside any structure.
            #[must_use]
            pub fn path(&self) -> String {
                self.0.path()
            }
        }

        impl fmt::Display for $error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.describe(f)
            }
        }

        impl fmt::Debug for $error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($error), "({})"), self)
            }
        }

        impl std::error::Error for $error {}
    };
}

error_methods!(DecodeError, DecodeErrorKind);
error_methods!(EncodeError, EncodeErrorKind);
