//! Values as a person reads them.

use super::ByteOrder;
use super::json::hex;
use crate::model::{Arm, Discriminant, NamedValue, Scalar, Union};
use crate::wire::scalar_name;

/// The most numbers of an array that are shown.
pub(super) const NUMBERS_MAX: usize = 32;
/// The most characters of a string that are shown.
pub(super) const UNITS_MAX: usize = 1024;

/// A number, a boolean or a float by its bits.
pub(super) fn scalar(scalar: Scalar, bits: u64) -> String {
    match scalar {
        Scalar::Integer {
            bits: width,
            signed,
        } => integer(bits, width, signed),
        Scalar::Boolean => match bits {
            0 => "FALSE".to_owned(),
            1 => "TRUE".to_owned(),
            other => format!("TRUE, as {other}"),
        },
        Scalar::Float => f32::from_bits(bits as u32).to_string(),
        Scalar::Double => f64::from_bits(bits).to_string(),
        Scalar::Uuid | Scalar::ContextHandle => format!("{bits:#x}"),
    }
}

/// The number that `width` bits are.
pub(super) fn number(bits: u64, width: u8, signed: bool) -> i128 {
    let unused = 64u32.saturating_sub(width.into());
    match signed {
        true => i128::from((bits << unused) as i64 >> unused),
        false => i128::from(bits),
    }
}

/// The number that a discriminant is.
pub(super) fn discriminant(discriminant: Discriminant, bits: u64) -> i128 {
    match discriminant {
        Discriminant::Integer {
            bits: width,
            signed,
        } => number(bits, width, signed),
        Discriminant::Enum16 | Discriminant::V1Enum => i128::from(bits),
    }
}

fn integer(value: u64, width: u8, signed: bool) -> String {
    let number = number(value, width, signed);
    match value {
        0..10 => number.to_string(),
        _ => format!("{number} ({value:#x})"),
    }
}

/// A UUID, or attributes and UUID of a context handle.
pub(super) fn handle_or_uuid(bytes: &[u8], order: ByteOrder) -> String {
    let Some((attributes, rest)) = bytes.split_at_checked(bytes.len().saturating_sub(16)) else {
        return String::new();
    };
    let uuid = uuid(rest, order);
    match attributes.is_empty() {
        true => format!("{uuid}  uuid"),
        false if bytes.iter().all(|byte| *byte == 0) => "null  context handle".to_owned(),
        false => format!("{uuid}  context handle"),
    }
}

/// The text of a UUID.
pub(super) fn uuid(bytes: &[u8], order: ByteOrder) -> String {
    // The first three groups are numbers, in the order of the stub; the rest is bytes.
    let group = |range: std::ops::Range<usize>, is_number: bool| -> String {
        let mut bytes = bytes.get(range).unwrap_or_default().to_vec();
        if is_number && order == ByteOrder::Little {
            bytes.reverse();
        }
        hex(&bytes)
    };
    let groups = [
        group(0..4, true),
        group(4..6, true),
        group(6..8, true),
        group(8..10, false),
        group(10..16, false),
    ];
    groups.join("-")
}

/// A string without its terminator.
pub(super) fn text(units: &[u16], has_nul: bool, is_wide: bool) -> String {
    let shown = &units[..units.len().min(UNITS_MAX)];
    let end = shown.iter().position(|unit| *unit == 0);
    let shown = &shown[..end.unwrap_or(shown.len())];
    let text: String = match is_wide {
        true => String::from_utf16_lossy(shown),
        false => shown.iter().map(|unit| char::from(*unit as u8)).collect(),
    };
    let more = match end.is_none() && units.len() > UNITS_MAX {
        true => " …",
        false => "",
    };
    let nul = if has_nul {
        ""
    } else {
        ", without a NUL at its end"
    };
    format!("{text:?}{more}{nul}")
}

/// The first numbers of an array of `count`.
pub(super) fn numbers(of: Scalar, numbers: impl Iterator<Item = u64>, count: u64) -> String {
    let is_byte = of == Scalar::BYTE;
    let numbers: Vec<_> = numbers
        .map(|number| match of {
            Scalar::Integer { bits, signed } if !is_byte => {
                let text = integer(number, bits, signed);
                text.split(' ').next().unwrap_or_default().to_owned()
            }
            _ => format!("{number:02x}"),
        })
        .collect();
    let more = if count > numbers.len() as u64 {
        " …"
    } else {
        ""
    };
    let separator = if is_byte { " " } else { ", " };
    let list = numbers.join(separator);
    format!("[{list}{more}]  {count} × {}", scalar_name(of))
}

/// The name of an enum's value, with the number.
pub(super) fn enumeration(values: &[NamedValue], value: u64, len: u64, name: &str) -> String {
    let known = named(values, value, len).map_or("no known value", |known| known.name.as_str());
    format!("{known} ({value})  {name}")
}

/// The named value that is sent as these bits, in `len` bytes.
pub(super) fn named(values: &[NamedValue], bits: u64, len: u64) -> Option<&NamedValue> {
    let mut values = values.iter();
    values.find(|known| is_same(known.value, bits, len))
}

/// The names of a bitmap's bits.
pub(super) fn bitmap(values: &[NamedValue], value: u64, name: &str) -> String {
    let is_set = |known: &&NamedValue| {
        u64::try_from(known.value).is_ok_and(|bits| bits != 0 && value & bits == bits)
    };
    let names: Vec<_> = values
        .iter()
        .filter(is_set)
        .map(|known| known.name.as_str())
        .collect();
    format!("{value:#x} [{}]  {name}", names.join(" | "))
}

/// The arm of a discriminant of `len` bytes.
pub(super) fn arm(union: &Union, found: u64, len: u64) -> Option<&Arm> {
    let is_case = |arm: &&Arm| arm.cases.iter().any(|case| is_same(case.value, found, len));
    let default = || union.arms.iter().find(|arm| arm.is_default);
    union.arms.iter().find(is_case).or_else(default)
}

/// Whether a constant is sent as these bits, in `len` bytes.
pub(super) fn is_same(constant: i128, bits: u64, len: u64) -> bool {
    constant.rem_euclid(1i128 << (8 * len)) == i128::from(bits)
}
