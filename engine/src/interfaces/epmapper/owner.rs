//! Whose an endpoint in a map is, and who may take it out again.

use annulus_transports::Address;

/// Who has registered an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    /// The process that has the map.
    Process,
    /// A user of this machine, as the kernel names the clients of `ncalrpc`.
    User(u32),
    /// Somebody on this machine, who came over a loopback address: nobody knows who.
    Anybody,
}

impl Owner {
    /// Who a client is; `None` if it is not on this machine for certain.
    pub(super) fn of(peer: &Address) -> Option<Self> {
        match peer.credentials() {
            Some(peer) => Some(Owner::User(peer.uid)),
            None => peer.is_local().then_some(Owner::Anybody),
        }
    }

    /// Whether endpoints of `other` may be taken out, or their places taken.
    pub(super) fn may_remove(self, other: Owner) -> bool {
        const ROOT: Owner = Owner::User(0);
        let is_above = self == Owner::Process || self == ROOT || other == Owner::Anybody;
        is_above || self == other
    }
}

#[cfg(test)]
mod tests {
    use annulus_transports::PeerCredentials;

    use super::*;

    #[test]
    fn a_user_has_power_over_his_own_and_over_nobodys() {
        use Owner::{Anybody, Process, User};
        for (owner, above, not_above) in [
            (Process, &[Process, User(0), User(1), Anybody][..], &[][..]),
            (User(0), &[Process, User(0), User(1), Anybody], &[]),
            (User(1), &[User(1), Anybody], &[Process, User(0), User(2)]),
            (Anybody, &[Anybody], &[Process, User(0), User(1)]),
        ] {
            let may = |other: &Owner| owner.may_remove(*other);
            assert!(above.iter().all(may), "{owner:?}");
            assert!(!not_above.iter().any(may), "{owner:?}");
        }
    }

    #[test]
    fn the_kernel_alone_tells_who_a_client_is() {
        let process = Address::Process(PeerCredentials {
            uid: 7,
            gid: 7,
            pid: None,
        });
        assert_eq!(Owner::of(&process), Some(Owner::User(7)));
        let of_tcp = |text: &str| Owner::of(&Address::Tcp(text.parse().unwrap()));
        assert_eq!(of_tcp("127.0.0.1:1"), Some(Owner::Anybody));
        assert_eq!(of_tcp("10.0.0.1:1"), None);
    }
}
