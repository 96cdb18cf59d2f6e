//! Endpoints, towers and inquiries as they travel.

use annulus_ndr::Full;
use annulus_protocol::{SyntaxId, Uuid};

use super::endpoint_map::Endpoint;
use super::search::{Inquiry, Versions};
use super::tower::Tower;
use super::{EPT_MAX_ANNOTATION_SIZE, EptEntry, EptIfId, Twr};

/// What Samba's clients send as `vers_option` for all versions; MS-RPCE counts from one. They are
/// known by it, for a lookup ends in two ways.
pub(super) const VERS_ALL_OF_SAMBA: u32 = 0;

impl Inquiry {
    /// What the in-parameters of an ept_lookup ask for; `None` if they make no sense.
    pub(super) fn from_wire(
        inquiry_type: u32,
        object: Option<Uuid>,
        interface: Option<EptIfId>,
        vers_option: u32,
    ) -> Option<Self> {
        let (by_interface, by_object) = match inquiry_type {
            0 => (false, false),
            1 => (true, false),
            2 => (false, true),
            3 => (true, true),
            _ => return None,
        };
        let mut inquiry = Inquiry::ALL;
        if by_interface {
            let versions = Versions::from_wire(vers_option)?;
            inquiry = inquiry.of_interface(interface?.into(), versions);
        }
        if by_object {
            inquiry = inquiry.of_object(object?);
        }
        Some(inquiry)
    }

    /// The `inquiry_type`, and the `vers_option`.
    pub(super) fn to_wire(self) -> (u32, u32) {
        let by_interface = u32::from(self.interface.is_some());
        let by_object = u32::from(self.object.is_some()) * 2;
        let versions = self
            .interface
            .map_or(Versions::All, |(_, versions)| versions);
        (by_interface + by_object, versions.to_wire())
    }
}

impl Versions {
    const ALL: [Versions; 5] = [
        Versions::All,
        Versions::Compatible,
        Versions::Exact,
        Versions::MajorOnly,
        Versions::UpTo,
    ];

    /// The values of `vers_option` (MS-RPCE 2.2.1.2.4).
    fn to_wire(self) -> u32 {
        match self {
            Versions::All => 1,
            Versions::Compatible => 2,
            Versions::Exact => 3,
            Versions::MajorOnly => 4,
            Versions::UpTo => 5,
        }
    }

    fn from_wire(vers_option: u32) -> Option<Self> {
        if vers_option == VERS_ALL_OF_SAMBA {
            return Some(Versions::All);
        }
        let mut all = Versions::ALL.into_iter();
        all.find(|versions| versions.to_wire() == vers_option)
    }
}

impl From<EptIfId> for SyntaxId {
    fn from(id: EptIfId) -> Self {
        SyntaxId::new(id.uuid, id.major, id.minor)
    }
}

impl From<SyntaxId> for EptIfId {
    fn from(syntax: SyntaxId) -> Self {
        EptIfId {
            uuid: syntax.uuid,
            major: syntax.major,
            minor: syntax.minor,
        }
    }
}

impl From<&Tower> for Twr {
    fn from(tower: &Tower) -> Self {
        let tower_octets = tower.encode();
        Twr {
            tower_length: u32::try_from(tower_octets.len()).unwrap_or(u32::MAX),
            tower_octets,
        }
    }
}

impl Endpoint {
    /// `None` without a tower.
    pub(super) fn from_wire(entry: &EptEntry) -> Option<Self> {
        let tower = entry.tower.get()?;
        let tower = Tower::decode(&tower.tower_octets)
            .inspect_err(|error| tracing::debug!(%error, "an endpoint with a strange tower"))
            .ok()?;
        Some(Endpoint {
            object: entry.object,
            tower,
            annotation: String::from_utf8_lossy(&entry.annotation).into_owned(),
        })
    }

    pub(super) fn to_wire(&self) -> EptEntry {
        const LEN_MAX: usize = EPT_MAX_ANNOTATION_SIZE as usize - 1;
        let (annotation, _) = self
            .annotation
            .split_once('\0')
            .unwrap_or((&self.annotation, ""));
        let cut = annotation.floor_char_boundary(LEN_MAX);
        EptEntry {
            object: self.object,
            tower: Full::new(Twr::from(&self.tower)),
            annotation: annotation.as_bytes()[..cut].to_vec(),
        }
    }
}
