//! Comparing ours with Samba's, value by value.

use std::collections::BTreeSet;
use std::fmt;

use annulus_ndr_oracle::{Codec, CodecError, Form, Operation, Stub};

use crate::exceptions::{self, EXCEPTIONS};
use crate::vectors::Value;

/// How many complaints are shown.
const SHOWN_MAX: usize = 20;

/// What came of some values.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    /// Values whose every form that is not excepted was checked.
    values: usize,
    /// Comparisons of bytes and of values.
    checks: usize,
    complaints: Vec<String>,
    /// Samba's names of the operations that were checked.
    pub(crate) operations: BTreeSet<String>,
    /// Samba's names of the structures that were checked.
    pub(crate) structures: BTreeSet<String>,
    /// Forms of values that an exception took out, and that do differ.
    excepted: usize,
    /// The exceptions that took out something that differs.
    needed: BTreeSet<usize>,
}

impl Judgement {
    /// Checks a value: every two of its forms decode to the same, and from each of them the bytes
    /// of the little-endian ones are encoded.
    pub(crate) fn add(&mut self, value: &Value) {
        let Some(operation) = Operation::named(&value.name) else {
            self.complaints
                .push(format!("{} is not in the table", value.name));
            return;
        };
        let codec = if value.is_request {
            operation.request
        } else {
            operation.reply
        };
        let mut stubs = Vec::new();
        for (form, bytes) in Form::ALL.into_iter().zip(&value.stubs) {
            let request = value.request.as_deref();
            let stub = Stub {
                form,
                bytes,
                request,
            };
            match exceptions::covering(value, form) {
                None => stubs.push(stub),
                Some(exception) => self.except(codec, value, stub, exception),
            }
        }
        for &stub in &stubs {
            for &wanted in stubs.iter().filter(|wanted| !wanted.form.bigendian) {
                self.compare_bytes(codec, value, stub, wanted);
            }
            self.compare_values(codec, value, stubs[0], stub);
        }
        self.values += 1;
        self.operations.insert(value.name.clone());
        self.structures.extend(value.structures.iter().cloned());
    }

    fn compare_bytes(&mut self, codec: Codec, value: &Value, stub: Stub<'_>, wanted: Stub<'_>) {
        self.checks += 1;
        let complaint = match (codec.recode)(stub, wanted.form.ndr64) {
            Ok(encoded) if is_same(value, &encoded, wanted) => return,
            Ok(encoded) => format!(
                "other bytes\n  Samba  {}\n  ours   {}\n  value  {}",
                hex(wanted.bytes),
                hex(&encoded),
                (codec.show)(stub).unwrap_or_default()
            ),
            Err(error) => format!("{error}\n  Samba  {}", hex(stub.bytes)),
        };
        self.complain(value, stub.form, wanted.form, &complaint);
    }

    fn compare_values(&mut self, codec: Codec, value: &Value, one: Stub<'_>, other: Stub<'_>) {
        self.checks += 1;
        let complaint = match ((codec.show)(one), (codec.show)(other)) {
            (Ok(one), Ok(other)) if one == other => return,
            (Ok(one), Ok(other)) => format!("other values\n  {one}\n  {other}"),
            (Err(error), _) | (_, Err(error)) => error.to_string(),
        };
        self.complain(value, one.form, other.form, &complaint);
    }

    fn complain(&mut self, value: &Value, from: Form, to: Form, complaint: &str) {
        self.complaints.push(format!(
            "{} {} {}, from {} to {}: {complaint}",
            value.name,
            value.variant,
            if value.is_request { "in" } else { "out" },
            describe(from),
            describe(to)
        ));
    }

    /// Notes an exception that takes out what differs indeed.
    fn except(&mut self, codec: Codec, value: &Value, stub: Stub<'_>, exception: usize) {
        // What does not even decode differs.
        if differs(codec, value, stub).unwrap_or(true) {
            self.excepted += 1;
            self.needed.insert(exception);
        }
    }

    /// The protocols whose operations were checked.
    pub(crate) fn protocols(&self) -> BTreeSet<&str> {
        let names = self.operations.iter();
        names.filter_map(|name| name.split('.').next()).collect()
    }

    /// # Panics
    ///
    /// If ours and Samba's differ.
    pub(crate) fn assert_clean(&self) {
        assert!(self.values > 0, "nothing was compared");
        assert!(
            self.complaints.is_empty(),
            "{} complaints; the first are\n{}",
            self.complaints.len(),
            self.complaints[..self.complaints.len().min(SHOWN_MAX)].join("\n")
        );
    }

    /// # Panics
    ///
    /// If an exception took out nothing that differs.
    pub(crate) fn assert_exceptions_are_needed(&self) {
        for (index, exception) in EXCEPTIONS.iter().enumerate() {
            assert!(
                self.needed.contains(&index),
                "this exception is not needed any more: {exception:?}"
            );
        }
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} values of {} operations of {} protocols",
            self.values,
            self.operations.len(),
            self.protocols().len(),
        )?;
        if !self.structures.is_empty() {
            write!(f, ", with {} structures", self.structures.len())?;
        }
        write!(
            f,
            ": {} comparisons, {} complaints; {} stubs are excepted",
            self.checks,
            self.complaints.len(),
            self.excepted
        )?;
        for index in &self.needed {
            write!(f, "\n  excepted: {}", EXCEPTIONS[*index].reason)?;
        }
        Ok(())
    }
}

/// Whether `encoded` is what Samba wrote. Referent ids are too, as Samba counts as ours do, from
/// 0x00020000 in steps of 4; but those of full pointers, which only the endpoint mapper has, it
/// counts from 1.
fn is_same(value: &Value, encoded: &[u8], wanted: Stub<'_>) -> bool {
    if !value.name.starts_with("epmapper.") {
        return encoded == wanted.bytes;
    }
    let len = if wanted.form.ndr64 { 8 } else { 4 };
    let mut referents = 0u64;
    let (ours, theirs) = (encoded.chunks(len), wanted.bytes.chunks(len));
    encoded.len() == wanted.bytes.len()
        && ours.zip(theirs).all(|(ours, theirs)| {
            let next = (0x0002_0000 + 4 * referents).to_le_bytes();
            let is_referent = ours == &next[..ours.len()]
                && theirs == &(referents + 1).to_le_bytes()[..theirs.len()];
            referents += u64::from(is_referent);
            is_referent || ours == theirs
        })
}

/// Whether encoding `stub` again gives other bytes than Samba's little-endian ones.
fn differs(codec: Codec, value: &Value, stub: Stub<'_>) -> Result<bool, CodecError> {
    let again = (codec.recode)(stub, stub.form.ndr64)?;
    let little = Form::new(stub.form.ndr64, false);
    let twin = Form::ALL.iter().position(|form| *form == little);
    Ok(again != value.stubs[twin.expect("ALL has every form")])
}

fn describe(form: Form) -> &'static str {
    match (form.ndr64, form.bigendian) {
        (false, false) => "NDR",
        (false, true) => "big-endian NDR",
        (true, false) => "NDR64",
        (true, true) => "big-endian NDR64",
    }
}

fn hex(bytes: &[u8]) -> String {
    let pairs: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(" ")
}
