//! Arrays of numbers out of a stub, in whatever order their bytes are.

use std::mem::MaybeUninit;

use crate::reader::ByteOrder;
use crate::scalar::Number;
use crate::simd::copy::copy;

/// The numbers whose wire form is `wire`.
///
/// # Panics
/// If `wire` is not a whole number of them.
#[inline]
pub(crate) fn collect<N: Number>(wire: &[u8], order: ByteOrder) -> Vec<N> {
    let count = wire.len() / N::LEN;
    let mut numbers = Vec::with_capacity(count);
    fill(&mut numbers.spare_capacity_mut()[..count], wire, order);
    // SAFETY: the vector was made with room for `count` numbers, and `fill` wrote the first
    // `count` of them, or panicked.
    unsafe { numbers.set_len(count) };
    numbers
}

/// The array of numbers whose wire form is `wire`.
///
/// # Panics
/// If `wire` is longer or shorter.
#[inline]
pub(crate) fn read_array<N: Number, const COUNT: usize>(
    wire: &[u8],
    order: ByteOrder,
) -> [N; COUNT] {
    let mut numbers = MaybeUninit::<[N; COUNT]>::uninit();
    fill(AsMut::<[MaybeUninit<N>]>::as_mut(&mut numbers), wire, order);
    // SAFETY: `fill` wrote every number of the array, or panicked.
    unsafe { numbers.assume_init() }
}

/// Writes all of `to`, from its wire form.
#[inline]
fn fill<N: Number>(to: &mut [MaybeUninit<N>], wire: &[u8], order: ByteOrder) {
    assert_eq!(
        size_of_val(to),
        wire.len(),
        "as many bytes as the numbers have"
    );
    // SAFETY: the pointer and the length are those of `to`, which is borrowed exclusively until
    // the slice is gone; `MaybeUninit<u8>` has alignment 1 and takes any byte. That the numbers
    // are good whatever the bytes are is what `Number: FromBytes` says.
    let to = unsafe { std::slice::from_raw_parts_mut(to.as_mut_ptr().cast(), wire.len()) };
    if order == ByteOrder::NATIVE || N::LEN == 1 {
        copy(wire, to);
        return;
    }
    match N::LEN {
        2 => swap::<2>(wire, to),
        4 => swap::<4>(wire, to),
        _ => swap::<8>(wire, to),
    }
}

/// Writes `from` to `to`, each `WIDTH` bytes reversed. Both are as long, a multiple of `WIDTH`.
#[inline]
fn swap<const WIDTH: usize>(from: &[u8], to: &mut [MaybeUninit<u8>]) {
    #[cfg(target_arch = "x86_64")]
    if from.len() >= super::avx2::BLOCK_LEN && is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, it was asked on the line above.
        unsafe { vectors::swap::<WIDTH>(from, to) };
        return;
    }
    swap_each::<WIDTH>(from, to);
}

/// [`swap`] in plain Rust.
#[inline]
fn swap_each<const WIDTH: usize>(from: &[u8], to: &mut [MaybeUninit<u8>]) {
    let (from, _) = from.as_chunks::<WIDTH>();
    let (to, _) = to.as_chunks_mut::<WIDTH>();
    for (from, to) in from.iter().zip(to) {
        let mut number = *from;
        number.reverse();
        to.write_copy_of_slice(&number);
    }
}

#[cfg(target_arch = "x86_64")]
mod vectors {
    use std::arch::x86_64::_mm256_shuffle_epi8;
    use std::mem::MaybeUninit;

    use crate::simd::avx2::{BLOCK_LEN, load, store};

    /// [`super::swap`], a vector at a time.
    #[target_feature(enable = "avx2")]
    pub(super) fn swap<const WIDTH: usize>(from: &[u8], to: &mut [MaybeUninit<u8>]) {
        const { assert!(WIDTH.is_power_of_two() && WIDTH <= 8) };
        let reversed = load(&const { reversal(WIDTH) });
        let (from, from_rest) = from.as_chunks::<BLOCK_LEN>();
        let (to, to_rest) = to.as_chunks_mut::<BLOCK_LEN>();
        for (from, to) in from.iter().zip(to) {
            store(_mm256_shuffle_epi8(load(from), reversed), to);
        }
        super::swap_each::<WIDTH>(from_rest, to_rest);
    }

    /// Where each byte of a vector comes from, counted within its half, when every `width`
    /// bytes are reversed.
    const fn reversal(width: usize) -> [u8; BLOCK_LEN] {
        let mut sources = [0; BLOCK_LEN];
        let mut at = 0;
        while at < BLOCK_LEN {
            let in_half = at % 16;
            // `width` is 2, 4 or 8: flipping the low bits counts backwards. Below 16, no cast cuts.
            sources[at] = (in_half ^ (width - 1)) as u8;
            at += 1;
        }
        sources
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that are all different from their neighbours.
    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 37 % 251) as u8).collect()
    }

    fn assert_swaps<const WIDTH: usize>() {
        for count in 0..70 {
            for skew in 0..3 {
                let from = &bytes(skew + count * WIDTH)[skew..];
                let mut to = vec![MaybeUninit::new(0); from.len()];
                let mut oracle = to.clone();
                swap::<WIDTH>(from, &mut to);
                swap_each::<WIDTH>(from, &mut oracle);
                let read = |byte: &MaybeUninit<u8>| {
                    // SAFETY: both were initialised before anything was written to them.
                    unsafe { byte.assume_init() }
                };
                let (to, oracle): (Vec<u8>, Vec<u8>) = (
                    to.iter().map(read).collect(),
                    oracle.iter().map(read).collect(),
                );
                let reversed: Vec<u8> = from
                    .chunks_exact(WIDTH)
                    .flat_map(|number| number.iter().rev().copied())
                    .collect();
                assert_eq!(oracle, reversed, "{count} numbers of {WIDTH} bytes");
                assert_eq!(to, reversed, "{count} numbers of {WIDTH} bytes");
            }
        }
    }

    #[test]
    fn rule_24_vectors_swap_bytes_as_plain_code_does() {
        assert_swaps::<2>();
        assert_swaps::<4>();
        assert_swaps::<8>();
    }

    #[test]
    fn rule_24_numbers_are_collected_in_either_order_at_any_alignment() {
        for skew in 0..8 {
            let wire = &bytes(skew + 8 * 41)[skew..];
            let little: Vec<u64> = wire
                .chunks_exact(8)
                .map(|b| u64::from_wire(b, ByteOrder::Little))
                .collect();
            assert_eq!(collect::<u64>(wire, ByteOrder::Little), little);
            let big: Vec<u64> = little.iter().map(|number| number.swap_bytes()).collect();
            assert_eq!(collect::<u64>(wire, ByteOrder::Big), big);
            assert_eq!(read_array::<u64, 41>(wire, ByteOrder::Big).to_vec(), big);
            assert_eq!(collect::<u8>(wire, ByteOrder::Big), wire);
        }
    }

    #[test]
    #[should_panic(expected = "as many bytes as the numbers have")]
    fn half_a_number_is_refused() {
        let _ = collect::<u32>(&[0; 6], ByteOrder::Little);
    }
}
