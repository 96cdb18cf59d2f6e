//! mgmt, afa8bd80-7d8a-11c9-bef4-08002b102989 v1.0: what every endpoint answers.

use annulus_ndr::{Ndr, NdrParams, Uuid};

#[derive(Ndr, Debug, Clone, PartialEq)]
pub struct InterfaceId {
    pub uuid: Uuid,
    pub major: u16,
    pub minor: u16,
}

#[derive(Ndr, Debug, Clone, PartialEq)]
pub struct InterfaceIdVector {
    pub count: u32,
    #[ndr(size_is = "count")]
    pub ids: Vec<Option<InterfaceId>>,
}

/// Operation 0, out.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct InqIfIdsOut {
    pub vector: Option<InterfaceIdVector>,
    pub status: u32,
}

/// Operation 1, in.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct InqStatsIn {
    pub count: u32,
}

/// Operation 1, out.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct InqStatsOut {
    pub count: u32,
    #[ndr(size_is = "count")]
    pub statistics: Vec<u32>,
    pub status: u32,
}

/// Operation 2, out.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct IsServerListeningOut {
    pub status: u32,
    pub listening: u32,
}

/// Operation 4, in.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct InqPrincNameIn {
    pub authentication_service: u32,
    pub size: u32,
}

/// Operation 4, out; the room is the request's `size`.
#[derive(NdrParams, Debug, Clone, PartialEq)]
pub struct InqPrincNameOut<'a> {
    #[ndr(string)]
    pub name: &'a [u8],
    pub status: u32,
}
