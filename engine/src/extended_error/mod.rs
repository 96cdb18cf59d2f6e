//! Why a call failed, for people: extended error information (MS-EERR).

mod wire;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::status::Status;

/// A chain of records about one failure, the newest first: each tells how the layer that made it
/// saw the failure of the layer behind.
///
/// It travels with a fault, unprotected, and changes nothing: the status of the call stays what it
/// is.
///
/// ```
/// use annulus::{ErrorParameter, ErrorRecord, ExtendedError, Status};
///
/// let cause = ErrorRecord::new(Status::EntryNotFound)
///     .component(4711)
///     .parameter(ErrorParameter::Unicode("colour".into()));
/// let error = ExtendedError::new(cause).wrap(ErrorRecord::new(Status::CallFailed));
/// assert_eq!(error.records()[0].status, Status::CallFailed);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedError {
    records: Vec<ErrorRecord>,
}

impl ExtendedError {
    /// A chain of one record.
    #[must_use]
    pub fn new(cause: ErrorRecord) -> Self {
        ExtendedError {
            records: vec![cause],
        }
    }

    /// The same chain with a further record at its head.
    #[must_use]
    pub fn wrap(mut self, record: ErrorRecord) -> Self {
        self.records.insert(0, record);
        self
    }

    /// The records, the newest first.
    #[must_use]
    pub fn records(&self) -> &[ErrorRecord] {
        &self.records
    }

    /// As a fault carries it (MS-EERR 2.2.2.1).
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Status> {
        wire::encode(&self.records)
    }

    /// From what a fault carried. What breaks the rules is none at all (MS-EERR 2.2.2.2).
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let records = wire::decode(bytes)?;
        Some(ExtendedError { records })
    }
}

/// One record of an [`ExtendedError`] (MS-EERR 2.2.1.8).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorRecord {
    /// The machine that made the record; `None` stands for the machine that reads it.
    pub computer_name: Option<String>,
    /// The process that made the record.
    pub process_id: u32,
    /// When the record was made, to 100 ns.
    pub time: SystemTime,
    /// The component that saw the error; 0 to 255 are Microsoft's (MS-EERR 1.7).
    pub generating_component: u32,
    /// The error as that component saw it.
    pub status: Status,
    /// Where in the component; its own numbering.
    pub detection_location: u16,
    /// Whether records before or behind this one were left out: bits 0x1 and 0x2.
    pub flags: u16,
    parameters: Vec<ErrorParameter>,
}

/// What a record says of the error beyond its numbers (MS-EERR 2.2.1.5).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorParameter {
    /// A string in some 8-bit encoding.
    Ansi(Vec<u8>),
    /// A string.
    Unicode(String),
    /// A number.
    Long(i32),
    /// A small number.
    Short(i16),
    /// A pointer, or another number of 64 bits.
    Pointer(i64),
    /// A string that was left out for want of room.
    Truncated,
    /// Bytes.
    Binary(Vec<u8>),
}

impl ErrorRecord {
    /// How many parameters a record can have.
    pub const PARAMETERS_MAX: usize = 4;

    /// A record of this process, made now.
    #[must_use]
    pub fn new(status: Status) -> Self {
        ErrorRecord {
            computer_name: None,
            process_id: std::process::id(),
            time: SystemTime::now(),
            generating_component: 0,
            status,
            detection_location: 0,
            flags: 0,
            parameters: Vec::new(),
        }
    }

    /// Sets [`generating_component`](ErrorRecord::generating_component).
    #[must_use]
    pub fn component(mut self, component: u32) -> Self {
        self.generating_component = component;
        self
    }

    /// Sets [`detection_location`](ErrorRecord::detection_location).
    #[must_use]
    pub fn location(mut self, location: u16) -> Self {
        self.detection_location = location;
        self
    }

    /// Sets [`computer_name`](ErrorRecord::computer_name).
    #[must_use]
    pub fn computer(mut self, name: impl Into<String>) -> Self {
        self.computer_name = Some(name.into());
        self
    }

    /// Sets [`time`](ErrorRecord::time).
    #[must_use]
    pub fn at(mut self, time: SystemTime) -> Self {
        self.time = time;
        self
    }

    /// Adds a parameter; a fifth is left out.
    #[must_use]
    pub fn parameter(mut self, parameter: ErrorParameter) -> Self {
        if self.parameters.len() < Self::PARAMETERS_MAX {
            self.parameters.push(parameter);
        }
        self
    }

    /// The parameters: four at most.
    #[must_use]
    pub fn parameters(&self) -> &[ErrorParameter] {
        &self.parameters
    }
}

/// A call that failed, and why, as far as its server said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status}")]
#[non_exhaustive]
pub struct ExplainedFailure {
    /// How the call ended.
    pub status: Status,
    /// What its server sent along; or, if the server was not found, why.
    pub extended: Option<ExtendedError>,
}

/// Of which its server said nothing.
impl From<Status> for ExplainedFailure {
    fn from(status: Status) -> Self {
        ExplainedFailure {
            status,
            extended: None,
        }
    }
}

/// From 1601 to 1970.
const FILE_TIME_TO_UNIX: Duration = Duration::from_secs(11_644_473_600);

/// A time in units of 100 ns since 1601; zero for what is before.
fn to_file_time(time: SystemTime) -> i64 {
    let since_1601 = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => FILE_TIME_TO_UNIX + since,
        Err(before) => FILE_TIME_TO_UNIX.saturating_sub(before.duration()),
    };
    i64::try_from(since_1601.as_nanos() / 100).unwrap_or(i64::MAX)
}

/// `None` if the clock cannot say this time.
fn from_file_time(file_time: i64) -> Option<SystemTime> {
    let ticks = u64::try_from(file_time).ok()?;
    let nanos = u32::try_from(ticks % 10_000_000 * 100).ok()?;
    let since_1601 = Duration::new(ticks / 10_000_000, nanos);
    UNIX_EPOCH
        .checked_sub(FILE_TIME_TO_UNIX)?
        .checked_add(since_1601)
}
