//! Numbers and texts of JSON as they are sent.

use serde_json::{Map, Value as Json};

use super::encode_error::EncodeErrorKind;
use super::json::CASE;
use crate::model::{Case, Discriminant, NamedValue, Scalar, Union};

/// What a value is, for a message.
pub(super) fn kind_of(json: &Json) -> String {
    match json {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => number.to_string(),
        Json::String(_) => "a string".to_owned(),
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
    }
}

fn wrong_type(expected: &str, found: &Json) -> EncodeErrorKind {
    EncodeErrorKind::WrongType {
        expected: expected.to_owned(),
        found: match found {
            Json::String(text) => format!("{text:?}"),
            other => kind_of(other),
        },
    }
}

/// An integer, or the text of one, such as `"0x1f"`.
pub(super) fn integer(json: &Json) -> Option<i128> {
    match json {
        Json::Number(number) => number.as_i128(),
        Json::String(text) => {
            let (sign, digits) = match text.trim().strip_prefix('-') {
                Some(digits) => (-1, digits),
                None => (1, text.trim()),
            };
            let hexadecimal = digits.strip_prefix("0x").or(digits.strip_prefix("0X"));
            let number = match hexadecimal {
                Some(digits) => u64::from_str_radix(digits, 16),
                None => digits.parse(),
            };
            Some(sign * i128::from(number.ok()?))
        }
        _ => None,
    }
}

/// The bits of an integer of `len` bytes.
fn bits_within(found: i128, (min, max): (i128, i128)) -> Result<u64, EncodeErrorKind> {
    match (min..=max).contains(&found) {
        // Two's complement, of which the writer takes the lower bytes.
        true => Ok(found.rem_euclid(1 << 64) as u64),
        false => Err(EncodeErrorKind::OutOfRange { found, min, max }),
    }
}

fn range(bits: u8, signed: bool) -> (i128, i128) {
    match signed {
        true => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
        false => (0, (1 << bits) - 1),
    }
}

/// The bits of a number, a boolean or a float.
pub(super) fn scalar(scalar: Scalar, json: &Json) -> Result<u64, EncodeErrorKind> {
    match scalar {
        Scalar::Integer { bits, signed } => {
            let found = integer(json).ok_or_else(|| wrong_type("an integer", json))?;
            bits_within(found, range(bits, signed))
        }
        Scalar::Boolean => match json {
            Json::Bool(value) => Ok(u64::from(*value)),
            _ => {
                let found = integer(json).ok_or_else(|| wrong_type("true or false", json))?;
                bits_within(found, range(8, false))
            }
        },
        Scalar::Float => {
            let double = float(json)?;
            let single = double as f32;
            match single.is_infinite() && double.is_finite() {
                true => Err(wrong_type("a number that a float can hold", json)),
                false => Ok(single.to_bits().into()),
            }
        }
        Scalar::Double => Ok(float(json)?.to_bits()),
        Scalar::Uuid | Scalar::ContextHandle => Err(wrong_type("a number", json)),
    }
}

fn float(json: &Json) -> Result<f64, EncodeErrorKind> {
    let known = match json {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    };
    known.ok_or_else(|| wrong_type("a number, NaN, Infinity or -Infinity", json))
}

/// The bits of an enum's value, in `len` bytes.
pub(super) fn enumeration(
    values: &[NamedValue],
    len: u64,
    json: &Json,
) -> Result<u64, EncodeErrorKind> {
    let bits = u8::try_from(8 * len).unwrap_or(64);
    let (_, max) = range(bits, false);
    let found = match json {
        Json::String(name) => match values.iter().find(|known| known.name == *name) {
            Some(known) => known.value,
            None => integer(json).ok_or_else(|| EncodeErrorKind::Unknown {
                name: name.clone(),
                known: values.iter().map(|known| known.name.clone()).collect(),
            })?,
        },
        _ => integer(json).ok_or_else(|| wrong_type("the name of a value, or a number", json))?,
    };
    let (min, _) = range(bits, true);
    Ok(bits_within(found, (min, max))? & u64::try_from(max).unwrap_or(u64::MAX))
}

/// The discriminant: as it is given, as another field tells it, or that of the one arm that can be meant.
pub(super) fn case(
    union: &Union,
    object: &Map<String, Json>,
    told: Option<i128>,
) -> Result<i128, EncodeErrorKind> {
    let cases = || union.arms.iter().flat_map(|arm| &arm.cases);
    if let Some(json) = object.get(CASE) {
        let named = json.as_str();
        let named = cases().find(|case| case.name.is_some() && case.name.as_deref() == named);
        return match (named, json) {
            (Some(case), _) => Ok(case.value),
            (None, Json::Bool(value)) => Ok(i128::from(*value)),
            (None, _) => integer(json).ok_or_else(|| match json {
                Json::String(name) => EncodeErrorKind::Unknown {
                    name: name.clone(),
                    known: case_names(union),
                },
                _ => wrong_type("the name of a case, or a number", json),
            }),
        };
    }
    let arm = union.arms.iter().find(|arm| {
        let body = arm.body.as_ref();
        body.is_some_and(|body| object.contains_key(&body.name))
    });
    match (told, arm.map(|arm| &arm.cases[..])) {
        (Some(told), _) => Ok(told),
        (None, Some([case])) => Ok(case.value),
        _ => Err(EncodeErrorKind::WrongType {
            expected: format!("told its `{CASE}`, which no other field tells"),
            found: "without it".to_owned(),
        }),
    }
}

/// What the cases of a union are called.
pub(super) fn case_names(union: &Union) -> Vec<String> {
    let cases = union.arms.iter().flat_map(|arm| &arm.cases);
    let name = |case: &Case| case.name.clone().unwrap_or_else(|| case.value.to_string());
    cases.map(name).collect()
}

/// The bits of a discriminant of `len` bytes.
pub(super) fn discriminant(
    discriminant: Discriminant,
    len: u64,
    case: i128,
) -> Result<u64, EncodeErrorKind> {
    match discriminant {
        Discriminant::Integer { bits, signed } => {
            let mask = range(bits, false).1;
            let found = bits_within(case, range(bits, signed))?;
            Ok(found & u64::try_from(mask).unwrap_or(u64::MAX))
        }
        Discriminant::Enum16 | Discriminant::V1Enum => {
            let bits = u8::try_from(8 * len).unwrap_or(64);
            let ((min, _), (_, max)) = (range(bits, true), range(bits, false));
            Ok(bits_within(case, (min, max))? & u64::try_from(max).unwrap_or(u64::MAX))
        }
    }
}

/// The bytes that hexadecimal digits, or a list of numbers, are.
pub(super) fn bytes(json: &Json) -> Result<Vec<u8>, EncodeErrorKind> {
    let expected = "hexadecimal digits, two for each byte";
    let text = json.as_str().ok_or_else(|| wrong_type(expected, json))?;
    let digits = text.chars().filter(|digit| !digit.is_whitespace());
    let digits: Option<Vec<u32>> = digits.map(|digit| digit.to_digit(16)).collect();
    match digits {
        Some(digits) if digits.len().is_multiple_of(2) => Ok(digits
            .chunks(2)
            .map(|pair| (pair[0] << 4 | pair[1]) as u8)
            .collect()),
        _ => Err(wrong_type(expected, json)),
    }
}

/// The 16 bytes of a UUID.
pub(super) fn uuid(json: &Json) -> Result<Vec<u8>, EncodeErrorKind> {
    let wrong = || wrong_type("a UUID such as 12345678-1234-1234-1234-123456789abc", json);
    let text = json.as_str().ok_or_else(wrong)?;
    let groups: Vec<&str> = text.split('-').collect();
    let lengths = groups.iter().map(|group| group.len());
    if !lengths.eq([8, 4, 4, 4, 12]) {
        return Err(wrong());
    }
    let mut bytes = bytes(&Json::from(groups.concat())).map_err(|_| wrong())?;
    // The first three groups are numbers.
    for number in [0..4, 4..6, 6..8] {
        bytes[number].reverse();
    }
    Ok(bytes)
}

/// The 20 bytes of a context handle.
pub(super) fn context_handle(json: &Json) -> Result<Vec<u8>, EncodeErrorKind> {
    let handle = match json {
        Json::Null => vec![0; 20],
        _ => bytes(json).unwrap_or_default(),
    };
    match handle.len() {
        20 => Ok(handle),
        _ => Err(wrong_type(
            "null, or the 20 bytes of a context handle as 40 hexadecimal digits",
            json,
        )),
    }
}

/// The units of a string with its terminator, or those that a list has.
pub(super) fn units(is_wide: bool, json: &Json) -> Result<Vec<u16>, EncodeErrorKind> {
    match json {
        Json::String(text) => {
            let units = match is_wide {
                true => text.encode_utf16().collect(),
                false => narrow(text)?,
            };
            Ok([units, vec![0]].concat())
        }
        Json::Array(units) => {
            let bits = if is_wide { 16 } else { 8 };
            let unit = |json| {
                let found = integer(json).ok_or_else(|| wrong_type("a number", json))?;
                let bits = bits_within(found, range(bits, false))?;
                Ok(bits as u16)
            };
            units.iter().map(unit).collect()
        }
        _ => Err(wrong_type("a string", json)),
    }
}

fn narrow(text: &str) -> Result<Vec<u16>, EncodeErrorKind> {
    let unit = |character: char| match u8::try_from(character) {
        Ok(byte) => Ok(byte.into()),
        Err(_) => Err(EncodeErrorKind::NotACharacter(character)),
    };
    text.chars().map(unit).collect()
}
