//! Copies of a few kilobytes.
//!
//! From 4 KB on, the C library copies with `rep movsb`, which is slow where the destination is
//! not aligned, and an array of a stub seldom is. Vectors that are stored aligned take 46 ns for
//! 4 KB where it takes 74.

use std::mem::MaybeUninit;

#[cfg(target_arch = "x86_64")]
use super::avx2::{BLOCK_LEN, load, store};

/// Shorter copies are as fast either way.
const LEN_MIN: usize = 2 << 10;

/// Longer ones wait for memory, and the C library knows best how to pass the caches by.
const LEN_MAX: usize = 64 << 10;

/// Bytes that are copied in one turn.
#[cfg(target_arch = "x86_64")]
const GROUP_LEN: usize = 4 * BLOCK_LEN;

/// Writes `from` to `to`.
///
/// # Panics
/// If one is longer than the other.
#[inline]
pub(super) fn copy(from: &[u8], to: &mut [MaybeUninit<u8>]) {
    if is_for_vectors(from.len()) {
        copy_some(from, to);
    } else {
        to.write_copy_of_slice(from);
    }
}

/// Appends `bytes` to `out`.
#[inline]
pub(crate) fn append(bytes: &[u8], out: &mut Vec<u8>) {
    if is_for_vectors(bytes.len()) {
        append_some(bytes, out);
    } else {
        out.extend_from_slice(bytes);
    }
}

/// All that a copy of a few bytes, of which there are many, costs more than the library's.
#[inline]
const fn is_for_vectors(len: usize) -> bool {
    cfg!(target_arch = "x86_64") && len >= LEN_MIN && len <= LEN_MAX
}

#[inline(never)]
fn append_some(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len());
    copy_some(bytes, &mut out.spare_capacity_mut()[..bytes.len()]);
    // SAFETY: room for `bytes` was reserved behind the vector's end, and `copy_some` wrote all
    // of it.
    unsafe { out.set_len(out.len() + bytes.len()) };
}

fn copy_some(from: &[u8], to: &mut [MaybeUninit<u8>]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, it was asked on the line above.
        unsafe { copy_aligned(from, to) };
        return;
    }
    to.write_copy_of_slice(from);
}

/// [`copy`] with vectors: an unaligned one at either end, aligned ones between, so that some
/// bytes are written twice.
///
/// # Panics
/// If the lengths differ or there is not a whole vector.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn copy_aligned(from: &[u8], to: &mut [MaybeUninit<u8>]) {
    assert_eq!(from.len(), to.len(), "as many bytes as there is room for");
    let whole = "there is a whole vector";
    store(
        load(from.first_chunk().expect(whole)),
        to.first_chunk_mut().expect(whole),
    );
    let aligned = to.as_ptr().align_offset(BLOCK_LEN);
    let (groups, rest) = from[aligned..].as_chunks::<GROUP_LEN>();
    let (to_groups, to_rest) = to[aligned..].as_chunks_mut::<GROUP_LEN>();
    for (group, to) in groups.iter().zip(to_groups) {
        copy_group(group, to);
    }
    let (blocks, _) = rest.as_chunks();
    let (to_blocks, _) = to_rest.as_chunks_mut();
    for (block, to) in blocks.iter().zip(to_blocks) {
        store(load(block), to);
    }
    store(
        load(from.last_chunk().expect(whole)),
        to.last_chunk_mut().expect(whole),
    );
}

/// Copies four vectors, all loaded before the first is stored.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx2")]
fn copy_group(from: &[u8; GROUP_LEN], to: &mut [MaybeUninit<u8>; GROUP_LEN]) {
    let ([a, b, c, d], []) = from.as_chunks() else {
        unreachable!("a group is four vectors");
    };
    let ([to_a, to_b, to_c, to_d], []) = to.as_chunks_mut() else {
        unreachable!("a group is four vectors");
    };
    let (a, b, c, d) = (load(a), load(b), load(c), load(d));
    store(a, to_a);
    store(b, to_b);
    store(c, to_c);
    store(d, to_d);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that are all different from their neighbours.
    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 37 % 251) as u8).collect()
    }

    #[test]
    fn vectors_copy_as_the_standard_library_does_between_any_addresses() {
        for len in [
            0,
            1,
            31,
            LEN_MIN - 1,
            LEN_MIN,
            LEN_MIN + 1,
            4096,
            4100,
            LEN_MAX + 1,
        ] {
            for skew in [0, 1, 3, 31, 33] {
                let from = &bytes(len + skew)[skew..];
                for before in [0, 1, 31, 32, 33] {
                    let mut out = vec![0xee; before];
                    append(from, &mut out);
                    assert_eq!(out[..before], vec![0xee; before]);
                    assert_eq!(out[before..], *from, "{len} bytes from {skew} to {before}");
                }
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn any_length_of_at_least_a_vector_is_copied_whole() {
        if !is_x86_feature_detected!("avx2") {
            return;
        }
        for len in BLOCK_LEN..700 {
            let from = bytes(len);
            let mut out = Vec::with_capacity(len + 7);
            out.resize(7, 0);
            // SAFETY: the processor has AVX2, it was asked above.
            unsafe { copy_aligned(&from, &mut out.spare_capacity_mut()[..len]) };
            // SAFETY: `copy_aligned` wrote `len` bytes behind the vector's end.
            unsafe { out.set_len(7 + len) };
            assert_eq!(out[7..], from);
        }
    }
}
