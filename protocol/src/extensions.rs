//! What two peers of this implementation agree on beside the standard.

use uuid::Uuid;

use crate::types::{MaxFragment, SyntaxId};

/// What two peers of this implementation agree on beside the standard.
///
/// A client offers it in its bind, as the transfer syntax of one more presentation context, the
/// way in which features are negotiated (MS-RPCE 3.3.1.5.3); a server that knows it answers so,
/// with what is agreed. Every other server refuses that context as it refuses any transfer syntax
/// that it does not know, and nothing changes.
///
/// ```text
/// a UUID: 5e2b9f0c-71d4-4c3a, then 8 bytes:   0 features, 2 bytes    2 fragment length, 2 bytes
///                                             4 zero, 4 bytes       version 1.0
/// ```
///
/// Numbers are little-endian. Features that a side does not know are zero in what it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extensions {
    /// Feature 1: PDUs up to this length, in both directions, whatever the bind says besides.
    pub fragment_max: MaxFragment,
}

impl Extensions {
    /// The first eight bytes of the UUID, in the order in which it is written.
    const NAME: [u8; 8] = [0x5e, 0x2b, 0x9f, 0x0c, 0x71, 0xd4, 0x4c, 0x3a];

    /// Large fragments.
    const LARGE_FRAGMENTS: u16 = 1;

    /// The extensions of a side that takes PDUs of `extended` bytes where peers of other
    /// implementations may send `standard` bytes; `None` if it has none, as it takes no larger
    /// ones, or shall not even take those of the usual length.
    pub(crate) fn own(standard: u16, extended: u16) -> Option<Self> {
        let fragment_max = MaxFragment::own(extended);
        let standard = MaxFragment::own(standard);
        let is_larger = standard >= MaxFragment::DEFAULT && fragment_max > standard;
        is_larger.then_some(Extensions { fragment_max })
    }

    /// What is agreed on where the other side has `offered` this.
    pub(crate) fn agree(self, offered: Extensions) -> Extensions {
        Extensions {
            fragment_max: self.fragment_max.min(offered.fragment_max),
        }
    }

    /// The features as the reason of an answer lists them.
    pub(crate) fn bits(self) -> u16 {
        Self::LARGE_FRAGMENTS
    }

    /// The pseudo transfer syntax.
    #[must_use]
    pub fn syntax(self) -> SyntaxId {
        let [f0, f1] = self.bits().to_le_bytes();
        let [l0, l1] = self.fragment_max.get().to_le_bytes();
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&Self::NAME);
        bytes[8..12].copy_from_slice(&[f0, f1, l0, l1]);
        SyntaxId::new(Uuid::from_bytes(bytes), 1, 0)
    }

    /// The extensions that a transfer syntax stands for. `None`: it is none of these, or no
    /// feature in it is known.
    #[must_use]
    pub fn from_syntax(syntax: &SyntaxId) -> Option<Self> {
        let [name @ .., f0, f1, l0, l1, _, _, _, _] = *syntax.uuid.as_bytes();
        let has_name = name == Self::NAME && (syntax.major, syntax.minor) == (1, 0);
        let features = u16::from_le_bytes([f0, f1]);
        let fragment_max = MaxFragment::own(u16::from_le_bytes([l0, l1]));
        (has_name && features & Self::LARGE_FRAGMENTS != 0).then_some(Extensions { fragment_max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_travel_as_a_transfer_syntax() {
        let extensions = Extensions {
            fragment_max: MaxFragment::MAX,
        };
        let syntax = extensions.syntax();
        assert_eq!(
            syntax.to_string(),
            "5e2b9f0c-71d4-4c3a-0100-f8ff00000000/v1.0"
        );
        assert_eq!(Extensions::from_syntax(&syntax), Some(extensions));
        assert_eq!(syntax.as_bind_time_features(), None);
    }

    #[test]
    fn other_syntaxes_are_no_extensions() {
        let known = Extensions {
            fragment_max: MaxFragment::MAX,
        };
        let newer = SyntaxId {
            major: 2,
            ..known.syntax()
        };
        let mut bytes = *known.syntax().uuid.as_bytes();
        bytes[8] = 2;
        let unknown_feature = SyntaxId::new(Uuid::from_bytes(bytes), 1, 0);
        for syntax in [
            SyntaxId::NDR20,
            SyntaxId::NDR64,
            SyntaxId::ZERO,
            newer,
            unknown_feature,
        ] {
            assert_eq!(Extensions::from_syntax(&syntax), None, "{syntax}");
        }
    }

    #[test]
    fn the_smaller_length_is_agreed_on() {
        let of = |setting| Extensions::own(5840, setting);
        assert_eq!(of(5840), None, "nothing that the standard does not have");
        assert_eq!(
            Extensions::own(5000, 65_535),
            None,
            "a side that wants small PDUs"
        );
        let (small, large) = (of(16_384).unwrap(), of(65_535).unwrap());
        assert_eq!(small.agree(large), small);
        assert_eq!(large.agree(small), small);
    }
}
