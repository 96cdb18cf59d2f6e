//! Arrays of several dimensions, and arrays of which a part is sent.

#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared; each test binary uses a part of it"
)]
mod common;

use annulus_ndr::{ArraySection, DecodeErrorKind, EncodeErrorKind, Ndr, Ndr64, NdrParams, encode};

use common::{assert_wire, decoded, hex};

#[derive(NdrParams, Debug, PartialEq)]
struct Matrix {
    rows: u32,
    columns: u16,
    #[ndr(size_is = "(rows, columns)")]
    cells: ArraySection<u16, 2>,
}

fn matrix() -> Matrix {
    Matrix {
        rows: 2,
        columns: 3,
        cells: ArraySection::whole([2, 3], vec![1, 2, 3, 4, 5, 6]),
    }
}

#[test]
fn rule_25_a_conformant_array_has_a_maximum_count_for_each_dimension() {
    assert_wire::<Ndr, _>(
        &matrix(),
        "(rows) 02000000 (columns) 0300 (gap) 0000 (max) 02000000 03000000 \
         0100 0200 0300 0400 0500 0600",
        &mut Vec::new(),
    );
}

#[test]
fn rule_26_the_counts_of_ndr64_have_8_bytes() {
    assert_wire::<Ndr64, _>(
        &matrix(),
        "(rows) 02000000 (columns) 0300 (gap) 0000 (max) 0200000000000000 0300000000000000 \
         0100 0200 0300 0400 0500 0600",
        &mut Vec::new(),
    );
}

#[derive(Ndr, Debug, Clone, PartialEq)]
struct Window {
    rows: u32,
    from: u32,
    used: u32,
    #[ndr(size_is = "(rows, 4)", first_is = "(from, 0)", length_is = "(used, 2)")]
    cells: ArraySection<u8, 2>,
}

#[derive(NdrParams, Debug, PartialEq)]
struct One<T> {
    value: T,
}

#[test]
fn rule_25_a_conformant_varying_array_has_an_offset_and_a_count_for_each_dimension() {
    let cells = ArraySection::part([9, 4], [7, 0], [2, 2], vec![1, 2, 3, 4]);
    let value = Window {
        rows: 9,
        from: 7,
        used: 2,
        cells,
    };
    assert_wire::<Ndr, _>(
        &One { value },
        "(max) 09000000 04000000 (rows) 09000000 (from) 07000000 (used) 02000000 \
         (offset, actual) 07000000 02000000 (offset, actual) 00000000 02000000 01020304",
        &mut Vec::new(),
    );
}

#[test]
fn a_varying_array_of_fixed_dimensions_has_no_maximum_counts() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Fixed {
        used: u8,
        #[ndr(varying = (2, 3), length_is = "(used, 3)")]
        cells: ArraySection<u8, 2>,
    }
    let cells = ArraySection::part([2, 3], [1, 0], [1, 3], vec![7, 8, 9]);
    assert_wire::<Ndr, _>(
        &Fixed { used: 1, cells },
        "(used) 01 (gap) 000000 (offset, actual) 01000000 01000000 \
         (offset, actual) 00000000 03000000 070809",
        &mut Vec::new(),
    );
    let stub = hex("01 (gap) 000000 02000000 01000000 00000000 03000000 070809");
    let error = decoded::<Ndr, Fixed>(&stub).unwrap_err();
    let (offset, actual, maximum) = (2, 1, 2);
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::BeyondMaximum {
            offset,
            actual,
            maximum
        }
    );
    assert_eq!(error.path(), "Fixed.cells");
}

/// The room of a varying array is told by its type alone, wherever it stands: nothing in front of
/// a structure speaks of it.
#[test]
fn a_varying_array_of_one_fixed_dimension_has_the_room_of_its_type() {
    #[derive(Ndr, Debug, PartialEq)]
    struct Inner {
        #[ndr(varying = 6)]
        values: ArraySection<u8>,
        mark: u8,
    }
    #[derive(NdrParams, Debug, PartialEq)]
    struct Nested {
        #[ndr(varying = 6)]
        parameter: ArraySection<u8>,
        inner: Inner,
        pointee: Option<Inner>,
    }
    let section = || ArraySection::part([6], [4], [2], vec![7, 8]);
    let inner = || Inner {
        values: section(),
        mark: 9,
    };
    assert_wire::<Ndr, _>(
        &Nested {
            parameter: section(),
            inner: inner(),
            pointee: Some(inner()),
        },
        "(offset, actual) 04000000 02000000 0708 (gap) 0000 \
         (offset, actual) 04000000 02000000 0708 (mark) 09 (gap) 00 \
         (referent) 00000200 (offset, actual) 04000000 02000000 0708 (mark) 09",
        &mut Vec::new(),
    );
    let stub = hex("(offset, actual) 05000000 02000000 0708 (mark) 09");
    let error = decoded::<Ndr, One<Inner>>(&stub).unwrap_err();
    let (offset, actual, maximum) = (5, 2, 6);
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::BeyondMaximum {
            offset,
            actual,
            maximum
        }
    );
    assert_eq!(error.path(), "One.value.values");
}

#[test]
fn fixed_dimensions_are_arrays_of_arrays() {
    assert_wire::<Ndr, _>(
        &One {
            value: [[1_u16, 2], [3, 4], [5, 6]],
        },
        "0100 0200 0300 0400 0500 0600",
        &mut Vec::new(),
    );
}

#[derive(NdrParams, Debug, PartialEq)]
struct Part {
    from: u32,
    #[ndr(conformant, first_is = "from", varying)]
    values: ArraySection<u16>,
}

#[test]
fn rule_25_a_varying_array_may_start_anywhere() {
    let values = ArraySection::part([8], [5], [2], vec![50, 60]);
    assert_wire::<Ndr, _>(
        &Part { from: 5, values },
        "(from) 05000000 (max) 08000000 (offset) 05000000 (actual) 02000000 3200 3c00",
        &mut Vec::new(),
    );
}

#[test]
fn rule_25_a_section_beyond_its_array_is_refused() {
    let stub = hex("(from) 05000000 (max) 08000000 (offset) 05000000 (actual) 04000000 3200 3c00");
    let error = decoded::<Ndr, Part>(&stub).unwrap_err();
    let (offset, actual, maximum) = (5, 4, 8);
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::BeyondMaximum {
            offset,
            actual,
            maximum
        }
    );
}

#[test]
fn a_first_element_that_differs_from_its_field_is_not_believed() {
    let stub = hex("(from) 04000000 (max) 08000000 (offset) 05000000 (actual) 01000000 3200");
    let error = decoded::<Ndr, Part>(&stub).unwrap_err();
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::FirstMismatch {
            declared: 4,
            found: 5
        }
    );
    let values = ArraySection::part([8], [5], [1], vec![50]);
    let error = encode::<Ndr, _>(&Part { from: 4, values }, &mut Vec::new()).unwrap_err();
    assert_eq!(
        *error.kind(),
        EncodeErrorKind::FirstMismatch {
            declared: 4,
            found: 5
        }
    );
}

#[test]
fn dimensions_whose_product_overflows_allocate_nothing() {
    #[derive(NdrParams, Debug)]
    struct Huge {
        #[ndr(size_is = "(4, 4)")]
        _cells: ArraySection<u8, 2>,
    }
    let stub = hex("(max) 0000000000000080 0200000000000000 00");
    let error = decoded::<Ndr64, Huge>(&stub).unwrap_err();
    let (count, remaining) = (u64::MAX, 1);
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::CountTooLarge { count, remaining }
    );
    let stub = hex("(max) ffffffff ffffffff 00");
    let error = decoded::<Ndr, Huge>(&stub).unwrap_err();
    assert!(
        matches!(error.kind(), DecodeErrorKind::CountTooLarge { .. }),
        "{error}"
    );
}

#[test]
fn an_extent_that_differs_from_its_field_is_not_believed() {
    let stub =
        hex("02000000 0300 (gap) 0000 (max) 03000000 02000000 0100 0200 0300 0400 0500 0600");
    let error = decoded::<Ndr, Matrix>(&stub).unwrap_err();
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::CountMismatch {
            declared: 2,
            found: 3
        }
    );
    assert_eq!(error.path(), "Matrix.cells");
}

#[test]
fn elements_of_a_section_may_have_pointees() {
    #[derive(NdrParams, Debug, PartialEq)]
    struct Names {
        #[ndr(size_is = "(1, 2)")]
        names: ArraySection<Option<u8>, 2>,
    }
    assert_wire::<Ndr, _>(
        &Names {
            names: ArraySection::whole([1, 2], vec![Some(7), None]),
        },
        "(max) 01000000 02000000 00000200 00000000 07",
        &mut Vec::new(),
    );
}

#[test]
#[should_panic(expected = "dimension 1: 3 elements from 2 on do not fit into 4")]
fn a_section_beyond_its_array_cannot_be_made() {
    let _ = ArraySection::part([4, 4], [0, 2], [1, 3], vec![0; 3]);
}
