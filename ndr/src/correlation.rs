//! Fields that speak about other fields: `size_is`, `length_is`, `switch_is`, and `range`.

use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::full::Full;
use crate::numbers::Numbers;
use crate::scalar::Number;
use crate::simd;
use crate::text::Utf16Str;

/// A field that can tell a count or select an arm.
///
/// A null pointer tells zero, as a count behind a null pointer does.
pub trait Correlated {
    /// The number that the field tells.
    fn correlated(&self) -> i128;
}

macro_rules! correlated_numbers {
    ($($number:ty)*) => {$(
        impl Correlated for $number {
            #[inline]
            fn correlated(&self) -> i128 {
                i128::from(*self)
            }
        }
    )*};
}

correlated_numbers!(u8 i8 u16 i16 u32 i32 u64 i64 bool);

impl<T: Correlated + ?Sized> Correlated for &T {
    #[inline]
    fn correlated(&self) -> i128 {
        (**self).correlated()
    }
}

impl<T: Correlated + ?Sized> Correlated for Box<T> {
    #[inline]
    fn correlated(&self) -> i128 {
        (**self).correlated()
    }
}

impl<T: Correlated> Correlated for Option<T> {
    #[inline]
    fn correlated(&self) -> i128 {
        self.as_ref().map_or(0, Correlated::correlated)
    }
}

/// Zero behind an alias whose owner is gone, as behind null.
impl<T: Correlated> Correlated for Full<T> {
    #[inline]
    fn correlated(&self) -> i128 {
        self.get().map_or(0, |pointee| pointee.correlated())
    }
}

/// What `size_is` and `length_is` say about an array. A number that no array has, such as a negative
/// one, is kept as it is: the error that it leads to says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The maximum count, where a field tells it.
    pub size: Option<i128>,
    /// The actual count, where a field tells it.
    pub length: Option<i128>,
    /// The index of the first element that is sent, where a field tells it.
    pub first: Option<i128>,
}

impl Bounds {
    /// Nothing known.
    pub const NONE: Bounds = Bounds {
        size: None,
        length: None,
        first: None,
    };

    /// With the maximum count that `size_is` gives.
    #[inline]
    #[must_use]
    pub fn with_size(self, size: i128) -> Bounds {
        Bounds {
            size: Some(size),
            ..self
        }
    }

    /// With the index that `first_is` gives.
    #[inline]
    #[must_use]
    pub fn with_first(self, first: i128) -> Bounds {
        Bounds {
            first: Some(first),
            ..self
        }
    }

    /// With the actual count that `length_is` gives.
    #[inline]
    #[must_use]
    pub fn with_length(self, length: i128) -> Bounds {
        Bounds {
            length: Some(length),
            ..self
        }
    }
}

/// A value that has a number of elements: an array, or a pointer to one.
pub trait Counted {
    /// How many elements; `None` behind a null pointer. A string does not count its NUL.
    fn counted(&self) -> Option<usize>;
}

impl<T> Counted for [T] {
    #[inline]
    fn counted(&self) -> Option<usize> {
        Some(self.len())
    }
}

impl<T> Counted for Vec<T> {
    #[inline]
    fn counted(&self) -> Option<usize> {
        Some(self.len())
    }
}

impl<N: Number> Counted for Numbers<'_, N> {
    #[inline]
    fn counted(&self) -> Option<usize> {
        Some(self.len())
    }
}

impl Counted for str {
    #[inline]
    fn counted(&self) -> Option<usize> {
        Some(simd::utf16_len(self))
    }
}

impl Counted for String {
    #[inline]
    fn counted(&self) -> Option<usize> {
        self.as_str().counted()
    }
}

impl Counted for Utf16Str<'_> {
    #[inline]
    fn counted(&self) -> Option<usize> {
        Some(self.unit_count())
    }
}

impl<T: Counted + ?Sized> Counted for &T {
    #[inline]
    fn counted(&self) -> Option<usize> {
        (**self).counted()
    }
}

impl<T: Counted + ?Sized> Counted for Box<T> {
    #[inline]
    fn counted(&self) -> Option<usize> {
        (**self).counted()
    }
}

impl<T: Counted> Counted for Option<T> {
    #[inline]
    fn counted(&self) -> Option<usize> {
        self.as_ref().and_then(Counted::counted)
    }
}

impl<T: Counted> Counted for Full<T> {
    #[inline]
    fn counted(&self) -> Option<usize> {
        self.get().and_then(|pointee| pointee.counted())
    }
}

/// What `switch_is` says about a union.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selector(pub Option<i128>);

impl Selector {
    /// For encoding: checks the discriminant of the arm that is held.
    ///
    /// # Errors
    /// The kind of error, if the selecting field says something else.
    #[inline]
    pub fn check_encode(self, found: i128) -> Result<(), EncodeErrorKind> {
        match self.0 {
            Some(declared) if declared != found => {
                Err(EncodeErrorKind::DiscriminantMismatch { declared, found })
            }
            _ => Ok(()),
        }
    }

    /// For decoding: checks the discriminant that came.
    ///
    /// # Errors
    /// The kind of error, if the selecting field says something else.
    #[inline]
    pub fn check_decode(self, found: i128) -> Result<(), DecodeErrorKind> {
        match self.0 {
            Some(declared) if declared != found => {
                Err(DecodeErrorKind::DiscriminantMismatch { declared, found })
            }
            _ => Ok(()),
        }
    }
}

/// Checks a declared count against the number of elements to be written at `offset`.
#[inline]
pub(crate) fn check_encode_count(
    declared: Option<i128>,
    found: usize,
    offset: usize,
) -> Result<(), EncodeError> {
    match declared {
        Some(declared) if declared != found as i128 => Err(EncodeError::new(
            EncodeErrorKind::CountMismatch {
                declared,
                found: found as u64,
            },
            offset,
        )),
        _ => Ok(()),
    }
}

/// Checks a declared count against the one that was read before `offset`.
#[inline]
pub(crate) fn check_decode_count(
    declared: Option<i128>,
    found: usize,
    offset: usize,
) -> Result<(), DecodeError> {
    match declared {
        Some(declared) if declared != found as i128 => Err(DecodeError::new(
            DecodeErrorKind::CountMismatch {
                declared,
                found: found as u64,
            },
            offset,
        )),
        _ => Ok(()),
    }
}

/// For `#[ndr(range(min, max))]` on encoding.
///
/// # Errors
/// [`OutOfRange`](EncodeErrorKind::OutOfRange) at `offset`.
#[inline]
pub fn check_encode_range(
    value: &impl Correlated,
    (min, max): (i128, i128),
    offset: usize,
) -> Result<(), EncodeError> {
    let found = value.correlated();
    if (min..=max).contains(&found) {
        return Ok(());
    }
    Err(EncodeError::new(
        EncodeErrorKind::OutOfRange { found, min, max },
        offset,
    ))
}

/// For `#[ndr(range(min, max))]` on decoding.
///
/// # Errors
/// [`OutOfRange`](DecodeErrorKind::OutOfRange) at `offset`.
#[inline]
pub fn check_decode_range(
    value: &impl Correlated,
    (min, max): (i128, i128),
    offset: usize,
) -> Result<(), DecodeError> {
    let found = value.correlated();
    if (min..=max).contains(&found) {
        return Ok(());
    }
    Err(DecodeError::new(
        DecodeErrorKind::OutOfRange { found, min, max },
        offset,
    ))
}
