//! The associations of a core's clients: who shares connections, and for how long.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use annulus_protocol::{
    ClientConnection, ContextId, GroupId, Limits, OfferError, SyntaxId, Time, TransferSyntax,
};
use annulus_transports::{Address, SocketId, SocketOptions};

use super::connection::Alarm;
use super::dials::Dial;
use crate::binding::BindingShared;
use crate::resolver::Target;
use crate::table::{Key, Table};

/// The associations of one core.
pub(super) struct Associations {
    pub(super) table: Table<Association>,
    /// Those that further bindings may share.
    shared: HashMap<Server, Key>,
}

/// What bindings have in common that share an association.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Server {
    target: Target,
    /// Whether it is asked to multiplex.
    may_multiplex: bool,
    socket: SocketOptions,
}

/// Connections to one server, used by one binding or by several.
pub(super) struct Association {
    server: Server,
    /// The binding that it was made for, which is told of lost connections, if others do not find it: only those
    /// that are made for further interfaces of that one use it too. None if it is shared.
    sole: Option<Arc<BindingShared>>,
    /// In the order in which they were made.
    pub(super) links: Vec<SocketId>,
    /// How many connections may be tried for. Falls when the server takes no further one.
    pub(super) links_max: usize,
    /// What the server calls the association, while it has a connection.
    pub(super) group: Option<GroupId>,
    /// Bindings that want its last connection to stay open however idle it is.
    keepers: usize,
    /// The association whose group its connections join.
    pub(super) beside: Option<Key>,
    /// The group that the server did not let its last connection join.
    pub(super) refused_group: Option<GroupId>,
    /// Where the server was found.
    pub(super) addresses: Arc<[Address]>,
    /// The index of the address that was reached last.
    pub(super) address: usize,
    /// The connection that is being made.
    pub(super) dial: Option<Box<Dial>>,
    /// Bindings with calls that wait, each once, in turn.
    pub(super) waiting: VecDeque<Key>,
    /// Bindings that have not been retired.
    bindings: usize,
    /// When it is to end, if no binding uses it.
    lingers_until: Option<Time>,
    /// The timers that will look at it.
    pub(super) alarm: Alarm,
}

/// What a connection of a client is beside its transport.
pub(crate) struct ClientLink {
    pub(crate) protocol: ClientConnection,
    pub(super) association: Key,
    /// The index of its address.
    pub(super) address: usize,
    /// The interfaces that are offered to the server, in the order in which it answers. Empty
    /// until the transport is there.
    offers: Vec<Offer>,
    /// Whether a call was sent.
    pub(super) is_used: bool,
}

/// An interface in one transfer syntax, and what calls to it are made in, once accepted.
pub(super) struct Offer {
    interface: SyntaxId,
    transfer: TransferSyntax,
    context: Option<ContextId>,
}

/// How a connection stands to an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// It was not offered.
    Unknown,
    /// It was offered; the answer has not come.
    Asked,
    /// It is bound.
    Bound(ContextId),
}

impl Associations {
    pub(super) fn new() -> Self {
        Associations {
            table: Table::new(u32::MAX as usize),
            shared: HashMap::new(),
        }
    }

    /// The association of a new binding: one that it may share, or one of its own.
    /// `keeps` says whether it wants one connection to stay open.
    pub(super) fn join(
        &mut self,
        binding: &Arc<BindingShared>,
        keeps: bool,
        limits: &Limits,
    ) -> Key {
        let is_shared = !binding.options.is_unique;
        let server = Server {
            target: binding.target.clone(),
            may_multiplex: !binding.options.multiplexes_not,
            socket: binding.options.socket,
        };
        if is_shared && let Some(&key) = self.shared.get(&server) {
            self.join_this(key, keeps);
            return key;
        }
        let association = Association {
            server: server.clone(),
            sole: (!is_shared).then(|| Arc::clone(binding)),
            links: Vec::new(),
            links_max: limits.connections_per_association_max,
            group: None,
            keepers: usize::from(keeps),
            beside: None,
            refused_group: None,
            addresses: Arc::default(),
            address: 0,
            dial: None,
            waiting: VecDeque::new(),
            bindings: 1,
            lingers_until: None,
            alarm: Alarm::default(),
        };
        let Ok(key) = self.table.insert(association) else {
            unreachable!("more associations than memory can hold");
        };
        if is_shared {
            self.shared.insert(server, key);
        }
        key
    }

    /// A further binding uses an association.
    pub(super) fn join_this(&mut self, key: Key, keeps: bool) {
        if let Some(association) = self.table.get_mut(key) {
            association.bindings += 1;
            association.keepers += usize::from(keeps);
            association.lingers_until = None;
        }
    }

    /// The group that a further connection of an association joins.
    pub(super) fn group(&self, key: Key) -> Option<GroupId> {
        let association = self.table.get(key)?;
        let beside = association.beside.and_then(|beside| self.table.get(beside));
        let group = association.group.or_else(|| beside?.group);
        group.filter(|group| association.refused_group != Some(*group))
    }

    /// The addresses of the association whose group this one's connections join, and the index of
    /// the one that was reached: no other server knows the group.
    pub(super) fn reached_beside(&self, key: Key) -> Option<(Arc<[Address]>, usize)> {
        let beside = self.table.get(self.table.get(key)?.beside?)?;
        (!beside.links.is_empty()).then(|| (Arc::clone(&beside.addresses), beside.address))
    }

    /// Those that are making a connection.
    pub(super) fn dialing(&self) -> Vec<Key> {
        let dialing = self.table.iter();
        let dialing = dialing.filter(|(_, association)| association.dial.is_some());
        dialing.map(|(key, _)| key).collect()
    }

    /// A connection of an association is in this group. The one beside it joins it too if it has
    /// none yet: what a server keeps for a client is kept for its group.
    pub(super) fn joined(&mut self, key: Key, group: GroupId) {
        let Some(association) = self.table.get_mut(key) else {
            return;
        };
        association.group = Some(group);
        if let Some(beside) = association.beside
            && let Some(beside) = self.table.get_mut(beside)
        {
            beside.group = beside.group.or(Some(group));
        }
    }

    /// A binding goes. True if it was the last one; then the association may linger until `end`.
    /// `keeps` is what it said when it came.
    pub(super) fn leave(&mut self, key: Key, keeps: bool, end: Time) -> bool {
        let Some(association) = self.table.get_mut(key) else {
            return false;
        };
        association.bindings -= 1;
        association.keepers -= usize::from(keeps);
        if association.bindings == 0 {
            association.lingers_until = Some(end);
        }
        association.bindings == 0
    }

    /// Forgets an association; its connections are the caller's to close.
    pub(super) fn remove(&mut self, key: Key) -> Option<Association> {
        let association = self.table.remove(key)?;
        if association.sole.is_none() {
            self.shared.remove(&association.server);
        }
        Some(association)
    }
}

impl Association {
    /// Whether its one connection is to stay open however idle it is.
    pub(super) fn needs_idle_link(&self) -> bool {
        self.keepers > 0 && self.links.len() == 1
    }

    /// Where its server is.
    pub(super) fn target(&self) -> &Target {
        &self.server.target
    }

    /// When it is to be looked at.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        let dial = self.dial.as_ref().and_then(|dial| dial.next_deadline());
        self.lingers_until.into_iter().chain(dial).min()
    }

    /// When it ends, if no binding comes.
    pub(super) fn lingers_until(&self) -> Option<Time> {
        self.lingers_until
    }

    /// Forgets a connection. False if it was not, or is no longer, one of this association.
    pub(super) fn unlink(&mut self, socket: SocketId, limits: &Limits) -> bool {
        let Some(index) = self.links.iter().position(|link| *link == socket) else {
            return false;
        };
        self.links.remove(index);
        if let Some(binding) = &self.sole {
            binding.note_loss();
        }
        if self.links.is_empty() {
            // The server forgets the group with its last connection.
            self.group = None;
            self.links_max = limits.connections_per_association_max;
        }
        true
    }
}

impl Offer {
    pub(super) fn new(binding: &BindingShared) -> Self {
        Offer {
            interface: binding.interface,
            transfer: binding.transfer,
            context: None,
        }
    }

    /// Whether this is the interface of a binding.
    pub(super) fn is_for(&self, binding: &BindingShared) -> bool {
        (self.interface, self.transfer) == (binding.interface, binding.transfer)
    }
}

impl ClientLink {
    pub(super) fn new(protocol: ClientConnection, association: Key, address: usize) -> Self {
        ClientLink {
            protocol,
            association,
            address,
            offers: Vec::new(),
            is_used: false,
        }
    }

    /// How this connection stands to the interface of a binding.
    pub(super) fn reach(&self, binding: &BindingShared) -> Reach {
        let mut offers = self.offers.iter();
        match offers.find(|offer| offer.is_for(binding)) {
            None => Reach::Unknown,
            Some(Offer { context: None, .. }) => Reach::Asked,
            Some(Offer {
                context: Some(context),
                ..
            }) => Reach::Bound(*context),
        }
    }

    /// Whether it takes a call now, or will once an interface is bound: it multiplexes, or is
    /// free, or it is not known yet which.
    pub(super) fn is_taker(&self) -> bool {
        !self.protocol.is_bound()
            || self.protocol.is_multiplexed()
            || self.protocol.outstanding_calls() == 0
    }

    /// Whether no interface is bound, and none will be.
    pub(super) fn is_useless(&self) -> bool {
        self.offers.is_empty()
    }

    /// Offers an interface that is not offered yet. False if this connection cannot have more.
    pub(super) fn offer(&mut self, now: Time, binding: &BindingShared, out: &mut Vec<u8>) -> bool {
        let (interface, transfers) = (binding.interface, [binding.transfer]);
        let added = self.protocol.add_interface(now, interface, &transfers, out);
        if added.is_ok() {
            self.offers.push(Offer::new(binding));
        }
        added.is_ok()
    }

    /// The transport is there: sends the bind, and what else is to be offered.
    pub(super) fn bind(
        &mut self,
        now: Time,
        offers: Vec<Offer>,
        group: Option<GroupId>,
        out: &mut Vec<u8>,
    ) -> Result<(), OfferError> {
        for (index, offer) in offers.iter().enumerate() {
            let (interface, transfers) = (offer.interface, [offer.transfer]);
            if index == 0 {
                self.protocol.bind(now, interface, &transfers, group, out)?;
            } else {
                self.protocol
                    .add_interface(now, interface, &transfers, out)?;
            }
        }
        self.offers = offers;
        Ok(())
    }

    /// The server accepts the interface that was offered first of those without an answer.
    pub(super) fn accepted(&mut self, context: ContextId) {
        let asked = self.offers.iter_mut().find(|offer| offer.context.is_none());
        if let Some(offer) = asked {
            offer.context = Some(context);
        }
    }

    /// The server refuses the interface that was offered first of those without an answer.
    pub(super) fn refused(&mut self) -> Option<(SyntaxId, TransferSyntax)> {
        let index = self
            .offers
            .iter()
            .position(|offer| offer.context.is_none())?;
        let offer = self.offers.remove(index);
        Some((offer.interface, offer.transfer))
    }
}
