//! What a pipe may be made of: what has a fixed place for each of its bytes (C706 chapter 14).

use crate::diagnostic::{Report, Reports};
use crate::model::{ArrayShape, DefinitionKind, Model, Scalar, Type};
use crate::source::Span;
use crate::walk;

/// Checks the elements of all pipes.
pub(super) fn check(model: &Model, reports: &mut Reports) {
    let unfit = unfit_definitions(model);
    let operations = model.interfaces.iter().flat_map(|i| &i.operations);
    for parameter in operations.flat_map(|operation| &operation.parameters) {
        if let Type::Pipe(element) = &parameter.field.ty
            && let Type::Defined(id) = **element
            && unfit[id.0]
        {
            reports.add(unfit_element(parameter.field.span));
        }
    }
}

pub(super) fn unfit_element(span: Span) -> Report {
    Report::error(
        span,
        "the elements of a pipe have no pointers, no counted arrays and no context handles",
        "no such pipe",
    )
}

/// By definition: whether it has something that no element of a pipe has.
fn unfit_definitions(model: &Model) -> Vec<bool> {
    let count = model.definitions.len();
    let mut containers = vec![Vec::new(); count];
    let mut unfit = Vec::new();
    for (index, definition) in model.definitions.iter().enumerate() {
        let mut is_unfit = matches!(definition.kind, DefinitionKind::ContextHandle);
        for field in definition.fields() {
            match fixed_content(&field.ty) {
                Some(Type::Defined(id)) => containers[id.0].push(index),
                content => is_unfit |= content.is_none(),
            }
        }
        if is_unfit {
            unfit.push(index);
        }
    }
    walk::reached(&containers, unfit)
}

/// What a type is made of, if it always takes the same room.
fn fixed_content(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Array(array) => match array.shape {
            ArrayShape::Fixed(_) => fixed_content(&array.element),
            _ => None,
        },
        Type::Scalar(Scalar::ContextHandle) | Type::Pointer(..) | Type::Text(_) | Type::Pipe(_) => {
            None
        }
        Type::Scalar(_) | Type::Defined(_) => Some(ty),
    }
}
