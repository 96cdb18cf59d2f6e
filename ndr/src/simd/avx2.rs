//! Vectors of 32 bytes. Only for a processor that has AVX2, which the caller asks.

use std::arch::x86_64::{__m256i, _mm256_loadu_si256, _mm256_storeu_si256};
use std::mem::MaybeUninit;

/// Bytes in a vector.
pub(super) const BLOCK_LEN: usize = size_of::<__m256i>();

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load(block: &[u8; BLOCK_LEN]) -> __m256i {
    // SAFETY: the reference is good for a read of its 32 bytes, and the instruction asks for no
    // alignment.
    unsafe { _mm256_loadu_si256(block.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn store(value: __m256i, block: &mut [MaybeUninit<u8>; BLOCK_LEN]) {
    // SAFETY: the reference is exclusive and good for a write of its 32 bytes, and the
    // instruction asks for no alignment.
    unsafe { _mm256_storeu_si256(block.as_mut_ptr().cast(), value) };
}
