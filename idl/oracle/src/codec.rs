//! Decoding and encoding the stub data of one direction of one operation, whatever its type.

use annulus_ndr::{
    ByteOrder, DecodeError, DecodeParams, EncodeError, EncodeParams, Ndr, Ndr64, decode_prefix,
    encode,
};

/// How stub data are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Form {
    /// In NDR64; otherwise in NDR.
    pub ndr64: bool,
    /// Big-endian; otherwise little-endian.
    pub bigendian: bool,
}

impl Form {
    /// The four of them.
    pub const ALL: [Form; 4] = [
        Form::new(false, false),
        Form::new(false, true),
        Form::new(true, false),
        Form::new(true, true),
    ];

    /// A form.
    #[must_use]
    pub const fn new(ndr64: bool, bigendian: bool) -> Self {
        Form { ndr64, bigendian }
    }
}

/// Stub data and how they are written.
#[derive(Clone, Copy, Debug)]
pub struct Stub<'a> {
    /// The form of `bytes`.
    pub form: Form,
    /// The stub data.
    pub bytes: &'a [u8],
}

/// Why stub data that Samba wrote could not be written again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// They do not decode.
    #[error("it does not decode: {0}")]
    Decode(#[from] DecodeError),
    /// They decode to what does not encode.
    #[error("what it decodes to does not encode: {0}")]
    Encode(#[from] EncodeError),
    /// Fewer bytes than Samba wrote make the parameters.
    #[error("{read} of its {written} bytes were read")]
    Rest {
        /// How many bytes the parameters took.
        read: usize,
        /// How many Samba wrote.
        written: usize,
    },
}

/// What works with the parameters of an operation in one direction.
#[derive(Clone, Copy, Debug)]
pub struct Codec {
    /// Decodes stub data, and encodes the value: in NDR64 if the flag says so, else in NDR, and
    /// little-endian.
    pub recode: fn(Stub<'_>, bool) -> Result<Vec<u8>, CodecError>,
    /// Whether two stub data decode to equal values.
    pub equal: fn(Stub<'_>, Stub<'_>) -> Result<bool, CodecError>,
    /// The value that stub data decode to, for people.
    pub show: fn(Stub<'_>) -> Result<String, CodecError>,
}

/// The [`Codec`] of a type.
macro_rules! codec {
    ($params:ty) => {
        $crate::codec::Codec {
            recode: |stub, ndr64| {
                let params: $params = $crate::codec::read(stub)?;
                $crate::codec::write(&params, ndr64)
            },
            equal: |one, other| {
                let one: $params = $crate::codec::read(one)?;
                let other: $params = $crate::codec::read(other)?;
                Ok(one == other)
            },
            show: |stub| {
                let params: $params = $crate::codec::read(stub)?;
                Ok(format!("{params:?}"))
            },
        }
    };
}
pub(crate) use codec;

/// Decodes all of `stub`.
pub(crate) fn read<'a, T: DecodeParams<'a>>(stub: Stub<'a>) -> Result<T, CodecError> {
    let Stub { form, bytes } = stub;
    let order = if form.bigendian {
        ByteOrder::Big
    } else {
        ByteOrder::Little
    };
    let (params, read) = if form.ndr64 {
        decode_prefix::<Ndr64, T>(None, bytes, order)?
    } else {
        decode_prefix::<Ndr, T>(None, bytes, order)?
    };
    if read != bytes.len() {
        return Err(CodecError::Rest {
            read,
            written: bytes.len(),
        });
    }
    Ok(params)
}

/// Encodes `params`.
pub(crate) fn write<T: EncodeParams>(params: &T, ndr64: bool) -> Result<Vec<u8>, CodecError> {
    let mut stub = Vec::new();
    if ndr64 {
        encode::<Ndr64, T>(params, &mut stub)?;
    } else {
        encode::<Ndr, T>(params, &mut stub)?;
    }
    Ok(stub)
}
