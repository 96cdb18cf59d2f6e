//! What a definition means: names resolved, attributes applied, constants evaluated.

use crate::source::Span;

/// Which definition of [`Model::definitions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TypeId(pub(crate) usize);

/// All that code is generated for.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) interfaces: Vec<Interface>,
    /// Those of imported files too; see [`Definition::is_wanted`].
    pub(crate) definitions: Vec<Definition>,
    pub(crate) constants: Vec<Constant>,
}

impl Model {
    pub(crate) fn definition(&self, id: TypeId) -> &Definition {
        &self.definitions[id.0]
    }
}

#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) uuid: u128,
    pub(crate) version: (u16, u16),
    /// `[strict_context_handle]`: no other interface's calls can use its context handles.
    pub(crate) has_strict_context_handles: bool,
    /// String bindings, as the IDL has them.
    pub(crate) endpoints: Vec<String>,
    /// By operation number.
    pub(crate) operations: Vec<Operation>,
}

#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) result: Option<Type>,
    /// `[async]`: the manager routine keeps the call.
    pub(crate) is_async: bool,
    /// `[maybe]`: nobody answers.
    pub(crate) is_maybe: bool,
    /// What the manager is told when a call of it is over on the server.
    pub(crate) notify: Option<Notify>,
    /// Not `[nocode]`: there is a client stub.
    pub(crate) has_client: bool,
    pub(crate) span: Span,
}

/// A call of the manager that follows a manager routine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notify {
    /// `[notify]`.
    Plain,
    /// `[notify_flag]`: also tells whether the manager routine was called.
    Flag,
}

#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) field: Field,
    pub(crate) is_in: bool,
    pub(crate) is_out: bool,
}

impl Parameter {
    pub(crate) fn is_pipe(&self) -> bool {
        matches!(self.field.ty, Type::Pipe(_))
    }
}

/// A parameter, a member, or what an arm holds.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) ty: Type,
    pub(crate) switch_is: Option<Count>,
    pub(crate) range: Option<(i128, i128)>,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) kind: DefinitionKind,
    /// It stands in the compiled file itself.
    pub(crate) is_wanted: bool,
    pub(crate) span: Span,
}

impl Definition {
    /// The members of a structure, or what the arms of a union hold.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        let (members, arms) = match &self.kind {
            DefinitionKind::Structure(fields) => (&fields[..], &[][..]),
            DefinitionKind::Union(union) => (&[][..], &union.arms[..]),
            _ => (&[][..], &[][..]),
        };
        let bodies = arms.iter().filter_map(|arm| arm.body.as_ref());
        members.iter().chain(bodies)
    }
}

#[derive(Debug)]
pub(crate) enum DefinitionKind {
    Structure(Vec<Field>),
    Union(Union),
    Enumeration {
        width: EnumWidth,
        values: Vec<NamedValue>,
    },
    Bitmap {
        bits: u8,
        values: Vec<NamedValue>,
    },
    ContextHandle,
    /// Named and never defined; only pointers to it could be meant, and those need it too.
    Undefined,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EnumWidth {
    /// 16 bits in NDR, 32 in NDR64.
    Enum16,
    V1,
    /// pidl's `enum8bit`.
    Enum8,
}

#[derive(Clone, Debug)]
pub(crate) struct NamedValue {
    pub(crate) name: String,
    pub(crate) value: i128,
    pub(crate) docs: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Union {
    pub(crate) discriminant: Discriminant,
    pub(crate) is_encapsulated: bool,
    /// `[ms_union]`: in NDR, an arm is aligned as the most aligned of them (MS-RPCE 2.2.4.5).
    pub(crate) is_ms: bool,
    pub(crate) arms: Vec<Arm>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Discriminant {
    Integer { bits: u8, signed: bool },
    Enum16,
    V1Enum,
}

#[derive(Debug)]
pub(crate) struct Arm {
    pub(crate) cases: Vec<Case>,
    pub(crate) is_default: bool,
    pub(crate) body: Option<Field>,
    pub(crate) docs: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) value: i128,
    /// The constant that the IDL writes, if it writes one.
    pub(crate) name: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Constant {
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) value: ConstantValue,
}

#[derive(Debug)]
pub(crate) enum ConstantValue {
    Integer { value: i128, ty: Scalar },
    Boolean(bool),
    String(String),
}

#[derive(Clone, Debug)]
pub(crate) enum Type {
    Scalar(Scalar),
    Defined(TypeId),
    Pointer(PointerKind, Box<Type>),
    Array(Box<Array>),
    Text(Box<Text>),
    /// Of so many elements as come; only the type of a parameter.
    Pipe(Box<Type>),
}

impl Type {
    /// What is behind all pointers.
    pub(crate) fn pointee(&self) -> &Type {
        match self {
            Type::Pointer(_, to) => to.pointee(),
            other => other,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Integer { bits: u8, signed: bool },
    Boolean,
    Float,
    Double,
    Uuid,
    ContextHandle,
}

impl Scalar {
    pub(crate) const BYTE: Scalar = Scalar::Integer {
        bits: 8,
        signed: false,
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PointerKind {
    Ref,
    Unique,
    Full,
}

#[derive(Clone, Debug)]
pub(crate) struct Array {
    pub(crate) element: Type,
    pub(crate) shape: ArrayShape,
}

#[derive(Clone, Debug)]
pub(crate) enum ArrayShape {
    Fixed(u32),
    /// With room for so many elements, of which fewer may be there.
    Varying {
        room: u32,
        /// The index of the first element, if it may not be zero.
        first: Option<Count>,
        length: Count,
    },
    Conformant {
        size: Count,
        /// As of a varying array.
        first: Option<Count>,
        /// There: also varying.
        length: Option<Count>,
    },
    /// Of several dimensions, the outermost first, of which more than that are counted. All are
    /// conformant, or none is.
    Several(Vec<Dimension>),
}

impl ArrayShape {
    /// How many maximum counts are hoisted.
    pub(crate) fn maximum_count_len(&self) -> usize {
        match self {
            ArrayShape::Fixed(_) | ArrayShape::Varying { .. } => 0,
            ArrayShape::Conformant { .. } => 1,
            ArrayShape::Several(dimensions) => {
                let counted = |d: &&Dimension| matches!(d.extent, Extent::Counted(_));
                dimensions.iter().filter(counted).count()
            }
        }
    }

    /// How many pairs of offset and actual count lie in front of the elements.
    pub(crate) fn variance_len(&self) -> usize {
        match self {
            ArrayShape::Fixed(_) | ArrayShape::Conformant { length: None, .. } => 0,
            ArrayShape::Varying { .. } | ArrayShape::Conformant { .. } => 1,
            // If one dimension is varying, all are.
            ArrayShape::Several(dimensions) => {
                match dimensions.iter().any(|d| d.length.is_some()) {
                    true => dimensions.len(),
                    false => 0,
                }
            }
        }
    }
}

/// One dimension of several.
#[derive(Clone, Debug)]
pub(crate) struct Dimension {
    pub(crate) extent: Extent,
    /// The index of the first element, if it may not be zero.
    pub(crate) first: Option<Count>,
    /// There: how many elements are sent, if not all.
    pub(crate) length: Option<Count>,
}

/// How many elements there is room for.
#[derive(Clone, Debug)]
pub(crate) enum Extent {
    Fixed(u32),
    Counted(Count),
}

/// A `[string]`.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) is_wide: bool,
    /// Of a string in an array of a fixed number of characters.
    pub(crate) room: Option<u32>,
    pub(crate) size: Option<Count>,
    pub(crate) length: Option<Count>,
}

/// A count or a discriminant that other fields tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    Number(i128),
    /// The field of this name in the IDL.
    Source(String),
    Binary(CountOperator, Box<Count>, Box<Count>),
    /// Told by something that is not looked at; what the wire says holds.
    Unchecked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CountOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Count {
    /// Calls `visit` with the name of each field that it depends on.
    pub(crate) fn sources<'a>(&'a self, visit: &mut dyn FnMut(&'a str)) {
        match self {
            Count::Source(name) => visit(name),
            Count::Binary(_, left, right) => {
                left.sources(visit);
                right.sources(visit);
            }
            Count::Number(_) | Count::Unchecked => {}
        }
    }
}
