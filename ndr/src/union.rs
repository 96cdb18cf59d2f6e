//! The shape of a union whose arm another field selects.

use crate::correlation::Selector;
use crate::traits::{Direct, Shape};

/// The shape of a non-encapsulated union with `switch_is`: as on its own, discriminant first,
/// and the discriminant must be what the selecting field says.
#[derive(Debug)]
pub enum Switch {}

impl Shape for Switch {
    type Args = Selector;
}

impl Direct for Switch {}
