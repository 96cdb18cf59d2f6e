//! Pipes: chunks in both syntaxes and both byte orders, cut anywhere.

#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared; each test binary uses a part of it"
)]
mod common;

use std::fmt::Debug;

use annulus_ndr::{
    ArraySection, ByteOrder, Decode, DecodeError, DecodeErrorKind, Encode, Ndr, Ndr64, NdrParams,
    PipeReader, PipeWriter, Syntax, decode_prefix,
};

use common::hex;

/// Three bytes of content, and gaps within and between elements.
#[derive(Ndr, Debug, Clone, Copy, PartialEq)]
struct Sample {
    channel: u8,
    value: u32,
    flags: u8,
}

/// Gives `wire` to a reader `step` bytes at a time, together with what it left before.
fn read_in_steps<'a, S: Syntax, T: Decode<'a>>(
    wire: &'a [u8],
    step: usize,
    (offset, order): (usize, ByteOrder),
) -> Result<(Vec<T>, usize), DecodeError> {
    let mut pipe = PipeReader::<S>::new(offset, order);
    let mut elements = Vec::new();
    let (mut done, mut arrived) = (0, 0);
    while !pipe.is_ended() && arrived < wire.len() {
        arrived = (arrived + step).min(wire.len());
        done += pipe.read(&wire[done..arrived], usize::MAX, &mut elements)?;
        assert_eq!(pipe.offset(), offset + done);
    }
    pipe.finish()?;
    Ok((elements, done))
}

/// The wire form of a pipe of these chunks, at every alignment, read back in steps of any size.
fn assert_survives<S: Syntax, T>(chunks: &[&[T]])
where
    T: Encode + for<'a> Decode<'a> + PartialEq + Debug + Clone,
{
    for offset in 0..9 {
        let mut wire = Vec::new();
        let mut pipe = PipeWriter::<S>::new(offset);
        for chunk in chunks {
            pipe.chunk(chunk, &mut wire).expect("the chunk is good");
        }
        assert_eq!(pipe.end(&mut wire), offset + wire.len());
        for step in [1, 2, 3, 5, 8, 13, wire.len()] {
            let (elements, done) =
                read_in_steps::<S, T>(&wire, step, (offset, ByteOrder::Little)).unwrap();
            assert_eq!(elements, chunks.concat(), "in steps of {step}");
            assert_eq!(done, wire.len());
        }
    }
}

fn samples(count: u8) -> Vec<Sample> {
    (0..count)
        .map(|i| Sample {
            channel: i,
            value: u32::from(i) * 3,
            flags: !i,
        })
        .collect()
}

#[test]
fn pipes_survive_however_they_are_cut() {
    let samples = samples(9);
    assert_survives::<Ndr, _>(&[&samples[..4], &[], &samples[4..]]);
    assert_survives::<Ndr64, _>(&[&samples[..4], &[], &samples[4..]]);
    assert_survives::<Ndr, u8>(&[b"annulus", b"x"]);
    assert_survives::<Ndr64, u8>(&[b"annulus", b"x"]);
    assert_survives::<Ndr, [u16; 3]>(&[&[[1, 2, 3], [4, 5, 6]]]);
    assert_survives::<Ndr64, u64>(&[]);
}

/// A fixed array that has not come in full is no count that is too large.
#[test]
fn elements_with_arrays_survive_however_they_are_cut() {
    #[derive(Ndr, Debug, Clone, PartialEq)]
    struct Block {
        id: u8,
        corners: [u16; 2],
        #[ndr(fixed = 3)]
        values: Vec<u32>,
    }
    let block = |id| Block {
        id,
        corners: [7, 8],
        values: vec![9; 3],
    };
    assert_survives::<Ndr, _>(&[&[block(1), block(2)], &[block(3)]]);
    assert_survives::<Ndr64, _>(&[&[block(1), block(2)], &[block(3)]]);
}

#[test]
fn elements_with_varying_arrays_survive_however_they_are_cut() {
    #[derive(Ndr, Clone, Debug, PartialEq)]
    struct Ragged {
        channel: u8,
        #[ndr(varying = 4)]
        values: Vec<u32>,
        #[ndr(string, varying = 6)]
        name: String,
    }
    let ragged = |len: u32| Ragged {
        channel: 7,
        values: (0..len).collect(),
        name: "x".repeat(len as usize),
    };
    let values: Vec<_> = (0..5).map(ragged).collect();
    assert_survives::<Ndr, _>(&[&values, &values[1..]]);
    assert_survives::<Ndr64, _>(&[&values, &values[1..]]);
}

#[test]
fn a_varying_array_beyond_its_room_is_refused_before_its_elements_come() {
    #[derive(Ndr, Debug)]
    struct Ragged {
        #[ndr(varying = 4)]
        _values: Vec<u32>,
    }
    let wire = hex("(count) 01000000 (offset) 00000000 (actual) ffffffff");
    let mut pipe = PipeReader::<Ndr>::new(0, ByteOrder::Little);
    let error = pipe
        .read(&wire, usize::MAX, &mut Vec::<Ragged>::new())
        .unwrap_err();
    let kind = error.kind();
    assert!(
        matches!(kind, DecodeErrorKind::BeyondMaximum { .. }),
        "{error}"
    );
}

/// An element whose room is not known before it is whole could be waited for until memory ends.
#[test]
fn an_element_that_does_not_end_is_refused() {
    #[derive(Ndr, Debug)]
    struct Grid {
        #[ndr(varying = (4, 4))]
        _cells: ArraySection<u8, 2>,
    }
    let mut wire = hex("(count) 01000000 (first, actual) 00000000 ffff0000 00000000 ffff0000");
    let mut pipe = PipeReader::<Ndr>::new(0, ByteOrder::Little);
    let mut elements = Vec::<Grid>::new();
    let done = pipe.read(&wire, usize::MAX, &mut elements).unwrap();
    wire.drain(..done);
    wire.resize(1 << 20, 0);
    assert_eq!(pipe.read(&wire, usize::MAX, &mut elements).unwrap(), 0);
    wire.resize((1 << 20) + 64, 0);
    let error = pipe.read(&wire, usize::MAX, &mut elements).unwrap_err();
    assert!(
        matches!(error.kind(), DecodeErrorKind::PipeElementTooLong { .. }),
        "{error}"
    );
}

/// A union of NDR lies where its discriminant is aligned, whatever its arms are.
#[test]
fn unions_survive_however_they_are_cut() {
    #[derive(Ndr, Debug, Clone, PartialEq)]
    #[ndr(switch = u16)]
    enum Value {
        #[ndr(case = 1)]
        Short(u16),
        #[ndr(case = 2)]
        Wide(f64),
        #[ndr(case = 3)]
        Nothing,
    }
    let values = [Value::Short(5), Value::Nothing, Value::Wide(0.5)];
    assert_survives::<Ndr, _>(&[&values, &values[1..]]);
    assert_survives::<Ndr64, _>(&[&values, &values[1..]]);
}

#[test]
fn elements_that_take_no_byte_are_not_made_up() {
    let wire = hex("(count) ffffff00");
    let mut pipe = PipeReader::<Ndr>::new(0, ByteOrder::Little);
    let mut elements: Vec<[u8; 0]> = Vec::new();
    assert_eq!(pipe.read(&wire, usize::MAX, &mut elements).unwrap(), 4);
    assert!(elements.is_empty());
}

#[test]
fn a_count_before_each_chunk_and_zero_at_the_end() {
    let mut wire = Vec::new();
    let mut pipe = PipeWriter::<Ndr>::new(0);
    pipe.chunk(&[1_u8, 2, 3], &mut wire).unwrap();
    pipe.chunk(&[4_u8], &mut wire).unwrap();
    pipe.end(&mut wire);
    let text = "(count) 03000000 010203 (gap) 00 (count) 01000000 04 (gap) 000000 (end) 00000000";
    assert_eq!(wire, hex(text));
}

#[test]
fn ndr64_negates_the_count_behind_each_chunk() {
    let mut wire = Vec::new();
    let mut pipe = PipeWriter::<Ndr64>::new(0);
    pipe.chunk(&[0x1122_u16, 0x3344], &mut wire).unwrap();
    pipe.end(&mut wire);
    let text = "(count) 0200000000000000 2211 4433 (gap) 00000000 (negated) feffffffffffffff \
                (count) 0000000000000000 (negated) 0000000000000000";
    assert_eq!(wire, hex(text));
}

#[test]
fn rule_24_a_big_endian_pipe_is_read() {
    let wire = hex("(count) 00000002 (elements) 00000001 fffffffe (end) 00000000");
    let (elements, _) = read_in_steps::<Ndr, i32>(&wire, 3, (0, ByteOrder::Big)).unwrap();
    assert_eq!(elements, [1, -2]);
}

#[test]
fn a_pipe_follows_the_other_parameters() {
    #[derive(NdrParams)]
    struct Params {
        flags: u8,
    }
    let stub = hex("(flags) 05 (gap) 000000 (count) 01000000 (element) 07 (gap) 000000 00000000");
    let (params, offset) = decode_prefix::<Ndr, Params>(None, &stub, ByteOrder::Little).unwrap();
    assert_eq!((params.flags, offset), (5, 1));
    let (elements, _) =
        read_in_steps::<Ndr, u8>(&stub[offset..], 4, (offset, ByteOrder::Little)).unwrap();
    assert_eq!(elements, [7]);
}

#[test]
fn no_more_elements_are_taken_than_are_asked_for() {
    let wire = hex("(count) 03000000 010203 (gap) 00 (end) 00000000");
    let mut pipe = PipeReader::<Ndr>::new(0, ByteOrder::Little);
    let mut elements: Vec<u8> = Vec::new();
    assert_eq!(pipe.read(&wire, 2, &mut elements).unwrap(), 6);
    assert_eq!(pipe.read(&wire[6..], 0, &mut elements).unwrap(), 0);
    assert_eq!(pipe.read(&wire[6..], 2, &mut elements).unwrap(), 6);
    assert_eq!(elements, [1, 2, 3]);
    assert!(pipe.is_ended());
}

#[test]
fn what_is_behind_a_pipe_is_left_alone() {
    let wire = hex("(end) 00000000 (behind) aabb");
    let (elements, done) = read_in_steps::<Ndr, u8>(&wire, 6, (0, ByteOrder::Little)).unwrap();
    assert_eq!((elements.len(), done), (0, 4));
}

#[test]
fn a_huge_count_allocates_nothing() {
    let wire = hex("(count) ffffffff 01000000");
    let mut pipe = PipeReader::<Ndr>::new(0, ByteOrder::Little);
    let mut elements: Vec<u32> = Vec::new();
    assert_eq!(pipe.read(&wire, usize::MAX, &mut elements).unwrap(), 8);
    assert!(elements.capacity() < 16);
    let error = pipe.finish().unwrap_err();
    assert_eq!(error.offset(), 8);
    assert!(
        matches!(error.kind(), DecodeErrorKind::Truncated { .. }),
        "{error}"
    );
}

#[test]
fn a_chunk_longer_than_ndr64_allows_is_refused() {
    let wire = hex("(count) 0000008000000000");
    let error = read_in_steps::<Ndr64, u8>(&wire, 8, (0, ByteOrder::Little)).unwrap_err();
    let (count, max) = (1 << 31, (1 << 31) - 1);
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::PipeChunkTooLong { count, max }
    );
}

#[test]
fn a_chunk_without_its_negated_count_is_refused() {
    let wire = hex("(count) 0100000000000000 07 (gap) 00000000000000 (not -1) 0100000000000000");
    let error = read_in_steps::<Ndr64, u8>(&wire, 24, (0, ByteOrder::Little)).unwrap_err();
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::PipeTrailerMismatch { count: 1, found: 1 }
    );
    assert_eq!(error.offset(), 24);
}

#[test]
fn a_bad_element_is_told_with_its_offset_in_the_stub() {
    #[derive(Ndr, Debug, Clone, Copy, PartialEq)]
    enum Kind {
        Only = 1,
    }
    let wire = hex("(count) 02000000 0100 0200");
    let error = read_in_steps::<Ndr, Kind>(&wire, 8, (100, ByteOrder::Little)).unwrap_err();
    assert_eq!(
        *error.kind(),
        DecodeErrorKind::UnknownEnumValue { found: 2 }
    );
    assert_eq!(error.offset(), 108);
}

#[test]
fn a_pipe_that_stops_in_an_element_is_truncated() {
    let wire = hex("(count) 02000000 01000000 0200");
    let error = read_in_steps::<Ndr, u32>(&wire, 4, (0, ByteOrder::Little)).unwrap_err();
    assert_eq!(error.offset(), 8);
}
