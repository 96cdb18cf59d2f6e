//! What can go wrong below the protocol.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::address::Address;

/// A failure of a transport: what failed, on what, and what to do about it.
///
/// The texts are written for the people who run a service; the data is there for programs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// An operation on an established connection failed: the peer reset it, or the network did.
    #[error("{action} failed: {source}")]
    Io {
        /// What was being done: `send`, `receive`.
        action: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// This side closed the socket before the operation had ended.
    #[error("the connection was closed by this side")]
    ClosedLocally,
    /// A connection could not be made.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Where to.
        address: Address,
        /// Why, for example refused or timed out.
        source: io::Error,
    },
    /// A socket could not be made: descriptors or memory are exhausted.
    #[error("cannot make a socket: {0}")]
    Socket(#[source] io::Error),
    /// This ring holds as many sockets as it can.
    #[error(
        "this core already holds {capacity} sockets, which is all it can; raise \
         Limits::connections_per_core_max or the limit of open files (ulimit -n)"
    )]
    SocketTableFull {
        /// How many sockets the table has room for.
        capacity: usize,
    },
    /// There is no memory for the receive buffers.
    #[error(
        "no memory for {len} bytes of receive buffers; lower Limits::receive_buffers or \
         Limits::receive_buffer_len"
    )]
    ReceiveBuffers {
        /// The bytes of all of them.
        len: usize,
    },
    /// Connections cannot be accepted for the moment.
    #[error("accepting is paused, it goes on by itself: {0}")]
    Accept(#[source] io::Error),

    /// Another process listens on the address.
    #[error(
        "{address} is in use by another process (tried for {} ms); stop it or listen \
         elsewhere; `ss -ltxnp` names the process",
        waited.as_millis()
    )]
    AddressInUse {
        /// The address that was asked for.
        address: Address,
        /// How long it was tried.
        waited: Duration,
    },
    /// The address does not belong to this machine.
    #[error(
        "{address} is not an address of this machine; `ip address` lists those that are, and \
         0.0.0.0 or [::] listens on all"
    )]
    AddressNotLocal {
        /// The address that was asked for.
        address: Address,
    },
    /// Listening on the address needs a right that this process lacks.
    #[error(
        "listening on {address} is not permitted; ports below {first_free_port} need \
         CAP_NET_BIND_SERVICE (setcap cap_net_bind_service=+ep PROGRAM, or \
         AmbientCapabilities= in its systemd unit), or take a higher port"
    )]
    AddressForbidden {
        /// The address that was asked for.
        address: Address,
        /// The lowest port that needs no right (`net.ipv4.ip_unprivileged_port_start`).
        first_free_port: u16,
    },
    /// Listening failed for another reason.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address that was asked for.
        address: Address,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A host name could not be resolved, or has no address.
    #[error("cannot resolve host {host:?}: {source}")]
    Resolve {
        /// The name.
        host: String,
        /// The resolver's answer.
        source: io::Error,
    },
    /// The name of a local endpoint (`ncalrpc:[NAME]`) cannot be one.
    #[error("the local endpoint {name:?} is no possible name: expected {expected}")]
    NcalrpcName {
        /// The name.
        name: String,
        /// What would be one.
        expected: &'static str,
    },
    /// The directory of the local endpoints cannot be made or used.
    #[error(
        "cannot listen in {}, the directory of local endpoints: {source}; have it made for this \
         user (install -d -o USER DIRECTORY, or RuntimeDirectory= in a systemd unit), or choose \
         another one, for clients too (ANNULUS_NCALRPC_DIR)",
        directory.display()
    )]
    NcalrpcDirectory {
        /// The directory.
        directory: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The directory of the local endpoints is one in which others could replace a server's
    /// socket.
    #[error("the directory of local endpoints {} is not safe: {reason}", directory.display())]
    NcalrpcDirectoryUnsafe {
        /// The directory.
        directory: PathBuf,
        /// Why, and what to do.
        reason: &'static str,
    },

    /// The kernel is older than the oldest that works.
    #[error("Linux {found} is too old: io_uring as it is used here needs Linux {needed} or newer")]
    KernelTooOld {
        /// The release of the running kernel.
        found: String,
        /// The oldest release that works.
        needed: &'static str,
    },
    /// The system forbids io_uring to this process.
    #[error("io_uring is forbidden to this process: {reason}")]
    UringForbidden {
        /// By what, and what to do.
        reason: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The kernel lacks something that is needed, although it is new enough.
    #[error("this kernel (Linux {kernel}) does not offer {feature}, which is needed: {source}")]
    UringFeatureMissing {
        /// The feature by its name in io_uring(7).
        feature: &'static str,
        /// The release of the running kernel.
        kernel: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The memory that io_uring shares with the kernel was refused.
    #[error(
        "no memory for {what}: {source}; raise the limit of locked memory (ulimit -l, now {limit}; \
         LimitMEMLOCK= in a systemd unit) or the container's memory limit"
    )]
    UringMemory {
        /// What the memory was for.
        what: &'static str,
        /// The current limit of locked memory, for people.
        limit: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The limit of open files leaves no room for the socket table.
    #[error(
        "cannot register a table of {wanted} sockets: {source}; the limit of open files is {limit}: \
         raise it (ulimit -n, LimitNOFILE= in a systemd unit)"
    )]
    OpenFilesTooLow {
        /// The size of the table that was tried.
        wanted: u32,
        /// The hard limit of open files.
        limit: u64,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The environment names a ring that there is not.
    #[error(
        "{} is {name:?}; it must be `uring`, `epoll` or `auto`",
        crate::kernel::RingChoice::VARIABLE
    )]
    UnknownRing {
        /// What it names.
        name: String,
    },
    /// A setting is out of range.
    #[error("{name} is {value}; it must be {expected}")]
    Setting {
        /// The setting's name.
        name: &'static str,
        /// Its value.
        value: u64,
        /// What is allowed.
        expected: &'static str,
    },
    /// The backend itself broke; the ring cannot be used any further.
    #[error("{call} failed: {source}; the ring cannot be used any further")]
    RingBroken {
        /// The call that failed.
        call: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl TransportError {
    /// Whether io_uring is not to be had, while another ring may be.
    pub(crate) fn is_want_of_uring(&self) -> bool {
        matches!(
            self,
            TransportError::KernelTooOld { .. }
                | TransportError::UringForbidden { .. }
                | TransportError::UringFeatureMissing { .. }
                | TransportError::UringMemory { .. }
                | TransportError::OpenFilesTooLow { .. }
                | TransportError::RingBroken { .. }
        )
    }

    /// The kernel's answer behind this error, where there is one.
    #[must_use]
    pub fn io_error(&self) -> Option<&io::Error> {
        std::error::Error::source(self)?.downcast_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_stays_small_enough_to_travel_in_a_completion() {
        assert!(
            size_of::<TransportError>() <= 64,
            "{}",
            size_of::<TransportError>()
        );
    }

    #[test]
    fn a_text_says_what_on_what_and_what_to_do() {
        let address = Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 135)));
        let text = TransportError::AddressForbidden {
            address,
            first_free_port: 1024,
        }
        .to_string();
        assert!(text.contains("127.0.0.1:135"), "{text}");
        assert!(text.contains("below 1024"), "{text}");
        assert!(text.contains("setcap"), "{text}");
    }

    #[test]
    fn a_time_is_told_in_whole_milliseconds() {
        let text = TransportError::AddressInUse {
            address: Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 135))),
            waited: Duration::from_micros(508_338),
        }
        .to_string();
        assert!(text.contains("(tried for 508 ms)"), "{text}");
    }

    #[test]
    fn the_kernels_answer_is_reachable() {
        let error = TransportError::Socket(io::Error::from_raw_os_error(libc::EMFILE));
        assert_eq!(
            error.io_error().and_then(io::Error::raw_os_error),
            Some(libc::EMFILE)
        );
        assert!(TransportError::ClosedLocally.io_error().is_none());
    }
}
