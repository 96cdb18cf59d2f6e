//! The options of the compiler, and the program `idlc`.

use std::path::Path;
use std::process::{Command, Output};

use annulus_idl::{Compiler, Severity};

const SUM: &str = "
    [uuid(6a1b2c3d-0000-4000-8000-000000000001), version(1.0)]
    interface sum { long add([in] long a, [in] MONEY b); typedef struct { long c; } T; }
";

fn compiler() -> Compiler {
    Compiler::new()
        .source("sum.idl", SUM)
        .builtin("MONEY", "hyper")
}

#[test]
fn stubs_are_left_out_on_demand() {
    let both = compiler().generate("sum.idl").unwrap();
    assert!(both.code().contains("pub struct SumClient"));
    assert!(both.code().contains("pub trait Sum"));
    let client = compiler().server(false).generate("sum.idl").unwrap();
    assert!(client.code().contains("pub struct SumClient"));
    assert!(!client.code().contains("pub trait Sum"));
    assert!(!client.code().contains("Dispatch"));
    let server = compiler().client(false).generate("sum.idl").unwrap();
    assert!(!server.code().contains("SumClient"));
    assert!(server.code().contains("b: i64,"));
}

#[test]
fn a_derive_is_added_to_every_type() {
    let compiler = compiler().derive("serde::Serialize");
    let code = compiler.generate("sum.idl").unwrap().code().to_owned();
    assert!(code.contains("#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr, serde::Serialize)]"));
    assert!(
        code.contains("#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams, serde::Serialize)]")
    );
    let error = compiler.derive("1 2").generate("sum.idl").unwrap_err();
    assert!(error.to_string().contains("`1 2` is no path"));
}

#[test]
fn imports_are_looked_for_beside_the_file_and_in_folders() {
    let compiler = Compiler::new()
        .source("a/main.idl", "import \"one.idl\"; import \"two.idl\";")
        .source("a/one.idl", "typedef long one;")
        .source("b/two.idl", "typedef long two;");
    let error = compiler.generate("a/main.idl").unwrap_err();
    assert_eq!(error.diagnostics().len(), 1);
    assert_eq!(error.diagnostics()[0].severity(), Severity::Error);
    assert_eq!(error.diagnostics()[0].position(), Some((1, 26)));
    assert_eq!(error.diagnostics()[0].path(), Some(Path::new("a/main.idl")));
    let generated = compiler.include("b").generate("a/main.idl").unwrap();
    let names: Vec<_> = generated
        .inputs()
        .iter()
        .map(|path| path.to_str())
        .collect();
    assert_eq!(
        names,
        [Some("a/main.idl"), Some("a/one.idl"), Some("b/two.idl")]
    );
}

#[test]
fn a_header_of_idl_is_read_as_if_it_were_imported() {
    let main = "#include <rpc.h>\n#include \"types.h\"\n#include \"c.h\"\n#include \"none.h\"\n\
        #include \"wtypes.idl\"\n#if 0\n#include \"skipped.h\"\n#endif\n\
        typedef struct { INCLUDED a; TWICE b; } T;";
    let generated = Compiler::new()
        .source("main.idl", main)
        .source(
            "types.h",
            "#include \"more.h\"\ntypedef struct { long a; } INCLUDED;",
        )
        .source("more.h", "#include \"types.h\"\ntypedef short TWICE;")
        .source("c.h", "static inline int one(void) { return 1; }")
        .generate("main.idl")
        .unwrap();
    assert!(generated.code().contains("pub struct Included"));
    assert!(generated.code().contains("pub b: i16"));
    let warnings: Vec<_> = generated
        .warnings()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("`c.h` is not read") && warnings[0].contains("it is no IDL"));
    assert!(warnings[1].contains("`none.h` is not read") && warnings[1].contains("not found"));
}

#[test]
fn an_acf_may_lie_elsewhere() {
    let compiler = compiler().source("other.acf", "[async] interface sum { }");
    let code = compiler.clone().generate("sum.idl").unwrap();
    assert!(!code.code().contains("ServerCall"));
    let code = compiler.acf("other.acf").generate("sum.idl").unwrap();
    assert!(code.code().contains("call: ServerCall<AddResponse>"));
}

#[test]
fn compile_writes_a_module_where_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let out = compiler()
        .out_dir(folder.path())
        .compile("sum.idl")
        .unwrap();
    assert_eq!(out, folder.path().join("sum.rs"));
    let code = std::fs::read_to_string(out).unwrap();
    assert!(code.contains("pub mod sum {"), "{code}");
    let missing = Compiler::new().compile(folder.path().join("none.idl"));
    assert!(missing.unwrap_err().to_string().contains("none.idl"));
}

fn idlc(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_idlc"))
        .args(arguments)
        .output()
        .expect("idlc starts")
}

#[test]
fn idlc_prints_code_and_ends_with_zero() {
    let output = idlc(&["tests/idl/mgmt.idl"]);
    assert!(output.status.success());
    let golden = std::fs::read("tests/golden/mgmt.rs").unwrap();
    assert!(output.stdout == golden, "not what the golden file has");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mgmt.rs");
    let out = path.to_str().unwrap();
    let output = idlc(&["tests/idl/mgmt.idl", "-o", out]);
    assert!(output.status.success() && output.stdout.is_empty());
    assert!(std::fs::read(&path).unwrap() == golden);

    let output = idlc(&["--check", "tests/idl/mgmt.idl"]);
    assert!(output.status.success() && output.stdout.is_empty());
}

#[test]
fn idlc_shows_what_is_wrong_and_ends_with_one() {
    let output = idlc(&["tests/diagnostics/pointer_not.idl"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let golden = std::fs::read("tests/diagnostics/pointer_not.txt").unwrap();
    assert_eq!(output.stderr, golden);

    let output = idlc(&["nowhere.idl"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: nowhere.idl: "));
}
