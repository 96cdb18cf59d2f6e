//! Pipes: what they may be made of, where they lie, how their chunks are read.

use annulus_idl::{ByteOrder, Compiler, Definitions, StubErrorKind, TransferSyntax};

const HEAD: &str = "[uuid(6a1b2c3d-0000-4000-8000-000000000001), version(1.0)] interface i {";

fn definitions(body: &str) -> Result<Definitions, String> {
    Compiler::new()
        .source("x.idl", format!("{HEAD} {body} }}"))
        .definitions("x.idl")
        .map_err(|error| error.to_string())
}

const MOVE: &str = "
    typedef pipe long LONGS;
    typedef pipe struct { byte kind; hyper value; } PAIRS;
    void move([in] LONGS numbers, [in] short before, [out] PAIRS *pairs, [out] short *after);
";

#[test]
fn rule_51_a_pipe_is_last_in_the_request_and_first_in_the_reply() {
    let text = definitions(MOVE).unwrap().layout(&["move"]).unwrap();
    let line = |of: &str| {
        let at = text.lines().position(|line| line.ends_with(of));
        at.unwrap_or_else(|| panic!("no {of} in\n{text}"))
    };
    assert!(line(" before") < line("numbers[]"), "{text}");
    assert!(line("pairs[]") < line(" after"), "{text}");
    assert!(text.contains("the count of the chunk of pairs, negated"));
}

fn read(target: &str, hex: &str, syntax: TransferSyntax) -> (String, Option<StubErrorKind>) {
    let digits: Vec<u8> = hex
        .bytes()
        .filter(u8::is_ascii_hexdigit)
        .map(|digit| (digit as char).to_digit(16).unwrap() as u8)
        .collect();
    let stub: Vec<u8> = digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect();
    let decoded = definitions(MOVE)
        .unwrap()
        .decode(target, &stub, syntax, ByteOrder::Little)
        .unwrap();
    let error = decoded.error().map(|error| error.kind().clone());
    if error.is_none() {
        assert_eq!(decoded.leftover(), 0, "{decoded}");
    }
    (decoded.to_string(), error)
}

#[test]
fn rule_51_chunks_are_read_until_one_is_empty() {
    let (text, error) = read(
        "move.in",
        "0500 0000  02000000 01000000 02000000  01000000 03000000  00000000",
        TransferSyntax::Ndr,
    );
    assert_eq!(error, None, "{text}");
    assert!(
        text.contains("numbers.(chunk 0) = [1, 2]  2 × long"),
        "{text}"
    );
    assert!(text.contains("numbers.(chunk 1) = [3]  1 × long"), "{text}");
}

#[test]
fn in_ndr64_the_negated_count_follows_each_chunk() {
    let chunk = "0100000000000000 07 00000000000000 0800000000000000";
    let end = "0000000000000000 0000000000000000 0900";
    let (text, error) = read(
        "move.out",
        &format!("{chunk} ffffffffffffffff {end}"),
        TransferSyntax::Ndr64,
    );
    assert_eq!(error, None, "{text}");
    assert!(text.contains("pairs.(chunk 0)[0].value = 8"), "{text}");
    let (_, error) = read(
        "move.out",
        &format!("{chunk} feffffffffffffff {end}"),
        TransferSyntax::Ndr64,
    );
    let (count, negated) = (1, u64::MAX - 1);
    assert_eq!(error, Some(StubErrorKind::ChunkTrailer { count, negated }));
}

#[test]
fn a_count_beyond_the_stub_is_refused() {
    let (_, error) = read("move.in", "0500 0000 ffffffff 00", TransferSyntax::Ndr);
    assert!(matches!(error, Some(StubErrorKind::Truncated { .. })));
}

#[test]
fn what_no_pipe_can_be_made_of_is_refused() {
    for element in [
        "struct { long *p; }",
        "struct { long n; [size_is(n)] long a[]; }",
        "struct { [string] char a[8]; }",
        "struct { struct { long *p; } inner; }",
        "policy_handle",
        "void",
    ] {
        let error = definitions(&format!("typedef pipe {element} P; void f([in] P p);"));
        let error = error.expect_err(element);
        assert!(
            error.contains("the elements of a pipe"),
            "{element}: {error}"
        );
    }
}

#[test]
fn a_pipe_is_a_parameter_by_itself() {
    for body in [
        "void f([in] LONGS p[2]);",
        "void f([in, out] LONGS **p);",
        "void f([in, out, unique] LONGS *p);",
        "LONGS f();",
        "typedef struct { LONGS p; } S;",
    ] {
        let error = definitions(&format!("typedef pipe long LONGS; {body}"));
        let error = error.expect_err(body);
        assert!(
            error.contains("a pipe is a parameter by itself"),
            "{body}: {error}"
        );
    }
}

#[test]
fn an_operation_that_nobody_answers_has_no_pipes() {
    let error = definitions("typedef pipe long LONGS; [maybe] void f([in] LONGS p);").unwrap_err();
    assert!(
        error.contains("a [maybe] operation has no pipes"),
        "{error}"
    );
}

#[test]
fn the_ends_of_pipes_have_the_names_of_their_parameters_unless_those_are_taken() {
    let generated = Compiler::new()
        .source(
            "x.idl",
            format!(
                "{HEAD} typedef pipe long LONGS;
                 long f([in, out] LONGS *a, [in] long a_in, [out] LONGS *result); }}"
            ),
        )
        .generate("x.idl")
        .unwrap();
    for member in [
        "pub a_in: PushPipe<i32>",
        "pub a_out: PullPipe<i32>",
        "pub a_in2: i32",
        "pub result2: PullPipe<i32>",
    ] {
        assert!(generated.code().contains(member), "{}", generated.code());
    }
}
