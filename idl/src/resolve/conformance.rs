//! Where a conformant array may be: at the end of a structure, or behind a pointer. And that no
//! structure contains itself.

use crate::diagnostic::{Report, Reports};
use crate::model::{Definition, DefinitionKind, Field, Type};

/// How deep definitions may contain each other by value, where each is used before it is defined.
const DEPTH_MAX: u16 = 128;

/// Checks all definitions.
pub(super) fn check(definitions: &[Definition], reports: &mut Reports) {
    let mut checker = Checker {
        definitions,
        states: vec![State::New; definitions.len()],
        depth: 0,
        reports,
    };
    for index in 0..definitions.len() {
        checker.is_conformant_definition(index);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    /// Whether it ends in a conformant array.
    Known(bool),
}

struct Checker<'a> {
    definitions: &'a [Definition],
    states: Vec<State>,
    depth: u16,
    reports: &'a mut Reports,
}

impl Checker<'_> {
    fn is_conformant_definition(&mut self, index: usize) -> bool {
        let definition = &self.definitions[index];
        match self.states[index] {
            State::Known(is_conformant) => return is_conformant,
            State::New if self.depth < DEPTH_MAX => {}
            state => {
                let message = match state {
                    State::Open => format!("`{}` contains itself", definition.name),
                    _ => format!("definitions lie more than {DEPTH_MAX} deep in each other"),
                };
                self.reports.add(
                    Report::error(definition.span, message, "without an end")
                        .help("put a pointer in between"),
                );
                return false;
            }
        }
        self.states[index] = State::Open;
        self.depth += 1;
        let is_conformant = match &definition.kind {
            DefinitionKind::Structure(fields) => self.structure(fields),
            DefinitionKind::Union(union) => {
                for arm in &union.arms {
                    if let Some(body) = &arm.body {
                        self.refuse(body, "an arm of a union has a fixed size");
                    }
                }
                false
            }
            DefinitionKind::Enumeration { .. }
            | DefinitionKind::Bitmap { .. }
            | DefinitionKind::ContextHandle
            | DefinitionKind::Undefined => false,
        };
        self.depth -= 1;
        self.states[index] = State::Known(is_conformant);
        is_conformant
    }

    fn structure(&mut self, fields: &[Field]) -> bool {
        let Some((last, inner)) = fields.split_last() else {
            return false;
        };
        for field in inner {
            self.refuse(
                field,
                "what has no fixed size can only be a structure's last member",
            );
        }
        self.is_conformant(&last.ty, last)
    }

    fn refuse(&mut self, field: &Field, message: &str) {
        if self.is_conformant(&field.ty, field) {
            self.reports.add(
                Report::error(field.span, message, "conformant").help("put it behind a pointer"),
            );
        }
    }

    fn is_conformant(&mut self, ty: &Type, field: &Field) -> bool {
        match ty {
            Type::Scalar(_) | Type::Pipe(_) => false,
            // What is behind a pointer may be of any size; but its elements may not.
            Type::Pointer(_, to) => {
                self.check_elements(to, field);
                false
            }
            Type::Defined(id) => self.is_conformant_definition(id.0),
            Type::Text(text) => text.room.is_none(),
            Type::Array(array) => {
                self.check_elements(ty, field);
                array.shape.maximum_count_len() > 0
            }
        }
    }

    fn check_elements(&mut self, ty: &Type, field: &Field) {
        match ty {
            Type::Pointer(_, to) => self.check_elements(to, field),
            Type::Array(array) => {
                if self.is_conformant(&array.element, field) {
                    self.reports.add(
                        Report::error(
                            field.span,
                            "the elements of an array have a fixed size",
                            "conformant elements",
                        )
                        .help("make it an array of pointers"),
                    );
                }
            }
            Type::Scalar(_) | Type::Defined(_) | Type::Text(_) | Type::Pipe(_) => {}
        }
    }
}
