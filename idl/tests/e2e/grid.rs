//! A grid of definitions: every way to count or select something, in every place; and names that Rust,
//! the generated code or the derive macro have themselves, in every place of a name.
//!
//! Each cell is refused or becomes code. What becomes code is compiled with the tests of this crate.

use std::fmt::Write as _;

use annulus_idl::Compiler;

/// One definition of the grid: the content of an interface.
pub struct Cell {
    pub content: String,
    /// What tells something in it: the name that each check in its code mentions.
    pub source: Option<&'static str>,
}

/// What became of a definition.
pub enum Outcome {
    Code(Code),
    /// The diagnostics.
    Refused(String),
}

/// What is generated.
pub struct Code {
    pub text: String,
    pub warnings: usize,
}

impl Cell {
    /// Compiles the cell by itself.
    pub fn compile(&self) -> Outcome {
        let compiler = Compiler::new().client(false).server(false);
        compile(compiler, &format!("{TYPES} {}", self.content))
    }
}

/// What can be compiled, as modules.
pub fn modules() -> String {
    let mut modules = String::new();
    let mut add = |name: &str, outcome: Outcome| {
        if let Outcome::Code(Code { text, .. }) = outcome {
            let _ = writeln!(modules, "pub mod {name} {{\n{text}}}");
        }
    };
    let taken: String = cells()
        .into_iter()
        .filter(|cell| matches!(cell.compile(), Outcome::Code(_)))
        .map(|cell| cell.content)
        .collect();
    add(
        "counted",
        compile(Compiler::new(), &format!("{TYPES} {taken}")),
    );
    for (index, content) in named().into_iter().enumerate() {
        let compiler = Compiler::new().async_managers(true);
        add(&format!("named_{index}"), compile(compiler, &content));
    }
    modules
}

fn compile(compiler: Compiler, content: &str) -> Outcome {
    let idl = format!(
        "[uuid(6a1b2c3d-0000-4000-8000-0000000000ff), version(1.0), pointer_default(unique)]
        interface cell {{ {content} }}"
    );
    match compiler.source("cell.idl", idl).generate("cell.idl") {
        Ok(generated) => Outcome::Code(Code {
            text: generated.code().to_owned(),
            warnings: generated.warnings().len(),
        }),
        Err(error) => {
            let mut diagnostics = error.diagnostics().iter();
            let is_told = diagnostics.all(|diagnostic| diagnostic.position().is_some());
            assert!(is_told, "an error without a place:\n{error}");
            Outcome::Refused(error.to_string())
        }
    }
}

/// The types that cells use.
const TYPES: &str = "
    typedef struct { long a; [unique] long *b; } S_;
    typedef [v1_enum] enum { one_ = 1, two_ = 2 } E_;
    typedef [switch_type(long)] union { [case(1)] long a; [case(2), string] wchar_t *s; [default] ; } U_;
    typedef [context_handle] void *C_;
";

/// Definitions whose counts are checked, or refused, or warned of.
pub fn cells() -> Vec<Cell> {
    let mut cells = counted();
    cells.extend(arms());
    cells
}

/// What `told` counts or selects: attributes, and the declarators that have them. `@` is its value.
const COUNTED: &[(&str, &[&str])] = &[
    (
        "size_is(@)",
        &[
            "byte x[]",
            "long *x",
            "S_ x[]",
            "S_ **x",
            "long *x[]",
            "C_ x[]",
            "U_ x[]",
            "long x[][3]",
        ],
    ),
    ("max_is(@ * 2 + 1)", &["wchar_t *x", "double x[]"]),
    ("size_is(@ % 2)", &["long x[]", "long **x"]),
    (
        "size_is(8), length_is(@)",
        &["byte *x", "S_ x[]", "long **x"],
    ),
    ("size_is(@), length_is(n)", &["byte *x", "S_ *x"]),
    ("size_is(n), length_is(@)", &["byte x[]", "S_ **x"]),
    ("length_is(@)", &["long x[8]", "S_ x[4]", "byte x[2][8]"]),
    ("last_is(@)", &["short x[8]"]),
    (
        "size_is(20), first_is(@), length_is(2)",
        &["long *x", "S_ x[]", "S_ **x"],
    ),
    ("size_is(n), first_is(1), last_is(@)", &["long x[]"]),
    ("first_is(@), length_is(n)", &["byte x[8]"]),
    (
        "size_is(@, n)",
        &["long x[][]", "S_ *x[][]", "long **x", "long *x[*][*]"],
    ),
    ("size_is(n, @), length_is(2, @)", &["byte x[][]"]),
    ("size_is(n, @ % 2)", &["byte x[][]"]),
    ("length_is(, @)", &["byte x[4][8]"]),
    ("first_is(@, 1), length_is(n, 2)", &["short x[4][8]"]),
    (
        "string, size_is(@)",
        &["wchar_t *x", "char *x", "wchar_t **x", "wchar_t x[]"],
    ),
    (
        "string, size_is(n), length_is(@)",
        &["wchar_t *x", "char **x"],
    ),
    ("string, size_is(, @)", &["wchar_t **x"]),
    ("string, length_is(@)", &["wchar_t x[20]"]),
    ("switch_is(@)", &["U_ *x", "U_ **x", "U_ x"]),
];

/// What may stand before the name of `told`, and how its value is written.
const SOURCES: &[(&str, &str)] = &[
    ("long told", "told"),
    ("[unique] hyper *told", "*told"),
    ("[ptr] long *told", "told ? *told : 0"),
    ("[ref] short *told", "*told"),
    ("E_ told", "told"),
    ("[unique] byte **told", "**told"),
];

/// The kinds of the outermost pointer of what is told.
const KINDS: &[&str] = &["", "unique, ", "ptr, ", "ref, "];

/// Where what is told stands, and where what tells.
const PLACES: &[(&str, &str)] = &[
    ("[in, ", "[in, "),
    ("[out, ", "[in, "),
    ("[out, ", "[out, "),
    ("[in, out, ", "[in, "),
    ("[in, out, ", "[in, out, "),
    ("[", "["),
];

/// Each declarator with each source, before it and behind it; places and kinds of pointers take turns,
/// so that any two of all these meet.
fn counted() -> Vec<Cell> {
    let mut cells = Vec::new();
    let declarators = COUNTED
        .iter()
        .flat_map(|(attributes, declarators)| declarators.iter().map(move |d| (attributes, d)));
    for (row, (attributes, declarator)) in declarators.enumerate() {
        for (column, (source, value)) in SOURCES.iter().enumerate() {
            for is_later in [false, true] {
                let number = cells.len();
                let place = (row + column + 3 * usize::from(is_later)) % PLACES.len();
                let kind = (row / PLACES.len() + column) % KINDS.len();
                let content = counted_cell(
                    (&attributes.replace('@', value), declarator),
                    (source, KINDS[kind], PLACES[place]),
                    (is_later, number),
                );
                cells.push(Cell {
                    content,
                    source: Some("told"),
                });
            }
        }
    }
    cells
}

fn counted_cell(
    (attributes, declarator): (&str, &str),
    (source, kind, (about, by)): (&str, &str, (&str, &str)),
    (is_later, number): (bool, usize),
) -> String {
    let is_member = about == "[";
    // A pointer's own attributes join those of its direction; members need none.
    let (own, source) = match source
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((own, rest)) => (own, rest),
        None => ("", source),
    };
    // What only goes out is behind a pointer that is not null.
    let own = if by == "[out, " { "" } else { own };
    let kind = if about == "[out, " { "" } else { kind };
    let source = match by.contains("out") && !source.contains('*') {
        true => source.replace(" told", " *told"),
        false => source.to_owned(),
    };
    let by = format!("{by}{own}]").replace(", ]", "]").replace("[]", "");
    let about = format!("{about}{kind}{attributes}] {declarator}");
    let source = format!("{by} {source}");
    let (first, second) = match is_later {
        true => (about.clone(), source),
        false => (source, about.clone()),
    };
    let n = match about.contains('n') && attributes.contains('n') {
        true if is_member => "long n; ",
        true => "[in] long n, ",
        false => "",
    };
    if is_member {
        format!("typedef struct {{ {n}{first}; {second}; }} T{number};\n")
    } else {
        format!("void Op{number}({n}{first}, {second});\n")
    }
}

/// Arms that numbers count.
fn arms() -> Vec<Cell> {
    let mut cells = Vec::new();
    for arm in [
        "[size_is(4)] byte *x",
        "[ptr, size_is(4), length_is(2)] S_ *x",
        "[ref, size_is(4), first_is(1), length_is(2)] long *x",
        "[length_is(2)] S_ x[4]",
        "[first_is(1), length_is(2)] short x[4]",
        "[string, size_is(8)] wchar_t *x",
        "[string] char x[8]",
        "[size_is(2, 3)] long **x",
        "[length_is(2, 3)] byte x[4][8]",
        "[size_is(2)] U_ *x",
        "[size_is(sizeof(long))] byte *x",
        "[switch_is(1)] U_ x",
        "[range(1, 2)] long x",
        "[size_is(n)] byte *x",
    ] {
        let number = cells.len();
        cells.push(Cell {
            content: format!(
                "typedef union switch (short t) {{ case 1: {arm}; default: ; }} Arm{number};
                typedef [switch_type(E_)] union {{
                    [case(1)] long a; [default] {arm};
                }} Other{number};\n"
            ),
            source: None,
        });
    }
    cells
}

/// Names of values that something else has: keywords, the variables of stubs and of the derive macro,
/// methods that every type has; and what is not much of a name.
const VALUES: &str = "gen self type given call manager context deferred pipes request response result \
    handle binding was_called reader writer tag interface clone into _1 __ a$b";

/// Names of types and functions in scope, and of what is generated.
const KINDS_OF_THINGS: &str = "async dyn Self crate gen Ok Some Vec Option Result u8 str core annulus \
    Arc Cow Status Ndr Default Clone M Stub cell XInline CASE_0 Call Params Gives Xs matches \
    INTERFACE clone into borrow fmt dispatch decode _1 _1a __ a$b";

fn named() -> Vec<String> {
    let with = |template: &'static str| move |name: &str| template.replace('@', name);
    let values = VALUES.split_whitespace().map(with(NAMED_VALUES));
    let types = KINDS_OF_THINGS.split_whitespace().map(with(NAMED_TYPES));
    let constants = KINDS_OF_THINGS
        .split_whitespace()
        .map(with(NAMED_CONSTANTS));
    values.chain(types).chain(constants).collect()
}

/// `@` as the name of parameters.
const NAMED_VALUES: &str = "
    typedef pipe long P;
    long In([in] long @);
    void Text([in, string] wchar_t *@, [in, unique, string] wchar_t *b);
    void Both([in, out] long *@);
    void Bytes([in] long n, [in, size_is(n)] byte *a, [out, size_is(n)] byte *@);
    void Elided([in] long @, [in, size_is(@)] byte *a, [out, size_is(@)] byte *b);
    void Told([in] long max, [out, size_is(max)] long *@);
    void Tells([in] long @, [out, size_is(@)] long *a, [out] long *b);
    void InPipe([in] P @, [in] long a);
    void OutPipe([out] P *@, [in] long a, [out] long *b);
    [async] void AsyncOut([in] long n, [out, size_is(n)] long *@);
    [async] void AsyncPipe([in] P a, [in] long @);
    [notify_flag] void Flag([in] long @, [out] long *b);
    [maybe] void Maybe([in] long @);
    typedef struct { long @; [size_is(@)] byte *a; } T;
";

/// `@` as the name of constants.
const NAMED_CONSTANTS: &str = "
    const long @ = 1;
    typedef enum { e0 = @, @_ } E;
    typedef union switch (long @) { case @: long a; case 2: E @; } X;
    void First([in] long @, [in] X *a, [out] E *b);
";

/// `@` as the name of all else.
const NAMED_TYPES: &str = "
    typedef pipe long P;
    typedef struct @ { long a; } @;
    typedef enum { e1 } @_e;
    typedef union switch (short @) { case 1: long @; case 2: @ b; default: ; } X;
    typedef [switch_type(long)] union { [case(1)] @ a; [case(0)] long @; } @_u;
    void First([in] @ *@, [in] @_e a, [in] X *b, [out] @_u *c);
    [notify_flag] void @([in] @ *a, [in, string] wchar_t *@, [out] @ *b);
    [async] void @_a([in] P a, [in] long @, [out] long *b);
";
