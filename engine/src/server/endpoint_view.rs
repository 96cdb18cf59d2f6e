//! What the protocol layer asks of a server.

use std::sync::MutexGuard;

use annulus_protocol::{
    AuthenticationType, GroupId, InterfaceKey, Opnum, ServerEndpoint, ServerMechanism, SyntaxId,
    TransferSyntax,
};

use super::groups::{GroupClient, Groups};
use crate::registration::RegisteredInterface;
use crate::served_client::ServedClient;

/// One endpoint of a server, as the protocol layer asks for it.
pub(crate) struct EndpointView<'s> {
    /// Whose connection it is.
    pub(crate) client: &'s mut ServedClient,
    pub(crate) endpoint: usize,
    /// Bytes of requests that are being reassembled on this core.
    pub(crate) assembling_len: &'s mut usize,
}

impl EndpointView<'_> {
    fn interface(&self, key: InterfaceKey) -> &RegisteredInterface {
        self.client.server.registered(key)
    }

    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.client.server.groups()
    }
}

impl ServerEndpoint for EndpointView<'_> {
    fn find_interface(&self, wanted: &SyntaxId) -> Option<InterfaceKey> {
        let index = self.client.server.interfaces.iter().position(|interface| {
            let offered = interface.syntax();
            offered.uuid == wanted.uuid
                && offered.major == wanted.major
                && offered.minor >= wanted.minor
        })?;
        u32::try_from(index).ok().map(InterfaceKey)
    }

    fn supports(&self, interface: InterfaceKey, transfer: TransferSyntax) -> bool {
        self.interface(interface).supports(transfer)
    }

    fn operation_count(&self, interface: InterfaceKey) -> u16 {
        self.interface(interface).operation_count()
    }

    fn streams(&self, interface: InterfaceKey, opnum: Opnum) -> bool {
        self.interface(interface).pipes(opnum.0).in_count > 0
    }

    fn join_group(&mut self, requested: Option<GroupId>) -> Option<GroupId> {
        let client = GroupClient::of(&self.client.peer);
        let (group, contexts) = self.groups().join(requested, client)?;
        self.client.contexts = Some(contexts);
        Some(group)
    }

    fn leave_group(&mut self, group: GroupId) {
        self.client.contexts = None;
        let left = self.groups().leave(group);
        // Dropping contexts is foreign code: not under the lock.
        if let Some(contexts) = left {
            contexts.run_down();
        }
    }

    fn mechanism(&mut self, _kind: AuthenticationType) -> Option<Box<dyn ServerMechanism>> {
        None
    }

    fn grow_assembly(&mut self, len: usize) -> bool {
        let limit = self.client.server.limits.assembling_len_per_core_max;
        let is_granted = self.assembling_len.saturating_add(len) <= limit;
        if is_granted {
            *self.assembling_len += len;
        }
        is_granted
    }

    fn shrink_assembly(&mut self, len: usize) {
        *self.assembling_len -= len;
    }

    fn secondary_address(&self) -> &str {
        self.client.server.secondary_address(self.endpoint)
    }
}
