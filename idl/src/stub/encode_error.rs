//! Why JSON is not what a definition says.

use std::fmt;

use super::StubError;
use crate::definitions::NotDefined;
use crate::nearest::nearest;

/// The most names that an error lists.
const LISTED_MAX: usize = 20;

/// A value that cannot be encoded, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError {
    path: String,
    kind: Box<EncodeErrorKind>,
}

impl EncodeError {
    pub(crate) fn new(path: impl Into<String>, kind: EncodeErrorKind) -> Self {
        EncodeError {
            path: path.into(),
            kind: Box::new(kind),
        }
    }

    /// Where in the JSON it is: `parameter.member[index]`. Empty for the whole.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> &EncodeErrorKind {
        &self.kind
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "{}", self.kind),
            path => write!(f, "{path}: {}", self.kind),
        }
    }
}

impl std::error::Error for EncodeError {}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// The target is neither a type nor the parameters of an operation.
    NotDefined(NotDefined),
    /// It is not there.
    Missing,
    /// There is no such parameter or member, or an enum has no such value.
    Unknown {
        /// What was given.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// It is of another type.
    WrongType {
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A number is too small or too large for its type.
    OutOfRange {
        /// The number.
        found: i128,
        /// The least that is allowed.
        min: i128,
        /// The greatest that is allowed.
        max: i128,
    },
    /// There are more elements, or characters with the terminator, than there is room for.
    TooLong {
        /// How many there are.
        found: u64,
        /// How many there may be.
        room: u64,
    },
    /// There are not as many elements as there must be.
    WrongLength {
        /// How many there are.
        found: u64,
        /// How many there must be.
        expected: u64,
    },
    /// A string has a character that its type cannot hold.
    NotACharacter(char),
    /// The union has no arm for its discriminant.
    NoArm {
        /// The discriminant.
        case: i128,
        /// Those that it has arms for.
        known: Vec<String>,
    },
    /// The discriminant stands for another arm than is there.
    WrongArm {
        /// The discriminant.
        case: i128,
        /// Its arm; `None` holds nothing.
        expected: Option<String>,
        /// What is there instead, if something is.
        found: Option<String>,
    },
    /// No full pointer with the path exists that could point to the same.
    NoSuchPointer {
        /// The path.
        path: String,
    },
    /// The type is named in the definition, and nothing says what it is.
    Undefined {
        /// The type.
        name: String,
    },
    /// Values lie deeper in each other than is followed.
    TooDeep {
        /// So deep is followed.
        max: u32,
    },
    /// Values are well by themselves, and not what others say of them.
    Contradiction(StubError),
}

impl fmt::Display for EncodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EncodeErrorKind::NotDefined(error) => write!(f, "{error}"),
            EncodeErrorKind::Missing => write!(f, "is missing; give it a value"),
            EncodeErrorKind::Unknown { name, known } => unknown(name, known, f),
            EncodeErrorKind::WrongType { expected, found } => {
                write!(f, "must be {expected}, and this is {found}")
            }
            EncodeErrorKind::OutOfRange { found, min, max } => {
                write!(f, "{found} is not in the range from {min} to {max}")
            }
            EncodeErrorKind::TooLong { found, room } => {
                write!(
                    f,
                    "{found} are more than there is room for, which is {room}"
                )
            }
            EncodeErrorKind::WrongLength { found, expected } => {
                write!(f, "there must be {expected}, and there are {found}")
            }
            EncodeErrorKind::NotACharacter(character) => write!(
                f,
                "{character:?} is no character of one byte; give the list of bytes instead"
            ),
            EncodeErrorKind::NoArm { case, known } => {
                write!(f, "the union has no arm for {case}")?;
                list("; it has arms for ", known, f)
            }
            EncodeErrorKind::WrongArm {
                case,
                expected,
                found,
            } => {
                match expected {
                    Some(arm) => write!(f, "case {case} is the arm `{arm}`")?,
                    None => write!(f, "case {case} holds nothing")?,
                }
                match found {
                    Some(found) => write!(f, ", and there is `{found}`"),
                    None => write!(f, ", and it is missing"),
                }
            }
            EncodeErrorKind::NoSuchPointer { path } => write!(
                f,
                "there is no full pointer `{path}` that could point to the same"
            ),
            EncodeErrorKind::Undefined { name } => write!(f, "`{name}` is never defined"),
            EncodeErrorKind::TooDeep { max } => {
                write!(f, "more than {max} values lie in each other")
            }
            EncodeErrorKind::Contradiction(error) => {
                write!(f, "{}: {}", error.path(), error.kind())
            }
        }
    }
}

fn unknown(name: &str, known: &[String], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "there is no `{name}`")?;
    if let Some(nearest) = nearest(name, known.iter().map(String::as_str)) {
        return write!(f, "; did you mean `{nearest}`?");
    }
    match known {
        [] => write!(f, ", nor anything else"),
        _ => list("; there is ", known, f),
    }
}

fn list(before: &str, known: &[String], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let shown = &known[..known.len().min(LISTED_MAX)];
    if shown.is_empty() {
        return Ok(());
    }
    write!(f, "{before}{}", shown.join(", "))?;
    match known.len() - shown.len() {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}
