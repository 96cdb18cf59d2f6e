//! The numbers and names of the protocol, as types that cannot be mixed up.

use std::fmt;
use std::num::NonZeroU32;

use uuid::Uuid;

/// An interface or a transfer syntax: a UUID with a version.
///
/// ```
/// use annulus_protocol::SyntaxId;
///
/// assert_eq!(SyntaxId::NDR20.to_string(), "8a885d04-1ceb-11c9-9fe8-08002b104860/v2.0");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SyntaxId {
    /// Which syntax.
    pub uuid: Uuid,
    /// Major version: another one is another syntax.
    pub major: u16,
    /// Minor version: a higher one contains the lower ones.
    pub minor: u16,
}

impl SyntaxId {
    /// NDR, the transfer syntax that every peer speaks.
    pub const NDR20: SyntaxId = SyntaxId::new(
        Uuid::from_u128(0x8a885d04_1ceb_11c9_9fe8_08002b104860),
        2,
        0,
    );
    /// NDR64.
    pub const NDR64: SyntaxId = SyntaxId::new(
        Uuid::from_u128(0x71710533_beba_4937_8319_b5dbef9ccc36),
        1,
        0,
    );
    /// What stands in the place of a syntax where there is none.
    pub const ZERO: SyntaxId = SyntaxId::new(Uuid::nil(), 0, 0);
    /// The first eight bytes, in the order of the written UUID, of the transfer syntax that
    /// stands for bind-time feature negotiation (MS-RPCE 3.3.1.5.3).
    pub const BIND_TIME_FEATURES: [u8; 8] = [0x6c, 0xb7, 0x1c, 0x2c, 0x98, 0x12, 0x45, 0x40];

    /// The syntax of this UUID and version.
    #[must_use]
    pub const fn new(uuid: Uuid, major: u16, minor: u16) -> Self {
        SyntaxId { uuid, major, minor }
    }

    /// The pseudo transfer syntax that offers `features`.
    #[must_use]
    pub fn bind_time_features(features: BindTimeFeatures) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&Self::BIND_TIME_FEATURES);
        bytes[8..].copy_from_slice(&u64::from(features.0).to_le_bytes());
        SyntaxId::new(Uuid::from_bytes(bytes), 1, 0)
    }

    /// The features that this transfer syntax offers, if it is bind-time feature negotiation.
    /// Flags that no version defines are dropped.
    #[must_use]
    pub fn as_bind_time_features(&self) -> Option<BindTimeFeatures> {
        let (prefix, flags) = self.uuid.as_bytes().split_at(8);
        if prefix != Self::BIND_TIME_FEATURES || (self.major, self.minor) != (1, 0) {
            return None;
        }
        let low = u16::from_le_bytes([flags[0], flags[1]]);
        Some(BindTimeFeatures(low).intersection(BindTimeFeatures::ALL))
    }

    /// The version as the wire has it: major in the low half, minor in the high half.
    pub(crate) const fn version(&self) -> u32 {
        (self.minor as u32) << 16 | self.major as u32
    }

    /// The syntax of a UUID and a version in wire form.
    pub(crate) const fn from_wire(uuid: Uuid, version: u32) -> Self {
        SyntaxId::new(uuid, version as u16, (version >> 16) as u16)
    }
}

impl fmt::Display for SyntaxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/v{}.{}", self.uuid, self.major, self.minor)
    }
}

/// The encodings of stub data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TransferSyntax {
    /// NDR 2.0 (C706 chapter 14).
    Ndr,
    /// NDR64 (MS-RPCE 2.2.5).
    Ndr64,
}

impl TransferSyntax {
    /// The wire's name of this encoding.
    #[must_use]
    pub const fn syntax(self) -> SyntaxId {
        match self {
            TransferSyntax::Ndr => SyntaxId::NDR20,
            TransferSyntax::Ndr64 => SyntaxId::NDR64,
        }
    }

    /// The encoding of this name, `None` for one that nobody here knows.
    #[must_use]
    pub fn from_syntax(syntax: &SyntaxId) -> Option<Self> {
        [TransferSyntax::Ndr, TransferSyntax::Ndr64]
            .into_iter()
            .find(|transfer| transfer.syntax() == *syntax)
    }
}

impl fmt::Display for TransferSyntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TransferSyntax::Ndr => "NDR",
            TransferSyntax::Ndr64 => "NDR64",
        })
    }
}

/// Features that both sides agree on in the bind (MS-RPCE 2.2.2.14).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BindTimeFeatures(pub u16);

impl BindTimeFeatures {
    /// No feature.
    pub const NONE: BindTimeFeatures = BindTimeFeatures(0);
    /// Several security contexts on one connection.
    pub const SECURITY_CONTEXT_MULTIPLEXING: BindTimeFeatures = BindTimeFeatures(1);
    /// An orphaned call leaves the connection open.
    pub const KEEP_CONNECTION_ON_ORPHAN: BindTimeFeatures = BindTimeFeatures(2);
    /// Every feature that is implemented here.
    pub const ALL: BindTimeFeatures = BindTimeFeatures(3);

    /// Whether all of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: BindTimeFeatures) -> bool {
        self.0 & other.0 == other.0
    }

    /// What is in both sets.
    #[must_use]
    pub const fn intersection(self, other: BindTimeFeatures) -> BindTimeFeatures {
        BindTimeFeatures(self.0 & other.0)
    }
}

/// One call of a connection: chosen by the client, carried by every PDU of the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u32);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A presentation context of a connection: one interface with one transfer syntax.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContextId(pub u16);

impl fmt::Display for ContextId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of an operation in its interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Opnum(pub u16);

impl fmt::Display for Opnum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An association group: the connections of one client to one server that share context
/// handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub NonZeroU32);

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

/// The endpoint's own name of an interface, opaque to the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceKey(pub u32);

/// The largest PDU that may be sent on a connection, in bytes, header included: a multiple of 8
/// between [`MIN`](MaxFragment::MIN) and [`MAX`](MaxFragment::MAX).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MaxFragment(u16);

impl MaxFragment {
    /// What every implementation must be able to receive, C706's `MustRecvFragSize`.
    pub const MIN: MaxFragment = MaxFragment(1432);
    /// The least that this side offers and, as a server, agrees on.
    pub const OWN_MIN: MaxFragment = MaxFragment(2048);
    /// What Windows and Samba offer, and take whatever was agreed on.
    pub const DEFAULT: MaxFragment = MaxFragment(5840);
    /// The most that the 16-bit length of a PDU can say.
    pub const MAX: MaxFragment = MaxFragment(65528);

    /// An own maximum from a setting: kept between 2048 and 65528, rounded down to a multiple
    /// of 8.
    #[must_use]
    pub const fn own(setting: u16) -> MaxFragment {
        if setting < Self::OWN_MIN.0 {
            Self::OWN_MIN
        } else {
            MaxFragment(setting & !7)
        }
    }

    /// What a server answers to a client's offers, for both directions.
    #[must_use]
    pub fn negotiate(offered_transmit: u16, offered_receive: u16, own: MaxFragment) -> Self {
        MaxFragment::own(offered_transmit.min(offered_receive)).min(own)
    }

    /// What a client may send to a server that receives PDUs of `receive` bytes; `None` when
    /// the server says less than it must receive.
    #[must_use]
    pub fn to_peer(receive: u16, own: MaxFragment) -> Option<Self> {
        (receive >= Self::MIN.0).then(|| MaxFragment(receive & !7).min(own))
    }

    /// The size in bytes.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The largest PDU that is legal to receive where this was agreed on: 5840 bytes are legal
    /// whatever was agreed on.
    #[must_use]
    pub fn legal_to_receive(self) -> usize {
        usize::from(self.max(Self::DEFAULT).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_01_sizes_are_the_smaller_offer_within_the_own_maximum() {
        let negotiate = |transmit, receive, own| {
            MaxFragment::negotiate(transmit, receive, MaxFragment::own(own)).get()
        };
        assert_eq!(negotiate(0xffff, 0xffff, 5840), 5840);
        assert_eq!(negotiate(0, 0xffff, 5840), 2048);
        assert_eq!(negotiate(0xffff, 0, 5840), 2048);
        assert_eq!(negotiate(3199, 0xffff, 5840), 3192);
        assert_eq!(negotiate(0xffff, 3199, 5840), 3192);
        assert_eq!(negotiate(65535, 65535, 65535), 65528);
        assert_eq!(negotiate(65535, 65535, 0), 2048);
    }

    #[test]
    fn features_travel_in_the_second_half_of_the_uuid() {
        let syntax = SyntaxId::bind_time_features(BindTimeFeatures::ALL);
        assert_eq!(
            syntax.to_string(),
            "6cb71c2c-9812-4540-0300-000000000000/v1.0"
        );
        assert_eq!(syntax.as_bind_time_features(), Some(BindTimeFeatures::ALL));
        assert_eq!(SyntaxId::NDR20.as_bind_time_features(), None);
    }

    #[test]
    fn a_transfer_syntax_of_another_version_is_another_one() {
        assert_eq!(
            TransferSyntax::from_syntax(&SyntaxId::NDR64),
            Some(TransferSyntax::Ndr64)
        );
        let newer = SyntaxId {
            minor: 1,
            ..SyntaxId::NDR20
        };
        assert_eq!(TransferSyntax::from_syntax(&newer), None);
    }
}
