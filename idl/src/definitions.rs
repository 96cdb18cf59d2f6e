//! A definition as something to ask, for those who look for a mistake on the wire.

use std::fmt;

use crate::diagnostic::Diagnostic;
use crate::layout::{Dumper, Listed, parameters};
use crate::model::{Interface, Model, Operation, Type, TypeId};
use crate::nearest::nearest;
use crate::stub::{self, ByteOrder, Decoded, EncodeError, EncodeErrorKind, Target};
use crate::wire::TransferSyntax;

/// How many names an error lists.
const LISTED_MAX: usize = 20;

/// What a file defines: it shows how types and parameter lists lie on the wire, and reads stub
/// data. [`Compiler::definitions`](crate::Compiler::definitions) makes it.
///
/// ```
/// use annulus_idl::{ByteOrder, Compiler, TransferSyntax};
///
/// let sum = Compiler::new()
///     .source("sum.idl", "
///         [uuid(6a1b2c3d-0000-4000-8000-000000000001), version(1.0)]
///         interface sum { void add([in] byte a, [in] long b); }
///     ")
///     .definitions("sum.idl")?;
/// let stub = [1, 0, 0, 0, 2, 0, 0, 0];
/// let decoded = sum.decode("sum.add.in", &stub, TransferSyntax::Ndr, ByteOrder::Little)?;
/// assert!(decoded.to_string().contains("b = 2"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Definitions {
    model: Model,
    warnings: Vec<Diagnostic>,
}

impl Definitions {
    pub(crate) fn new(model: Model, warnings: Vec<Diagnostic>) -> Self {
        Definitions { model, warnings }
    }

    #[cfg(test)]
    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    /// What has no effect.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The layouts in NDR and NDR64 side by side, offset by offset, of the named types and
    /// operations (`Interface.Operation`); without a name, of all that the file itself defines.
    ///
    /// # Errors
    /// A name that the file does not define.
    pub fn layout(&self, names: &[&str]) -> Result<String, NotDefined> {
        let dumper = Dumper::new(&self.model);
        let mut text = String::new();
        if names.is_empty() {
            for (index, definition) in self.model.definitions.iter().enumerate() {
                if definition.is_wanted {
                    text.push_str(&dumper.definition(TypeId(index)));
                }
            }
            for (interface, operation) in self.operations() {
                text.push_str(&dumper.operation(&interface.name, operation));
            }
        }
        for name in names.iter().copied() {
            if let Some(id) = self.find_type(name) {
                text.push_str(&dumper.definition(id));
            } else if let Some((interface, operation)) = self.find_operation(name) {
                text.push_str(&dumper.operation(&interface.name, operation));
            } else {
                return Err(self.not_defined(name));
            }
        }
        Ok(text)
    }

    /// Reads `stub` as `target`: a type, or the parameters of an operation in one direction,
    /// `Interface.Operation.in` or `.out`. The interface may be left out.
    ///
    /// What is wrong with the stub data is in what is returned, behind what could be read.
    ///
    /// # Errors
    /// A name that the file does not define.
    pub fn decode(
        &self,
        target: &str,
        stub: &[u8],
        syntax: TransferSyntax,
        order: ByteOrder,
    ) -> Result<Decoded, NotDefined> {
        self.with_target(target, |target| {
            stub::decode(&self.model, target, stub, syntax, order)
        })
    }

    /// Makes stub data, least significant byte first, of JSON: the value of a type, or an object of
    /// the parameters of an operation in one direction by their names; `target` is as for
    /// [`decode`](Definitions::decode), and [`Decoded::to_json`] makes the same of stub data.
    ///
    #[doc = include_str!("stub/json.md")]
    ///
    /// What was made is read again, to find fields that say something else of each other than what is
    /// there. A stub that has more values than [`decode`](Definitions::decode) shows
    /// ([`TooMany`](crate::StubErrorKind::TooMany)) is made all the same; what is behind the last one that it
    /// shows was not looked at so.
    ///
    /// # Errors
    /// What cannot be encoded as `target`, and where in the JSON it is. Never `TooMany`.
    pub fn encode(
        &self,
        target: &str,
        json: &serde_json::Value,
        syntax: TransferSyntax,
    ) -> Result<Vec<u8>, EncodeError> {
        self.with_target(target, |target| {
            stub::encode(&self.model, target, json, syntax)
        })
        .unwrap_or_else(|error| Err(EncodeError::new("", EncodeErrorKind::NotDefined(error))))
    }

    /// An operation by its name, `Interface.Operation`. The interface may be left out.
    ///
    /// # Errors
    /// A name that the file does not define.
    pub fn operation(&self, name: &str) -> Result<OperationFacts, NotDefined> {
        let (interface, operation) = self
            .find_operation(name)
            .ok_or_else(|| self.no_operation(name))?;
        let mut operations = interface.operations.iter();
        let opnum = operations.position(|known| std::ptr::eq(known, operation));
        Ok(OperationFacts {
            name: format!("{}.{}", interface.name, operation.name),
            uuid: interface.uuid,
            version: interface.version,
            opnum: opnum
                .and_then(|opnum| u16::try_from(opnum).ok())
                .unwrap_or(u16::MAX),
            is_maybe: operation.is_maybe,
        })
    }

    fn with_target<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Target<'_>) -> T,
    ) -> Result<T, NotDefined> {
        if let Some(id) = self.find_type(name) {
            let ty = Type::Defined(id);
            let list = vec![Listed {
                name: &self.model.definition(id).name,
                ty: &ty,
                field: None,
            }];
            let is_type = true;
            return Ok(read(&Target { list, is_type }));
        }
        let directed = name
            .strip_suffix(".in")
            .map(|name| (name, true))
            .or_else(|| name.strip_suffix(".out").map(|name| (name, false)));
        let found = directed.and_then(|(name, is_in)| Some((self.find_operation(name)?.1, is_in)));
        let Some((operation, is_in)) = found else {
            return Err(self.not_defined(name));
        };
        let list = parameters(operation, is_in);
        let is_type = false;
        Ok(read(&Target { list, is_type }))
    }

    fn operations(&self) -> impl Iterator<Item = (&Interface, &Operation)> {
        self.model.interfaces.iter().flat_map(|interface| {
            let operations = interface.operations.iter();
            operations.map(move |operation| (interface, operation))
        })
    }

    fn find_type(&self, name: &str) -> Option<TypeId> {
        let mut definitions = self.model.definitions.iter();
        definitions.position(|d| d.name == name).map(TypeId)
    }

    fn find_operation(&self, name: &str) -> Option<(&Interface, &Operation)> {
        let (interface, operation) = match name.split_once('.') {
            Some((interface, operation)) => (Some(interface), operation),
            None => (None, name),
        };
        self.operations().find(|(of, known)| {
            known.name == operation && interface.is_none_or(|interface| interface == of.name)
        })
    }

    fn not_defined(&self, name: &str) -> NotDefined {
        let types = self.model.definitions.iter().filter(|d| d.is_wanted);
        let types = types.map(|d| d.name.clone());
        NotDefined {
            name: name.to_owned(),
            is_operation: false,
            known: types.chain(self.operation_names()).collect(),
        }
    }

    fn no_operation(&self, name: &str) -> NotDefined {
        NotDefined {
            name: name.to_owned(),
            is_operation: true,
            known: self.operation_names().collect(),
        }
    }

    fn operation_names(&self) -> impl Iterator<Item = String> {
        let operations = self.operations();
        operations.map(|(interface, operation)| format!("{}.{}", interface.name, operation.name))
    }
}

/// What a client must know of an operation to call it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperationFacts {
    /// `Interface.Operation`.
    pub name: String,
    /// Of the interface.
    pub uuid: u128,
    /// Of the interface: major and minor.
    pub version: (u16, u16),
    /// Its number in the interface.
    pub opnum: u16,
    /// `[maybe]`: nobody answers.
    pub is_maybe: bool,
}

/// A name that is neither a type nor an operation of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotDefined {
    name: String,
    /// Whether an operation was asked for, and not what can be decoded.
    is_operation: bool,
    known: Vec<String>,
}

impl NotDefined {
    /// The name that was asked for.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for NotDefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file defines no `{}`", self.name)?;
        let known = self.known.iter().map(String::as_str);
        let nearest = nearest(&self.name, known);
        if let Some(nearest) = nearest {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        if self.known.is_empty() {
            return Ok(());
        }
        let shown = &self.known[..self.known.len().min(LISTED_MAX)];
        let it = if nearest.is_some() { " It" } else { "; it" };
        write!(f, "{it} defines {}", shown.join(", "))?;
        match self.known.len() - shown.len() {
            0 if self.is_operation => Ok(()),
            0 => write!(f, " (parameters: Interface.Operation.in or .out)"),
            more => write!(f, " and {more} more"),
        }
    }
}

impl std::error::Error for NotDefined {}
