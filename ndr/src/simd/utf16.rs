//! UTF-16 of the wire to UTF-8 and back, sixteen characters at a time while they are ASCII.
//!
//! On `x86_64` the blocks are SSE2, which every such processor has, so nothing is asked at run
//! time: longer vectors gain little on strings as short as names and paths are.

use crate::reader::ByteOrder;

/// Characters in a block.
const BLOCK: usize = 16;

/// UTF-16 units that `text` has as UTF-16.
#[inline]
pub(crate) fn utf16_len(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    // A character is counted at its first byte; one of four bytes becomes two units.
    text.bytes()
        .map(|byte| usize::from(byte & 0xc0 != 0x80) + usize::from(byte >= 0xf0))
        .sum()
}

/// Whether a unit of `units` is NUL.
#[inline]
pub(crate) fn has_nul(units: &[[u8; 2]]) -> bool {
    let any = |units: &[[u8; 2]]| {
        units
            .iter()
            .fold(false, |found, unit| found | (*unit == [0; 2]))
    };
    let (blocks, rest) = units.as_chunks::<BLOCK>();
    blocks.iter().any(|block| any(block)) || any(rest)
}

/// Appends `text` to `out` as little-endian UTF-16.
#[inline]
pub(crate) fn to_utf16(text: &str, out: &mut Vec<u8>) {
    let mut rest = text;
    loop {
        let (blocks, _) = rest.as_bytes().as_chunks::<BLOCK>();
        let ascii = blocks
            .iter()
            .map_while(|block| block::widen(block).map(|wide| out.extend_from_slice(&wide)))
            .count();
        // A block of ASCII ends between two characters.
        rest = &rest[ascii * BLOCK..];
        if rest.is_empty() {
            return;
        }
        if let Some(wide) = padded(rest.as_bytes()).and_then(|block| block::widen(&block)) {
            out.extend_from_slice(&wide[..2 * rest.len()]);
            return;
        }
        let end = rest.floor_char_boundary(BLOCK);
        let (slow, behind) = rest.split_at(end);
        for unit in slow.encode_utf16() {
            out.extend_from_slice(&unit.to_le_bytes());
        }
        rest = behind;
    }
}

/// The text whose UTF-16 is `units`, or `None` if a surrogate has no twin.
#[inline]
pub(crate) fn to_utf8(units: &[[u8; 2]], order: ByteOrder) -> Option<String> {
    let mut text = Vec::with_capacity(units.len());
    let mut rest = units;
    loop {
        let (blocks, _) = rest.as_chunks::<BLOCK>();
        let ascii = blocks
            .iter()
            .map_while(|block| {
                block::narrow(block, order).map(|ascii| text.extend_from_slice(&ascii))
            })
            .count();
        rest = &rest[ascii * BLOCK..];
        if rest.is_empty() {
            break;
        }
        if let Some(ascii) = padded(rest).and_then(|block| block::narrow(&block, order)) {
            text.extend_from_slice(&ascii[..rest.len()]);
            break;
        }
        rest = &rest[append_some(rest, order, &mut text)?..];
    }
    // SAFETY: `text` holds nothing but blocks of ASCII and characters that `append_some` had
    // `char::encode_utf8` write, each of them whole.
    Some(unsafe { String::from_utf8_unchecked(text) })
}

/// A block of what is less than one, and NULs; short names are the most frequent strings.
#[inline]
fn padded<T: Copy + Default>(rest: &[T]) -> Option<[T; BLOCK]> {
    let mut block = [T::default(); BLOCK];
    block.get_mut(..rest.len())?.copy_from_slice(rest);
    Some(block)
}

/// Appends the characters at the front of `units`, about a block of them, as UTF-8, and says
/// how many units they took; `None` if a surrogate has no twin.
fn append_some(units: &[[u8; 2]], order: ByteOrder, text: &mut Vec<u8>) -> Option<usize> {
    let native = |unit: &[u8; 2]| match order {
        ByteOrder::Little => u16::from_le_bytes(*unit),
        ByteOrder::Big => u16::from_be_bytes(*unit),
    };
    let mut taken = 0;
    for c in char::decode_utf16(units.iter().map(native)) {
        let c = c.ok()?;
        text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        taken += c.len_utf16();
        if taken >= BLOCK {
            break;
        }
    }
    Some(taken)
}

/// One block in plain Rust.
#[cfg_attr(
    target_arch = "x86_64",
    allow(dead_code, reason = "the oracle of the tests")
)]
mod plain {
    use super::{BLOCK, ByteOrder};

    /// The block as little-endian UTF-16, if it is ASCII.
    pub(super) fn widen(block: &[u8; BLOCK]) -> Option<[u8; 2 * BLOCK]> {
        if !block.is_ascii() {
            return None;
        }
        let mut wide = [0; 2 * BLOCK];
        for (wide, byte) in wide.iter_mut().step_by(2).zip(block) {
            *wide = *byte;
        }
        Some(wide)
    }

    /// The block as ASCII, if it is.
    pub(super) fn narrow(block: &[[u8; 2]; BLOCK], order: ByteOrder) -> Option<[u8; BLOCK]> {
        let (low, high) = match order {
            ByteOrder::Little => (0, 1),
            ByteOrder::Big => (1, 0),
        };
        let ascii = block
            .iter()
            .all(|unit| unit[high] == 0 && unit[low].is_ascii());
        ascii.then(|| block.map(|unit| unit[low]))
    }
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::{
        __m128i, _mm_and_si128, _mm_cmpeq_epi16, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128,
        _mm_packus_epi16, _mm_set1_epi16, _mm_setzero_si128, _mm_srli_epi16, _mm_storeu_si128,
        _mm_unpackhi_epi8, _mm_unpacklo_epi8,
    };

    use super::{BLOCK, ByteOrder};

    /// Bytes in a vector.
    const VECTOR: usize = size_of::<__m128i>();

    /// See [`super::plain::widen`].
    #[inline]
    pub(super) fn widen(block: &[u8; BLOCK]) -> Option<[u8; 2 * BLOCK]> {
        let characters = load(block);
        // SAFETY: SSE2 belongs to the baseline of x86_64; the intrinsics touch no memory.
        let (is_ascii, low, high) = unsafe {
            let zero = _mm_setzero_si128();
            (
                _mm_movemask_epi8(characters) == 0,
                _mm_unpacklo_epi8(characters, zero),
                _mm_unpackhi_epi8(characters, zero),
            )
        };
        is_ascii.then(|| {
            let mut wide = [[0; VECTOR]; 2];
            store(low, &mut wide[0]);
            store(high, &mut wide[1]);
            *wide
                .as_flattened()
                .first_chunk()
                .expect("two vectors are a block of units")
        })
    }

    /// See [`super::plain::narrow`].
    #[inline]
    pub(super) fn narrow(block: &[[u8; 2]; BLOCK], order: ByteOrder) -> Option<[u8; BLOCK]> {
        let (halves, _) = block.as_flattened().as_chunks::<VECTOR>();
        let (first, second) = (load(&halves[0]), load(&halves[1]));
        // Seen as little-endian numbers, big-endian ASCII has its seven bits in the upper byte.
        let not_ascii: u16 = match order {
            ByteOrder::Little => 0xff80,
            ByteOrder::Big => 0x80ff,
        };
        // SAFETY: SSE2 belongs to the baseline of x86_64; the intrinsics touch no memory.
        let (is_ascii, packed) = unsafe {
            let odd = _mm_and_si128(
                _mm_or_si128(first, second),
                _mm_set1_epi16(not_ascii.cast_signed()),
            );
            let clean = _mm_movemask_epi8(_mm_cmpeq_epi16(odd, _mm_setzero_si128())) == 0xffff;
            let packed = match order {
                ByteOrder::Little => _mm_packus_epi16(first, second),
                ByteOrder::Big => {
                    _mm_packus_epi16(_mm_srli_epi16::<8>(first), _mm_srli_epi16::<8>(second))
                }
            };
            (clean, packed)
        };
        is_ascii.then(|| {
            let mut narrow = [0; BLOCK];
            store(packed, &mut narrow);
            narrow
        })
    }

    #[inline]
    fn load(bytes: &[u8; VECTOR]) -> __m128i {
        // SAFETY: the reference is good for a read of its 16 bytes, and the instruction, which
        // every x86_64 processor has, asks for no alignment.
        unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
    }

    #[inline]
    fn store(value: __m128i, bytes: &mut [u8; VECTOR]) {
        // SAFETY: the reference is exclusive and good for a write of its 16 bytes, and the
        // instruction, which every x86_64 processor has, asks for no alignment.
        unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), value) };
    }
}

#[cfg(not(target_arch = "x86_64"))]
use plain as block;
#[cfg(target_arch = "x86_64")]
use sse2 as block;

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 8] = [
        "fifteen letters",
        "",
        "a",
        "sixteen letters!",
        "sixteen letters! and some more of them, all of which are ASCII",
        "δακτύλιος",
        "fifteen letters𝄞 and a clef across the end of a block, then ä ASCII again",
        "𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞",
    ];

    fn units(text: &str, order: ByteOrder) -> Vec<[u8; 2]> {
        text.encode_utf16()
            .map(|unit| match order {
                ByteOrder::Little => unit.to_le_bytes(),
                ByteOrder::Big => unit.to_be_bytes(),
            })
            .collect()
    }

    #[test]
    fn text_becomes_the_utf_16_of_the_standard_library() {
        for text in TEXTS {
            let mut out = vec![0xee];
            to_utf16(text, &mut out);
            assert_eq!(
                out[1..],
                *units(text, ByteOrder::Little).as_flattened(),
                "{text}"
            );
            assert_eq!(2 * utf16_len(text), out.len() - 1, "{text}");
        }
    }

    #[test]
    fn rule_24_utf_16_becomes_text_in_either_order() {
        for text in TEXTS {
            for order in [ByteOrder::Little, ByteOrder::Big] {
                assert_eq!(to_utf8(&units(text, order), order).as_deref(), Some(text));
            }
        }
    }

    #[test]
    fn a_surrogate_without_its_twin_is_found_wherever_it_stands() {
        for before in 0..40 {
            for behind in [0, 1, 20] {
                let mut broken = units(&"x".repeat(before), ByteOrder::Little);
                broken.push(0xd834_u16.to_le_bytes());
                broken.extend(units(&"y".repeat(behind), ByteOrder::Little));
                assert_eq!(to_utf8(&broken, ByteOrder::Little), None, "after {before}");
            }
        }
    }

    #[test]
    fn a_nul_is_found_wherever_it_stands() {
        for len in 0..50 {
            let mut text = vec![[0, 1]; len];
            assert!(!has_nul(&text));
            for at in 0..len {
                text[at] = [0, 0];
                assert!(has_nul(&text), "NUL at {at} of {len}");
                text[at] = [1, 0];
            }
        }
    }

    #[test]
    fn every_unit_is_judged_as_plain_code_does() {
        for unit in 0..=u16::MAX {
            for at in [0, 7, 8, 15] {
                let mut block = [*b"a\0"; BLOCK];
                block[at] = unit.to_le_bytes();
                let order = ByteOrder::Little;
                assert_eq!(
                    block::narrow(&block, order),
                    plain::narrow(&block, order),
                    "{unit:x}"
                );
                let mut block = [*b"\0a"; BLOCK];
                block[at] = unit.to_be_bytes();
                let order = ByteOrder::Big;
                assert_eq!(
                    block::narrow(&block, order),
                    plain::narrow(&block, order),
                    "{unit:x}"
                );
            }
        }
        for byte in 0..=u8::MAX {
            for at in 0..BLOCK {
                let mut block = [b'a'; BLOCK];
                block[at] = byte;
                assert_eq!(block::widen(&block), plain::widen(&block), "{byte:x}");
            }
        }
    }
}
