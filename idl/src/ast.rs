//! What an IDL or ACF file says, as it says it.

use crate::source::Span;

/// A name with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// An IDL file.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) imports: Vec<Import>,
    /// Headers, which are of IDL or of C.
    pub(crate) includes: Vec<Import>,
    pub(crate) declarations: Vec<Declaration>,
    /// The `#define`s whose value is a constant expression.
    pub(crate) defines: Vec<Constant>,
}

/// One file of an `import` or an `#include`.
#[derive(Clone, Debug)]
pub(crate) struct Import {
    pub(crate) path: String,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) enum Declaration {
    Interface(Interface),
    Constant(Constant),
    Typedef(Typedef),
    /// `struct s { … };` and its like.
    Type(TypeSpecifier),
    Operation(Operation),
}

#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) name: Name,
    pub(crate) attributes: Attributes,
    pub(crate) docs: Vec<String>,
    pub(crate) declarations: Vec<Declaration>,
}

#[derive(Debug)]
pub(crate) struct Constant {
    pub(crate) name: Name,
    /// `None`: of a `#define`.
    pub(crate) ty: Option<Declared>,
    pub(crate) value: Expression,
    pub(crate) docs: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Typedef {
    pub(crate) attributes: Attributes,
    pub(crate) specifier: TypeSpecifier,
    pub(crate) declarators: Vec<Declarator>,
    pub(crate) docs: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: Name,
    pub(crate) attributes: Attributes,
    pub(crate) specifier: TypeSpecifier,
    /// The pointers of what is returned.
    pub(crate) levels: Vec<DeclaredLevel>,
    pub(crate) parameters: Vec<Declared>,
    pub(crate) docs: Vec<String>,
}

/// A parameter, a member, an arm: attributes, type and declarator.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub(crate) attributes: Attributes,
    pub(crate) specifier: TypeSpecifier,
    pub(crate) declarator: Declarator,
    pub(crate) docs: Vec<String>,
}

/// `*a[10]`: a name and what the type is wrapped in.
#[derive(Clone, Debug)]
pub(crate) struct Declarator {
    pub(crate) name: Name,
    /// From the name outwards: the first is what the name itself is.
    pub(crate) levels: Vec<DeclaredLevel>,
}

#[derive(Clone, Debug)]
pub(crate) struct DeclaredLevel {
    pub(crate) kind: LevelKind,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum LevelKind {
    Pointer,
    /// `[n]`; `None` is `[]` or `[*]`.
    Array(Option<Expression>),
}

#[derive(Clone, Debug)]
pub(crate) struct TypeSpecifier {
    pub(crate) kind: TypeKind,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum TypeKind {
    Base(BaseType),
    /// A typedef, or the tag of a structure without its keyword.
    Named(String),
    /// `struct s` alone.
    Tag(Name),
    Structure(Structure),
    Union(Union),
    Enumeration(Enumeration),
    Pipe(Box<TypeSpecifier>),
}

/// The types that the language has itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum BaseType {
    Void,
    Boolean,
    Byte,
    Char,
    WideChar,
    Integer { bits: u8, signed: bool },
    Float,
    Double,
    Handle,
}

#[derive(Clone, Debug)]
pub(crate) struct Structure {
    pub(crate) tag: Option<Name>,
    pub(crate) members: Vec<Declared>,
}

#[derive(Clone, Debug)]
pub(crate) struct Union {
    pub(crate) tag: Option<Name>,
    /// The discriminant of an encapsulated union, `switch (type name) member`. The names of the
    /// two have no place in Rust, where discriminant and arm are one value.
    pub(crate) switch: Option<Box<TypeSpecifier>>,
    pub(crate) arms: Vec<Arm>,
}

#[derive(Clone, Debug)]
pub(crate) struct Arm {
    /// Empty: the default arm.
    pub(crate) cases: Vec<Expression>,
    pub(crate) is_default: bool,
    /// `None`: nothing is sent but the discriminant.
    pub(crate) body: Option<Declared>,
    pub(crate) docs: Vec<String>,
    pub(crate) span: Span,
}

/// Of an `enum` or of pidl's `bitmap`.
#[derive(Clone, Debug)]
pub(crate) struct Enumeration {
    pub(crate) tag: Option<Name>,
    pub(crate) is_bitmap: bool,
    pub(crate) values: Vec<Enumerator>,
}

#[derive(Clone, Debug)]
pub(crate) struct Enumerator {
    pub(crate) name: Name,
    pub(crate) value: Option<Expression>,
    pub(crate) docs: Vec<String>,
}

/// What stands in brackets before a declaration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes {
    pub(crate) items: Vec<Attribute>,
}

impl Attributes {
    pub(crate) fn get(&self, name: &str) -> Option<&Attribute> {
        self.items.iter().find(|item| item.name.text == name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    pub(crate) name: Name,
    pub(crate) value: AttributeValue,
}

#[derive(Clone, Debug)]
pub(crate) enum AttributeValue {
    None,
    /// `size_is(, n)`: an expression, or nothing, between any two commas.
    Expressions(Vec<Option<Expression>>),
    Type(Box<TypeSpecifier>),
    /// What stands between the parentheses, as it stands.
    Raw(String, Span),
}

impl Attribute {
    /// The expressions that are there.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let expressions = match &self.value {
            AttributeValue::Expressions(expressions) => expressions.as_slice(),
            _ => &[],
        };
        expressions.iter().flatten()
    }
}

/// An expression. [`depth`](Expression::depth) is bounded by the parser, so recursion over one is.
#[derive(Clone, Debug)]
pub(crate) struct Expression {
    pub(crate) kind: ExpressionKind,
    pub(crate) span: Span,
    pub(crate) depth: u16,
}

#[derive(Clone, Debug)]
pub(crate) enum ExpressionKind {
    Integer(u64),
    Character(u32),
    String(String),
    Name(String),
    Unary(UnaryOperator, Box<Expression>),
    Binary(BinaryOperator, Box<Expression>, Box<Expression>),
    Conditional(Box<[Expression; 3]>),
    /// `a.b`, `a->b`.
    Member(Box<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnaryOperator {
    Plus,
    Minus,
    Complement,
    Not,
    Dereference,
    AddressOf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BinaryOperator {
    Multiply,
    Divide,
    Remainder,
    Add,
    Subtract,
    ShiftLeft,
    ShiftRight,
    Less,
    Greater,
    LessEqual,
    GreaterEqual,
    Equal,
    NotEqual,
    BitAnd,
    BitXor,
    BitOr,
    And,
    Or,
}

/// An ACF file.
#[derive(Debug, Default)]
pub(crate) struct Acf {
    pub(crate) interfaces: Vec<AcfInterface>,
}

#[derive(Debug)]
pub(crate) struct AcfInterface {
    pub(crate) name: Name,
    pub(crate) attributes: Attributes,
    pub(crate) typedefs: Vec<AcfItem>,
    pub(crate) operations: Vec<AcfItem>,
}

/// A name of the IDL file and what the ACF adds to it.
#[derive(Debug)]
pub(crate) struct AcfItem {
    pub(crate) name: Name,
    pub(crate) attributes: Attributes,
    /// Of an operation.
    pub(crate) parameters: Vec<AcfItem>,
}
