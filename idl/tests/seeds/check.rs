//! What must hold of any text as a definition: the compiler ends, its code is Rust, its diagnostics and
//! layouts can be shown, and stub data is read or refused.

use annulus_idl::{ByteOrder, Compiler, Definitions, TransferSyntax};

/// Types that stub data is read as. The names are those of the dictionary.
const TARGETS: &[&str] = &["A", "S", "U", "T", "f", "i.f.in", "i.f.out"];

/// Checks an input of up to four parts with a zero byte between them: the definition, its ACF, a file
/// that it may import as `y.idl`, and stub data.
pub fn idl(input: &[u8]) {
    let mut parts = input.splitn(4, |byte| *byte == 0);
    let mut text = || parts.next().map(String::from_utf8_lossy);
    let Some(definition) = text() else { return };
    let mut compiler = Compiler::new()
        .async_managers(true)
        .shared_arrays(input.len() % 2 == 1)
        .source("x.idl", definition);
    for name in ["x.acf", "y.idl"] {
        if let Some(text) = text() {
            compiler = compiler.source(name, text);
        }
    }
    let stub = parts.next().unwrap_or_default();

    match compiler.generate("x.idl") {
        Ok(generated) => {
            syn::parse_file(&generated.file()).expect("the file is Rust");
            syn::parse_file(&generated.module()).expect("the module is Rust");
            for warning in generated.warnings() {
                assert!(!warning.to_string().is_empty());
            }
        }
        Err(error) => {
            let shown = error.to_string();
            assert!(shown.contains("error: "), "{shown}");
            assert!(!shown.contains("a defect"), "{shown}");
        }
    }
    if let Ok(definitions) = compiler.definitions("x.idl") {
        decode(&definitions, stub);
    }
}

fn decode(definitions: &Definitions, stub: &[u8]) {
    definitions.layout(&[]).expect("no name is asked for");
    for target in TARGETS {
        for syntax in [TransferSyntax::Ndr, TransferSyntax::Ndr64] {
            for order in [ByteOrder::Little, ByteOrder::Big] {
                if let Ok(decoded) = definitions.decode(target, stub, syntax, order) {
                    assert!(decoded.leftover() <= stub.len());
                    assert!(!decoded.to_string().is_empty());
                }
            }
        }
    }
}
