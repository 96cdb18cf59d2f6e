//! Attributes of pointers and arrays: which level of a declaration each is about.

use super::chain::{Chain, Leaf, Level, LevelShape, Place};
use super::{Resolver, pointer_kind};
use crate::ast::{Attribute, AttributeValue, Attributes, Declared};
use crate::diagnostic::Report;
use crate::model::{Count, CountOperator, PointerKind, Scalar};

impl Resolver<'_> {
    /// Applies attributes to the pointers and arrays of a chain. `place` is `None` for a typedef.
    pub(super) fn apply(
        &mut self,
        chain: &mut Chain,
        attributes: &Attributes,
        siblings: &[Declared],
        place: Option<Place>,
    ) {
        if attributes.has("context_handle") {
            // `void *` itself is the handle.
            chain.levels.pop();
            chain.leaf = Leaf::Scalar(Scalar::ContextHandle);
        }
        for attribute in &attributes.items {
            match attribute.name.text.as_str() {
                "size_is" | "max_is" | "first_is" | "length_is" | "last_is" => {
                    self.apply_counts(chain, attribute, siblings, place);
                }
                "string" => self.apply_string(chain, attribute, place),
                "range" => self.apply_range(chain, attribute),
                _ => {}
            }
        }
        for attribute in &attributes.items {
            if let Some(kind) = pointer_kind(&attribute.name.text) {
                self.apply_pointer(chain, attribute, kind, place);
            }
        }
    }

    fn apply_counts(
        &mut self,
        chain: &mut Chain,
        attribute: &Attribute,
        siblings: &[Declared],
        place: Option<Place>,
    ) {
        let name = attribute.name.text.as_str();
        let AttributeValue::Expressions(counts) = &attribute.value else {
            self.needs_argument(attribute);
            return;
        };
        for (index, expression) in counts.iter().enumerate() {
            let Some(expression) = expression else {
                continue;
            };
            let count = self.count(expression, siblings);
            match chain.levels.get_mut(index) {
                Some(level) => match name {
                    "size_is" => level.size = Some(count),
                    "max_is" => level.size = Some(plus_one(count)),
                    // A section that starts at zero is what other arrays are.
                    "first_is" => level.first = Some(count).filter(|at| *at != Count::Number(0)),
                    "length_is" => level.length = Some(count),
                    _ => level.last = Some(count),
                },
                // A typedef may name a pointer and what it points to; it is meant for the pointer.
                None if place.is_none() => {}
                None => self.reports.add(Report::error(
                    expression.span,
                    format!("there is no pointer and no array for this {name}"),
                    "of what?",
                )),
            }
        }
    }

    fn needs_argument(&mut self, attribute: &Attribute) {
        self.reports.add(Report::error(
            attribute.name.span,
            format!("{} needs an argument in parentheses", attribute.name.text),
            "without one",
        ));
    }

    fn apply_string(&mut self, chain: &mut Chain, attribute: &Attribute, place: Option<Place>) {
        let Some(level) = chain.levels.last_mut() else {
            if place.is_some() {
                self.reports.add(Report::error(
                    attribute.name.span,
                    "[string] is for a pointer to characters or an array of them",
                    "on a single value",
                ));
            }
            return;
        };
        level.is_string = true;
    }

    fn apply_range(&mut self, chain: &mut Chain, attribute: &Attribute) {
        let bounds: Vec<_> = attribute.expressions().collect();
        let [least, greatest] = bounds[..] else {
            self.reports.add(Report::error(
                attribute.name.span,
                "range has two bounds",
                format!("{} given", bounds.len()),
            ));
            return;
        };
        if let (Some(min), Some(max)) = (self.integer(least), self.integer(greatest)) {
            chain.range = Some((min, max));
        }
    }

    fn apply_pointer(
        &mut self,
        chain: &mut Chain,
        attribute: &Attribute,
        kind: PointerKind,
        place: Option<Place>,
    ) {
        let starts_with_array = matches!(
            chain.levels.first(),
            Some(Level {
                shape: LevelShape::Array(_),
                ..
            })
        );
        if starts_with_array && place == Some(Place::Parameter) {
            if kind == PointerKind::Ref {
                return;
            }
            // In C an array parameter is a pointer; this one may be null.
            let first = &chain.levels[0];
            let shape = LevelShape::Pointer(Some(kind));
            let pointer = Level::new(shape, first.pointer_default, first.span);
            chain.levels.insert(0, pointer);
            return;
        }
        let pointer = chain
            .levels
            .iter_mut()
            .find_map(|level| match &mut level.shape {
                LevelShape::Pointer(own) => Some(own),
                LevelShape::Array(_) => None,
            });
        match pointer {
            Some(own) => *own = Some(kind),
            None if place.is_none() => {}
            None => self.reports.add(Report::error(
                attribute.name.span,
                format!("[{}] is for pointers", attribute.name.text),
                "this is none",
            )),
        }
    }
}

pub(super) fn plus_one(count: Count) -> Count {
    match count {
        Count::Number(number) => Count::Number(number + 1),
        Count::Unchecked => Count::Unchecked,
        count => Count::Binary(
            CountOperator::Add,
            Box::new(count),
            Box::new(Count::Number(1)),
        ),
    }
}
