//! NDR 2.0 marshalling for DCE/RPC: borrowed decoding, encoding into caller-owned buffers.
//!
//! The parameters of an operation, in one direction, are a struct:
//!
//! ```
//! use annulus_ndr::{ByteOrder, Ndr, NdrParams, decode, encode};
//!
//! #[derive(NdrParams, Debug, PartialEq)]
//! struct EchoData<'a> {
//!     len: u32,
//!     #[ndr(size_is = "len")]
//!     data: &'a [u8],
//! }
//!
//! let mut stub = Vec::new();
//! encode::<Ndr, _>(&EchoData { len: 3, data: &[1, 2, 3] }, &mut stub)?;
//! assert_eq!(stub, [3, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3]);
//!
//! let params: EchoData<'_> = decode::<Ndr, _>(&stub, ByteOrder::Little)?;
//! assert_eq!(params.data, [1, 2, 3]); // not a copy: it lies in the stub
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Structures, enums and unions derive [`macro@Ndr`]; parameter lists derive
//! [`macro@NdrParams`]. The macros' pages list the attributes. Everything is generic over the
//! transfer syntax ([`struct@Ndr`], [`Ndr64`]) and written little-endian; what comes in may have
//! either [`ByteOrder`].
#![deny(unsafe_code)]

extern crate self as annulus_ndr;

mod array;
mod correlation;
mod counted_text;
mod error;
mod fixed;
mod full;
mod holder;
mod late;
mod numbers;
mod params;
mod pipe;
mod pointer;
mod reader;
mod represent;
mod scalar;
mod section;
mod shared;
#[allow(unsafe_code, reason = "vector instructions; each use has its proof")]
mod simd;
mod syntax;
mod text;
mod traits;
mod union;
mod writer;

pub use annulus_ndr_derive::{Ndr, NdrParams};
pub use array::{Conformant, ConformantVarying, Varying};
pub use bytes::Bytes;
pub use correlation::{
    Bounds, Correlated, Counted, Selector, check_decode_range, check_encode_range,
};
pub use error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
pub use fixed::{Elements, Fixed};
pub use full::{Full, Ptr, Referent};
pub use late::CheckLate;
pub use numbers::{Numbers, NumbersIter};
pub use params::{
    DecodeParams, EncodeParams, Gives, Params, WithGiven, decode, decode_given, decode_prefix,
    encode,
};
pub use pipe::{PipeReader, PipeWriter};
pub use pointer::{Ref, Unique};
pub use reader::{ByteOrder, DEPTH_MAX, Reader};
pub use represent::{As, Represent};
pub use scalar::{ContextHandle, Number};
pub use section::{
    ArraySection, Extents, MultiBounds, MultiConformant, MultiConformantVarying, MultiVarying,
};
pub use shared::{SHARED_LEN_MIN, SharedNumbers, SharedPart, encode_shared};
pub use syntax::{Layout, Ndr, Ndr64, Syntax};
pub use text::{RawText, Text, Utf16Str, VaryingText};
pub use traits::{Decode, Direct, Encode, Natural, Shape, Wire};
pub use union::Switch;
pub use uuid::Uuid;
pub use writer::Writer;
