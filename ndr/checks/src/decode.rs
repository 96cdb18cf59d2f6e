//! Any bytes as any construct.

use annulus_ndr::{ByteOrder, Ndr, Ndr64, Syntax};

use crate::constructs::{Forest, Graph, Late, Nested, Replied, Scalars, Sections, Texts, Told};
use crate::order;
use crate::stable::check_stable;
use crate::twins::check_twins;

/// Decodes all but the first byte, which chooses the types, the syntax and the byte order: no
/// panic, little memory, what can be encoded again is stable from then on, and what borrows
/// from the stub sees what owns its parts.
pub fn decode(input: &[u8]) {
    let Some((&selector, stub)) = input.split_first() else {
        return;
    };
    if selector & 2 == 0 {
        each_type::<Ndr, Ndr64>(selector >> 2, stub, order(selector));
    } else {
        each_type::<Ndr64, Ndr>(selector >> 2, stub, order(selector));
    }
}

/// `Other` is the syntax that `S` is not.
fn each_type<S: Syntax, Other: Syntax>(selector: u8, stub: &[u8], order: ByteOrder) {
    // The seeds mean those that they were found with.
    if selector == 63 {
        return replies::<S, Other>(stub, order);
    }
    if selector >= 60 {
        return check_stable::<S, Other, Nested>(None, stub, order);
    }
    match selector % 6 {
        0 => check_stable::<S, Other, Forest>(None, stub, order),
        1 => check_stable::<S, Other, Graph>(None, stub, order),
        2 => check_stable::<S, Other, Sections>(None, stub, order),
        3 => check_stable::<S, Other, Scalars>(None, stub, order),
        4 => check_stable::<S, Other, Texts>(None, stub, order),
        _ => check_twins::<S>(stub, order),
    }
}

/// What is told by a request, which the first bytes are, and what comes later than what it tells.
fn replies<S: Syntax, Other: Syntax>(stub: &[u8], order: ByteOrder) {
    let [room, level, stub @ ..] = stub else {
        return;
    };
    if room & 0x80 != 0 {
        return check_stable::<S, Other, Late>(None, stub, order);
    }
    let told = Told {
        room: *room,
        level: (level & 1 == 0).then(|| i16::from(level >> 1)),
    };
    check_stable::<S, Other, Replied>(Some(told), stub, order);
}
