//! Strings and arrays of numbers, owned and borrowed.

#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared; each test binary uses a part of it"
)]
mod common;

use annulus_ndr::{
    ByteOrder, DecodeErrorKind, EncodeErrorKind, Ndr, NdrParams, Numbers, Utf16Str, decode, encode,
};

use common::{assert_wire, decoded, encoded, hex};

#[test]
fn an_array_of_strings_behind_pointers() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Names {
        count: u32,
        #[ndr(string, size_is = "count")]
        names: Vec<Option<String>>,
    }
    assert_wire::<Ndr, _>(
        &Names {
            count: 3,
            names: vec![Some("a".into()), None, Some("ü".into())],
        },
        "(count) 03000000 (max) 03000000 00000200 00000000 04000200 \
         (a) 02000000 00000000 02000000 6100 0000 (ü) 02000000 00000000 02000000 fc00 0000",
        &mut Vec::new(),
    );
}

#[test]
fn a_count_of_strings_may_come_after_them() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Names {
        #[ndr(string, size_is = "count")]
        names: Vec<Option<String>>,
        count: u32,
    }
    let mut names = Names {
        names: vec![Some("a".into()), None],
        count: 2,
    };
    let mut stub = Vec::new();
    encode::<Ndr, _>(&names, &mut stub).expect("two names");
    let read = decode::<Ndr, Names>(&stub, ByteOrder::Little).expect("two names");
    assert_eq!(read, names);
    // The count is the last of it.
    let at = stub.len() - 4;
    stub[at] = 3;
    decode::<Ndr, Names>(&stub, ByteOrder::Little).expect_err("two are not three");
    names.count = 1;
    encode::<Ndr, _>(&names, &mut stub).expect_err("two are not one");
}

#[test]
fn a_string_with_size_is_announces_its_room() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Named<'a> {
        size: u32,
        #[ndr(string, size_is = "size")]
        name: &'a [u8],
    }
    assert_wire::<Ndr, _>(
        &Named {
            size: 9,
            name: b"ab",
        },
        "(size) 09000000 (max) 09000000 (offset) 00000000 (actual) 03000000 6162 00",
        &mut Vec::new(),
    );
    let mut out = vec![1, 2];
    let error = encode::<Ndr, _>(
        &Named {
            size: 2,
            name: b"ab",
        },
        &mut out,
    )
    .unwrap_err();
    assert_eq!(
        *error.kind(),
        EncodeErrorKind::BeyondMaximum {
            found: 3,
            maximum: 2
        }
    );
    assert_eq!(error.path(), "Named.name");
    assert_eq!(
        out,
        [1, 2],
        "what was written of a failed stub is taken back"
    );
}

#[test]
fn a_utf16_view_converts_surrogate_pairs_at_any_alignment() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Text<'a> {
        #[ndr(string)]
        text: Utf16Str<'a>,
    }
    let stub = encoded::<Ndr>(&Text {
        text: "a😀".into()
    });
    assert_eq!(stub, hex("04000000 00000000 04000000 6100 3dd8 00de 0000"));
    for shift in 0..2 {
        let mut buffer = vec![0; shift];
        buffer.extend_from_slice(&stub);
        let text = decoded::<Ndr, Text<'_>>(&buffer[shift..]).unwrap().text;
        assert_eq!(text, "a😀");
        assert_eq!(text.to_utf8().unwrap(), "a😀");
        assert_eq!(text.to_string(), "a😀");
    }
}

#[test]
fn a_lone_surrogate_is_replaced_in_a_view() {
    #[derive(NdrParams, Debug)]
    struct Text<'a> {
        #[ndr(string)]
        text: Utf16Str<'a>,
    }
    let stub = hex("02000000 00000000 02000000 00d8 0000");
    let text = decoded::<Ndr, Text<'_>>(&stub).unwrap().text;
    assert_eq!(text.to_string_lossy(), "\u{fffd}");
    assert_eq!(text.to_utf8(), None);
    assert_eq!(
        encoded::<Ndr>(&Text { text }),
        stub,
        "it goes on as it came"
    );
}

#[test]
fn a_string_ends_at_its_first_nul() {
    #[derive(NdrParams, Debug)]
    struct Text {
        #[ndr(string)]
        text: String,
    }
    let stub = hex("04000000 00000000 04000000 6100 0000 6200 0000");
    assert_eq!(decoded::<Ndr, Text>(&stub).unwrap().text, "a");
}

#[test]
fn rule_24_borrowed_numbers_follow_the_byte_order() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Borrowed<'a> {
        #[ndr(conformant)]
        values: Numbers<'a, u32>,
    }
    let big = hex("00000002 00000001 80000000");
    let values = decode::<Ndr, Borrowed<'_>>(&big, ByteOrder::Big)
        .unwrap()
        .values;
    assert_eq!(values.to_vec(), [1, 1 << 31]);
    assert_eq!(values.get(1), Some(1 << 31));
    assert_eq!(values.get(2), None);
    let little = hex("02000000 01000000 00000080");
    assert_eq!(encoded::<Ndr>(&Borrowed { values }), little);
    let native = Borrowed {
        values: Numbers::from(&[1, 1 << 31][..]),
    };
    assert_eq!(encoded::<Ndr>(&native), little);
    assert_eq!(decoded::<Ndr, Borrowed<'_>>(&little).unwrap(), native);
}

#[test]
fn rule_24_owned_numbers_follow_the_byte_order() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Owned {
        #[ndr(conformant)]
        values: Vec<u16>,
    }
    let wire = hex("00000003 0001 0203 ffee");
    let owned = decode::<Ndr, Owned>(&wire, ByteOrder::Big).unwrap();
    assert_eq!(owned.values, [0x0001, 0x0203, 0xffee]);
}

#[test]
fn many_numbers_are_written_like_few() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Owned {
        #[ndr(conformant)]
        values: Vec<u64>,
    }
    let values: Vec<u64> = (0..1000).map(|i| i * 0x0101_0101_0101).collect();
    let stub = encoded::<Ndr>(&Owned {
        values: values.clone(),
    });
    assert_eq!(stub.len(), 8 + 8 * 1000);
    for (bytes, value) in stub[8..].chunks_exact(8).zip(&values) {
        assert_eq!(bytes, value.to_le_bytes());
    }
    assert_eq!(decoded::<Ndr, Owned>(&stub).unwrap().values, values);
}

#[test]
fn a_nul_inside_a_string_is_refused_before_it_is_sent() {
    #[derive(NdrParams, Debug)]
    #[ndr(encode_only)]
    struct Text<'a> {
        #[ndr(string)]
        text: &'a str,
    }
    let mut out = Vec::new();
    let error = encode::<Ndr, _>(&Text { text: "a\0b" }, &mut out).unwrap_err();
    assert_eq!(*error.kind(), EncodeErrorKind::NulInString { position: 1 });
}

#[derive(NdrParams, Debug, PartialEq)]
struct InRoom<'a> {
    #[ndr(string, varying = 4)]
    narrow: &'a [u8],
    #[ndr(string, varying = 8)]
    wide: String,
}

#[test]
fn rule_25_a_string_in_a_fixed_array_has_no_maximum_count() {
    assert_wire::<Ndr, _>(
        &InRoom {
            narrow: b"abc",
            wide: "xy".into(),
        },
        "(offset) 00000000 (actual) 04000000 61626300 \
         (offset) 00000000 (actual) 03000000 7800 7900 0000",
        &mut Vec::new(),
    );
}

#[test]
fn rule_25_a_string_longer_than_its_array_is_refused() {
    let value = InRoom {
        narrow: b"abcd",
        wide: String::new(),
    };
    let error = encode::<Ndr, _>(&value, &mut Vec::new()).unwrap_err();
    assert_eq!(
        *error.kind(),
        EncodeErrorKind::BeyondMaximum {
            found: 5,
            maximum: 4
        }
    );
    let stub = hex("(offset) 00000000 (actual) 05000000 6162636400");
    let error = decoded::<Ndr, InRoom<'_>>(&stub).unwrap_err();
    let (offset, actual, maximum) = (0, 5, 4);
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::BeyondMaximum {
            offset,
            actual,
            maximum
        }
    );
}

/// As MS-DTYP has it: bytes, not characters, are counted, and there is no NUL.
#[derive(Ndr, Debug, PartialEq)]
struct UnicodeString {
    length: u16,
    maximum: u16,
    #[ndr(size_is = "maximum / 2", length_is = "length / 2")]
    buffer: Option<String>,
}

#[test]
fn a_counted_string_has_no_nul_and_may_hold_one() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct One {
        name: UnicodeString,
    }
    let buffer = Some("a\0b".into());
    assert_wire::<Ndr, _>(
        &One {
            name: UnicodeString {
                length: 6,
                maximum: 8,
                buffer,
            },
        },
        "(length) 0600 (maximum) 0800 (buffer) 00000200 \
         (max) 04000000 (offset) 00000000 (actual) 03000000 6100 0000 6200",
        &mut Vec::new(),
    );
}

#[test]
fn a_counted_string_can_be_borrowed() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Borrowed<'a> {
        #[ndr(conformant)]
        text: Utf16Str<'a>,
        #[ndr(varying = 3)]
        part: Utf16Str<'a>,
    }
    let stub = hex("(max) 02000000 e400 6200 (offset) 00000000 (actual) 01000000 6300");
    let value: Borrowed<'_> = decoded::<Ndr, _>(&stub).unwrap();
    assert_eq!((value.text, value.part), ("äb".into(), "c".into()));
    assert_eq!(encoded::<Ndr>(&value), stub);
}
