//! What fields say about each other, and what a definition says about numbers: `size_is`,
//! `length_is`, `first_is`, `switch_is`, `range`.
//!
//! A count may lie behind a pointer, and so behind its array. So what is told and what is found is
//! noted while the stub is read, and compared when all of it was.

use std::borrow::Cow;
use std::collections::HashMap;

use super::StubErrorKind;
use crate::model::{Count, CountOperator, Field, PointerKind, Type};

/// The field whose value something is, or is behind the pointers of.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldAt<'m> {
    /// The structure or parameter list that it is a field of, or the arm that it is.
    pub(super) scope: usize,
    pub(super) field: &'m Field,
    pub(super) is_arm: bool,
}

impl FieldAt<'_> {
    /// Whether `[range]` is about the number that is read for the field: not behind a pointer that
    /// may be null or in a union, which generated code does not check either.
    fn has_range(self) -> bool {
        match &self.field.ty {
            _ if self.is_arm => false,
            Type::Scalar(_) | Type::Defined(_) => true,
            Type::Pointer(PointerKind::Ref, to) => {
                matches!(**to, Type::Scalar(_) | Type::Defined(_))
            }
            _ => false,
        }
    }
}

/// What was told and found so far.
#[derive(Debug, Default)]
pub(super) struct Checks<'m> {
    /// The numbers that the fields of each structure and parameter list hold.
    told: Vec<HashMap<&'m str, i128>>,
    noted: Vec<Check<'m>>,
}

/// Something that an attribute speaks of.
#[derive(Debug)]
struct Check<'m> {
    /// The entry that shows it.
    at: usize,
    scope: usize,
    attribute: &'static str,
    declared: Cow<'m, Count>,
    found: i128,
}

impl<'m> Checks<'m> {
    /// Opens a structure or parameter list.
    pub(super) fn scope(&mut self) -> usize {
        self.told.push(HashMap::new());
        self.told.len() - 1
    }

    /// Notes the number of a field; null counts as zero. Gives what is wrong with it by itself.
    pub(super) fn tell(&mut self, at: FieldAt<'m>, number: i128) -> Option<StubErrorKind> {
        self.told[at.scope].insert(&at.field.name, number);
        let (min, max) = at.field.range.filter(|_| at.has_range())?;
        (!(min..=max).contains(&number)).then_some(StubErrorKind::OutOfRange {
            found: number,
            min,
            max,
        })
    }

    /// Notes that a null pointer stands for the number of a field.
    pub(super) fn tell_null(&mut self, at: FieldAt<'m>) {
        self.told[at.scope].insert(&at.field.name, 0);
    }

    /// Notes what the entry `at` shows, for an attribute that may be there.
    pub(super) fn note(
        &mut self,
        field: Option<FieldAt<'m>>,
        attribute: &'static str,
        declared: Option<Cow<'m, Count>>,
        (at, found): (usize, i128),
    ) {
        if let (Some(FieldAt { scope, .. }), Some(declared)) = (field, declared) {
            self.noted.push(Check {
                at,
                scope,
                attribute,
                declared,
                found,
            });
        }
    }

    /// Notes where a section begins: at the first element, where `first_is` does not speak of it.
    pub(super) fn note_first(
        &mut self,
        field: Option<FieldAt<'m>>,
        first: Option<&'m Count>,
        found: (usize, i128),
    ) {
        let first = first.map_or(Cow::Owned(Count::Number(0)), Cow::Borrowed);
        self.note(field, "first_is", Some(first), found);
    }

    /// The first thing that is not what is said of it, and its entry. What only the other
    /// direction tells is not known here.
    pub(super) fn first_mismatch(&self) -> Option<(usize, StubErrorKind)> {
        self.noted.iter().find_map(|check| {
            let declared = value(&check.declared, &self.told[check.scope])?;
            (declared != check.found).then_some((
                check.at,
                StubErrorKind::Mismatch {
                    attribute: check.attribute,
                    declared,
                    found: check.found,
                },
            ))
        })
    }
}

/// What a count comes to, as the marshaller computes it; `None` if what tells it is not here.
pub(super) fn value(count: &Count, told: &HashMap<&str, i128>) -> Option<i128> {
    match count {
        Count::Number(number) => Some(*number),
        Count::Source(name) => told.get(name.as_str()).copied(),
        Count::Unchecked => None,
        Count::Binary(operator, left, right) => {
            let (left, right) = (value(left, told)?, value(right, told)?);
            match operator {
                CountOperator::Add => Some(left.saturating_add(right)),
                CountOperator::Subtract => Some(left.saturating_sub(right)),
                CountOperator::Multiply => Some(left.saturating_mul(right)),
                CountOperator::Divide => left.checked_div(right),
            }
        }
    }
}
