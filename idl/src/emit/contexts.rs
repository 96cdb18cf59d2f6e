//! Context handles among the parameters of an operation, and what a manager does with them.

use proc_macro2::Ident;

use super::plan::Plan;
use crate::model::{DefinitionKind, Model, Operation, Scalar, Type};

/// A parameter that is a context handle.
pub(super) struct Context {
    ident: Ident,
    is_in: bool,
    is_out: bool,
}

/// The context handles of an operation, whose parameters have these names.
pub(super) fn of(model: &Model, operation: &Operation, idents: &[Ident]) -> Vec<Context> {
    let parameters = operation.parameters.iter().zip(idents);
    parameters
        .filter(|(parameter, _)| is_context(model, &parameter.field.ty))
        .map(|(parameter, ident)| Context {
            ident: ident.clone(),
            is_in: parameter.is_in,
            is_out: parameter.is_out,
        })
        .collect()
}

fn is_context(model: &Model, ty: &Type) -> bool {
    match ty.pointee() {
        Type::Scalar(scalar) => *scalar == Scalar::ContextHandle,
        Type::Defined(id) => matches!(model.definition(*id).kind, DefinitionKind::ContextHandle),
        _ => false,
    }
}

/// Lines that say what to do with them, by the methods of `context`; `awaited` behind those that
/// may wait.
pub(super) fn docs(plan: &Plan, context: &Ident, awaited: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for Context {
        ident,
        is_in,
        is_out,
    } in &plan.contexts
    {
        let name = ident.to_string();
        let name = name.trim_start_matches("r#");
        lines.push(String::new());
        match (is_in, is_out) {
            (true, false) => lines.extend([
                format!("`{name}` names a context of the client:"),
                format!(
                    "`{context}.exclusive_context::<T>(&{name}){awaited}`, or `shared_context`."
                ),
            ]),
            (true, true) => lines.extend([
                format!(
                    "`{name}` names a context of the client, or is null: return it as it came, or"
                ),
                format!("what `{context}.open_context(value)` made, or, after"),
                format!("`{context}.close_context::<T>(&{name}){awaited}`, `ContextHandle::NULL`."),
            ]),
            (false, _) => lines.push(format!(
                "`{name}` is what `{context}.open_context(value)` makes."
            )),
        }
    }
    lines
}
