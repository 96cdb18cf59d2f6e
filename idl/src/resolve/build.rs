//! From a declaration with all its attributes to a type.

use super::Resolver;
use super::apply::plus_one;
use super::chain::{Chain, Leaf, Level, LevelShape, PipeElement, Place, WIDE_CHAR};
use crate::diagnostic::Report;
use crate::model::{
    Array, ArrayShape, Count, CountOperator, Dimension, Extent, PointerKind, Scalar, Text, Type,
};
use crate::source::Span;

impl Resolver<'_> {
    /// The type of a chain that stands at `place`.
    pub(super) fn build(&mut self, chain: &Chain, place: Place, span: Span) -> Option<Type> {
        if let Leaf::Pipe(element) = chain.leaf {
            return self.build_pipe(chain, element, place, span);
        }
        let mut ty = self.build_leaf(chain, span)?;
        let innermost = chain.levels.len().saturating_sub(1);
        for (index, level) in chain.levels.iter().enumerate().rev() {
            let content = if level.is_string {
                if index != innermost {
                    self.reports.add(Report::error(
                        level.span,
                        "[string] is for characters",
                        "not of characters",
                    ));
                    return None;
                }
                self.build_text(level, chain.leaf)?
            } else {
                self.build_array(level, ty)?
            };
            ty = match level.shape {
                LevelShape::Array(_) => content,
                LevelShape::Pointer(explicit) => {
                    let at_top = index == 0 && place == Place::Parameter;
                    let default = if at_top {
                        PointerKind::Ref
                    } else {
                        level.pointer_default
                    };
                    Type::Pointer(explicit.unwrap_or(default), Box::new(content))
                }
            };
        }
        Some(ty)
    }

    fn build_leaf(&mut self, chain: &Chain, span: Span) -> Option<Type> {
        let report = match chain.leaf {
            Leaf::Scalar(scalar) => return Some(Type::Scalar(scalar)),
            Leaf::WideChar => return Some(Type::Scalar(WIDE_CHAR)),
            Leaf::Defined(id) => return Some(Type::Defined(id)),
            Leaf::Void => Report::error(span, "void has no value that could be sent", "void")
                .help("name the type, or write [context_handle]"),
            Leaf::Binding => Report::error(
                span,
                "a binding handle is not sent",
                "only as a parameter of its own",
            ),
            Leaf::Pipe(_) => Report::error(
                span,
                "a pipe is a parameter by itself",
                "part of something else",
            ),
        };
        self.reports.add(report);
        None
    }

    /// A pipe as a parameter; the pointer of one that is [out] is not on the wire.
    fn build_pipe(
        &mut self,
        chain: &Chain,
        element: PipeElement,
        place: Place,
        span: Span,
    ) -> Option<Type> {
        let is_plain = match &chain.levels[..] {
            [] => true,
            [level] => {
                let is_pointer = matches!(
                    level.shape,
                    LevelShape::Pointer(None | Some(PointerKind::Ref))
                );
                is_pointer && !level.is_string && level.size.is_none() && length(level).is_none()
            }
            _ => false,
        };
        if !is_plain || place != Place::Parameter {
            return self.build_leaf(chain, span);
        }
        Some(Type::Pipe(Box::new(match element {
            PipeElement::Scalar(scalar) => Type::Scalar(scalar),
            PipeElement::Defined(id) => Type::Defined(id),
        })))
    }

    /// The string that a level holds.
    fn build_text(&mut self, level: &Level, leaf: Leaf) -> Option<Type> {
        let is_wide = match leaf {
            Leaf::WideChar => true,
            Leaf::Scalar(Scalar::Integer { bits: 8, .. }) => false,
            Leaf::Scalar(Scalar::Integer { bits: 16, .. }) => true,
            _ => {
                self.reports.add(Report::error(
                    level.span,
                    "[string] is for characters",
                    "not of characters",
                ));
                return None;
            }
        };
        let room = match level.shape {
            LevelShape::Array(room) => room,
            LevelShape::Pointer(_) => None,
        };
        Some(Type::Text(Box::new(Text {
            is_wide,
            room,
            size: level.size.clone(),
            length: length(level),
        })))
    }

    /// An array of `element`s; where those are counted arrays, one of several dimensions.
    fn array_of(&mut self, element: Type, shape: ArrayShape, span: Span) -> Option<Type> {
        let inner = match element {
            Type::Array(inner) if !matches!(inner.shape, ArrayShape::Fixed(_)) => *inner,
            element => return Some(Type::Array(Box::new(Array { element, shape }))),
        };
        let mut dimensions = dimension(shape);
        dimensions.extend(dimension(inner.shape));
        let is_fixed = |d: &Dimension| matches!(d.extent, Extent::Fixed(_));
        if dimensions.iter().any(is_fixed) && !dimensions.iter().all(is_fixed) {
            self.reports.add(
                Report::error(
                    span,
                    "a dimension of a fixed number lies next to a counted one",
                    "C706 and MIDL do not put the same counts on the wire",
                )
                .help("have size_is count each dimension, or none of them"),
            );
            return None;
        }
        Some(Type::Array(Box::new(Array {
            element: inner.element,
            shape: ArrayShape::Several(dimensions),
        })))
    }

    /// The array that a level is or points to; `element` itself if it is not one.
    fn build_array(&mut self, level: &Level, element: Type) -> Option<Type> {
        let (size, first, length) = (level.size.clone(), level.first.clone(), length(level));
        if first.is_some() && length.is_none() {
            self.reports.add(
                Report::error(
                    level.span,
                    "first_is needs to know how many elements there are",
                    "without a length",
                )
                .help("write length_is or last_is as well"),
            );
            return None;
        }
        let error = match (level.shape, size, length) {
            (LevelShape::Pointer(_), None, None) => return Some(element),
            (LevelShape::Array(Some(count)), None, None) => {
                return self.array_of(element, ArrayShape::Fixed(count), level.span);
            }
            (LevelShape::Array(Some(room)), None, Some(length)) => {
                let shape = ArrayShape::Varying {
                    room,
                    first,
                    length,
                };
                return self.array_of(element, shape, level.span);
            }
            (LevelShape::Array(None) | LevelShape::Pointer(_), Some(size), length) => {
                let shape = ArrayShape::Conformant {
                    size,
                    first,
                    length,
                };
                return self.array_of(element, shape, level.span);
            }
            (LevelShape::Array(Some(_)), Some(_), _) => Report::error(
                level.span,
                "size_is is for an array without a dimension",
                "has one",
            )
            .help("write `[]`, or leave size_is out"),
            (LevelShape::Array(None), None, _) => Report::error(
                level.span,
                "nothing says how many elements this array has",
                "without a size",
            )
            .help("write size_is, max_is or string before it"),
            (LevelShape::Pointer(_), None, Some(_)) => Report::error(
                level.span,
                "length_is needs to know how many elements there is room for",
                "without a size",
            )
            .help("write size_is or max_is as well"),
        };
        self.reports.add(error);
        None
    }
}

/// A shape as one dimension of several.
fn dimension(shape: ArrayShape) -> Vec<Dimension> {
    let one = |extent, first, length| {
        vec![Dimension {
            extent,
            first,
            length,
        }]
    };
    match shape {
        ArrayShape::Fixed(count) => one(Extent::Fixed(count), None, None),
        ArrayShape::Varying {
            room,
            first,
            length,
        } => one(Extent::Fixed(room), first, Some(length)),
        ArrayShape::Conformant {
            size,
            first,
            length,
        } => one(Extent::Counted(size), first, length),
        ArrayShape::Several(dimensions) => dimensions,
    }
}

/// How many elements there are: as `length_is` says, or from `first_is` to `last_is`.
fn length(level: &Level) -> Option<Count> {
    let Some(last) = &level.last else {
        return level.length.clone();
    };
    let Some(first) = &level.first else {
        return Some(plus_one(last.clone()));
    };
    if *last == Count::Unchecked || *first == Count::Unchecked {
        return Some(Count::Unchecked);
    }
    let (last, first) = (Box::new(last.clone()), Box::new(first.clone()));
    Some(plus_one(Count::Binary(
        CountOperator::Subtract,
        last,
        first,
    )))
}
