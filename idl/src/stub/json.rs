//! What was read, as JSON.
//!
#![doc = include_str!("json.md")]

use serde_json::{Map, Number, Value as Json};

use super::reader::ByteOrder;
use super::tree::Tree;
use crate::model::{
    Arm, DefinitionKind, Discriminant, Model, NamedValue, PointerKind, Scalar, Type,
};

/// The key of a union's discriminant. A word of IDL, so no arm has this name.
pub(super) const CASE: &str = "case";
/// The key of what a pointer points to that can be `null` itself.
pub(super) const POINTEE: &str = "*";
/// The key of the path of a full pointer that points to the same.
pub(super) const SAME_AS: &str = "same as";

/// What the JSON of an entry is made of, besides its children.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// A count, or a value that was not read: nothing.
    Hidden,
    /// A value without parts.
    Leaf(Json),
    /// Numbers of one kind; how many in each dimension, if there are several.
    Numbers { of: Scalar, dimensions: Vec<u64> },
    /// The units of a string.
    Text { is_wide: bool },
    /// Members.
    Structure,
    /// Elements; how many in each dimension, if there are several.
    List { dimensions: Vec<u64> },
    /// The chunks of a pipe.
    Pipe { of_bytes: bool },
    /// An arm, with its discriminant.
    Union { case: Json },
    /// What a pointer points to.
    Pointer { is_boxed: bool },
    /// A full pointer to what the pointer of this path points to.
    SameAs(String),
}

/// Whether a pointee is shown apart from its pointer, as either can be `null`.
pub(super) fn is_boxed(model: &Model, kind: PointerKind, pointee: &Type) -> bool {
    kind != PointerKind::Ref && is_nullable(model, pointee)
}

fn is_nullable(model: &Model, ty: &Type) -> bool {
    match ty {
        Type::Pointer(PointerKind::Ref, to) => is_nullable(model, to),
        Type::Pointer(..) | Type::Scalar(Scalar::ContextHandle) => true,
        Type::Defined(id) => matches!(model.definition(*id).kind, DefinitionKind::ContextHandle),
        _ => false,
    }
}

/// A number, a boolean or a float by its bits.
pub(super) fn scalar(of: Scalar, bits: u64) -> Json {
    match of {
        Scalar::Integer {
            bits: width,
            signed,
        } => number(super::values::number(bits, width, signed)),
        Scalar::Boolean if bits <= 1 => Json::Bool(bits == 1),
        Scalar::Boolean | Scalar::Uuid | Scalar::ContextHandle => Json::from(bits),
        Scalar::Float => float(f32::from_bits(bits as u32).into()),
        Scalar::Double => float(f64::from_bits(bits)),
    }
}

fn float(value: f64) -> Json {
    match Number::from_f64(value) {
        Some(number) => Json::Number(number),
        None if value.is_nan() => Json::from("NaN"),
        None if value > 0.0 => Json::from("Infinity"),
        None => Json::from("-Infinity"),
    }
}

fn number(value: i128) -> Json {
    Number::from_i128(value).map_or(Json::Null, Json::Number)
}

/// The value of an enum.
pub(super) fn enumeration(values: &[NamedValue], bits: u64, len: u64) -> Json {
    match super::values::named(values, bits, len) {
        Some(known) => Json::from(known.name.as_str()),
        None => Json::from(bits),
    }
}

/// The discriminant of an arm: the constant that the definition has for it, or the number.
pub(super) fn case(discriminant: Discriminant, arm: &Arm, bits: u64, len: u64) -> Json {
    let mut cases = arm.cases.iter();
    let known = cases.find(|case| super::values::is_same(case.value, bits, len));
    match known.and_then(|case| case.name.as_deref()) {
        Some(name) => Json::from(name),
        None => number(super::values::discriminant(discriminant, bits)),
    }
}

/// A UUID, or a context handle.
pub(super) fn handle_or_uuid(bytes: &[u8], order: ByteOrder) -> Json {
    let mut bytes = bytes.to_vec();
    let uuid = bytes.len().saturating_sub(16);
    if order == ByteOrder::Big {
        for number in [
            0..uuid,
            uuid..uuid + 4,
            uuid + 4..uuid + 6,
            uuid + 6..uuid + 8,
        ] {
            bytes[number].reverse();
        }
    }
    match uuid {
        0 => Json::from(super::values::uuid(&bytes, ByteOrder::Little)),
        _ if bytes.iter().all(|byte| *byte == 0) => Json::Null,
        _ => Json::from(hex(&bytes)),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes the JSON of entries.
pub(super) struct Builder<'t> {
    tree: &'t Tree,
    children: Vec<Vec<usize>>,
    stub: &'t [u8],
    order: ByteOrder,
}

impl<'t> Builder<'t> {
    pub(super) fn new(tree: &'t Tree, stub: &'t [u8], order: ByteOrder) -> Self {
        let mut children = vec![Vec::new(); tree.len()];
        for (at, entry) in tree.entries().iter().enumerate() {
            if let Some(parent) = entry.parent {
                children[parent].push(at);
            }
        }
        Builder {
            tree,
            children,
            stub,
            order,
        }
    }

    /// The outermost values by their names.
    pub(super) fn outermost(&self) -> Map<String, Json> {
        let entries = self.tree.entries().iter().enumerate();
        let outermost = entries.filter(|(_, entry)| entry.parent.is_none());
        self.members(outermost.map(|(at, _)| at))
    }

    fn members(&self, entries: impl Iterator<Item = usize>) -> Map<String, Json> {
        let known = entries.filter(|at| self.is_known(*at));
        known
            .map(|at| {
                let name = &self.tree.entries()[at].name;
                let name = name.strip_prefix('.').unwrap_or(name);
                (name.to_owned(), self.value(at))
            })
            .collect()
    }

    fn is_known(&self, at: usize) -> bool {
        !matches!(self.tree.entries()[at].content, Content::Hidden)
    }

    fn children(&self, at: usize) -> impl Iterator<Item = usize> {
        self.children[at].iter().copied()
    }

    fn values(&self, at: usize) -> Vec<Json> {
        let known = self.children(at).filter(|child| self.is_known(*child));
        known.map(|child| self.value(child)).collect()
    }

    fn value(&self, at: usize) -> Json {
        let entry = &self.tree.entries()[at];
        let bytes = self.stub.get(entry.start..entry.end).unwrap_or_default();
        match &entry.content {
            Content::Hidden => Json::Null,
            Content::Leaf(value) => value.clone(),
            Content::Numbers { of, dimensions } => self.numbers(*of, dimensions, bytes),
            Content::Text { is_wide } => self.text(*is_wide, bytes),
            Content::Structure => Json::Object(self.members(self.children(at))),
            Content::List { dimensions } => nested(dimensions, self.values(at)),
            Content::Pipe { of_bytes } => concatenated(self.values(at), *of_bytes),
            Content::Union { case } => {
                let mut object = self.members(self.children(at));
                object.insert(CASE.to_owned(), case.clone());
                Json::Object(object)
            }
            Content::Pointer { is_boxed } => match (self.values(at).pop(), is_boxed) {
                (None, _) => Json::Null,
                (Some(pointee), false) => pointee,
                (Some(pointee), true) => object(POINTEE, pointee),
            },
            Content::SameAs(path) => object(SAME_AS, Json::from(path.as_str())),
        }
    }

    fn numbers(&self, of: Scalar, dimensions: &[u64], bytes: &[u8]) -> Json {
        if of == Scalar::BYTE {
            let Some((row, [_, ..])) = dimensions.split_last() else {
                return Json::from(hex(bytes));
            };
            // Rows of nothing cannot be told from none.
            let row = usize::try_from(*row).unwrap_or(usize::MAX).max(1);
            let rows = bytes.chunks(row).map(|row| Json::from(hex(row)));
            return nested(&dimensions[..dimensions.len() - 1], rows.collect());
        }
        let (len, _) = crate::wire::scalar_extent(of);
        let numbers = bytes.chunks(len as usize);
        let numbers = numbers.map(|number| scalar(of, self.order.value(number)));
        nested(dimensions, numbers.collect())
    }

    fn text(&self, is_wide: bool, bytes: &[u8]) -> Json {
        let units = bytes.chunks(if is_wide { 2 } else { 1 });
        let units: Vec<u16> = units.map(|unit| self.order.value(unit) as u16).collect();
        let text = units.split_last().and_then(|(last, text)| {
            let is_terminated = *last == 0 && !text.contains(&0);
            let decode = || match is_wide {
                true => String::from_utf16(text).ok(),
                false => Some(text.iter().map(|unit| char::from(*unit as u8)).collect()),
            };
            is_terminated.then(decode).flatten()
        });
        text.map_or_else(|| Json::from(units), Json::from)
    }
}

fn object(key: &str, value: Json) -> Json {
    Json::Object(Map::from_iter([(key.to_owned(), value)]))
}

/// Elements in the order of the wire as lists in each other.
fn nested(dimensions: &[u64], elements: Vec<Json>) -> Json {
    let [outer, rest @ ..] = dimensions else {
        return Json::Array(elements);
    };
    let outer = usize::try_from(*outer).unwrap_or(usize::MAX);
    if rest.is_empty() || elements.is_empty() || outer == 0 {
        return Json::Array(elements);
    }
    let row = elements.len() / outer;
    let mut elements = elements.into_iter();
    let mut rows = Vec::new();
    while elements.len() > 0 {
        let row = elements.by_ref().take(row.max(1)).collect();
        rows.push(nested(rest, row));
    }
    Json::Array(rows)
}

/// The chunks of a pipe as one list.
fn concatenated(chunks: Vec<Json>, of_bytes: bool) -> Json {
    if of_bytes {
        let digits = chunks.iter().filter_map(Json::as_str);
        return Json::from(digits.collect::<String>());
    }
    let elements = chunks.into_iter().flat_map(|chunk| match chunk {
        Json::Array(elements) => elements,
        other => vec![other],
    });
    Json::Array(elements.collect())
}
