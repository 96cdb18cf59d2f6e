//! The 64 bits that the kernel keeps for its user and hands back.

/// What something of the kernel's belongs to: a kind, and a place with its generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) kind: u8,
    /// So that late news can never be taken for news of the place's next owner.
    pub(crate) generation: Generation,
    pub(crate) index: u32,
}

/// How often a place was given out, modulo 2²⁴.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Generation(u32);

impl Generation {
    /// The generation of a place that was never given out.
    pub(crate) const FIRST: Self = Generation(0);

    const MASK: u32 = (1 << 24) - 1;

    /// The generation of the place's next owner.
    pub(crate) const fn next(self) -> Self {
        Generation((self.0 + 1) & Self::MASK)
    }
}

const KIND_SHIFT: u32 = 56;
const GENERATION_SHIFT: u32 = 32;

impl Tag {
    /// A tag of something that exists once.
    pub(crate) const fn unique(kind: u8) -> Self {
        Tag {
            kind,
            generation: Generation::FIRST,
            index: 0,
        }
    }

    /// The 64 bits: 8 of kind, 24 of generation, 32 of index.
    pub(crate) const fn to_bits(self) -> u64 {
        (self.kind as u64) << KIND_SHIFT
            | (self.generation.0 as u64) << GENERATION_SHIFT
            | self.index as u64
    }

    /// The reverse of [`to_bits`](Tag::to_bits).
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Tag {
            kind: (bits >> KIND_SHIFT) as u8,
            generation: Generation((bits >> GENERATION_SHIFT) as u32 & Generation::MASK),
            index: bits as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_survives_the_kernel() {
        let tag = Tag {
            kind: 0xfe,
            generation: Generation(0x00ab_cdef),
            index: 0x8000_0001,
        };
        assert_eq!(Tag::from_bits(tag.to_bits()), tag);
        assert_eq!(tag.to_bits(), 0xfeab_cdef_8000_0001);
    }

    #[test]
    fn a_generation_wraps_inside_its_bits() {
        assert_eq!(Generation(Generation::MASK).next(), Generation(0));
    }
}
