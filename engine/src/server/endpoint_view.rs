//! What the protocol layer asks of a server.

use std::sync::{Arc, MutexGuard};

use annulus_protocol::{
    AuthenticationType, GroupId, InterfaceKey, Opnum, ServerEndpoint, ServerMechanism, SyntaxId,
    TransferSyntax,
};
use annulus_transports::Address;

use super::groups::{GroupClient, Groups};
use super::running::RunningServer;
use crate::context_handle::GroupContexts;
use crate::registration::RegisteredInterface;

/// One endpoint of a server, as the protocol layer asks for it.
pub(crate) struct EndpointView<'s> {
    pub(crate) server: &'s RunningServer,
    pub(crate) endpoint: usize,
    /// Who is at the other end.
    pub(crate) peer: &'s Address,
    /// Bytes of requests that are being reassembled on this core.
    pub(crate) assembling_len: &'s mut usize,
    /// The contexts of the connection's group, from its bind on.
    pub(crate) contexts: &'s mut Option<Arc<GroupContexts>>,
}

impl EndpointView<'_> {
    fn interface(&self, key: InterfaceKey) -> &RegisteredInterface {
        self.server.registered(key)
    }

    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.server.groups()
    }
}

impl ServerEndpoint for EndpointView<'_> {
    fn find_interface(&self, wanted: &SyntaxId) -> Option<InterfaceKey> {
        let index = self.server.interfaces.iter().position(|interface| {
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
        let client = GroupClient::of(self.peer);
        let (group, contexts) = self.groups().join(requested, client)?;
        *self.contexts = Some(contexts);
        Some(group)
    }

    fn leave_group(&mut self, group: GroupId) {
        *self.contexts = None;
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
        let limit = self.server.limits.assembling_len_per_core_max;
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
        self.server.secondary_address(self.endpoint)
    }
}
