//! Pointers and arrays in each other: what the generated types write is read again, and read the
//! same by the interpreter of definitions, which knows nothing of the marshaller.

use annulus::ndr::{ArraySection, ByteOrder, Ndr, Ndr64, Syntax, decode, encode};
use annulus_idl::{Compiler, TransferSyntax};
use annulus_idl_e2e::shapes::{GetResponse, Nest, OldUnion, PutRequest, Tree, UnionsRequest};

fn nest() -> Nest {
    Nest {
        count: 2,
        names: [Some("one".into()), None],
        pointers: Some(vec![11, 12]),
        twice: 13,
        rows: Some(vec![Some(vec![1, 2, 3]), None]),
        branch: Tree {
            count: 1,
            numbers: vec![14],
        },
        from: 7,
        section: ArraySection::part([20], [7], [2], vec![15, 16]),
        last: 17,
    }
}

/// Writes, reads by the generated type, and gives what the interpreter sees.
fn seen<S: Syntax>(syntax: TransferSyntax) -> [String; 2] {
    let put = PutRequest {
        value: nest(),
        deep: 18,
        rows: 2,
        cells: vec![[1, 2, 3], [4, 5, 6]],
    };
    let get = GetResponse {
        value: nest(),
        deep: 18,
        pair: vec![19, 20],
    };
    let (mut put_stub, mut get_stub) = (Vec::new(), Vec::new());
    encode::<S, _>(&put, &mut put_stub).expect("put");
    encode::<S, _>(&get, &mut get_stub).expect("get");
    let order = ByteOrder::Little;
    assert_eq!(decode::<S, PutRequest>(&put_stub, order), Ok(put));
    assert_eq!(decode::<S, GetResponse>(&get_stub, order), Ok(get));

    let definitions = Compiler::new()
        .definitions("../idl/shapes.idl")
        .expect("a definition");
    [("put.in", &put_stub), ("get.out", &get_stub)].map(|(target, stub)| {
        let order = annulus_idl::ByteOrder::Little;
        let decoded = definitions
            .decode(target, stub, syntax, order)
            .expect("defined");
        assert_eq!(decoded.error(), None, "{decoded}");
        assert_eq!(decoded.leftover(), 0, "{decoded}");
        let json = decoded.to_json();
        let encoded = definitions.encode(target, &json, syntax);
        assert_eq!(encoded.as_ref(), Ok(stub), "{json:#}");
        decoded.to_string()
    })
}

#[test]
fn rule_25_what_is_written_is_what_the_definition_says() {
    let both = [
        seen::<Ndr>(TransferSyntax::Ndr),
        seen::<Ndr64>(TransferSyntax::Ndr64),
    ];
    for text in both.iter().flatten() {
        for line in [
            "(*value.names[0]) = \"one\"",
            "value.names[1] = null",
            "(*(*value.pointers)[1]) = 12",
            "(*(*value.twice)) = 13",
            "(*(*value.rows)[0]) = [1, 2, 3]",
            "(*value.rows)[1] = null",
            "(*(*value.branch).numbers[0]) = 14",
            "value.section.(offset) = 7",
            "value.section = [15, 16]",
            "value.last = 17",
            "(*deep) = 18",
        ] {
            assert!(text.contains(line), "no `{line}` in\n{text}");
        }
    }
    for [put, get] in &both {
        assert!(put.contains("cells[1] = [4, 5, 6]  3 × long"), "{put}");
        assert!(get.contains("(*pair[1]) = 20"), "{get}");
    }
}

#[test]
fn arms_of_ms_unions_are_aligned_as_the_most_aligned_of_them() {
    let unions = UnionsRequest {
        one: OldUnion::SmallArm(5),
        count: 2,
        list: vec![OldUnion::SmallArm(6), OldUnion::LargeArm(7)],
    };
    let mut stub = Vec::new();
    encode::<Ndr, _>(&unions, &mut stub).expect("unions");
    let order = ByteOrder::Little;
    assert_eq!(
        decode::<Ndr, UnionsRequest>(&stub, order).as_ref(),
        Ok(&unions)
    );
    // discriminant at 0, arm at 8; count and maximum count at 12 and 16; elements at 24 and 40.
    let places = [
        (0, 1),
        (8, 5),
        (12, 2),
        (16, 2),
        (24, 1),
        (32, 6),
        (40, 2),
        (48, 7),
    ];
    for (at, byte) in places {
        assert_eq!(stub[at], byte, "at {at} of {stub:02x?}");
    }
    assert_eq!(stub.len(), 56);
    let definitions = Compiler::new()
        .definitions("../idl/shapes.idl")
        .expect("a definition");
    for (syntax, stub) in [(TransferSyntax::Ndr, stub), {
        let mut stub = Vec::new();
        encode::<Ndr64, _>(&unions, &mut stub).expect("unions");
        (TransferSyntax::Ndr64, stub)
    }] {
        let order = annulus_idl::ByteOrder::Little;
        let decoded = definitions
            .decode("unions.in", &stub, syntax, order)
            .expect("defined");
        assert_eq!(
            (decoded.error(), decoded.leftover()),
            (None, 0),
            "{decoded}"
        );
        let text = decoded.to_string();
        assert!(text.contains("list[1].large_arm = 7"), "{text}");
        let json = decoded.to_json();
        let encoded = definitions.encode("unions.in", &json, syntax);
        assert_eq!(encoded, Ok(stub), "{json:#}");
    }
}

#[test]
fn a_count_that_is_not_the_outer_arrays_is_refused() {
    let mut value = nest();
    value.pointers = Some(vec![1]);
    let get = GetResponse {
        value,
        deep: 18,
        pair: vec![19, 20],
    };
    let error = encode::<Ndr, _>(&get, &mut Vec::new()).unwrap_err();
    assert_eq!(error.path(), "GetResponse.value.pointers");
}
