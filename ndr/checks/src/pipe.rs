//! A pipe that is cut anywhere reads as it does in one piece, and as it was written.

use std::fmt::Debug;

use annulus_ndr::{
    ByteOrder, Decode, DecodeError, Encode, Ndr, Ndr64, PipeReader, PipeWriter, Syntax,
};

use crate::constructs::{Colour, Old, Weight};
use crate::order;

#[derive(Ndr, Debug)]
struct Sample {
    channel: u8,
    value: u32,
    colour: Colour,
    flags: u8,
}

#[derive(Ndr, Debug)]
struct Ragged {
    channel: u8,
    #[ndr(varying = 5)]
    values: Vec<u16>,
    #[ndr(string, varying = 4)]
    name: Vec<u8>,
}

/// Reads all but the first three bytes as a pipe. They choose the element, the syntax and the
/// byte order; how many bytes come at a time; and where in the stub the pipe starts.
pub fn pipe(input: &[u8]) {
    let [selector, step, offset, wire @ ..] = input else {
        return;
    };
    let (step, offset) = (usize::from(*step).max(1), usize::from(*offset));
    let arrival = Arrival {
        wire,
        step,
        offset,
        order: order(*selector),
    };
    if selector & 2 == 0 {
        arrival.each_element::<Ndr>(selector >> 2);
    } else {
        arrival.each_element::<Ndr64>(selector >> 2);
    }
}

/// A pipe, and how it comes.
#[derive(Clone, Copy)]
struct Arrival<'a> {
    wire: &'a [u8],
    step: usize,
    offset: usize,
    order: ByteOrder,
}

impl<'a> Arrival<'a> {
    fn each_element<S: Syntax>(self, selector: u8) {
        // The seeds mean those that they were found with.
        if selector >= 60 {
            return self.check::<S, Ragged>();
        }
        match selector % 6 {
            0 => self.check::<S, Sample>(),
            1 => self.check::<S, u16>(),
            2 => self.check::<S, u64>(),
            3 => self.check::<S, [u8; 3]>(),
            4 => self.check::<S, Weight>(),
            _ => self.check::<S, Old>(),
        }
    }

    fn check<S: Syntax, T: Encode + for<'b> Decode<'b> + Debug>(self) {
        let cut = self.read::<S, T>();
        let in_one_piece = Arrival {
            step: self.wire.len().max(1),
            ..self
        };
        let whole = in_one_piece.read::<S, T>();
        // The elements before an error depend on how the pipe was cut.
        let shown = |read: &Result<(Vec<T>, usize), DecodeError>| match read {
            Ok(read) => Ok(format!("{read:?}")),
            Err(error) => Err(format!("{error}")),
        };
        assert_eq!(shown(&whole), shown(&cut));
        if let Ok((elements, _)) = whole {
            self.check_written::<S, T>(&elements);
        }
    }

    /// What came out, and where it ended.
    fn read<S: Syntax, T: Decode<'a>>(self) -> Result<(Vec<T>, usize), DecodeError> {
        let mut pipe = PipeReader::<S>::new(self.offset, self.order);
        let mut elements: Vec<T> = Vec::new();
        let (mut done, mut arrived) = (0, 0);
        while arrived < self.wire.len() && !pipe.is_ended() {
            arrived = (arrived + self.step).min(self.wire.len());
            done += pipe.read(&self.wire[done..arrived], usize::MAX, &mut elements)?;
            assert!(elements.len() <= self.wire.len());
        }
        Ok((elements, done))
    }

    fn check_written<S: Syntax, T: Encode + for<'b> Decode<'b> + Debug>(self, elements: &[T]) {
        let (mut wire, mut pipe) = (Vec::new(), PipeWriter::<S>::new(self.offset));
        for chunk in elements.chunks(self.step) {
            if pipe.chunk(chunk, &mut wire).is_err() {
                // A default arm with the discriminant of another.
                return;
            }
        }
        let end = pipe.end(&mut wire);
        let sent = Arrival {
            wire: &wire,
            order: ByteOrder::Little,
            ..self
        };
        let (again, len) = sent.read::<S, T>().expect("what was written can be read");
        assert_eq!(format!("{again:?}"), format!("{elements:?}"));
        assert_eq!(self.offset + len, end);
    }
}
