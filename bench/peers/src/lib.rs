//! The structure {u32, u64, 64 bytes, 1024 × u32} as annulus and as other systems have it.

use annulus_ndr::{NdrParams, Numbers};
use prost::Message;

const VALUES: usize = 1024;

/// As NDR, rkyv and bincode have it.
#[derive(
    NdrParams,
    Debug,
    Clone,
    PartialEq,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
    bincode::Encode,
    bincode::Decode,
)]
pub struct Record {
    pub id: u32,
    pub stamp: u64,
    pub digest: [u8; 64],
    #[ndr(conformant)]
    pub values: Vec<u32>,
}

/// A view of it in NDR.
#[derive(NdrParams)]
pub struct Borrowed<'a> {
    pub id: u32,
    pub stamp: u64,
    pub digest: &'a [u8; 64],
    #[ndr(conformant)]
    pub values: Numbers<'a, u32>,
}

/// As Protocol Buffers have it, with fixed-width numbers.
#[derive(Clone, PartialEq, Message)]
pub struct Proto {
    #[prost(fixed32, tag = "1")]
    pub id: u32,
    #[prost(fixed64, tag = "2")]
    pub stamp: u64,
    #[prost(bytes = "vec", tag = "3")]
    pub digest: Vec<u8>,
    #[prost(fixed32, repeated, tag = "4")]
    pub values: Vec<u32>,
}

/// The value that all of them encode.
pub fn record() -> Record {
    let number = |i: usize| u32::try_from(i * 0x0101).expect("small");
    Record {
        id: 7,
        stamp: 0x0123_4567_89ab_cdef,
        digest: [0x5a; 64],
        values: (0..VALUES).map(number).collect(),
    }
}

/// The same for Protocol Buffers.
pub fn proto() -> Proto {
    let Record {
        id,
        stamp,
        digest,
        values,
    } = record();
    Proto {
        id,
        stamp,
        digest: digest.to_vec(),
        values,
    }
}
