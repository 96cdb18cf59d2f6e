//! Arrays of several counted dimensions: their bytes, what is refused, and the same read by the
//! interpreter of definitions.

use annulus::ndr::{
    ArraySection, ByteOrder, EncodeParams, Gives, Ndr, Ndr64, Params, Syntax, decode, decode_given,
    encode,
};
use annulus_idl::{Compiler, Decoded, Definitions, StubErrorKind, TransferSyntax};
use annulus_idl_e2e::dimensions::*;

fn stub<S: Syntax>(params: &impl EncodeParams) -> Vec<u8> {
    let mut stub = Vec::new();
    encode::<S, _>(params, &mut stub).expect("the parameters agree");
    stub
}

fn definitions() -> Definitions {
    Compiler::new()
        .definitions("../idl/dimensions.idl")
        .expect("a definition")
}

fn interpreted(target: &str, stub: &[u8], syntax: TransferSyntax) -> Decoded {
    definitions()
        .decode(target, stub, syntax, annulus_idl::ByteOrder::Little)
        .expect("defined")
}

fn whole() -> WholeRequest {
    WholeRequest {
        rows: 2,
        columns: 3,
        cells: ArraySection::whole([2, 3], vec![1, 2, 3, 4, 5, 6]),
        small: Grid {
            rows: 1,
            columns: 2,
            cells: ArraySection::whole([1, 2], vec![7, 8]),
        },
        part: Window {
            height: 2,
            width: 1,
            cells: ArraySection::part([4, 3], [0, 0], [2, 1], vec![9, 10]),
            last: 11,
        },
    }
}

fn section() -> SectionRequest {
    SectionRequest {
        rows: 3,
        columns: 2,
        top: 1,
        height: 2,
        cells: Some(ArraySection::part([3, 2], [1, 0], [2, 2], vec![1, 2, 3, 4])),
    }
}

/// Numbers of 32 bits as they lie in NDR.
fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

#[test]
fn maximum_counts_of_all_dimensions_come_first() {
    let stub = stub::<Ndr>(&whole());
    // Rows and columns, both maximum counts, the elements row by row.
    assert_eq!(stub[..40], words(&[2, 3, 2, 3, 1, 2, 3, 4, 5, 6]));
    // The structure's counts are hoisted; its own rows and columns are bytes.
    assert_eq!(stub[40..48], words(&[1, 2]));
    assert_eq!(stub[48..54], [1, 2, 7, 0, 8, 0]);
    // Height and width; first index and length of each dimension; the elements; the byte.
    assert_eq!(stub[56..88], words(&[2, 1, 0, 2, 0, 1, 9, 10]));
    assert_eq!(stub[88..], [11]);
}

#[test]
fn a_section_has_offset_and_length_of_each_dimension() {
    let stub = stub::<Ndr>(&section());
    let head = words(&[3, 2, 1, 2, 0x0002_0000, 3, 2, 1, 2, 0, 2]);
    assert_eq!(stub[..44], head);
    assert_eq!(stub.len(), 48 + 4 * 8);
}

/// Asserts that the interpreter reads all of `stub`, and sees `lines`.
#[track_caller]
fn assert_seen(target: &str, stub: &[u8], syntax: TransferSyntax, lines: &[&str]) {
    let decoded = interpreted(target, stub, syntax);
    assert_eq!(
        (decoded.error(), decoded.leftover()),
        (None, 0),
        "{decoded}"
    );
    // As JSON and back: the same bytes.
    let json = decoded.to_json();
    let encoded = definitions().encode(target, &json, syntax);
    assert_eq!(encoded.as_deref(), Ok(stub), "{json:#}");
    let text = decoded.to_string();
    for line in lines {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
}

fn survives<S: Syntax>(syntax: TransferSyntax) {
    let order = ByteOrder::Little;
    let bytes = stub::<S>(&whole());
    assert_eq!(decode::<S, WholeRequest>(&bytes, order), Ok(whole()));
    let lines = [
        "cells.(maximum count of dimension 2) = 3",
        "cells = [1, 2, 3, 4, 5, 6]",
        "small.cells = [7, 8]",
        "part.cells.(actual count of dimension 1) = 2",
        "part.cells = [9",
    ];
    assert_seen("whole.in", &bytes, syntax, &lines);

    let bytes = stub::<S>(&section());
    assert_eq!(decode::<S, SectionRequest>(&bytes, order), Ok(section()));
    let lines = [
        "(*cells).(offset of dimension 1) = 1",
        "(*cells) = [1, 2, 3, 4]",
    ];
    assert_seen("section.in", &bytes, syntax, &lines);
    let null = SectionRequest {
        cells: None,
        ..section()
    };
    let bytes = stub::<S>(&null);
    assert_eq!(decode::<S, SectionRequest>(&bytes, order), Ok(null));

    let names = NamesRequest {
        rows: 1,
        names: ArraySection::whole([1, 2], vec![Some("one".into()), None]),
    };
    let bytes = stub::<S>(&names);
    assert_eq!(decode::<S, NamesRequest>(&bytes, order), Ok(names));
    assert_seen(
        "names.in",
        &bytes,
        syntax,
        &["(*names[0]) = \"one\"", "names[1] = null"],
    );

    let asked = AnswerRequest { planes: 1, rows: 2 };
    let answer = AnswerResponse {
        cells: ArraySection::whole([1, 2], vec![[1, 2], [3, 4]]),
    };
    let bytes = stub::<S>(&answer.clone().with_given(asked.given()));
    let read = decode_given::<S, AnswerResponse>(Some(asked.given()), &bytes, order);
    assert_eq!(read.as_ref(), Ok(&answer));
    assert_seen("answer.out", &bytes, syntax, &["cells[1] = [3, 4]"]);
    // Another shape of as many elements.
    let other = AnswerRequest { planes: 2, rows: 1 };
    let error = decode_given::<S, AnswerResponse>(Some(other.given()), &bytes, order)
        .expect_err("another shape");
    assert_eq!(error.path(), "AnswerResponse.cells");
}

#[test]
fn rule_25_what_is_written_is_read_in_both_syntaxes() {
    survives::<Ndr>(TransferSyntax::Ndr);
    survives::<Ndr64>(TransferSyntax::Ndr64);
}

#[test]
fn extents_that_are_not_what_is_told_are_refused() {
    let transposed = WholeRequest {
        cells: ArraySection::whole([3, 2], vec![1, 2, 3, 4, 5, 6]),
        ..whole()
    };
    let error = encode::<Ndr, _>(&transposed, &mut Vec::new()).expect_err("transposed");
    assert_eq!(error.path(), "WholeRequest.cells");

    let mut bytes = stub::<Ndr>(&whole());
    // The columns, which size_is says, and not their maximum count.
    bytes[4] = 2;
    let error = decode::<Ndr, WholeRequest>(&bytes, ByteOrder::Little).expect_err("2 is not 3");
    assert_eq!(error.path(), "WholeRequest.cells");
    let decoded = interpreted("whole.in", &bytes, TransferSyntax::Ndr);
    let error = decoded.error().expect("the interpreter sees it too");
    assert_eq!(error.path(), "cells.(maximum count of dimension 2)");
    assert_eq!(
        *error.kind(),
        StubErrorKind::Mismatch {
            attribute: "size_is",
            declared: 2,
            found: 3
        }
    );
    assert_eq!(error.offset(), 12);
}

#[test]
fn a_product_of_extents_that_overflows_is_refused() {
    let huge = words(&[u32::MAX, u32::MAX, u32::MAX, u32::MAX]);
    assert!(decode::<Ndr, WholeRequest>(&huge, ByteOrder::Little).is_err());
    let decoded = interpreted("whole.in", &huge, TransferSyntax::Ndr);
    let kind = decoded.error().expect("no such elements").kind();
    assert!(matches!(kind, StubErrorKind::Truncated { .. }), "{decoded}");
}
