//! Operations of any interface, from its definition (IDL, and the ACF beside it), and their parameters
//! as JSON.

use std::path::{Path, PathBuf};

use annulus::{SyntaxId, Uuid};
use annulus_idl::{Compiler, Decoded, Definitions, TransferSyntax};
use anyhow::{Context, anyhow, bail, ensure};
use serde_json::Value;

use crate::args::values::SIZE_MAX;
use crate::operation::{Operation, Request, Stub};

/// What a definition file defines.
pub(crate) struct Definition {
    file: PathBuf,
    definitions: Definitions,
}

impl Definition {
    /// Reads a file; what it imports is also looked for in `include`.
    pub(crate) fn read(file: &Path, include: &[PathBuf]) -> anyhow::Result<Self> {
        let compiler = include.iter().fold(Compiler::new(), Compiler::include);
        let definitions = compiler
            .definitions(file)
            .map_err(|error| anyhow!("--idl: {}", error.to_string().trim_end()))?;
        Ok(Definition {
            file: file.to_owned(),
            definitions,
        })
    }

    /// An operation with its arguments, and the interface that it is of. `arguments` is a JSON object
    /// of the in-parameters by their names, or a file of one; without it, there are none.
    pub(crate) fn operation(
        &self,
        name: &str,
        arguments: Option<&str>,
    ) -> anyhow::Result<(SyntaxId, Operation)> {
        let facts = (self.definitions.operation(name))
            .map_err(|error| anyhow!("{}: {error}", self.file.display()))?;
        ensure!(
            !facts.is_maybe,
            "{} is [maybe]: nobody answers it, so there is nothing to measure",
            facts.name
        );
        let arguments = match arguments {
            Some(text) => json(text).with_context(|| format!("arguments of {}", facts.name))?,
            None => Value::Object(serde_json::Map::new()),
        };
        let target = format!("{}.in", facts.name);
        let encode = |syntax| {
            let stub = self.definitions.encode(&target, &arguments, syntax);
            stub.with_context(|| format!("arguments of {}", facts.name))
        };
        let stub = Stub {
            ndr: encode(TransferSyntax::Ndr)?.into(),
            ndr64: encode(TransferSyntax::Ndr64)?.into(),
        };
        let len = stub.ndr.len().max(stub.ndr64.len());
        if len > SIZE_MAX as usize {
            bail!(
                "arguments of {}: {len} bytes are more than {SIZE_MAX}",
                facts.name
            );
        }
        let (major, minor) = facts.version;
        let interface = SyntaxId::new(Uuid::from_u128(facts.uuid), major, minor);
        let operation = Operation {
            name: facts.name,
            opnum: facts.opnum,
            request: Request::Stub(stub),
        };
        Ok((interface, operation))
    }

    /// The out-parameters of a response.
    pub(crate) fn reply(
        &self,
        operation: &Operation,
        reply: &annulus::StubData<'_>,
    ) -> anyhow::Result<Decoded> {
        let syntax = match reply.transfer_syntax() {
            annulus::TransferSyntax::Ndr => TransferSyntax::Ndr,
            annulus::TransferSyntax::Ndr64 => TransferSyntax::Ndr64,
        };
        let order = match reply.order() {
            annulus::ndr::ByteOrder::Little => annulus_idl::ByteOrder::Little,
            annulus::ndr::ByteOrder::Big => annulus_idl::ByteOrder::Big,
        };
        let target = format!("{}.out", operation.name);
        Ok(self
            .definitions
            .decode(&target, reply.bytes, syntax, order)?)
    }
}

/// A JSON object, or the file that has it.
fn json(text: &str) -> anyhow::Result<Value> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).context("this is no JSON");
    }
    let file = std::fs::read(text)
        .with_context(|| format!("{text} is no JSON object, and as a file it cannot be read"))?;
    serde_json::from_slice(&file).with_context(|| format!("{text} is no JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo() -> Definition {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/idl/rpcecho.idl");
        Definition::read(&file, &[]).unwrap()
    }

    fn refused(name: &str, arguments: &str) -> String {
        let error = echo().operation(name, Some(arguments)).unwrap_err();
        format!("{error:#}")
    }

    #[test]
    fn arguments_are_encoded_for_both_transfer_syntaxes() {
        let (interface, operation) = echo()
            .operation("EchoData", Some(r#"{"len": 3, "in_data": "010203"}"#))
            .unwrap();
        assert_eq!(interface, annulus::rpcecho::INTERFACE);
        assert_eq!(operation.opnum, annulus::rpcecho::ECHO_DATA);
        let Request::Stub(stub) = operation.request else {
            panic!("{operation:?}");
        };
        assert_eq!(stub.ndr[..], [3, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3]);
        assert_eq!(stub.ndr64.len(), 8 + 8 + 3);
    }

    #[test]
    fn what_is_wrong_with_a_call_is_said() {
        for (name, arguments, expected) in [
            ("EchoDatta", "{}", "did you mean"),
            ("EchoData", "{}", "len: is missing"),
            (
                "EchoData",
                r#"{"len": -1, "in_data": ""}"#,
                "len: -1 is not in the range",
            ),
            (
                "EchoData",
                r#"{"len": 2, "in_data": "01"}"#,
                "size_is says 2",
            ),
            (
                "EchoData",
                r#"{"length": 2}"#,
                "there is no `length`; did you mean `len`?",
            ),
            ("EchoData", "{", "no JSON"),
            ("EchoData", "/nowhere/args.json", "cannot be read"),
        ] {
            let said = refused(name, arguments);
            assert!(said.contains(expected), "{said}");
        }
    }
}
