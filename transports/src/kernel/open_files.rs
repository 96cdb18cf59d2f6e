//! The limit of open files, and what it leaves for sockets.

use annulus_protocol::Limits;
use rustix::process::{Resource, Rlimit};

/// How many sockets a ring shall and can have at a time, those that are closing included.
///
/// Raises the process's soft limit of open files to its hard limit.
pub(crate) fn socket_capacity(limits: &Limits) -> u32 {
    let connections = u32::try_from(limits.connections_per_core_max).unwrap_or(u32::MAX);
    // The kernel's own bound on tables of direct descriptors is 2¹⁵ × 32.
    let closing = u32::try_from(limits.closing_sockets_per_core_max).unwrap_or(u32::MAX);
    let wanted = connections.saturating_add(closing).min(1 << 20);
    let open_files = u32::try_from(raise_open_files_limit()).unwrap_or(u32::MAX);
    if open_files < connections {
        tracing::warn!(
            open_files,
            connections,
            "the limit of open files is below Limits::connections_per_core_max; raise it (ulimit \
             -n, LimitNOFILE= in a systemd unit)"
        );
    }
    wanted.min(open_files)
}

/// Raises the process's soft limit of open files to its hard limit and returns the limit that
/// is then in force.
fn raise_open_files_limit() -> u64 {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        if let Err(errno) = rustix::process::setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%errno, "the limit of open files could not be raised");
        }
    }
    open_files_limit()
}

/// The soft limit of open files.
pub(crate) fn open_files_limit() -> u64 {
    rustix::process::getrlimit(Resource::Nofile)
        .current
        .unwrap_or(u64::MAX)
}
