//! Instructions that each peer takes for the record of `benches/marshalling.rs`, used in the same way.
//! They are the same from run to run, on a machine that nobody else waits for or on a busy one.
//!
//! `cargo build --release && target/release/instructions list`, then for each name
//!
//! ```text
//! valgrind --tool=callgrind --collect-atstart=no --toggle-collect='*counted*' \
//!     --callgrind-out-file=/dev/null target/release/instructions run NAME
//! ```
//!
//! which says `Collected`: what 16 of them take.

use std::hint::black_box;
use std::process::ExitCode;

use annulus_bench_peers::{ArchivedRecord, Borrowed, Proto, Record, proto, record};
use annulus_ndr::{ByteOrder, Ndr, decode, encode};
use bincode::config::{Configuration, Fixint, LittleEndian};
use prost::Message;
use rkyv::rancor::Error;
use rkyv::util::AlignedVec;

/// Operations that are counted together.
const COUNTED: u64 = 16;

/// More than any of the peers takes for the record.
const ROOM: usize = 8192;

const BINCODE: Configuration<LittleEndian, Fixint> =
    bincode::config::standard().with_fixed_int_encoding();

const OPERATIONS: &[(&str, fn())] = &[
    ("annulus/encode", || {
        let (value, mut out) = (record(), Vec::with_capacity(ROOM));
        count(|| to_ndr(&value, &mut out));
    }),
    ("annulus/decode_borrowed", || {
        let stub = ndr();
        count(|| {
            let record = decode::<Ndr, Borrowed<'_>>(black_box(&stub), ByteOrder::Little);
            black_box(&record.expect("the stub is good"));
        });
    }),
    ("annulus/decode_owned", || {
        let stub = ndr();
        count(|| {
            let record = decode::<Ndr, Record>(black_box(&stub), ByteOrder::Little);
            black_box(record.expect("the stub is good"));
        });
    }),
    ("rkyv/encode", || {
        let (value, mut out) = (record(), AlignedVec::with_capacity(ROOM));
        count(|| to_rkyv(&value, &mut out));
    }),
    ("rkyv/decode_borrowed", || {
        let bytes = rkyv_bytes();
        count(|| {
            let record = rkyv::access::<ArchivedRecord, Error>(black_box(&bytes));
            black_box(record.expect("the bytes are good"));
        });
    }),
    ("rkyv/decode_owned", || {
        let bytes = rkyv_bytes();
        count(|| {
            let record = rkyv::from_bytes::<Record, Error>(black_box(&bytes));
            black_box(record.expect("the bytes are good"));
        });
    }),
    ("bincode/encode", || {
        let (value, mut out) = (record(), vec![0; ROOM]);
        count(|| {
            to_bincode(&value, &mut out);
        });
    }),
    ("bincode/decode_owned", || {
        let mut bytes = vec![0; ROOM];
        let len = to_bincode(&record(), &mut bytes);
        count(|| {
            let decoded =
                bincode::decode_from_slice::<Record, _>(black_box(&bytes[..len]), BINCODE);
            black_box(decoded.expect("the bytes are good"));
        });
    }),
    ("prost/encode", || {
        let (value, mut out) = (proto(), Vec::with_capacity(ROOM));
        count(|| to_prost(&value, &mut out));
    }),
    ("prost/decode_owned", || {
        let mut bytes = Vec::new();
        to_prost(&proto(), &mut bytes);
        count(|| {
            black_box(Proto::decode(black_box(&bytes[..])).expect("the bytes are good"));
        });
    }),
];

fn ndr() -> Vec<u8> {
    let mut out = Vec::new();
    to_ndr(&record(), &mut out);
    out
}

fn to_ndr(value: &Record, out: &mut Vec<u8>) {
    out.clear();
    encode::<Ndr, _>(black_box(value), out).expect("the value is good");
    black_box(out);
}

fn rkyv_bytes() -> AlignedVec<16> {
    let mut out = AlignedVec::new();
    to_rkyv(&record(), &mut out);
    out
}

fn to_rkyv(value: &Record, out: &mut AlignedVec<16>) {
    out.clear();
    let buffer = std::mem::take(out);
    *out = rkyv::api::high::to_bytes_in::<_, Error>(black_box(value), buffer)
        .expect("the value is good");
    black_box(out);
}

fn to_bincode(value: &Record, out: &mut [u8]) -> usize {
    let len = bincode::encode_into_slice(black_box(value), out, BINCODE);
    black_box(len.expect("there is room"))
}

fn to_prost(value: &Proto, out: &mut Vec<u8>) {
    out.clear();
    black_box(value).encode(out).expect("there is room");
    black_box(out);
}

/// Does `operation` until what is allocated once is there, then lets some be counted.
fn count(mut operation: impl FnMut()) {
    (0..4).for_each(|_| operation());
    counted(&mut operation);
}

/// Valgrind counts what runs in here, by this function's name.
#[inline(never)]
fn counted(operation: &mut dyn FnMut()) {
    (0..COUNTED).for_each(|_| operation());
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let wanted = match words[..] {
        ["list"] => {
            OPERATIONS.iter().for_each(|(name, _)| println!("{name}"));
            return ExitCode::SUCCESS;
        }
        ["run", wanted] => OPERATIONS.iter().find(|(name, _)| *name == wanted),
        _ => None,
    };
    let Some((_, run)) = wanted else {
        eprintln!("usage: instructions list | instructions run NAME");
        return ExitCode::from(2);
    };
    run();
    ExitCode::SUCCESS
}
