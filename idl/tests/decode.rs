//! Stub data as the definitions of `tests/idl` read it, and as hostile bytes would have it read.
//!
//! A failing case of a random test is printed, and replayed from its seed under
//! `proptest-regressions`.

use annulus_idl::{
    ByteOrder, Compiler, Decoded, Definitions, StubError, StubErrorKind, TransferSyntax,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const VECTORS: &str = include_str!("vectors/rpcecho_vectors.txt");

fn definitions(file: &str) -> Definitions {
    Compiler::new()
        .definitions(format!("tests/idl/{file}.idl"))
        .unwrap_or_else(|error| panic!("{error}"))
}

fn of_text(text: &str) -> Definitions {
    Compiler::new()
        .source("x.idl", text)
        .definitions("x.idl")
        .unwrap_or_else(|error| panic!("{error}"))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().filter(|c| !c.is_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| {
            let pair: String = pair.iter().collect();
            u8::from_str_radix(&pair, 16).expect("hexadecimal")
        })
        .collect()
}

fn little(of: &Definitions, target: &str, hex: &str) -> Decoded {
    of.decode(target, &bytes(hex), TransferSyntax::Ndr, ByteOrder::Little)
        .expect("defined")
}

/// What stands behind the path of a value.
#[track_caller]
fn value<'t>(text: &'t str, path: &str) -> &'t str {
    let start = format!(" {path} = ");
    let line = text
        .lines()
        .find_map(|line| line.split_once(start.as_str()));
    line.unwrap_or_else(|| panic!("no `{path}` in\n{text}")).1
}

/// Every vector in both syntaxes and byte orders: no error, nothing left, the values of the call.
#[test]
fn samba_vectors_of_rpcecho_in_all_four_forms() {
    let echo = definitions("rpcecho");
    let mut forms = std::collections::HashSet::new();
    for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
        let [target, order, syntax, hex] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        forms.insert((order, syntax));
        let order = match order {
            "LE" => ByteOrder::Little,
            _ => ByteOrder::Big,
        };
        let syntax = match syntax {
            "NDR" => TransferSyntax::Ndr,
            _ => TransferSyntax::Ndr64,
        };
        let decoded = echo
            .decode(&format!("RpcEcho.{target}"), &bytes(hex), syntax, order)
            .expect("defined");
        assert_eq!(decoded.error(), None, "{line}\n{decoded}");
        assert_eq!(decoded.leftover(), 0, "{line}\n{decoded}");
        let text = decoded.to_string();
        let (path, expected) = match target {
            "AddOne.in" => ("in_data", "41 (0x29)  unsigned long"),
            "EchoData.in" => ("in_data", "[01 02 03]  3 × byte"),
            "SinkData.in" => ("data", "[01 02 03 04 05]  5 × byte"),
            "SourceData.in" => ("len", "3  unsigned long"),
            "TestCall.in" => ("s1", "\"input string\""),
            "TestCall.out" => ("(*s2)", "\"input string\""),
            "TestSurrounding.in" => ("data.surrounding", "[1, 2, 3]  3 × unsigned short"),
            other => panic!("no value is known for {other}"),
        };
        assert_eq!(value(&text, path), expected, "{line}\n{text}");
    }
    assert_eq!(forms.len(), 4);
}

#[test]
fn a_decoded_stub_as_it_is_printed() {
    let stub = "03 00 00 00  03 00 00 00  01 00 02 00 03 00  ff";
    let decoded = little(&definitions("rpcecho"), "TestSurrounding.in", stub);
    assert_eq!(
        decoded.to_string(),
        "\
offset  bytes                      value
     0  03 00 00 00                data.surrounding.(maximum count) = 3
     4                             data = struct Surrounding
     4  03 00 00 00                  data.x = 3  unsigned long
     8  01 00 02 00 03 00            data.surrounding = [1, 2, 3]  3 × unsigned short
1 byte is left, at offset 14
"
    );
    assert_eq!(decoded.leftover(), 1);
}

/// Two names in an array: their pointees come behind the array, in its order.
#[test]
fn rule_25_pointees_come_behind_the_outermost_structure() {
    let stub = [
        "02 00 00 00  00 00 02 00",              // EntriesRead, Buffer
        "02 00 00 00",                           // maximum count of Buffer
        "f4 01 00 00  02 00 02 00  04 00 02 00", // RelativeId, Length, MaximumLength, Buffer
        "f5 01 00 00  02 00 02 00  08 00 02 00",
        "01 00 00 00  00 00 00 00  01 00 00 00  41 00  00 00", // of the first, and a gap
        "01 00 00 00  00 00 00 00  01 00 00 00  42 00",
    ];
    let hex = stub.concat();
    let decoded = little(&definitions("samr"), "SAMPR_ENUMERATION_BUFFER", &hex);
    let text = decoded.to_string();
    assert_eq!(decoded.error(), None, "{text}");
    let path = |index| format!("(*(*SAMPR_ENUMERATION_BUFFER.Buffer)[{index}].Name.Buffer)");
    assert_eq!(value(&text, &path(0)), "[65]  1 × unsigned short");
    assert_eq!(value(&text, &path(1)), "[66]  1 × unsigned short");
}

#[test]
fn a_full_pointer_to_what_another_points_to_is_told() {
    let definitions = of_text("typedef struct n { long v; [ptr] struct n *next; } n;");
    let decoded = little(
        &definitions,
        "n",
        "01 00 00 00 05 00 00 00 02 00 00 00 05 00 00 00",
    );
    let text = decoded.to_string();
    assert_eq!(decoded.error(), None, "{text}");
    let again = value(&text, "(*n.next).next");
    assert!(again.ends_with("the same as of n.next"), "{again}");
}

/// A count of four billion with nothing behind it: an error, not a reservation.
#[test]
fn a_huge_count_is_refused() {
    let decoded = little(
        &definitions("rpcecho"),
        "EchoData.in",
        "ff ff ff ff ff ff ff ff",
    );
    let error = decoded.error().expect("hostile");
    assert_eq!(error.offset(), 8);
    assert_eq!(error.path(), "in_data");
    let wanted = u64::from(u32::MAX);
    assert_eq!(error.kind(), &StubErrorKind::Truncated { wanted, left: 0 });
}

/// Offset and actual count whose sum overflows 64 bits.
#[test]
fn a_variance_that_overflows_is_refused() {
    let stub = bytes("0100000000000000 ffffffffffffffff ffffffffffffffff 4100");
    let decoded = definitions("rpcecho")
        .decode(
            "TestCall.in",
            &stub,
            TransferSyntax::Ndr64,
            ByteOrder::Little,
        )
        .expect("defined");
    let kind = decoded.error().expect("hostile").kind();
    assert!(
        matches!(kind, StubErrorKind::BeyondMaximum { .. }),
        "{kind}"
    );
}

#[test]
fn a_discriminant_without_an_arm_is_refused() {
    let decoded = little(&definitions("rpcecho"), "Info", "09 00");
    let kind = decoded.error().expect("hostile").kind();
    assert_eq!(kind, &StubErrorKind::UnknownDiscriminant { found: 9 });
}

/// A list as long as the stub would exhaust the stack.
/// Where fields contradict each other, and what they say.
#[test]
fn what_fields_say_of_each_other_is_checked() {
    let of = of_text(
        "typedef [switch_type(short)] union { [case(1)] long a; [case(2)] byte b; } U;
         typedef enum { RED, GREEN } E;
         [uuid(6a1b2c3d-0000-4000-8000-000000000001)] interface i {
             void size([in] long n, [in, size_is(n - 1)] byte a[]);
             void late([in, size_is(*n)] byte a[], [in, unique] long *n);
             void part([in] short n, [in, length_is(n)] byte a[8]);
             void first([in] long k, [in, first_is(k), length_is(1)] byte a[8]);
             void text([in] long n, [in, string, size_is(n)] char *s);
             void arm([in] short k, [in, switch_is(k)] U *u);
             void range([in, range(-1, 4)] short n, [in, range(0, 1)] E e);
             void given([in] long n, [out, size_is(n)] byte a[]);
         };",
    );
    let mismatch = |attribute, declared, found| {
        Some(StubErrorKind::Mismatch {
            attribute,
            declared,
            found,
        })
    };
    let out_of_range = |found, min, max| Some(StubErrorKind::OutOfRange { found, min, max });
    let cases = [
        ("size.in", "03000000 02000000 aabb", "", None),
        (
            "size.in",
            "02000000 02000000 aabb",
            "a.(maximum count)",
            mismatch("size_is", 1, 2),
        ),
        ("late.in", "01000000 aa 000000 00000200 01000000", "", None),
        (
            "late.in",
            "01000000 aa 000000 00000200 02000000",
            "a.(maximum count)",
            mismatch("size_is", 2, 1),
        ),
        // Null tells zero.
        (
            "late.in",
            "01000000 aa 000000 00000000",
            "a.(maximum count)",
            mismatch("size_is", 0, 1),
        ),
        (
            "part.in",
            "ffff 0000 00000000 01000000 aa",
            "a.(actual count)",
            mismatch("length_is", -1, 1),
        ),
        // A varying array whose first element nothing tells begins at zero.
        (
            "part.in",
            "0100 0000 02000000 01000000 aa",
            "a.(offset)",
            mismatch("first_is", 0, 2),
        ),
        ("first.in", "02000000 02000000 01000000 aa", "", None),
        (
            "first.in",
            "03000000 02000000 01000000 aa",
            "a.(offset)",
            mismatch("first_is", 3, 2),
        ),
        (
            "text.in",
            "05000000 04000000 00000000 02000000 6100",
            "s.(maximum count)",
            mismatch("size_is", 5, 4),
        ),
        ("arm.in", "0200 0200 aa", "", None),
        (
            "arm.in",
            "0100 0200 aa",
            "u.(discriminant)",
            mismatch("switch_is", 1, 2),
        ),
        ("range.in", "ffff 0100", "", None),
        ("range.in", "feff 0100", "n", out_of_range(-2, -1, 4)),
        ("range.in", "0000 0200", "e", out_of_range(2, 0, 1)),
        // Only the request tells it.
        ("given.out", "02000000 aabb", "", None),
    ];
    for (target, hex, path, kind) in cases {
        let decoded = little(&of, target, hex);
        let error = decoded.error();
        assert_eq!(error.map(StubError::kind), kind.as_ref(), "{decoded}");
        assert_eq!(error.map_or("", StubError::path), path, "{decoded}");
    }
}

#[test]
fn a_long_list_is_too_deep() {
    let definitions = of_text("typedef struct n { [unique] struct n *next; } n;");
    let decoded = little(&definitions, "n", &"01 00 00 00 ".repeat(100_000));
    let kind = decoded.error().expect("hostile").kind();
    assert!(matches!(kind, StubErrorKind::TooDeep { .. }), "{kind}");
}

/// More elements than anybody reads: memory for lines is bounded, whatever the stub's length.
#[test]
fn the_number_of_values_is_bounded() {
    let definitions =
        of_text("typedef struct { byte b; } e; typedef struct { long n; [size_is(n)] e *a; } s;");
    let mut stub = bytes("00 00 04 00 01 00 00 00 00 00 04 00");
    stub.resize(stub.len() + 0x4_0000, 0);
    let decoded = definitions
        .decode("s", &stub, TransferSyntax::Ndr, ByteOrder::Little)
        .expect("defined");
    let kind = decoded.error().expect("hostile").kind();
    assert!(matches!(kind, StubErrorKind::TooMany { .. }), "{kind}");
}

/// Structures by value, 20,000 in each other.
#[test]
fn structures_in_each_other_need_no_stack() {
    let mut text = String::from("typedef struct { long a; } s0;\n");
    for index in 1..20_000 {
        let before = index - 1;
        text.push_str(&format!("typedef struct {{ s{before} a; }} s{index};\n"));
    }
    let definitions = of_text(&text);
    let table = definitions.layout(&["s19999"]).expect("defined");
    assert!(table.contains("s19998"), "{table}");
    let decoded = little(&definitions, "s19999", "01 00 00 00");
    let kind = decoded.error().expect("too deep").kind();
    assert!(matches!(kind, StubErrorKind::TooDeep { .. }), "{kind}");
}

const TARGETS: [(&str, &str); 8] = [
    ("everything", "types.in"),
    ("everything", "nodes.in"),
    ("everything", "unions.in"),
    ("everything", "strings.in"),
    ("everything", "sections.in"),
    ("everything", "HOLDER"),
    ("samr", "SamrEnumerateDomainsInSamServer.out"),
    ("rpcecho", "TestEnum.in"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Any bytes: a text, whose error, if there is one, lies in the stub or in a gap behind it.
    #[test]
    fn any_bytes_are_shown_or_refused(
        (file, target) in select(&TARGETS[..]),
        stub in vec(prop_oneof![Just(0u8), 1u8..4, any::<u8>()], 0..400),
        is_ndr64 in any::<bool>(),
        is_big in any::<bool>(),
    ) {
        thread_local! {
            static FILES: [(&'static str, Definitions); 3] =
                ["everything", "samr", "rpcecho"].map(|file| (file, definitions(file)));
        }
        let syntax = if is_ndr64 { TransferSyntax::Ndr64 } else { TransferSyntax::Ndr };
        let order = if is_big { ByteOrder::Big } else { ByteOrder::Little };
        let decoded = FILES.with(|files| {
            let (_, of) = files.iter().find(|(name, _)| *name == file).expect("read");
            of.decode(target, &stub, syntax, order).expect("defined")
        });
        prop_assert!(decoded.to_string().starts_with("offset"));
        prop_assert!(decoded.leftover() <= stub.len());
        if let Some(error) = decoded.error() {
            prop_assert!(error.offset() <= stub.len() + 7);
            prop_assert!(!error.path().is_empty());
        }
    }
}
