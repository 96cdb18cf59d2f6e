//! The chain of records on the wire: type serialization version 1 (MS-RPCE 2.2.6) of the types of
//! MS-EERR 2.2.1.

use annulus_ndr::{ByteOrder, Ndr, NdrParams};

use super::{ErrorParameter, ErrorRecord, from_file_time, to_file_time};
use crate::status::Status;

/// `ExtendedErrorInfoPtr`.
#[derive(NdrParams)]
struct Chain {
    first: Option<Box<Record>>,
}

/// `ExtendedErrorInfo`.
#[derive(Ndr)]
struct Record {
    next: Option<Box<Record>>,
    computer_name: ComputerName,
    process_id: u32,
    time_stamp: i64,
    generating_component: u32,
    status: u32,
    detection_location: u16,
    flags: u16,
    len: i16,
    #[ndr(size_is = "len")]
    parameters: Vec<Parameter>,
}

/// `EEComputerName`.
#[derive(Ndr)]
struct ComputerName {
    kind: u16,
    #[ndr(switch_is = "kind")]
    name: PerhapsName,
}

#[derive(Ndr)]
#[ndr(switch = u16)]
enum PerhapsName {
    #[ndr(case = 1)]
    Present(Unicode),
    #[ndr(case = 2)]
    NotPresent,
}

/// `ExtendedErrorParam`.
#[derive(Ndr)]
struct Parameter {
    kind: u16,
    #[ndr(switch_is = "kind")]
    value: Value,
}

#[derive(Ndr)]
#[ndr(switch = u16)]
enum Value {
    #[ndr(case = 1)]
    Ansi(Bytes),
    #[ndr(case = 2)]
    Unicode(Unicode),
    #[ndr(case = 3)]
    Long(i32),
    #[ndr(case = 4)]
    Short(i16),
    #[ndr(case = 5)]
    Pointer(i64),
    #[ndr(case = 6)]
    None,
    #[ndr(case = 7)]
    Binary(Bytes),
}

/// `EEUString`: its length counts the terminator.
#[derive(Ndr)]
struct Unicode {
    len: i16,
    #[ndr(size_is = "len")]
    units: Option<Vec<u16>>,
}

/// `EEAString`, whose length counts the terminator, and `BinaryEEInfo`.
#[derive(Ndr)]
struct Bytes {
    len: i16,
    #[ndr(size_is = "len")]
    bytes: Option<Vec<u8>>,
}

/// Common and private header.
const HEADERS_LEN: usize = 16;
const VERSION: u8 = 1;
const LITTLE_ENDIAN: u8 = 0x10;
const BIG_ENDIAN: u8 = 0;
const FILLER: [u8; 4] = [0xcc; 4];

pub(super) fn encode(records: &[ErrorRecord]) -> Result<Vec<u8>, Status> {
    let mut next = None;
    for record in records.iter().rev() {
        next = Some(Box::new(Record::new(record, next)));
    }
    let mut body = Vec::new();
    annulus_ndr::encode::<Ndr, _>(&Chain { first: next }, &mut body)
        .map_err(|_| Status::BadStubData)?;
    body.resize(body.len().next_multiple_of(8), 0);
    let len = u32::try_from(body.len()).map_err(|_| Status::BadStubData)?;
    let mut out = Vec::with_capacity(HEADERS_LEN + body.len());
    out.extend([VERSION, LITTLE_ENDIAN, 8, 0]);
    out.extend(FILLER);
    out.extend(len.to_le_bytes());
    out.extend([0; 4]);
    out.extend(body);
    Ok(out)
}

pub(super) fn decode(bytes: &[u8]) -> Option<Vec<ErrorRecord>> {
    let (headers, body) = bytes.split_at_checked(HEADERS_LEN)?;
    let order = match headers[..2] {
        [VERSION, LITTLE_ENDIAN] => ByteOrder::Little,
        [VERSION, BIG_ENDIAN] => ByteOrder::Big,
        _ => return None,
    };
    let number = |at: usize| <[u8; 4]>::try_from(&headers[at..at + 4]).ok();
    let len = match order {
        ByteOrder::Little => u32::from_le_bytes(number(8)?),
        ByteOrder::Big => u32::from_be_bytes(number(8)?),
    };
    let body = body.get(..usize::try_from(len).ok()?)?;
    let chain: Chain = annulus_ndr::decode::<Ndr, _>(body, order)
        .inspect_err(|error| tracing::debug!(%error, "extended error information is malformed"))
        .ok()?;
    let mut records = Vec::new();
    let mut next = chain.first;
    while let Some(mut record) = next {
        next = record.next.take();
        records.push(record.into_record()?);
    }
    (!records.is_empty()).then_some(records)
}

impl Record {
    fn new(record: &ErrorRecord, next: Option<Box<Record>>) -> Self {
        let name = record.computer_name.as_deref().and_then(Unicode::new);
        let parameters: Vec<_> = record.parameters.iter().map(Parameter::new).collect();
        Record {
            next,
            computer_name: match name {
                Some(name) => ComputerName {
                    kind: 1,
                    name: PerhapsName::Present(name),
                },
                None => ComputerName {
                    kind: 2,
                    name: PerhapsName::NotPresent,
                },
            },
            process_id: record.process_id,
            time_stamp: to_file_time(record.time),
            generating_component: record.generating_component,
            status: record.status.code(),
            detection_location: record.detection_location,
            flags: record.flags,
            len: i16::try_from(parameters.len()).unwrap_or(i16::MAX),
            parameters,
        }
    }

    fn into_record(self) -> Option<ErrorRecord> {
        if self.parameters.len() > ErrorRecord::PARAMETERS_MAX {
            return None;
        }
        Some(ErrorRecord {
            computer_name: match self.computer_name.name {
                PerhapsName::Present(name) => Some(name.into_string()),
                PerhapsName::NotPresent => None,
            },
            process_id: self.process_id,
            time: from_file_time(self.time_stamp)?,
            generating_component: self.generating_component,
            status: Status::from_code(self.status),
            detection_location: self.detection_location,
            flags: self.flags,
            parameters: self
                .parameters
                .into_iter()
                .map(Parameter::into_parameter)
                .collect(),
        })
    }
}

impl Parameter {
    /// What is too long to be counted is marked as left out.
    fn new(parameter: &ErrorParameter) -> Self {
        let value = match parameter {
            ErrorParameter::Ansi(bytes) => Bytes::terminated(bytes).map(Value::Ansi),
            ErrorParameter::Unicode(text) => Unicode::new(text).map(Value::Unicode),
            ErrorParameter::Long(value) => Some(Value::Long(*value)),
            ErrorParameter::Short(value) => Some(Value::Short(*value)),
            ErrorParameter::Pointer(value) => Some(Value::Pointer(*value)),
            ErrorParameter::Truncated => None,
            ErrorParameter::Binary(bytes) => Bytes::new(bytes.clone()).map(Value::Binary),
        };
        let value = value.unwrap_or(Value::None);
        Parameter {
            kind: value.kind(),
            value,
        }
    }

    fn into_parameter(self) -> ErrorParameter {
        match self.value {
            Value::Ansi(bytes) => ErrorParameter::Ansi(bytes.into_text()),
            Value::Unicode(text) => ErrorParameter::Unicode(text.into_string()),
            Value::Long(value) => ErrorParameter::Long(value),
            Value::Short(value) => ErrorParameter::Short(value),
            Value::Pointer(value) => ErrorParameter::Pointer(value),
            Value::None => ErrorParameter::Truncated,
            Value::Binary(bytes) => ErrorParameter::Binary(bytes.bytes.unwrap_or_default()),
        }
    }
}

impl Value {
    fn kind(&self) -> u16 {
        match self {
            Value::Ansi(_) => 1,
            Value::Unicode(_) => 2,
            Value::Long(_) => 3,
            Value::Short(_) => 4,
            Value::Pointer(_) => 5,
            Value::None => 6,
            Value::Binary(_) => 7,
        }
    }
}

impl Unicode {
    fn new(text: &str) -> Option<Self> {
        let units: Vec<u16> = text.encode_utf16().chain([0]).collect();
        Some(Unicode {
            len: i16::try_from(units.len()).ok()?,
            units: Some(units),
        })
    }

    fn into_string(self) -> String {
        let units = self.units.unwrap_or_default();
        let text = units.split(|unit| *unit == 0).next().unwrap_or_default();
        String::from_utf16_lossy(text)
    }
}

impl Bytes {
    fn new(bytes: Vec<u8>) -> Option<Self> {
        Some(Bytes {
            len: i16::try_from(bytes.len()).ok()?,
            bytes: Some(bytes),
        })
    }

    fn terminated(text: &[u8]) -> Option<Self> {
        Bytes::new([text, &[0]].concat())
    }

    fn into_text(self) -> Vec<u8> {
        let mut bytes = self.bytes.unwrap_or_default();
        let end = bytes.iter().position(|byte| *byte == 0);
        bytes.truncate(end.unwrap_or(bytes.len()));
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::extended_error::ExtendedError;

    fn hex(text: &str) -> Vec<u8> {
        let digits: String = text
            .split_whitespace()
            .filter(|word| !word.starts_with('('))
            .collect();
        (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect()
    }

    /// The example of MS-EERR 3.1, with a shorter string and the first moment of 1970.
    #[test]
    fn rule_53_a_record_lies_on_the_wire_as_the_specification_says() {
        let mut record = ErrorRecord::new(Status::Other(2))
            .component(0x49)
            .location(0x0bf0)
            .at(UNIX_EPOCH)
            .parameter(ErrorParameter::Unicode("Rpc".into()));
        record.process_id = 0x1234;
        let expected = hex("(version) 01 (order) 10 (len) 0800 (filler) cccccccc \
             (len) 48000000 (filler) 00000000 \
             (first) 00000200 (count) 01000000 \
             (next) 00000000 (name) 0200 0200 (process) 34120000 (gap) 00000000 \
             (time) 00803ed5deb19d01 (component) 49000000 (status) 02000000 \
             (location) f00b (flags) 0000 (len) 0100 (gap) 0000 \
             (kind) 0200 0200 (len) 0400 (gap) 0000 (string) 04000200 \
             (count) 04000000 52007000 63000000");
        assert_eq!(encode(&[record]).unwrap(), expected);
    }

    #[test]
    fn rule_53_chains_of_records_and_all_parameters_come_back() {
        let cause = ErrorRecord::new(Status::EntryNotFound)
            .at(UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_700))
            .computer("grüße")
            .parameter(ErrorParameter::Ansi(b"bytes".to_vec()))
            .parameter(ErrorParameter::Long(-7))
            .parameter(ErrorParameter::Short(-8))
            .parameter(ErrorParameter::Pointer(i64::MIN))
            .parameter(ErrorParameter::Long(5));
        assert_eq!(cause.parameters().len(), 4, "a fifth is left out");
        let head = ErrorRecord::new(Status::CallFailed)
            .at(UNIX_EPOCH)
            .parameter(ErrorParameter::Binary(vec![1, 2, 3]))
            .parameter(ErrorParameter::Truncated)
            .parameter(ErrorParameter::Unicode(String::new()));
        let error = ExtendedError::new(cause).wrap(head);
        let bytes = error.encode().unwrap();
        assert_eq!(bytes.len() % 8, 0);
        assert_eq!(ExtendedError::decode(&bytes), Some(error));
    }

    #[test]
    fn a_string_that_is_too_long_is_marked_as_left_out() {
        let long = ErrorParameter::Unicode("x".repeat(40_000));
        let record = ErrorRecord::new(Status::CallFailed).parameter(long);
        let decoded = decode(&encode(&[record]).unwrap()).unwrap();
        assert_eq!(decoded[0].parameters(), [ErrorParameter::Truncated]);
    }

    #[test]
    fn whatever_breaks_the_rules_is_no_extended_error_at_all() {
        let record = ErrorRecord::new(Status::CallFailed)
            .at(UNIX_EPOCH)
            .parameter(ErrorParameter::Long(1));
        let bytes = encode(&[record]).unwrap();
        assert!(decode(&bytes).is_some());
        for len in 0..bytes.len() {
            assert_eq!(decode(&bytes[..len]), None, "{len} bytes");
        }
        for (at, value) in [(0, 2), (1, 7), (8, 0xff), (18, 0), (20, 5), (60, 9)] {
            let mut broken = bytes.clone();
            broken[at] = value;
            assert_eq!(decode(&broken), None, "byte {at}");
        }
    }
}
