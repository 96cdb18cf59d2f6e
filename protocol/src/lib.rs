//! Sans-IO DCE/RPC (C706, MS-RPCE): PDUs, fragments, associations, security seam.
#![forbid(unsafe_code)]

mod limits;
mod time;

pub use limits::Limits;
pub use time::Time;
