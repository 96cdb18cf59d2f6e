//! Decoding and encoding the stub data of one direction of one operation, whatever its type.

use annulus_ndr::{
    ByteOrder, DecodeError, DecodeParams, EncodeError, EncodeParams, Gives, Ndr, Ndr64, WithGiven,
    decode, decode_prefix, encode,
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
    /// Of out-parameters: the in-parameters that they answer, in little-endian NDR. They tell some
    /// of the counts.
    pub request: Option<&'a [u8]>,
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
    /// The value that stub data decode to, with all its fields: equal values look the same.
    pub show: fn(Stub<'_>) -> Result<String, CodecError>,
}

/// The [`Codec`] of parameters, and of those that they answer.
macro_rules! codec {
    ($params:ty $(, answers $request:ty)?) => {
        $crate::codec::Codec {
            recode: |stub, ndr64| {
                let given = codec!(@given stub $(, $request)?);
                let params: $params = $crate::codec::read(given, stub)?;
                $crate::codec::write(&params, given, ndr64)
            },
            show: |stub| {
                let given = codec!(@given stub $(, $request)?);
                let params: $params = $crate::codec::read(given, stub)?;
                Ok(format!("{params:?}"))
            },
        }
    };
    (@given $stub:ident) => { None };
    (@given $stub:ident, $request:ty) => {
        $crate::codec::given::<$request, _>($stub)?
    };
}
pub(crate) use codec;

/// What the in-parameters tell that `stub` answers.
pub(crate) fn given<'a, Q, G>(stub: Stub<'a>) -> Result<Option<G>, CodecError>
where
    Q: DecodeParams<'a> + Gives<G>,
{
    let is_nothing = size_of::<G>() == 0;
    let Some(request) = stub.request.filter(|_| !is_nothing) else {
        return Ok(None);
    };
    let request: Q = decode::<Ndr, Q>(request, ByteOrder::Little)?;
    Ok(Some(request.given()))
}

/// Decodes all of `stub`.
pub(crate) fn read<'a, T: DecodeParams<'a>>(
    given: Option<T::Given>,
    stub: Stub<'a>,
) -> Result<T, CodecError> {
    let Stub { form, bytes, .. } = stub;
    let order = if form.bigendian {
        ByteOrder::Big
    } else {
        ByteOrder::Little
    };
    let (params, read) = if form.ndr64 {
        decode_prefix::<Ndr64, T>(given, bytes, order)?
    } else {
        decode_prefix::<Ndr, T>(given, bytes, order)?
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
pub(crate) fn write<T: EncodeParams>(
    params: &T,
    given: Option<T::Given>,
    ndr64: bool,
) -> Result<Vec<u8>, CodecError> {
    let mut stub = Vec::new();
    let params = WithGiven { params, given };
    if ndr64 {
        encode::<Ndr64, _>(&params, &mut stub)?;
    } else {
        encode::<Ndr, _>(&params, &mut stub)?;
    }
    Ok(stub)
}
