//! JSON of any layout, made at random, as stub data and back.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use super::json::{self, CASE, POINTEE, is_boxed};
use super::{ByteOrder, EncodeErrorKind, checks, values};
use crate::layout::parameters;
use crate::model::{
    Array, ArrayShape, Count, DefinitionKind, Dimension, Extent, Field, Model, Operation,
    PointerKind, Scalar, Text, Type, TypeId, Union,
};
use crate::wire::{Metrics, TransferSyntax};
use crate::{Compiler, Definitions};

/// How deep values lie in each other before pointers become null.
const NEST_MAX: u32 = 6;
/// How often each target is tried in each syntax.
const TRIES: u64 = 24;

/// A stream of numbers from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn choose<'t, T>(&mut self, list: &'t [T]) -> Option<&'t T> {
        let end = u64::try_from(list.len()).ok().filter(|end| *end > 0)?;
        list.get(usize::try_from(self.below(end)).ok()?)
    }
}

type Told<'m> = HashMap<&'m str, i128>;

/// Makes values as the decoder would show them. `None` where that is not to be had, such as an endless
/// chain of references.
struct Maker<'m> {
    model: &'m Model,
    metrics: Metrics,
    random: Random,
    depth: u32,
}

impl<'m> Maker<'m> {
    fn parameters(&mut self, operation: &'m Operation, is_in: bool) -> Option<Json> {
        let listed = parameters(operation, is_in);
        let fields: Vec<_> = listed.iter().map(|l| (l.name, l.ty, l.field)).collect();
        self.object(&fields).map(Json::Object)
    }

    /// What others ask for first.
    fn object(
        &mut self,
        fields: &[(&'m str, &'m Type, Option<&'m Field>)],
    ) -> Option<Map<String, Json>> {
        let mut told = Told::new();
        let mut object = Map::new();
        for is_late in [false, true] {
            for (name, ty, field) in fields {
                let numbers = self.number(ty, *field);
                if numbers.is_some() == is_late {
                    continue;
                }
                let value = match numbers {
                    Some((json, number)) => {
                        told.insert(name, number);
                        json
                    }
                    None => self.value(ty, &told, field.and_then(|f| f.switch_is.as_ref()))?,
                };
                object.insert((*name).to_owned(), value);
            }
        }
        Some(object)
    }

    /// A small number that others may ask for.
    fn number(&mut self, ty: &Type, field: Option<&Field>) -> Option<(Json, i128)> {
        let least = field
            .and_then(|field| field.range)
            .map_or(0, |(min, _)| min);
        let number = least + i128::from(self.random.below(4));
        match ty {
            Type::Scalar(Scalar::Integer { .. }) => {
                i64::try_from(number).ok().map(|json| (json!(json), number))
            }
            Type::Pointer(_, to) => match (&**to, field) {
                (Type::Scalar(Scalar::Integer { .. }), _) => self.number(to, field),
                _ => None,
            },
            Type::Defined(id) => match &self.model.definition(*id).kind {
                DefinitionKind::Enumeration { width, values }
                    if field.is_none_or(|f| f.range.is_none()) =>
                {
                    let len = self.metrics.syntax.enum_len(*width);
                    self.random.choose(values).map(|chosen| {
                        let bits = chosen.value.rem_euclid(1 << (8 * len)) as u64;
                        (json::enumeration(values, bits, len), i128::from(bits))
                    })
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn value(
        &mut self,
        ty: &'m Type,
        told: &Told<'m>,
        switch_is: Option<&'m Count>,
    ) -> Option<Json> {
        self.depth += 1;
        let value = match self.depth {
            0..64 => self.made(ty, told, switch_is),
            _ => None,
        };
        self.depth -= 1;
        value
    }

    fn made(
        &mut self,
        ty: &'m Type,
        told: &Told<'m>,
        switch_is: Option<&'m Count>,
    ) -> Option<Json> {
        match ty {
            Type::Scalar(scalar) => Some(self.scalar(*scalar)),
            Type::Pointer(kind, to) => {
                let is_null = self.depth > NEST_MAX || self.random.below(4) == 0;
                if is_null && *kind != PointerKind::Ref {
                    return Some(Json::Null);
                }
                let pointee = self.value(to, told, None)?;
                match is_boxed(self.model, *kind, to) {
                    true => Some(json!({ POINTEE: pointee })),
                    false => Some(pointee),
                }
            }
            Type::Text(text) => self.text(text, told),
            Type::Array(array) => self.array(array, told),
            Type::Pipe(element) => {
                let count = self.random.below(4);
                self.list(element, count)
            }
            Type::Defined(id) => self.defined(*id, told, switch_is),
        }
    }

    fn scalar(&mut self, scalar: Scalar) -> Json {
        let bits = self.random.next();
        match scalar {
            Scalar::Integer { bits: width, .. } => {
                json::scalar(scalar, bits >> (64 - u32::from(width)))
            }
            Scalar::Boolean => json!(bits & 1 == 1),
            Scalar::Float => json!(f64::from(bits as i16) / 8.0),
            Scalar::Double => json!(bits as i32 as f64 / 1024.0),
            Scalar::Uuid => json!(values::uuid(&[bits as u8; 16], ByteOrder::Little)),
            Scalar::ContextHandle if bits & 1 == 1 => Json::Null,
            Scalar::ContextHandle => json!(json::hex(&[bits as u8 | 1; 20])),
        }
    }

    fn count(&mut self, count: Option<&Count>, told: &Told<'m>, max: u64) -> u64 {
        let declared = count.and_then(|count| checks::value(count, told));
        let declared = declared.and_then(|declared| u64::try_from(declared).ok());
        declared
            .filter(|declared| *declared < 64)
            .unwrap_or_else(|| self.random.below(max + 1))
    }

    fn text(&mut self, text: &Text, told: &Told<'m>) -> Option<Json> {
        let size = text.size.as_ref();
        let max = text
            .room
            .map_or_else(|| self.count(size, told, 5), u64::from)
            .min(6);
        let units = match text.length.as_ref() {
            Some(length) => self.count(Some(length), told, max),
            None => self.random.below(max + 1),
        };
        let Some(characters) = units.checked_sub(1) else {
            return Some(json!([]));
        };
        let letters = if text.is_wide {
            ["a", "é", "€"]
        } else {
            ["a", "é", "~"]
        };
        let text = (0..characters).filter_map(|_| self.random.choose(&letters).copied());
        Some(json!(text.collect::<String>()))
    }

    fn list(&mut self, element: &'m Type, count: u64) -> Option<Json> {
        if let Type::Scalar(Scalar::BYTE) = element {
            let bytes: Vec<u8> = (0..count).map(|_| self.random.next() as u8).collect();
            return Some(json!(json::hex(&bytes)));
        }
        let nothing = Told::new();
        let elements = (0..count).map(|_| self.value(element, &nothing, None));
        elements.collect::<Option<Vec<_>>>().map(Json::from)
    }

    fn array(&mut self, array: &'m Array, told: &Told<'m>) -> Option<Json> {
        let count = match &array.shape {
            ArrayShape::Fixed(count) => u64::from(*count),
            ArrayShape::Varying { room, length, .. } => {
                self.count(Some(length), told, u64::from(*room).min(3))
            }
            ArrayShape::Conformant { size, length, .. } => match length {
                Some(length) => self.count(Some(length), told, 3),
                None => self.count(Some(size), told, 3),
            },
            ArrayShape::Several(dimensions) => return self.rows(dimensions, &array.element, told),
        };
        self.list(&array.element, count)
    }

    fn rows(
        &mut self,
        dimensions: &'m [Dimension],
        element: &'m Type,
        told: &Told<'m>,
    ) -> Option<Json> {
        let counts: Vec<u64> = dimensions
            .iter()
            .map(|dimension| match (&dimension.extent, &dimension.length) {
                (_, Some(length)) => self.count(Some(length), told, 2),
                (Extent::Fixed(count), None) => u64::from(*count),
                (Extent::Counted(count), None) => self.count(Some(count), told, 2),
            })
            .collect();
        // Of no elements, the decoder does not show the dimensions.
        match counts.contains(&0) {
            true => Some(json!([])),
            false => self.nested_rows(&counts, element),
        }
    }

    fn nested_rows(&mut self, counts: &[u64], element: &'m Type) -> Option<Json> {
        match counts {
            [count] => self.list(element, *count),
            [count, rest @ ..] => {
                let rows = (0..*count).map(|_| self.nested_rows(rest, element));
                rows.collect::<Option<Vec<_>>>().map(Json::from)
            }
            [] => None,
        }
    }

    fn defined(
        &mut self,
        id: TypeId,
        told: &Told<'m>,
        switch_is: Option<&'m Count>,
    ) -> Option<Json> {
        match &self.model.definition(id).kind {
            DefinitionKind::Structure(fields) => {
                let fields = fields.iter();
                let fields: Vec<_> = fields.map(|f| (f.name.as_str(), &f.ty, Some(f))).collect();
                self.object(&fields).map(Json::Object)
            }
            DefinitionKind::Union(union) => self.union(union, told, switch_is),
            DefinitionKind::Enumeration { .. } => {
                let ty = Type::Defined(id);
                self.number(&ty, None).map(|(json, _)| json)
            }
            DefinitionKind::Bitmap { bits, .. } => {
                let (bits, signed) = (*bits, false);
                Some(self.scalar(Scalar::Integer { bits, signed }))
            }
            DefinitionKind::ContextHandle => Some(self.scalar(Scalar::ContextHandle)),
            DefinitionKind::Undefined => None,
        }
    }

    fn union(
        &mut self,
        union: &'m Union,
        told: &Told<'m>,
        switch_is: Option<&'m Count>,
    ) -> Option<Json> {
        let cases = union.arms.iter().flat_map(|arm| &arm.cases);
        let mut cases: Vec<i128> = cases.map(|case| case.value).collect();
        if union.arms.iter().any(|arm| arm.is_default) {
            cases.push(77);
        }
        let told = switch_is.and_then(|count| checks::value(count, told));
        let case = told.or_else(|| self.random.choose(&cases).copied())?;
        let len = self.metrics.syntax.discriminant_len(union.discriminant);
        let bits = case.rem_euclid(1 << (8 * len)) as u64;
        let arm = values::arm(union, bits, len)?;
        let mut object = Map::new();
        let shown = json::case(union.discriminant, arm, bits, len);
        object.insert(CASE.to_owned(), shown);
        if let Some(body) = &arm.body {
            let value = self.value(&body.ty, &Told::new(), None)?;
            object.insert(body.name.clone(), value);
        }
        Some(Json::Object(object))
    }
}

/// Tries all targets of a file. Gives how often one was encoded, and how often its fields contradicted
/// each other, which the maker cannot always avoid.
fn round_trips(definitions: &Definitions, seed: u64) -> (u64, u64) {
    let model = definitions.model();
    let mut seen = (0, 0);
    for syntax in [TransferSyntax::Ndr, TransferSyntax::Ndr64] {
        let mut maker = Maker {
            model,
            metrics: Metrics::new(model, syntax),
            random: Random(seed),
            depth: 0,
        };
        let mut tried = |target: &str, json: Option<Json>| {
            let Some(json) = json else { return };
            let encoded = definitions.encode(target, &json, syntax);
            let stub = match encoded {
                Ok(stub) => stub,
                Err(error) => {
                    let is_contradiction =
                        matches!(error.kind(), EncodeErrorKind::Contradiction(_));
                    assert!(is_contradiction, "{target}, seed {seed}: {error}\n{json:#}");
                    seen.1 += 1;
                    return;
                }
            };
            let order = ByteOrder::Little;
            let decoded = definitions
                .decode(target, &stub, syntax, order)
                .expect("defined");
            assert_eq!(
                decoded.error(),
                None,
                "{target}, seed {seed}\n{decoded}\n{json:#}"
            );
            assert_eq!(
                decoded.leftover(),
                0,
                "{target}, seed {seed}\n{decoded}\n{json:#}"
            );
            assert_eq!(decoded.to_json(), json, "{target}, seed {seed}\n{decoded}");
            seen.0 += 1;
        };
        for _ in 0..TRIES {
            for (index, definition) in model.definitions.iter().enumerate() {
                let json = maker.defined(TypeId(index), &Told::new(), None);
                // Types of the same name are found by the first.
                let is_first = model.definitions[..index]
                    .iter()
                    .all(|d| d.name != definition.name);
                tried(&definition.name, json.filter(|_| is_first));
            }
            for interface in &model.interfaces {
                for operation in &interface.operations {
                    for (direction, is_in) in [("in", true), ("out", false)] {
                        let target = format!("{}.{}.{direction}", interface.name, operation.name);
                        tried(&target, maker.parameters(operation, is_in));
                    }
                }
            }
        }
    }
    seen
}

#[test]
fn json_of_the_tests_definitions_comes_back() {
    for file in [
        "dimensions",
        "everything",
        "mgmt",
        "epmapper",
        "pipes",
        "rpcecho",
        "samr",
        "sessions",
        "shapes",
        "counts",
        "collisions",
        "rules",
    ] {
        let path = format!("tests/idl/{file}.idl");
        let definitions = Compiler::new().definitions(path).expect("a definition");
        let (encoded, contradictions) = round_trips(&definitions, 1);
        assert!(
            encoded > contradictions,
            "{file}: {encoded}, {contradictions}"
        );
    }
}

/// The layouts that the fuzz target has met.
#[test]
fn json_of_the_fuzz_seeds_definitions_comes_back() {
    let mut all = 0;
    for seed in std::fs::read_dir("../fuzz/seeds/idl").expect("the seeds are a part of the source")
    {
        let path = seed.expect("the folder can be listed").path();
        println!("{}", path.display());
        let bytes = std::fs::read(&path).expect("a seed can be read");
        let mut parts = bytes.splitn(4, |byte| *byte == 0);
        let mut compiler = Compiler::new();
        for name in ["x.idl", "x.acf", "y.idl"] {
            if let Some(text) = parts.next() {
                compiler = compiler.source(name, String::from_utf8_lossy(text));
            }
        }
        if let Ok(definitions) = compiler.definitions("x.idl") {
            all += round_trips(&definitions, 2).0;
        }
    }
    assert!(all > 1000, "{all}");
}
