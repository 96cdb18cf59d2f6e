//! Samba's NDR codec, asked through its Python bindings what the bytes of a value are.

use std::process::Command;

use anyhow::Result;

use crate::packages;
use crate::session::Session;
use crate::{cargo, raw_protocol::PYTHON};

/// How many values of each kind are drawn from each seed.
const ROUNDS: u32 = 32;

/// Compares a fixed seed and a fresh one, which the test prints: it is what replays a run.
pub(crate) fn step(session: &Session<'_>) -> Result<String> {
    require(session)?;
    cargo::ndr_oracle(session, ROUNDS)
}

/// Sees to it that the codec is there.
///
/// # Errors
///
/// Those of [`packages::require`].
pub(crate) fn require(session: &Session<'_>) -> Result<()> {
    packages::require(session, "python3-samba", || {
        session
            .query(Command::new(PYTHON).args(["-c", "import samba.ndr, samba.dcerpc.samr"]))
            .is_ok()
    })
}
