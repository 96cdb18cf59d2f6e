//! What was run against what, as reports say it.

use serde::{Deserialize, Serialize};

use crate::report::Counted;

/// A run as it was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) target: String,
    /// Whether the server was a part of this process.
    pub(crate) embedded: bool,
    /// Which of several processes that run together.
    pub(crate) agent: Option<String>,
    pub(crate) operations: Vec<OperationShare>,
    pub(crate) payload: String,
    /// What goes through pipes; `null` if calls have none.
    #[serde(default)]
    pub(crate) pipe: Option<PipeSetup>,
    pub(crate) connections: u32,
    pub(crate) outstanding: u32,
    /// In words.
    pub(crate) arrivals: String,
    /// Calls a second that were asked for; `null` is closed loop.
    pub(crate) rate: Option<f64>,
    pub(crate) think_time_us: f64,
    /// `null` is without a limit.
    pub(crate) timeout_us: Option<f64>,
    /// Which calls are cancelled, in words; `null` is none.
    #[serde(default)]
    pub(crate) cancelling: Option<String>,
    pub(crate) idle: String,
    pub(crate) client_cores: Vec<usize>,
    pub(crate) server_cores: Vec<usize>,
    pub(crate) seed: u64,
}

impl Setup {
    /// What the run made.
    pub(crate) fn counted(&self) -> Counted {
        match self.pipe {
            Some(_) => Counted::Transfers,
            None => Counted::Calls,
        }
    }
}

/// Transfers through pipes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PipeSetup {
    /// `in`, `out`, or `inout`.
    pub(crate) direction: String,
    /// Of a transfer, in each direction.
    pub(crate) bytes: u64,
    /// That the client pushes and pulls at a time.
    pub(crate) chunk_bytes: u32,
}

/// An operation and its share of the calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OperationShare {
    pub(crate) name: String,
    pub(crate) share: f64,
}
