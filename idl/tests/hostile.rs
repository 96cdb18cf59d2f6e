//! Definitions made to hurt: whatever they are, the compiler ends, with code or with diagnostics.
//!
//! A failing case of a random test is printed, and replayed from its seed under `proptest-regressions`.

use annulus_idl::{CompileError, Compiler, Generated};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

fn compile(text: &str) -> Result<Generated, CompileError> {
    Compiler::new().source("x.idl", text).generate("x.idl")
}

/// Asserts that it is refused, and gives all diagnostics.
#[track_caller]
fn refused(text: &str) -> String {
    compile(text).expect_err("hostile").to_string()
}

const HEAD: &str = "[uuid(6a1b2c3d-0000-4000-8000-000000000001), version(1.0)] interface i {";

/// Structures by value, each in the next, 20,000 of them: recursion would need a stack for all.
#[test]
fn a_long_chain_of_structures_needs_no_stack() {
    let mut text = String::from("struct s0 { long a; };\n");
    for index in 1..20_000 {
        text.push_str(&format!(
            "struct s{index} {{ struct s{} a; }};\n",
            index - 1
        ));
    }
    assert!(compile(&text).is_ok());
}

/// The same backwards, so that each is needed before it is there.
#[test]
fn a_long_chain_backwards_is_refused() {
    let mut text = String::new();
    for index in (1..20_000).rev() {
        text.push_str(&format!(
            "struct s{index} {{ struct s{} a; }};\n",
            index - 1
        ));
    }
    text.push_str("struct s0 { long a; };\n");
    assert!(refused(&text).contains("deep in each other"));
}

/// Pointers from each structure to the next, and back: the search for circles needs no stack.
#[test]
fn a_long_chain_of_pointers_needs_no_stack() {
    let mut text = String::new();
    for index in 0..20_000 {
        let next = (index + 1) % 20_000;
        text.push_str(&format!("struct s{index} {{ struct s{next} *a; }};\n"));
    }
    let generated = compile(&text).expect("legal");
    assert!(generated.code().contains("pub a: Option<Box<S0>>"));
}

/// Typedefs of typedefs, each with a pointer more.
#[test]
fn pointers_do_not_pile_up_over_typedefs() {
    let mut text = String::from("typedef long *t0;\n");
    for index in 1..100 {
        text.push_str(&format!("typedef t{} *t{index};\n", index - 1));
    }
    assert!(refused(&text).contains("at most 32 pointers and arrays"));
}

/// Typedefs that need the one after them.
#[test]
fn typedefs_backwards_are_not_followed_for_ever() {
    let mut text = String::new();
    for index in (1..10_000).rev() {
        text.push_str(&format!("typedef t{} t{index};\n", index - 1));
    }
    text.push_str("typedef long t0;\n");
    assert!(refused(&text).contains("deep in each other"));
}

/// Structures in structures, without end.
#[test]
fn nesting_is_bounded() {
    for opening in [
        "struct {",
        "union { [case(1)]",
        "typedef struct {",
        "a(",
        "[in([",
        "(",
        "{",
    ] {
        let text = format!("{HEAD} {}", opening.repeat(50_000));
        refused(&text);
    }
    let text = format!("const long a = {}1;", "-".repeat(50_000));
    assert!(refused(&text).contains("levels deep"));
    let text = format!("const long a = {}1;", "1 ? 1 : ".repeat(50_000));
    assert!(refused(&text).contains("levels deep"));
    let text = format!("const long a = {}1;", "1 + ".repeat(50_000));
    assert!(refused(&text).contains("operators in a row"));
    let text = format!("const long a = b{};", ".c".repeat(50_000));
    assert!(refused(&text).contains("operators in a row"));
}

/// Powers of two by shifting, multiplying, negating: none may leave 64 bits and come back.
#[test]
fn arithmetic_cannot_overflow() {
    for value in [
        "0x7fffffffffffffff * 0x7fffffffffffffff * 0x7fffffffffffffff",
        "1 << 63 << 63",
        "-(-0x7fffffffffffffff - 1) * 0xffffffffffffffff",
        "~0xffffffffffffffff * 0xffffffffffffffff",
        "(-0x7fffffffffffffff - 1) / -1 + 0xffffffffffffffff",
    ] {
        let error = refused(&format!("const hyper a = {value};"));
        assert!(error.contains("64 bits"), "{value}: {error}");
    }
    for value in ["1 % 0", "1 / 0", "1 << -1", "1 >> 64"] {
        refused(&format!("const hyper a = {value};"));
    }
}

/// Comments that would become markup, code or the end of a comment in Rust.
#[test]
fn comments_cannot_break_out() {
    let text = format!(
        "{HEAD} /** ```\n panic!()\n ``` */ const long a = 1;\n// */ }} fn main() {{\n/* \u{202e} \"# */\nvoid f(); }}"
    );
    let generated = compile(&text).unwrap_or_else(|error| panic!("{error}"));
    assert!(!generated.code().contains("```"));
    assert!(!generated.code().contains('\u{202e}'));
}

/// Words that begin everything that the parser knows.
const WORDS: &[&str] = &[
    "interface",
    "typedef",
    "struct",
    "union",
    "enum",
    "switch",
    "case",
    "default",
    "const",
    "import",
    "long",
    "unsigned",
    "char",
    "wchar_t",
    "void",
    "hyper",
    "pipe",
    "bitmap",
    "handle_t",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    ";",
    ",",
    ":",
    "*",
    "=",
    "+",
    "-",
    "<<",
    "?",
    ".",
    "->",
    "in",
    "out",
    "size_is",
    "length_is",
    "switch_is",
    "switch_type",
    "string",
    "unique",
    "ptr",
    "ref",
    "context_handle",
    "uuid(6a1b2c3d-0000-4000-8000-000000000001)",
    "version(1.0)",
    "a",
    "b",
    "c",
    "T",
    "0",
    "1",
    "0x7fffffff",
    "'c'",
    "\"text\"",
    "\n",
    "/* comment */",
    "// comment\n",
    "#if 0\n",
    "\n#endif\n",
    "\n#define N 3\n",
    "cpp_quote(\"x\")",
    "\u{fc}",
    "\"",
    "'",
    "/*",
];

/// Pieces of which definitions with a meaning arise.
const PIECES: &[&str] = &[
    "typedef long T;",
    "typedef T *P;",
    "typedef struct a { long b; P c; } A;",
    "typedef struct { struct a *p; long n; [size_is(n)] byte d[]; } S;",
    "typedef struct { long n; S *p; [size_is(n)] byte d[]; } C;",
    "typedef enum { X, Y = 5 } E;",
    "typedef [v1_enum] enum { Z } V;",
    "typedef [switch_type(E)] union { [case(X)] A a; [case(Y)] ; [default] P p; } U;",
    "typedef union switch (long t) { case 1: C *c; default: ; } N;",
    "typedef struct { E e; [switch_is(e)] U u; N n; } W;",
    "typedef [context_handle] void *H;",
    "typedef [string] wchar_t *L;",
    "struct r { struct r *next; [ptr] struct r *other; };",
    "void f1([in] A *a, [out] S **s);",
    "E f2([in] C *c, [in, out] W *w);",
    "void f3([in] H h, [out] H *o, [in, unique] L l, [out] L *m);",
    "V f4([in] V v, [in] long n, [in, size_is(n)] byte *b, [out, size_is(n)] byte *c);",
    "void f5([in] struct r *r, [in] long n, [in, size_is(n)] W *w);",
    "[string] wchar_t *f6([in, string] char *s);",
    "const long K = 4;",
    "void f7([in] long n, [in, size_is(n / K), length_is(n >> 1)] T *t, [in] E e, [in, switch_is(e)] U *u);",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Tokens in any order.
    #[test]
    fn any_words_are_taken_without_panic(words in vec(select(WORDS), 0..60)) {
        let text = words.join(" ");
        let _ = compile(&text);
        let _ = compile(&format!("{HEAD} {text} }}"));
        let acf = Compiler::new()
            .source("x.idl", format!("{HEAD} void a(); }}"))
            .source("x.acf", text)
            .generate("x.idl");
        let _ = acf;
    }

    /// Bytes in any order.
    #[test]
    fn any_text_is_taken_without_panic(text in "\\PC{0,200}") {
        let _ = compile(&text);
        let _ = compile(&format!("{HEAD} const long a = {text}"));
    }

    /// Some of the declarations that have a meaning together: what is taken is formatted Rust.
    #[test]
    fn any_declarations_become_rust_or_errors(
        pieces in subsequence(PIECES, 0..=PIECES.len())
    ) {
        let text = format!("{HEAD} {} }}", pieces.join("\n"));
        match compile(&text) {
            Ok(generated) => prop_assert!(generated.code().contains("pub const INTERFACE")),
            Err(error) => prop_assert!(!error.to_string().contains("not Rust"), "{}", error),
        }
    }
}

#[test]
fn all_pieces_together_become_rust() {
    let text = format!("{HEAD} {} }}", PIECES.join("\n"));
    let generated = compile(&text).unwrap_or_else(|error| panic!("{error}"));
    assert!(
        generated
            .code()
            .contains("pub const OPERATION_COUNT: u16 = 7;")
    );
}

/// Every file of the tests, cut off at every place.
#[test]
fn truncated_files_are_taken_without_panic() {
    for name in ["rpcecho", "mgmt", "async_rpc", "epmapper", "samr"] {
        let text = std::fs::read_to_string(format!("tests/idl/{name}.idl")).expect("the file");
        for (at, _) in text.char_indices().step_by(31) {
            let _ = compile(&text[..at]);
        }
    }
}
