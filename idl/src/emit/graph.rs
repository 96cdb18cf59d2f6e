//! Which definitions need which: what is generated, what can be copied, where a `Box` is needed.
//!
//! All walks are loops, as a hostile definition may make chains of any length.

use crate::model::{ArrayShape, Model, PointerKind, Scalar, Type, TypeId};
use crate::walk::reached;

/// What is known of each definition.
#[derive(Debug)]
pub(super) struct Graph {
    /// It, or something that is generated, needs it.
    wanted: Vec<bool>,
    copy: Vec<bool>,
    eq: Vec<bool>,
    /// It has no full pointer, so it can be cloned and compared.
    clone: Vec<bool>,
    /// Definitions with the same number contain each other.
    circle: Vec<usize>,
}

impl Graph {
    pub(super) fn new(model: &Model) -> Self {
        let count = model.definitions.len();
        let mut edges = vec![Vec::new(); count];
        let mut reverse = vec![Vec::new(); count];
        for (index, definition) in model.definitions.iter().enumerate() {
            for field in definition.fields() {
                for_each_definition(&field.ty, &mut |id| {
                    edges[index].push(id.0);
                    reverse[id.0].push(index);
                });
            }
        }
        let circle = circles(&edges, &reverse);
        let mut roots: Vec<usize> = (0..count)
            .filter(|index| model.definitions[*index].is_wanted)
            .collect();
        for operation in model.interfaces.iter().flat_map(|i| &i.operations) {
            let types = operation.parameters.iter().map(|p| &p.field.ty);
            for ty in types.chain(&operation.result) {
                for_each_definition(ty, &mut |id| roots.push(id.0));
            }
        }
        let wanted = reached(&edges, roots);
        let without = |has: &dyn Fn(&Type) -> bool| {
            let seeds = (0..count).filter(|index| {
                model.definitions[*index]
                    .fields()
                    .any(|field| has(&field.ty))
            });
            let spoiled = reached(&reverse, seeds.collect());
            spoiled.into_iter().map(|spoiled| !spoiled).collect()
        };
        let owns = |index: usize, ty: &Type| owns_memory(ty, |id| circle[id.0] == circle[index]);
        let owner_seeds: Vec<usize> = (0..count)
            .filter(|index| {
                model.definitions[*index]
                    .fields()
                    .any(|f| owns(*index, &f.ty))
            })
            .collect();
        let copy = reached(&reverse, owner_seeds)
            .into_iter()
            .map(|owns| !owns)
            .collect();
        let eq = without(&|ty| has_float(ty));
        let clone = without(&|ty| has_full(ty));
        Graph {
            wanted,
            copy,
            eq,
            clone,
            circle,
        }
    }

    pub(super) fn is_wanted(&self, id: TypeId) -> bool {
        self.wanted[id.0]
    }

    /// Whether a pointer in `owner` to `target` needs a `Box`, as the way leads back.
    pub(super) fn is_circular(&self, owner: Option<TypeId>, target: TypeId) -> bool {
        owner.is_some_and(|owner| self.circle[owner.0] == self.circle[target.0])
    }

    pub(super) fn is_copy(&self, id: TypeId) -> bool {
        self.copy[id.0]
    }

    pub(super) fn is_eq(&self, id: TypeId) -> bool {
        self.eq[id.0]
    }

    pub(super) fn is_clone(&self, id: TypeId) -> bool {
        self.clone[id.0]
    }

    pub(super) fn type_is_clone(&self, ty: &Type) -> bool {
        let mut clone = !has_full(ty);
        for_each_definition(ty, &mut |id| clone &= self.is_clone(id));
        clone
    }

    /// Whether a parameter of the type can be copied.
    pub(super) fn type_is_copy(&self, ty: &Type) -> bool {
        let mut copy = !owns_memory(ty, |_| false);
        for_each_definition(ty, &mut |id| copy &= self.is_copy(id));
        copy
    }

    pub(super) fn type_is_eq(&self, ty: &Type) -> bool {
        let mut eq = !has_float(ty);
        for_each_definition(ty, &mut |id| eq &= self.is_eq(id));
        eq
    }
}

fn for_each_definition(ty: &Type, visit: &mut dyn FnMut(TypeId)) {
    match ty {
        Type::Defined(id) => visit(*id),
        Type::Pointer(_, to) => for_each_definition(to, visit),
        Type::Array(array) => for_each_definition(&array.element, visit),
        Type::Pipe(element) => for_each_definition(element, visit),
        Type::Scalar(_) | Type::Text(_) => {}
    }
}

fn owns_memory(ty: &Type, is_boxed: impl Copy + Fn(TypeId) -> bool) -> bool {
    match ty {
        Type::Scalar(_) | Type::Defined(_) => false,
        Type::Text(_) | Type::Pipe(_) | Type::Pointer(PointerKind::Full, _) => true,
        Type::Pointer(_, to) => match &**to {
            Type::Defined(id) => is_boxed(*id),
            to => owns_memory(to, is_boxed),
        },
        Type::Array(array) => {
            !matches!(array.shape, ArrayShape::Fixed(_)) || owns_memory(&array.element, is_boxed)
        }
    }
}

fn has_full(ty: &Type) -> bool {
    match ty {
        Type::Pointer(kind, to) => *kind == PointerKind::Full || has_full(to),
        Type::Array(array) => has_full(&array.element),
        Type::Scalar(_) | Type::Defined(_) | Type::Text(_) | Type::Pipe(_) => false,
    }
}

fn has_float(ty: &Type) -> bool {
    match ty {
        Type::Scalar(scalar) => matches!(scalar, Scalar::Float | Scalar::Double),
        Type::Pointer(_, to) => has_float(to),
        Type::Array(array) => has_float(&array.element),
        Type::Defined(_) | Type::Text(_) | Type::Pipe(_) => false,
    }
}

/// The strongly connected components, by Kosaraju's two walks.
fn circles(edges: &[Vec<usize>], reverse: &[Vec<usize>]) -> Vec<usize> {
    let count = edges.len();
    let mut finished = Vec::with_capacity(count);
    let mut seen = vec![false; count];
    for root in 0..count {
        if std::mem::replace(&mut seen[root], true) {
            continue;
        }
        let mut path = vec![(root, 0)];
        while let Some((index, next)) = path.last_mut() {
            let Some(&to) = edges[*index].get(*next) else {
                finished.push(*index);
                path.pop();
                continue;
            };
            *next += 1;
            if !std::mem::replace(&mut seen[to], true) {
                path.push((to, 0));
            }
        }
    }
    let mut circle = vec![usize::MAX; count];
    for &root in finished.iter().rev() {
        let mut open = vec![root];
        while let Some(index) = open.pop() {
            if circle[index] == usize::MAX {
                circle[index] = root;
                open.extend(&reverse[index]);
            }
        }
    }
    circle
}
