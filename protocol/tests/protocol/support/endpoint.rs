//! A server endpoint.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use annulus_protocol::{
    AuthenticationType, GroupId, InterfaceKey, Opnum, ServerEndpoint, ServerMechanism, SyntaxId,
    TransferSyntax,
};

use super::toy::Toy;
use super::{ECHO, OLD};

/// Association groups and interfaces of a server.
#[derive(Default)]
pub(crate) struct Endpoint {
    /// Connections of each group.
    pub(crate) groups: BTreeMap<u32, usize>,
    last_group: u32,
    /// The mechanism of type 200 has this many legs.
    pub(crate) legs: usize,
    /// Bytes of unfinished requests, and how many there may be.
    pub(crate) assembling: usize,
    pub(crate) assembling_max: Option<usize>,
    /// The operation of ECHO whose request is streamed.
    pub(crate) streamed: Option<Opnum>,
}

impl Endpoint {
    /// An endpoint whose mechanism has this many legs.
    pub(crate) fn with_legs(legs: usize) -> Self {
        Endpoint {
            legs,
            ..Endpoint::default()
        }
    }
}

impl ServerEndpoint for Endpoint {
    fn find_interface(&self, wanted: &SyntaxId) -> Option<InterfaceKey> {
        let serves = |own: &SyntaxId| {
            own.uuid == wanted.uuid && own.major == wanted.major && own.minor >= wanted.minor
        };
        [ECHO, OLD]
            .iter()
            .position(serves)
            .map(|index| InterfaceKey(index as u32))
    }

    fn supports(&self, interface: InterfaceKey, transfer: TransferSyntax) -> bool {
        interface == InterfaceKey(0) || transfer == TransferSyntax::Ndr
    }

    fn operation_count(&self, interface: InterfaceKey) -> u16 {
        [5, 2][interface.0 as usize]
    }

    fn streams(&self, interface: InterfaceKey, opnum: Opnum) -> bool {
        interface == InterfaceKey(0) && self.streamed == Some(opnum)
    }

    fn join_group(&mut self, requested: Option<GroupId>) -> Option<GroupId> {
        let Some(group) = requested else {
            self.last_group += 1;
            self.groups.insert(self.last_group, 1);
            return NonZeroU32::new(self.last_group).map(GroupId);
        };
        *self.groups.get_mut(&group.0.get())? += 1;
        Some(group)
    }

    fn leave_group(&mut self, group: GroupId) {
        let left = self
            .groups
            .get_mut(&group.0.get())
            .expect("the group exists");
        *left -= 1;
        if *left == 0 {
            self.groups.remove(&group.0.get());
        }
    }

    fn mechanism(&mut self, kind: AuthenticationType) -> Option<Box<dyn ServerMechanism>> {
        (kind == Toy::KIND).then(|| Box::new(Toy::server(self.legs)) as Box<dyn ServerMechanism>)
    }

    fn grow_assembly(&mut self, len: usize) -> bool {
        let fits = self
            .assembling_max
            .is_none_or(|max| self.assembling + len <= max);
        self.assembling += if fits { len } else { 0 };
        fits
    }

    fn shrink_assembly(&mut self, len: usize) {
        self.assembling = self
            .assembling
            .checked_sub(len)
            .expect("no more is given back than was granted");
    }

    fn secondary_address(&self) -> &str {
        "135"
    }
}
