//! What tells how many elements there are, or which arm: `size_is` and its like.

use proc_macro2::Literal;
use quote::quote;

use super::{Lowering, Siblings};
use crate::diagnostic::Report;
use crate::emit::names;
use crate::model::{ArrayShape, Count, CountOperator, DefinitionKind, Dimension, Extent, Type};

impl Lowering<'_, '_> {
    /// What is told about an array whose shape is written out.
    pub(super) fn counts_of(&mut self, shape: &ArrayShape) {
        match shape {
            ArrayShape::Several(dimensions) => self.dimensions(dimensions),
            ArrayShape::Fixed(_) => {}
            ArrayShape::Varying { first, length, .. } => {
                self.push_count("first_is", first.as_ref());
                self.push_count("length_is", Some(length));
            }
            ArrayShape::Conformant {
                size,
                first,
                length,
            } => {
                self.push_count("size_is", Some(size));
                self.push_count("first_is", first.as_ref());
                self.push_count("length_is", length.as_ref());
            }
        }
    }

    /// What is told about each dimension of an array of several.
    pub(super) fn dimensions(&mut self, dimensions: &[Dimension]) {
        let extent = |dimension: &Dimension| match &dimension.extent {
            Extent::Fixed(room) => Count::Number(i128::from(*room)),
            Extent::Counted(size) => size.clone(),
        };
        let sizes: Vec<_> = dimensions.iter().map(extent).collect();
        if matches!(dimensions[0].extent, Extent::Fixed(_)) {
            let rooms = dimensions.iter().map(|dimension| match dimension.extent {
                Extent::Fixed(room) => Literal::u32_unsuffixed(room),
                Extent::Counted(_) => unreachable!("if one dimension is fixed, all are"),
            });
            self.attributes.push(quote!(varying = (#(#rooms),*)));
        } else {
            self.push_counts("size_is", &sizes);
        }
        if dimensions
            .iter()
            .all(|dimension| dimension.length.is_none())
        {
            return;
        }
        let first = |dimension: &Dimension| dimension.first.clone().unwrap_or(Count::Number(0));
        let length = |dimension: &Dimension| {
            let length = dimension.length.clone();
            length.unwrap_or_else(|| extent(dimension))
        };
        let firsts: Vec<_> = dimensions.iter().map(first).collect();
        self.push_counts("first_is", &firsts);
        let lengths: Vec<_> = dimensions.iter().map(length).collect();
        self.push_counts("length_is", &lengths);
    }

    /// `attribute = "…"`, if there is a count and what tells it is here.
    pub(super) fn push_count(&mut self, attribute: &str, count: Option<&Count>) {
        if let Some(count) = count.and_then(|count| self.count(count)) {
            let attribute = names::ident(attribute);
            self.attributes.push(quote!(#attribute = #count));
        }
    }

    /// `attribute = "(…)"`, a count for each dimension, `_` where what tells it is not here.
    fn push_counts(&mut self, attribute: &str, counts: &[Count]) {
        let counts: Vec<_> = counts.iter().map(|count| self.count(count)).collect();
        if counts.iter().all(Option::is_none) {
            return;
        }
        let counts = counts
            .into_iter()
            .map(|count| count.unwrap_or_else(|| "_".to_owned()));
        let counts = format!("({})", counts.collect::<Vec<_>>().join(", "));
        let attribute = names::ident(attribute);
        self.attributes.push(quote!(#attribute = #counts));
    }

    /// A count as the derive macro takes it; `None` if it is not looked at, or, with a warning, if
    /// what tells it is not here.
    pub(super) fn count(&mut self, count: &Count) -> Option<String> {
        if matches!(count, Count::Unchecked) {
            return None;
        }
        let expression = expression(count, self.siblings);
        if expression.is_none() {
            self.generator.reports.add(Report::warning(
                self.field.span,
                "what tells this count or discriminant is not there when it is read; it is not checked",
                "what is on the wire holds",
            ));
        }
        count.sources(&mut |name| {
            if !self.siblings.fields.contains_key(name) {
                self.given.extend(self.siblings.given.get(name).cloned());
            }
        });
        expression
    }

    /// Nothing speaks of what is in each element of an array.
    pub(super) fn warn_of_counts_in(&mut self, element: &Type) {
        let is_counted = match element {
            Type::Pointer(_, to) => return self.warn_of_counts_in(to),
            Type::Array(array) if matches!(array.shape, ArrayShape::Fixed(_)) => {
                return self.warn_of_counts_in(&array.element);
            }
            Type::Array(_) => true,
            Type::Text(text) => text.size.is_some() || text.length.is_some(),
            Type::Scalar(_) | Type::Defined(_) | Type::Pipe(_) => false,
        };
        if is_counted {
            self.generator.reports.add(
                Report::warning(
                    self.field.span,
                    "counts of arrays and strings in an array are not checked",
                    "what is on the wire holds",
                )
                .help("make a structure of an element and its count"),
            );
        }
    }

    pub(super) fn switch(&mut self) {
        let Some(switch) = &self.field.switch_is else {
            return;
        };
        let is_union = match self.field.ty.pointee() {
            Type::Defined(id) => matches!(
                self.generator.model.definition(*id).kind,
                DefinitionKind::Union(_)
            ),
            _ => false,
        };
        if !is_union {
            self.generator.reports.add(Report::error(
                self.field.span,
                "switch_is is for a union, or a pointer to one",
                "this is none",
            ));
            return;
        }
        self.push_count("switch_is", Some(switch));
    }
}

/// The count over the fields' names in Rust; `None` if what tells it is not here.
fn expression(count: &Count, siblings: &Siblings) -> Option<String> {
    Some(match count {
        Count::Number(number) => number.to_string(),
        Count::Source(name) => siblings.source(name)?,
        Count::Unchecked => return None,
        Count::Binary(operator, left, right) => {
            let operator = match operator {
                CountOperator::Add => "+",
                CountOperator::Subtract => "-",
                CountOperator::Multiply => "*",
                CountOperator::Divide => "/",
            };
            let side = |count: &Count| {
                let text = expression(count, siblings)?;
                Some(match count {
                    Count::Binary(..) => format!("({text})"),
                    _ => text,
                })
            };
            format!("{} {operator} {}", side(left)?, side(right)?)
        }
    })
}
