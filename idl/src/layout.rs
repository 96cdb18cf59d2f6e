//! How types and parameter lists lie on the wire, as a table for people.

use std::collections::VecDeque;

use crate::model::{
    Arm, Array, ArrayShape, Definition, DefinitionKind, Discriminant, Field, Model, Operation,
    Parameter, PointerKind, Scalar, Text, Type, TypeId, Union,
};
use crate::wire::{
    Metrics, Position, TransferSyntax, character_name, conformance, describe, dimension_name,
    flattened, is_varying, pointer_name, scalar_extent, scalar_name,
};

/// One line: the cells of NDR, those of NDR64, the wire type, the field.
struct Row {
    cells: [Cells; 2],
    wire: String,
    field: String,
}

/// Offset, size, alignment.
type Cells = [String; 3];

const HEAD: [&str; 8] = [
    "offset",
    "size",
    "align",
    "offset",
    "size",
    "align",
    "wire type",
    "field",
];

/// Makes the tables of a model.
pub(crate) struct Dumper<'m> {
    model: &'m Model,
    metrics: [Metrics; 2],
}

impl<'m> Dumper<'m> {
    pub(crate) fn new(model: &'m Model) -> Self {
        Dumper {
            model,
            metrics: [TransferSyntax::Ndr, TransferSyntax::Ndr64]
                .map(|syntax| Metrics::new(model, syntax)),
        }
    }

    /// The table of a structure, a union, an enum, a bitmap or a context handle.
    pub(crate) fn definition(&self, id: TypeId) -> String {
        let (definition, ty) = (self.model.definition(id), Type::Defined(id));
        let mut table = Table::new(self);
        match &definition.kind {
            DefinitionKind::Structure(fields) => table.structure(id, fields),
            DefinitionKind::Union(union) => table.union(id, union),
            DefinitionKind::ContextHandle => {
                table.part(&ty, "attributes and UUID".to_owned(), String::new());
            }
            _ => table.part(&ty, "number".to_owned(), String::new()),
        }
        let title = describe(self.model, &ty);
        table.finish(&format!("{title}{}", note(definition)))
    }

    /// The tables of an operation's parameter lists, in and out; one without parameters has none.
    pub(crate) fn operation(&self, interface: &str, operation: &Operation) -> String {
        let mut text = String::new();
        for (direction, is_in) in [("in", true), ("out", false)] {
            let list = parameters(operation, is_in);
            if list.is_empty() {
                continue;
            }
            let mut table = Table::new(self);
            for Listed { name, ty, .. } in list {
                table.whole(ty, name.to_owned());
            }
            let name = &operation.name;
            text.push_str(&table.finish(&format!("{interface}.{name}.{direction}")));
        }
        text
    }
}

/// What a reader must know besides the offsets.
fn note(definition: &Definition) -> &'static str {
    match &definition.kind {
        DefinitionKind::Union(union) if union.is_encapsulated => " (encapsulated)",
        DefinitionKind::Union(_) => " (NDR: if it starts at a multiple of its alignment)",
        _ => "",
    }
}

/// What lies on the wire by itself: a parameter, without the reference pointer that is not there,
/// the result, or a type that was asked for.
pub(crate) struct Listed<'m> {
    pub(crate) name: &'m str,
    pub(crate) ty: &'m Type,
    /// Of a parameter.
    pub(crate) field: Option<&'m Field>,
}

/// The parameters of one direction in the order of the wire: pipes come last in a request and
/// first in a response (C706 chapter 14).
pub(crate) fn parameters(operation: &Operation, is_in: bool) -> Vec<Listed<'_>> {
    let listed = operation
        .parameters
        .iter()
        .filter(|parameter| (is_in && parameter.is_in) || (!is_in && parameter.is_out))
        .map(|Parameter { field, .. }| Listed {
            name: &field.name,
            ty: under_ref(&field.ty),
            field: Some(field),
        });
    let result = operation.result.as_ref().filter(|_| !is_in);
    let result = result.map(|ty| Listed {
        name: "result",
        ty: under_ref(ty),
        field: None,
    });
    let is_pipe = |listed: &Listed<'_>| matches!(listed.ty, Type::Pipe(_));
    let (pipes, others): (Vec<_>, Vec<_>) = listed.chain(result).partition(is_pipe);
    let (first, last) = match is_in {
        true => (others, pipes),
        false => (pipes, others),
    };
    first.into_iter().chain(last).collect()
}

/// What a parameter has on the wire.
fn under_ref(ty: &Type) -> &Type {
    match ty {
        Type::Pointer(PointerKind::Ref, to) => to,
        ty => ty,
    }
}

/// What is still to come behind the outermost structure.
enum Deferred<'m> {
    Pointee {
        path: String,
        ty: &'m Type,
        /// The pointer is there, and it is not null.
        is_sure: bool,
    },
    /// What pointers in this definition point to; its own table says in which order.
    Within { path: String, id: TypeId },
}

struct Table<'d, 'm> {
    dumper: &'d Dumper<'m>,
    rows: Vec<Row>,
    /// Where the next part goes, in both syntaxes.
    at: [Position; 2],
    deferred: VecDeque<Deferred<'m>>,
}

impl<'d, 'm> Table<'d, 'm> {
    fn new(dumper: &'d Dumper<'m>) -> Self {
        Table {
            dumper,
            rows: Vec::new(),
            at: [Position::START; 2],
            deferred: VecDeque::new(),
        }
    }

    fn structure(&mut self, id: TypeId, fields: &'m [Field]) {
        let ty = Type::Defined(id);
        if let Some((path, counts)) = conformance(self.dumper.model, &ty) {
            let path = path.join(".");
            for dimension in 0..counts {
                let dimension = dimension_name(dimension, counts);
                self.front(format!("maximum count{dimension} of {path}"));
            }
        }
        for field in fields {
            self.inline(&field.ty, field.name.clone());
        }
        let ends = self.at;
        self.per_syntax(|metrics, at| metrics.after_tail(*at, metrics.align_of_definition(id)));
        let gaps: [u64; 2] = std::array::from_fn(|i| self.at[i].min - ends[i].min);
        let is_exact = ends.iter().all(|end| end.is_exact);
        if gaps != [0, 0] || !is_exact {
            let cells = std::array::from_fn(|i| {
                let align = self.dumper.metrics[i].align_of_definition(id);
                match (gaps[i], ends[i].is_exact, self.dumper.metrics[i].syntax) {
                    (_, false, TransferSyntax::Ndr64) if align > 1 => [
                        offset(ends[i]),
                        format!("0…{}", align - 1),
                        align.to_string(),
                    ],
                    (1.., true, _) => [offset(ends[i]), gaps[i].to_string(), align.to_string()],
                    _ => Default::default(),
                }
            });
            self.push_unless_empty(cells, "padding", "(tail)");
        }
        self.total(id);
        self.pointees();
    }

    /// The cells of a part that one syntax may not have.
    fn push_unless_empty(&mut self, cells: [Cells; 2], wire: &str, field: &str) {
        if cells.iter().flatten().any(|cell| !cell.is_empty()) {
            let (wire, field) = (wire.to_owned(), field.to_owned());
            self.rows.push(Row { cells, wire, field });
        }
    }

    fn total(&mut self, id: TypeId) {
        let cells = std::array::from_fn(|i| {
            let align = self.dumper.metrics[i].align_of_definition(id);
            ["".to_owned(), offset(self.at[i]), align.to_string()]
        });
        let (wire, field) = ("in all".to_owned(), String::new());
        self.rows.push(Row { cells, wire, field });
    }

    fn union(&mut self, id: TypeId, union: &'m Union) {
        let [ndr, ndr64] = &self.dumper.metrics;
        let places = [ndr, ndr64].map(|metrics| {
            metrics.union_places(union, metrics.align_of_definition(id), Position::START)
        });
        let cells = std::array::from_fn(|i| {
            let len = self.dumper.metrics[i]
                .syntax
                .discriminant_len(union.discriminant);
            [offset(places[i].0), len.to_string(), len.to_string()]
        });
        let wire = match union.discriminant {
            Discriminant::Integer { bits, signed } => scalar_name(Scalar::Integer { bits, signed }),
            Discriminant::Enum16 => "enum",
            Discriminant::V1Enum => "v1_enum",
        };
        let (wire, field) = (wire.to_owned(), "(discriminant)".to_owned());
        self.rows.push(Row { cells, wire, field });
        for arm in &union.arms {
            self.at = places.map(|(_, arm)| arm);
            let labels = arm_labels(arm);
            match &arm.body {
                Some(body) => self.inline(&body.ty, format!("{labels}: {}", body.name)),
                None => self.rows.push(Row {
                    cells: Default::default(),
                    wire: "nothing".to_owned(),
                    field: labels,
                }),
            }
        }
        let ty = Type::Defined(id);
        self.at = [Position::START; 2];
        self.per_syntax(|metrics, at| metrics.after(&ty, *at));
        self.total(id);
        self.pointees();
    }

    /// A parameter, or what a pointer points to, with all that belongs to it.
    fn whole(&mut self, ty: &'m Type, path: String) {
        if let Some((members, counts)) = conformance(self.dumper.model, ty) {
            let of = members
                .iter()
                .fold(path.clone(), |path, member| format!("{path}.{member}"));
            for dimension in 0..counts {
                let dimension = dimension_name(dimension, counts);
                self.word(format!("maximum count{dimension} of {of}"));
            }
        }
        let outer = std::mem::take(&mut self.deferred);
        self.inline(ty, path);
        self.pointees();
        self.deferred = outer;
    }

    /// The pointees of what was put inline; what lies behind them has no known offset.
    fn pointees(&mut self) {
        while let Some(deferred) = self.deferred.pop_front() {
            self.at = self.at.map(Position::inexact);
            let before = self.at;
            match deferred {
                Deferred::Pointee { path, ty, is_sure } => {
                    self.whole(ty, format!("*{path}"));
                    self.at = match is_sure {
                        true => self.at.map(Position::inexact),
                        false => before,
                    };
                }
                Deferred::Within { path, id } => {
                    let ty = describe(self.dumper.model, &Type::Defined(id));
                    let cells = self
                        .at
                        .map(|at| [offset(at), "n".to_owned(), String::new()]);
                    self.rows.push(Row {
                        cells,
                        wire: format!("pointees of {ty}"),
                        field: path,
                    });
                }
            }
        }
    }

    /// Notes what an element or a member points to. `is_sure`: it is there.
    fn defer(&mut self, ty: &'m Type, path: String, is_sure: bool) {
        match ty {
            Type::Pointer(kind, ty) => {
                let is_sure = is_sure && *kind == PointerKind::Ref;
                self.deferred
                    .push_back(Deferred::Pointee { path, ty, is_sure });
            }
            Type::Defined(id) if self.dumper.metrics[0].has_pointers(ty) => {
                self.deferred.push_back(Deferred::Within { path, id: *id });
            }
            _ => {}
        }
    }

    /// The inline part of `ty` at the current place.
    fn inline(&mut self, ty: &'m Type, path: String) {
        match ty {
            Type::Text(text) => self.text(text, path),
            Type::Array(array) => self.array(array, path),
            Type::Pipe(element) => self.pipe(element, path),
            Type::Pointer(kind, _) => {
                let wire = format!("{} pointer, referent id", pointer_name(*kind));
                self.part(ty, wire, path.clone());
                self.defer(ty, path, true);
            }
            Type::Scalar(_) | Type::Defined(_) => {
                let wire = describe(self.dumper.model, ty);
                self.part(ty, wire, path.clone());
                self.defer(ty, path, true);
            }
        }
    }

    fn array(&mut self, array: &'m Array, path: String) {
        if is_varying(array) {
            self.variance(&path, array.shape.variance_len());
        }
        let (element, count) = flattened(array);
        let name = describe(self.dumper.model, element);
        let shown = match &array.shape {
            ArrayShape::Fixed(_) => count.to_string(),
            ArrayShape::Varying { room, .. } => format!("0…{room}"),
            ArrayShape::Conformant { .. } | ArrayShape::Several(_) => "n".to_owned(),
        };
        self.elements(
            element,
            &shown,
            format!("{shown} × {name}"),
            format!("{path}[]"),
        );
        if let ArrayShape::Fixed(_) = array.shape {
            self.per_syntax(|metrics, at| metrics.after_elements(element, count, *at));
        } else {
            self.at = self.at.map(Position::inexact);
        }
        self.defer(element, format!("{path}[]"), false);
    }

    /// One chunk, which is followed by others until the count is zero.
    fn pipe(&mut self, element: &'m Type, path: String) {
        self.word(format!("count of a chunk of {path}, 0 at its end"));
        let name = describe(self.dumper.model, element);
        self.elements(element, "n", format!("n × {name}"), format!("{path}[]"));
        self.at = self.at.map(Position::inexact);
        let cells = std::array::from_fn(|i| {
            let (at, syntax) = (self.at[i], self.dumper.metrics[i].syntax);
            let word = syntax.word_len();
            if syntax.pipe_end_len() == word {
                return Cells::default();
            }
            let start = at.aligned(word);
            self.at[i] = start.plus(word);
            [offset(start), word.to_string(), word.to_string()]
        });
        let field = format!("the count of the chunk of {path}, negated");
        self.push_unless_empty(cells, "count", &field);
    }

    fn text(&mut self, text: &Text, path: String) {
        self.variance(&path, 1);
        let len: u64 = if text.is_wide { 2 } else { 1 };
        let cells = self.at.map(|at| {
            let count = match text.room {
                Some(room) => format!("1…{room}"),
                None => "n".to_owned(),
            };
            [
                offset(at.aligned(len)),
                format!("{count} × {len}"),
                len.to_string(),
            ]
        });
        let wire = format!("{}, NUL at the end", character_name(text));
        self.rows.push(Row {
            cells,
            wire,
            field: path,
        });
        self.at = self.at.map(Position::inexact);
    }

    fn variance(&mut self, path: &str, dimensions: usize) {
        for dimension in 0..dimensions {
            let dimension = dimension_name(dimension, dimensions);
            self.word(format!("offset{dimension} of {path}"));
            self.word(format!("actual count{dimension} of {path}"));
        }
    }

    /// Elements of which `count` says how many there are; the place stays.
    fn elements(&mut self, element: &Type, count: &str, wire: String, field: String) {
        let cells = std::array::from_fn(|i| {
            let metrics = &self.dumper.metrics[i];
            let align = metrics.align_of(element);
            let end = metrics.after(element, Position::START);
            let at = self.at[i].aligned(self.dumper.start_align(metrics, element));
            [
                offset(at),
                format!("{count} × {}", offset(end)),
                align.to_string(),
            ]
        });
        self.rows.push(Row { cells, wire, field });
    }

    /// A part whose length follows from its type.
    fn part(&mut self, ty: &Type, wire: String, field: String) {
        let before = self.at;
        self.per_syntax(|metrics, at| metrics.after(ty, *at));
        let cells = std::array::from_fn(|i| {
            let metrics = &self.dumper.metrics[i];
            let align = metrics.align_of(ty);
            let start = before[i].aligned(self.dumper.start_align(metrics, ty));
            let len = Position {
                min: self.at[i].min.saturating_sub(start.min),
                is_exact: self.at[i].is_exact || !before[i].is_exact && self.is_fixed(i, ty),
            };
            [offset(start), offset(len), align.to_string()]
        });
        self.rows.push(Row { cells, wire, field });
    }

    fn is_fixed(&self, syntax: usize, ty: &Type) -> bool {
        self.dumper.metrics[syntax]
            .after(ty, Position::START)
            .is_exact
    }

    /// A count.
    fn word(&mut self, field: String) {
        let cells = std::array::from_fn(|i| {
            let word = self.dumper.metrics[i].syntax.word_len();
            let start = self.at[i].aligned(word);
            self.at[i] = start.plus(word);
            [offset(start), word.to_string(), word.to_string()]
        });
        let wire = "count".to_owned();
        self.rows.push(Row { cells, wire, field });
    }

    /// A count that is hoisted in front of the table's own type.
    fn front(&mut self, field: String) {
        let cells = std::array::from_fn(|i| {
            let word = self.dumper.metrics[i].syntax.word_len().to_string();
            ["front".to_owned(), word.clone(), word]
        });
        let wire = "count".to_owned();
        self.rows.push(Row { cells, wire, field });
    }

    fn per_syntax(&mut self, step: impl Fn(&Metrics, &Position) -> Position) {
        for (at, metrics) in self.at.iter_mut().zip(&self.dumper.metrics) {
            *at = step(metrics, at);
        }
    }

    fn finish(self, title: &str) -> String {
        render(title, &self.rows)
    }
}

impl Dumper<'_> {
    /// The alignment of the first byte of an inline part: in NDR, that of a union which is not
    /// encapsulated is its discriminant's.
    fn start_align(&self, metrics: &Metrics, ty: &Type) -> u64 {
        match ty {
            Type::Defined(id) => match &self.model.definition(*id).kind {
                DefinitionKind::Union(union) if !metrics.syntax.aligns_union(union) => {
                    metrics.syntax.discriminant_len(union.discriminant)
                }
                _ => metrics.align_of_definition(*id),
            },
            Type::Scalar(scalar) => scalar_extent(*scalar).1,
            ty => metrics.align_of(ty),
        }
    }
}

fn arm_labels(arm: &Arm) -> String {
    let mut labels: Vec<_> = arm
        .cases
        .iter()
        .map(|case| match &case.name {
            Some(name) => format!("case {name}"),
            None => format!("case {}", case.value),
        })
        .collect();
    if arm.is_default {
        labels.push("default".to_owned());
    }
    labels.join(", ")
}

/// An offset or a length; the least one, if something of variable length is in it.
fn offset(position: Position) -> String {
    match position.is_exact {
        true => position.min.to_string(),
        false => format!("≥{}", position.min),
    }
}

fn render(title: &str, rows: &[Row]) -> String {
    let mut widths = HEAD.map(|head| head.chars().count());
    let cells_of = |row: &Row| -> [String; 8] {
        let [[a, b, c], [d, e, f]] = row.cells.clone();
        [a, b, c, d, e, f, row.wire.clone(), row.field.clone()]
    };
    let table: Vec<_> = rows.iter().map(cells_of).collect();
    for row in &table {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = format!("{title}\n");
    let half = widths[0] + widths[1] + widths[2] + 4;
    let line = format!("  {:<half$} │ {}", "NDR", "NDR64");
    text.push_str(&format!("{line}\n"));
    for row in std::iter::once(&HEAD.map(str::to_owned)).chain(&table) {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            match column {
                3 => line.push_str(" │ "),
                6 => line.push_str(" │ "),
                _ => line.push_str("  "),
            }
            match column {
                0..6 => line.push_str(&format!("{cell:>width$}")),
                _ => line.push_str(&format!("{cell:<width$}")),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push('\n');
    text
}
