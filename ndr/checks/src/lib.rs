//! What must hold when any bytes are decoded as NDR.
//!
//! Each check takes bytes, of which the first few choose what is done with the others, and
//! panics where something does not hold. The targets in `fuzz/` feed them without end; the test
//! here replays the seeds that fuzzing left in `fuzz/seeds/`, with any compiler.
#![forbid(unsafe_code)]

mod constructs;
mod decode;
mod pipe;
mod stable;
mod text;
mod twins;

use annulus_ndr::{ByteOrder, EncodeParams, Syntax, encode};

pub use decode::decode;
pub use pipe::pipe;
pub use text::text;

/// The byte order that the lowest bit of `selector` chooses.
fn order(selector: u8) -> ByteOrder {
    if selector & 1 == 0 {
        ByteOrder::Little
    } else {
        ByteOrder::Big
    }
}

/// `None` where a value was taken that is not to be sent, such as a default arm with the
/// discriminant of another.
fn encoded<S: Syntax>(value: &impl EncodeParams) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    encode::<S, _>(value, &mut out).ok()?;
    Some(out)
}
