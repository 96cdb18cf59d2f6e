//! The two transfer syntaxes, and what each needs to know about the layout of a type.

use std::fmt::Debug;

mod sealed {
    pub trait Sealed {}
}

/// A transfer syntax, chosen at compile time so that widths and alignments are constants.
///
/// Sealed: DCE/RPC has two, [`Ndr`] and [`Ndr64`].
pub trait Syntax: Copy + Debug + Default + 'static + sealed::Sealed {
    /// Width and alignment of a referent id, in bytes.
    const POINTER_LEN: usize;
    /// Width and alignment of an array's maximum count, offset and actual count, in bytes.
    const COUNT_LEN: usize;
    /// Width and alignment of an enum that is not declared `v1_enum`, in bytes.
    const ENUM16_LEN: usize;
    /// Whether a structure is padded at its end to its own alignment.
    const PADS_STRUCTURE_TAIL: bool;
    /// Whether a union is aligned as its largest arm, before and after its discriminant.
    const ALIGNS_UNION: bool;
    /// Whether the negated count of elements follows each chunk of a pipe.
    const PIPE_HAS_TRAILER: bool;
    /// The most elements that a chunk of a pipe may have.
    const PIPE_CHUNK_MAX: u64;
}

/// NDR 2.0, the transfer syntax of C706 chapter 14.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ndr;

/// NDR64, the 64-bit transfer syntax of MS-RPCE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ndr64;

impl sealed::Sealed for Ndr {}
impl sealed::Sealed for Ndr64 {}

impl Syntax for Ndr {
    const POINTER_LEN: usize = 4;
    const COUNT_LEN: usize = 4;
    const ENUM16_LEN: usize = 2;
    const PADS_STRUCTURE_TAIL: bool = false;
    const ALIGNS_UNION: bool = false;
    const PIPE_HAS_TRAILER: bool = false;
    const PIPE_CHUNK_MAX: u64 = u32::MAX as u64;
}

impl Syntax for Ndr64 {
    const POINTER_LEN: usize = 8;
    const COUNT_LEN: usize = 8;
    const ENUM16_LEN: usize = 4;
    const PADS_STRUCTURE_TAIL: bool = true;
    const ALIGNS_UNION: bool = true;
    const PIPE_HAS_TRAILER: bool = true;
    const PIPE_CHUNK_MAX: u64 = i32::MAX as u64;
}

/// What is known at compile time of a type's inline part, in both syntaxes.
///
/// ```
/// use annulus_ndr::{Layout, Ndr, Ndr64};
///
/// let layout = Layout::structure(&[Layout::scalar(2), Layout::POINTER]);
/// assert_eq!(layout.align::<Ndr>(), 4);
/// assert_eq!(layout.align::<Ndr64>(), 8);
/// assert_eq!(layout.min_len::<Ndr>(), 6);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    ndr: Extent,
    ndr64: Extent,
    is_scalar: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    align: usize,
    /// Padding is left out, so this is a lower bound.
    min_len: usize,
}

impl Layout {
    /// Nothing on the wire.
    pub const EMPTY: Layout = Layout::per_syntax(1, 0, 1, 0);
    /// A referent id.
    pub const POINTER: Layout = Layout::two_scalars(Ndr::POINTER_LEN, Ndr64::POINTER_LEN);
    /// A count of elements.
    pub const COUNT: Layout = Layout::two_scalars(Ndr::COUNT_LEN, Ndr64::COUNT_LEN);
    /// An enum that is not a `v1_enum`.
    pub const ENUM16: Layout = Layout::two_scalars(Ndr::ENUM16_LEN, Ndr64::ENUM16_LEN);

    const fn per_syntax(align: usize, len: usize, align64: usize, len64: usize) -> Layout {
        Layout {
            ndr: Extent {
                align,
                min_len: len,
            },
            ndr64: Extent {
                align: align64,
                min_len: len64,
            },
            is_scalar: false,
        }
    }

    const fn two_scalars(len: usize, len64: usize) -> Layout {
        Layout {
            is_scalar: true,
            ..Layout::per_syntax(len, len, len64, len64)
        }
    }

    /// A number of `len` bytes, aligned to its own length.
    #[must_use]
    pub const fn scalar(len: usize) -> Layout {
        Layout::two_scalars(len, len)
    }

    /// Members one after another; aligned as the most aligned of them.
    #[must_use]
    pub const fn structure(members: &[Layout]) -> Layout {
        let mut whole = Layout::EMPTY;
        let mut i = 0;
        while i < members.len() {
            whole.ndr = whole.ndr.then(members[i].ndr);
            whole.ndr64 = whole.ndr64.then(members[i].ndr64);
            i += 1;
        }
        whole
    }

    /// What is aligned as the most aligned of `arms`, and has no length.
    #[must_use]
    pub const fn gap_before(arms: &[Layout]) -> Layout {
        Layout::structure(arms).repeated(0)
    }

    /// A discriminant and one of `arms`; aligned as the most aligned of them all.
    #[must_use]
    pub const fn union(discriminant: Layout, arms: &[Layout]) -> Layout {
        let mut whole = Layout::gap_before(arms);
        whole.ndr = whole.ndr.then(discriminant.ndr);
        whole.ndr64 = whole.ndr64.then(discriminant.ndr64);
        whole
    }

    /// `count` times `self`.
    #[must_use]
    pub const fn repeated(self, count: usize) -> Layout {
        Layout::per_syntax(
            self.ndr.align,
            self.ndr.min_len.saturating_mul(count),
            self.ndr64.align,
            self.ndr64.min_len.saturating_mul(count),
        )
    }

    /// The alignment under the syntax `S`, in bytes; a power of two.
    #[inline]
    #[must_use]
    pub const fn align<S: Syntax>(self) -> usize {
        self.extent::<S>().align
    }

    /// The least that the inline part takes on the wire under the syntax `S`, in bytes.
    #[inline]
    #[must_use]
    pub const fn min_len<S: Syntax>(self) -> usize {
        self.extent::<S>().min_len
    }

    /// Whether it is one scalar and nothing else, so that its length is known.
    #[inline]
    pub(crate) const fn is_scalar(self) -> bool {
        self.is_scalar
    }

    #[inline]
    const fn extent<S: Syntax>(self) -> Extent {
        if S::POINTER_LEN == Ndr64::POINTER_LEN {
            self.ndr64
        } else {
            self.ndr
        }
    }
}

impl Extent {
    const fn then(self, next: Extent) -> Extent {
        Extent {
            align: if self.align > next.align {
                self.align
            } else {
                next.align
            },
            min_len: self.min_len.saturating_add(next.min_len),
        }
    }
}
