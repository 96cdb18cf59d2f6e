//! Counts and discriminants that stand behind what they speak of.

#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared; each test binary uses a part of it"
)]
mod common;

use annulus_ndr::{
    ArraySection, DecodeErrorKind, DecodeParams, EncodeParams, Ndr, Ndr64, NdrParams, Ref,
    Represent, Switch, Syntax, Text, Unique, encode,
};

use common::{decoded, encoded, hex};

/// Asserts that `good` survives, and that the same stub with its byte at `from_end` set to `byte` is
/// refused with the error that `is_expected` wants, in either syntax. Encoding `bad` is refused too.
fn assert_checked<T>(
    good: &T,
    bad: &T,
    (from_end, byte): (usize, u8),
    is_expected: fn(&DecodeErrorKind) -> bool,
) where
    T: EncodeParams + for<'a> DecodeParams<'a> + PartialEq + std::fmt::Debug,
{
    let mut out = Vec::new();
    encode::<Ndr, _>(bad, &mut out).expect_err("what contradicts itself is not sent");
    check_in::<Ndr, T>(good, (from_end, byte), is_expected);
    check_in::<Ndr64, T>(good, (from_end, byte), is_expected);
}

fn check_in<S: Syntax, T>(
    good: &T,
    (from_end, byte): (usize, u8),
    is_expected: fn(&DecodeErrorKind) -> bool,
) where
    T: EncodeParams + for<'a> DecodeParams<'a> + PartialEq + std::fmt::Debug,
{
    let mut stub = encoded::<S>(good);
    assert_eq!(decoded::<S, T>(&stub).as_ref(), Ok(good));
    let at = stub.len() - from_end;
    stub[at] = byte;
    let error = decoded::<S, T>(&stub).expect_err("the count has changed");
    assert!(is_expected(error.kind()), "{error}");
}

fn is_count(kind: &DecodeErrorKind) -> bool {
    matches!(kind, DecodeErrorKind::CountMismatch { .. })
}

#[test]
fn a_size_in_front_is_checked_where_the_length_comes_later() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Part {
        room: u32,
        #[ndr(size_is = "room", length_is = "used")]
        values: Vec<u8>,
        used: u32,
    }
    let good = Part {
        room: 7,
        values: vec![1, 2, 3, 4],
        used: 4,
    };
    let bad = Part {
        values: vec![1, 2, 3],
        ..good
    };
    assert_checked(&good, &bad, (4, 3), is_count);
    // The room is the first of it, the maximum count the second.
    let mut stub = encoded::<Ndr>(&good);
    stub[0] = 8;
    let error = decoded::<Ndr, Part>(&stub).expect_err("8 are not 7");
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::CountMismatch {
            declared: 8,
            found: 7
        }
    );
}

#[derive(Ndr, Debug, Clone, PartialEq)]
#[ndr(switch = u16)]
enum Value {
    #[ndr(case = 1)]
    One(u8),
    #[ndr(default)]
    Other(u16),
}

#[test]
fn a_discriminant_may_come_after_its_union() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Selected {
        #[ndr(switch_is = "level")]
        value: Value,
        #[ndr(switch_is = "level")]
        pointed: Option<Value>,
        #[ndr(switch_is = "level")]
        null: Option<Value>,
        #[ndr(shape = Unique<Ref<Switch>>, switch_is = "level")]
        far: Option<Value>,
        level: u16,
    }
    let good = || Selected {
        value: Value::One(5),
        pointed: Some(Value::One(6)),
        null: None,
        far: Some(Value::One(7)),
        level: 1,
    };
    let is_discriminant =
        |kind: &DecodeErrorKind| matches!(kind, DecodeErrorKind::DiscriminantMismatch { .. });
    for spoil in [
        (|s| s.value = Value::Other(2)) as fn(&mut Selected),
        |s| s.pointed = Some(Value::Other(2)),
        |s| s.far = Some(Value::Other(2)),
    ] {
        let mut bad = good();
        spoil(&mut bad);
        assert_checked(&good(), &bad, (2, 2), is_discriminant);
    }
}

#[test]
fn several_dimensions_may_be_counted_later() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Grid {
        rows: u8,
        #[ndr(
            size_is = "(rows, columns)",
            first_is = "(from, _)",
            length_is = "(_, 2)"
        )]
        cells: ArraySection<u8, 2>,
        #[ndr(varying = 4, first_is = "from")]
        line: ArraySection<u8>,
        columns: u8,
        from: u8,
    }
    let good = Grid {
        rows: 3,
        cells: ArraySection::part([3, 2], [1, 0], [1, 2], vec![7, 8]),
        line: ArraySection::part([4], [1], [1], vec![9]),
        columns: 2,
        from: 1,
    };
    let other_columns = Grid {
        cells: ArraySection::part([3, 9], [1, 0], [1, 2], vec![7, 8]),
        line: good.line.clone(),
        ..good
    };
    assert_checked(&good, &other_columns, (2, 9), is_count);
    let other_start = Grid {
        cells: good.cells.clone(),
        line: ArraySection::part([4], [0], [1], vec![9]),
        ..good
    };
    let is_first = |kind: &DecodeErrorKind| matches!(kind, DecodeErrorKind::FirstMismatch { .. });
    assert_checked(&good, &other_start, (1, 0), is_first);
}

#[test]
fn a_member_may_be_counted_behind_a_pointer_that_comes_later() {
    #[derive(Ndr, Debug, PartialEq, Clone)]
    struct Counted {
        #[ndr(size_is = "count")]
        values: Option<Vec<u8>>,
        #[ndr(string, size_is = "room")]
        text: Option<String>,
        #[ndr(ref)]
        room: u8,
        count: Option<u8>,
    }
    #[derive(NdrParams, Debug, PartialEq)]
    struct Params {
        counted: Counted,
    }
    let good = Counted {
        values: Some(vec![1, 2, 3]),
        text: Some("x".into()),
        room: 2,
        count: Some(3),
    };
    let too_few = Counted {
        values: Some(vec![1, 2]),
        ..good.clone()
    };
    let good = &Params { counted: good };
    assert_checked(good, &Params { counted: too_few }, (1, 4), is_count);
    let too_long = Counted {
        text: Some("xy".into()),
        ..good.counted.clone()
    };
    let is_beyond = |kind: &DecodeErrorKind| matches!(kind, DecodeErrorKind::BeyondMaximum { .. });
    assert_checked(good, &Params { counted: too_long }, (2, 1), is_beyond);
}

#[test]
fn a_text_whose_shape_is_written_out_counts_its_terminator() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Far {
        #[ndr(shape = Unique<Ref<Text>>, length_is = "len")]
        text: Option<String>,
        len: u8,
    }
    let good = Far {
        text: Some("ab".into()),
        len: 3,
    };
    let bad = Far {
        text: Some("abc".into()),
        len: 3,
    };
    assert_checked(&good, &bad, (1, 2), is_count);
}

#[test]
fn what_represents_an_array_is_counted_as_that() {
    #[derive(Debug, PartialEq)]
    struct Digits(String);
    impl Represent<Vec<u8>> for Digits {
        fn to_wire(&self) -> Vec<u8> {
            self.0.clone().into_bytes()
        }

        fn from_wire(wire: Vec<u8>) -> Result<Self, &'static str> {
            String::from_utf8(wire).map(Digits).map_err(|_| "no text")
        }
    }
    #[derive(NdrParams, Debug, PartialEq)]
    struct Number {
        #[ndr(represent_as = Vec<u8>, size_is = "len")]
        digits: Digits,
        len: u8,
    }
    let number = |digits: &str| Number {
        digits: Digits(digits.into()),
        len: 2,
    };
    assert_checked(&number("12"), &number("123"), (1, 3), is_count);
}

#[test]
fn an_arm_may_be_counted_by_a_number() {
    #[derive(Ndr, Debug, PartialEq)]
    #[ndr(switch = u8)]
    enum Arms {
        #[ndr(case = 1, size_is = 2)]
        Two(Option<Vec<u8>>),
        #[ndr(case = 2, varying = 4, length_is = "3")]
        Three(Vec<u8>),
    }
    #[derive(NdrParams, Debug, PartialEq)]
    struct Params {
        arms: Arms,
    }
    let with = |arms| Params { arms };
    let two = with(Arms::Two(Some(vec![1, 2])));
    let stub = encoded::<Ndr>(&two);
    assert_eq!(decoded::<Ndr, Params>(&stub).as_ref(), Ok(&two));
    let one = hex("(tag) 01 (gap) 000000 (id) 00000200 (max) 01000000 01");
    let error = decoded::<Ndr, Params>(&one).expect_err("one is not two");
    assert!(is_count(error.kind()), "{error}");
    let four = hex("(tag) 02 (gap) 000000 (first) 00000000 (actual) 04000000 01020304");
    let error = decoded::<Ndr, Params>(&four).expect_err("four are not three");
    assert!(is_count(error.kind()), "{error}");
    let mut out = Vec::new();
    for arms in [Arms::Two(Some(vec![1])), Arms::Three(vec![1])] {
        encode::<Ndr, _>(&with(arms), &mut out).expect_err("another number of elements");
    }
}
