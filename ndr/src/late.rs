//! Checks of what was read before the fields that tell about it.
//!
//! A count may stand behind its array, and behind a pointer that comes later. So the array is read as
//! the wire has it, and held against the count when both are there.

use crate::array::{Conformant, ConformantVarying, Varying};
use crate::correlation::{Bounds, Correlated, Counted, Selector};
use crate::error::DecodeErrorKind;
use crate::full::{Full, Ptr};
use crate::pointer::{Ref, Unique};
use crate::represent::{As, Represent};
use crate::section::{
    ArraySection, MultiBounds, MultiConformant, MultiConformantVarying, MultiVarying,
};
use crate::text::{Text, VaryingText};
use crate::traits::Shape;
use crate::union::Switch;

/// A value that can be checked once it has been read. Nothing is checked behind a null pointer.
///
/// What is left of a varying array is its elements: its maximum count is not held against a `size_is`
/// that comes later, but whether there was room for them is.
pub trait CheckLate<H: Shape> {
    /// Checks the value against what the fields that came after it tell.
    ///
    /// # Errors
    /// The kind of error, if they contradict each other.
    fn check_late(&self, told: H::Args) -> Result<(), DecodeErrorKind>;
}

impl<T: CheckLate<H>, H: Shape> CheckLate<Unique<H>> for Option<T> {
    fn check_late(&self, told: H::Args) -> Result<(), DecodeErrorKind> {
        match self {
            Some(pointee) => T::check_late(pointee, told),
            None => Ok(()),
        }
    }
}

impl<T: CheckLate<H>, H: Shape> CheckLate<Ref<H>> for T {
    fn check_late(&self, told: H::Args) -> Result<(), DecodeErrorKind> {
        CheckLate::<H>::check_late(self, told)
    }
}

impl<T: CheckLate<H>, H: Shape> CheckLate<Ptr<H>> for Full<T> {
    fn check_late(&self, told: H::Args) -> Result<(), DecodeErrorKind> {
        match self.get() {
            Some(pointee) => T::check_late(&pointee, told),
            None => Ok(()),
        }
    }
}

impl<T: Represent<W>, W: CheckLate<H> + 'static, H: Shape> CheckLate<As<W, H>> for T {
    fn check_late(&self, told: H::Args) -> Result<(), DecodeErrorKind> {
        self.to_wire().check_late(told)
    }
}

impl<T: Correlated> CheckLate<Switch> for T {
    fn check_late(&self, told: Selector) -> Result<(), DecodeErrorKind> {
        told.check_decode(self.correlated())
    }
}

impl<T: Counted, H: Shape> CheckLate<Conformant<H>> for T {
    fn check_late(&self, told: Bounds) -> Result<(), DecodeErrorKind> {
        match (told.size, self.counted()) {
            (Some(declared), Some(found)) => check_count(declared, found as u64),
            _ => Ok(()),
        }
    }
}

impl<T: Counted, H: Shape> CheckLate<ConformantVarying<H>> for T {
    fn check_late(&self, told: Bounds) -> Result<(), DecodeErrorKind> {
        check_varying(self, told, 0)
    }
}

impl<T: Counted, const MAX: usize, H: Shape> CheckLate<Varying<MAX, H>> for T {
    fn check_late(&self, told: Bounds) -> Result<(), DecodeErrorKind> {
        check_varying(self, told, 0)
    }
}

impl<T: Counted> CheckLate<Text> for T {
    fn check_late(&self, told: Bounds) -> Result<(), DecodeErrorKind> {
        check_varying(self, told, 1)
    }
}

impl<T: Counted, const MAX: usize> CheckLate<VaryingText<MAX>> for T {
    fn check_late(&self, told: Bounds) -> Result<(), DecodeErrorKind> {
        check_varying(self, told, 1)
    }
}

/// Checks what begins at its first element, `terminators` included that it does not count.
fn check_varying(
    array: &impl Counted,
    told: Bounds,
    terminators: usize,
) -> Result<(), DecodeErrorKind> {
    let Some(count) = array.counted() else {
        return Ok(());
    };
    let found = (count + terminators) as u64;
    if let Some(declared) = told.length {
        check_count(declared, found)?;
    }
    match (told.first, told.size) {
        (Some(declared), _) if declared != 0 => {
            Err(DecodeErrorKind::FirstMismatch { declared, found: 0 })
        }
        (_, Some(maximum)) if maximum < i128::from(found) => Err(DecodeErrorKind::BeyondMaximum {
            offset: 0,
            actual: found,
            maximum,
        }),
        _ => Ok(()),
    }
}

fn check_count(declared: i128, found: u64) -> Result<(), DecodeErrorKind> {
    if declared == i128::from(found) {
        return Ok(());
    }
    Err(DecodeErrorKind::CountMismatch { declared, found })
}

macro_rules! late_sections {
    ($([$($generics:tt)*] $shape:ty, $dimensions:tt, $args:ty;)*) => {$(
        impl<T, $($generics)*> CheckLate<$shape> for ArraySection<T, $dimensions> {
            fn check_late(&self, told: $args) -> Result<(), DecodeErrorKind> {
                let told: MultiBounds<$dimensions> = told.into();
                told.check(self).map_err(DecodeErrorKind::from)
            }
        }
    )*};
}

late_sections! {
    [H: Shape, const D: usize] MultiConformant<D, H>, D, MultiBounds<D>;
    [H: Shape, const D: usize] MultiConformantVarying<D, H>, D, MultiBounds<D>;
    [H: Shape, const D: usize] MultiVarying<D, H>, D, MultiBounds<D>;
    [H: Shape] Conformant<H>, 1, Bounds;
    [H: Shape] ConformantVarying<H>, 1, Bounds;
    [H: Shape, const MAX: usize] Varying<MAX, H>, 1, Bounds;
}
