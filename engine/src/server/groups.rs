//! Association groups: which connections are one client's.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use annulus_protocol::{GroupId, Limits};
use annulus_transports::Address;

use crate::context_handle::GroupContexts;

/// Association groups and how many connections each has. Touched at bind and at close only. Their
/// numbers can be guessed, so a connection joins the groups of its own client alone (MS-RPCE
/// 3.3.1.5.7).
pub(super) struct Groups {
    next: u32,
    members: HashMap<GroupId, Group>,
    len_max: usize,
    contexts_max: usize,
}

struct Group {
    connections: usize,
    client: GroupClient,
    contexts: Arc<GroupContexts>,
}

/// Whose an association group is: for TCP its address tells (MS-RPCE 3.3.1.5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GroupClient {
    /// A host's, by its address.
    Host(IpAddr),
    /// A user's of this machine, over `ncalrpc`.
    User(u32),
    /// Nobody knows: a local client that the kernel does not vouch for.
    Unknown,
}

impl GroupClient {
    pub(super) fn of(peer: &Address) -> Self {
        let user = peer.credentials().map(|peer| GroupClient::User(peer.uid));
        let host = peer
            .as_tcp()
            .map(|peer| GroupClient::Host(peer.ip().to_canonical()));
        user.or(host).unwrap_or(GroupClient::Unknown)
    }
}

impl Groups {
    pub(super) fn new(limits: &Limits) -> Self {
        Groups {
            next: 1,
            members: HashMap::new(),
            len_max: limits.association_groups_max,
            contexts_max: limits.context_handles_per_group_max,
        }
    }

    pub(super) fn join(
        &mut self,
        requested: Option<GroupId>,
        client: GroupClient,
    ) -> Option<(GroupId, Arc<GroupContexts>)> {
        if let Some(id) = requested {
            let group = self.members.get_mut(&id)?;
            if group.client != client {
                return None;
            }
            group.connections += 1;
            return Some((id, Arc::clone(&group.contexts)));
        }
        if self.members.len() >= self.len_max {
            return None;
        }
        loop {
            let id = NonZeroU32::new(self.next);
            self.next = self.next.wrapping_add(1);
            if let Some(id) = id.map(GroupId)
                && !self.members.contains_key(&id)
            {
                let contexts = GroupContexts::new(self.contexts_max);
                let group = Group {
                    connections: 1,
                    client,
                    contexts: Arc::clone(&contexts),
                };
                self.members.insert(id, group);
                return Some((id, contexts));
            }
        }
    }

    /// A connection leaves; what is left to run down if it was the last.
    #[must_use]
    pub(super) fn leave(&mut self, id: GroupId) -> Option<Arc<GroupContexts>> {
        let group = self.members.get_mut(&id)?;
        group.connections -= 1;
        if group.connections > 0 {
            return None;
        }
        self.members.remove(&id).map(|group| group.contexts)
    }
}

#[cfg(test)]
mod tests {
    use annulus_transports::PeerCredentials;

    use super::*;

    #[test]
    fn a_group_is_joined_by_its_client_alone() {
        let mut groups = Groups {
            next: 1,
            members: HashMap::new(),
            len_max: 2,
            contexts_max: 0,
        };
        let user = |uid| {
            GroupClient::of(&Address::Process(PeerCredentials {
                uid,
                gid: 0,
                pid: None,
            }))
        };
        let host = |peer: &str| GroupClient::of(&Address::Tcp(peer.parse().unwrap()));
        let (of_user, _) = groups.join(None, user(1000)).unwrap();
        assert!(groups.join(Some(of_user), user(1000)).is_some());
        for stranger in [user(1001), user(0), host("127.0.0.1:1")] {
            assert!(
                groups.join(Some(of_user), stranger).is_none(),
                "{stranger:?}"
            );
        }
        let (of_host, _) = groups.join(None, host("10.0.0.1:1")).unwrap();
        for same in ["10.0.0.1:2", "[::ffff:10.0.0.1]:3"] {
            assert!(groups.join(Some(of_host), host(same)).is_some(), "{same}");
        }
        for stranger in [host("10.0.0.2:1"), host("[::1]:1"), user(1000)] {
            assert!(
                groups.join(Some(of_host), stranger).is_none(),
                "{stranger:?}"
            );
        }
    }

    #[test]
    fn rule_08_a_group_ends_with_its_last_connection() {
        let mut groups = Groups {
            next: u32::MAX,
            members: HashMap::new(),
            len_max: 2,
            contexts_max: 0,
        };
        let client = GroupClient::Unknown;
        let join = |groups: &mut Groups, id| groups.join(id, client).map(|(id, _)| id);
        let first = join(&mut groups, None).unwrap();
        let second = join(&mut groups, None).unwrap();
        assert_ne!(first, second, "group ids skip zero when they wrap");
        assert_eq!(join(&mut groups, None), None, "the limit holds");
        assert_eq!(join(&mut groups, Some(first)), Some(first));
        assert!(groups.leave(first).is_none());
        assert_eq!(
            join(&mut groups, Some(first)),
            Some(first),
            "one connection is left"
        );
        assert!(groups.leave(first).is_none());
        assert!(groups.leave(first).is_some(), "the last one runs it down");
        assert_eq!(
            join(&mut groups, Some(first)),
            None,
            "unknown after the last has left"
        );
    }
}
