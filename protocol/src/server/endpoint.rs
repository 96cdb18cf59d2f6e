//! What a server's connection asks of its endpoint.

use crate::security::{AuthenticationType, ServerMechanism};
use crate::types::{GroupId, InterfaceKey, Opnum, SyntaxId, TransferSyntax};

/// What a connection asks of the endpoint that it serves.
pub trait ServerEndpoint {
    /// The interface that serves this syntax: the same UUID and major version, and a minor
    /// version that is not lower. `None`: there is no such interface.
    fn find_interface(&self, abstract_syntax: &SyntaxId) -> Option<InterfaceKey>;

    /// Whether the interface takes calls in this transfer syntax.
    fn supports(&self, interface: InterfaceKey, transfer: TransferSyntax) -> bool;

    /// How many operations the interface has. Asked once, when a client binds to it.
    fn operation_count(&self, interface: InterfaceKey) -> u16;

    /// Whether a request for this operation, if it comes in fragments, is handed out fragment by
    /// fragment: its in-parameters end in a pipe. Default: no.
    ///
    /// Nothing of such a request is kept here, so neither `Limits::request_len_max` nor
    /// [`grow_assembly`](Self::grow_assembly) bounds it, and its fragments may come slowly: who
    /// is told of them bounds what it keeps, by not receiving more (see
    /// [`pause`](super::ServerConnection::pause)). A call that is `maybe` is handed out as a whole
    /// all the same.
    fn streams(&self, interface: InterfaceKey, opnum: Opnum) -> bool {
        let _ = (interface, opnum);
        false
    }

    /// Adds a connection to an association group, to a new one where none is requested. `None`:
    /// there is no such group, or there are too many.
    fn join_group(&mut self, requested: Option<GroupId>) -> Option<GroupId>;

    /// Takes a connection out of its group; the group ends with its last connection.
    fn leave_group(&mut self, group: GroupId);

    /// A fresh security mechanism of this type. `None`: not known here.
    fn mechanism(&mut self, kind: AuthenticationType) -> Option<Box<dyn ServerMechanism>>;

    /// Asks to keep `len` more bytes of a request whose last fragment has not arrived, or of a PDU
    /// over 5840 bytes that has not arrived to its end. False: this is too much, all connections
    /// together; the request is refused with "server too busy", and its connection closes.
    /// Default: never too much.
    ///
    /// What was granted is given back by [`shrink_assembly`](Self::shrink_assembly), exactly and
    /// once.
    fn grow_assembly(&mut self, len: usize) -> bool {
        let _ = len;
        true
    }

    /// Gives back `len` bytes that [`grow_assembly`](Self::grow_assembly) granted: the request is
    /// whole and handed out, or refused, or [`close`](super::ServerConnection::close) has dropped
    /// it.
    fn shrink_assembly(&mut self, len: usize) {
        let _ = len;
    }

    /// Where clients can make further connections: for TCP the port in decimal digits.
    fn secondary_address(&self) -> &str;
}
