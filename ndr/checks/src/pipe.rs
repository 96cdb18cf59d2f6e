//! A pipe that is cut anywhere reads as it does in one piece.

#![no_main]

use annulus_fuzz::Colour;
use annulus_ndr::{ByteOrder, Decode, Ndr, Ndr64, PipeReader, Syntax};
use libfuzzer_sys::fuzz_target;

#[derive(Ndr, Debug)]
struct Sample {
    channel: u8,
    value: u32,
    colour: Colour,
    flags: u8,
}

fuzz_target!(|input: &[u8]| {
    let [selector, step, offset, wire @ ..] = input else {
        return;
    };
    let order = if selector & 1 == 0 {
        ByteOrder::Little
    } else {
        ByteOrder::Big
    };
    let (step, offset) = (usize::from(*step).max(1), usize::from(*offset));
    match selector >> 1 & 3 {
        0 => both_ways::<Ndr, Sample>(wire, step, offset, order),
        1 => both_ways::<Ndr64, Sample>(wire, step, offset, order),
        2 => both_ways::<Ndr, u16>(wire, step, offset, order),
        _ => both_ways::<Ndr64, [u8; 3]>(wire, step, offset, order),
    }
});

fn both_ways<'a, S: Syntax, T: Decode<'a> + std::fmt::Debug>(
    wire: &'a [u8],
    step: usize,
    offset: usize,
    order: ByteOrder,
) {
    let whole = read::<S, T>(wire, wire.len().max(1), offset, order);
    let cut = read::<S, T>(wire, step, offset, order);
    assert_eq!(whole, cut);
}

/// What came out, as text, and where it ended; or what was wrong. The elements before an error
/// depend on how the pipe was cut.
fn read<'a, S: Syntax, T: Decode<'a> + std::fmt::Debug>(
    wire: &'a [u8],
    step: usize,
    offset: usize,
    order: ByteOrder,
) -> Result<(String, usize), String> {
    let mut pipe = PipeReader::<S>::new(offset, order);
    let mut elements: Vec<T> = Vec::new();
    let (mut done, mut arrived) = (0, 0);
    while arrived < wire.len() && !pipe.is_ended() {
        arrived = (arrived + step).min(wire.len());
        done += pipe
            .read(&wire[done..arrived], usize::MAX, &mut elements)
            .map_err(|error| format!("{error}"))?;
        assert!(elements.len() <= wire.len());
    }
    Ok((format!("{elements:?}"), done))
}
