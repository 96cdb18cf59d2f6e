//! What the kernel must offer, checked by name at the start, and what to say if it does not.

use std::io;

use io_uring::{IoUring, Parameters, Probe, opcode};
use rustix::process::Resource;

use crate::error::TransportError;
use crate::kernel::open_files_limit;

/// The oldest kernel with all that is used here; the youngest need is `DEFER_TASKRUN`.
const KERNEL_MIN: (u32, u32) = (6, 1);
const KERNEL_MIN_TEXT: &str = "6.1";

/// The opcodes that are used, by their names in io_uring_enter(2), and the first release that had them.
pub(super) const OPCODES: [(&str, &str, u8); 9] = [
    ("IORING_OP_ACCEPT", "5.5", opcode::Accept::CODE),
    ("IORING_OP_CONNECT", "5.5", opcode::Connect::CODE),
    ("IORING_OP_RECV", "5.6", opcode::Recv::CODE),
    ("IORING_OP_SEND", "5.6", opcode::Send::CODE),
    ("IORING_OP_SENDMSG", "5.3", opcode::SendMsg::CODE),
    ("IORING_OP_SHUTDOWN", "5.11", opcode::Shutdown::CODE),
    ("IORING_OP_CLOSE", "5.6", opcode::Close::CODE),
    ("IORING_OP_ASYNC_CANCEL", "5.5", opcode::AsyncCancel::CODE),
    ("IORING_OP_POLL_ADD", "5.1", opcode::PollAdd::CODE),
];

/// What cannot be probed, and shows when it is registered.
pub(super) const BUFFER_RING: &str = "IORING_REGISTER_PBUF_RING";

/// The release of the running kernel, for people: `6.1.0-13-amd64`.
pub(super) fn kernel_release() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}

/// Refuses a kernel that is too old. A release that cannot be read passes: the features are
/// probed by name all the same.
pub(super) fn check_kernel(release: &str) -> Result<(), TransportError> {
    match major_minor(release) {
        Some(version) if version < KERNEL_MIN => Err(TransportError::KernelTooOld {
            found: release.to_owned(),
            needed: KERNEL_MIN_TEXT,
        }),
        _ => Ok(()),
    }
}

fn major_minor(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// What a kernel may offer, and may not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offers {
    /// `IORING_OP_FIXED_FD_INSTALL`, since Linux 6.8.
    pub(super) fixed_fd_install: bool,
}

/// The features that are needed, by name, the first release that had them, and whether they are offered.
pub(super) fn needed_features(parameters: &Parameters) -> [(&'static str, &'static str, bool); 4] {
    [
        ("IORING_FEAT_NODROP", "5.5", parameters.is_feature_nodrop()),
        (
            "IORING_FEAT_EXT_ARG",
            "5.11",
            parameters.is_feature_ext_arg(),
        ),
        (
            "IORING_FEAT_FAST_POLL",
            "5.7",
            parameters.is_feature_fast_poll(),
        ),
        (
            "IORING_FEAT_SUBMIT_STABLE",
            "5.5",
            parameters.is_feature_submit_stable(),
        ),
    ]
}

/// Refuses a kernel that lacks an opcode or a feature that is needed, and names it.
pub(super) fn check_features(ring: &IoUring) -> Result<Offers, TransportError> {
    for (feature, _, offered) in needed_features(ring.params()) {
        if !offered {
            return Err(missing(feature, io::ErrorKind::Unsupported.into()));
        }
    }
    let mut probe = Probe::new();
    ring.submitter()
        .register_probe(&mut probe)
        .map_err(|source| missing("IORING_REGISTER_PROBE", source))?;
    match OPCODES
        .iter()
        .find(|(_, _, code)| !probe.is_supported(*code))
    {
        Some((name, ..)) => Err(missing(name, io::ErrorKind::Unsupported.into())),
        None => Ok(Offers {
            fixed_fd_install: probe.is_supported(opcode::FixedFdInstall::CODE),
        }),
    }
}

/// The error of `io_uring_setup`, explained.
pub(super) fn setup_error(source: io::Error) -> TransportError {
    match source.raw_os_error() {
        // The second is a security module's answer.
        Some(libc::EPERM | libc::EACCES) => TransportError::UringForbidden {
            reason: forbidden_by(),
            source,
        },
        Some(libc::ENOSYS) => TransportError::UringForbidden {
            reason: "the kernel was built without it, or a sandbox hides it (a container's \
                     seccomp profile: allow io_uring_setup, io_uring_enter, io_uring_register)",
            source,
        },
        Some(libc::ENOMEM) => memory_error("the submission and completion queues", source),
        Some(libc::EINVAL) => missing(
            "IORING_SETUP_SINGLE_ISSUER with IORING_SETUP_DEFER_TASKRUN",
            source,
        ),
        Some(libc::EMFILE | libc::ENFILE) => TransportError::Socket(source),
        _ => TransportError::RingBroken {
            call: "io_uring_setup",
            source,
        },
    }
}

/// The error of registering the provided-buffer ring, explained.
pub(super) fn buffer_ring_error(source: io::Error) -> TransportError {
    match source.raw_os_error() {
        Some(libc::ENOMEM) => memory_error("the ring of receive buffers", source),
        _ => missing(BUFFER_RING, source),
    }
}

/// The error of registering the socket table, explained.
pub(super) fn table_error(wanted: u32, source: io::Error) -> TransportError {
    match source.raw_os_error() {
        Some(libc::EMFILE) => TransportError::OpenFilesTooLow {
            wanted,
            limit: open_files_limit(),
            source,
        },
        Some(libc::ENOMEM) => memory_error("the socket table", source),
        _ => missing("IORING_REGISTER_FILES2 (a sparse table)", source),
    }
}

/// Memory was refused for `what`.
pub(super) fn memory_error(what: &'static str, source: io::Error) -> TransportError {
    let limit = match rustix::process::getrlimit(Resource::Memlock).current {
        Some(bytes) => format!("{} KiB", bytes / 1024),
        None => "unlimited".to_owned(),
    };
    TransportError::UringMemory {
        what,
        limit,
        source,
    }
}

fn missing(feature: &'static str, source: io::Error) -> TransportError {
    TransportError::UringFeatureMissing {
        feature,
        kernel: kernel_release(),
        source,
    }
}

/// Who forbids it: the administrator's switch or a sandbox.
fn forbidden_by() -> &'static str {
    let disabled = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
    match disabled.as_deref().map(str::trim) {
        Ok("2") => "the system forbids it to all (sysctl kernel.io_uring_disabled=0 allows it)",
        Ok("1") => {
            "the system allows it only with CAP_SYS_ADMIN or in the group of \
             kernel.io_uring_group (sysctl kernel.io_uring_disabled=0 allows it to all)"
        }
        _ => {
            "a sandbox refuses it (a container's seccomp profile: allow io_uring_setup, \
             io_uring_enter, io_uring_register; with docker, --security-opt seccomp=PROFILE)"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_distributions_are_understood() {
        assert_eq!(major_minor("6.1.0-13-amd64"), Some((6, 1)));
        assert_eq!(major_minor("5.15.0"), Some((5, 15)));
        assert_eq!(major_minor("6.18.44-fc-v657"), Some((6, 18)));
        assert_eq!(major_minor("unknown"), None);
    }

    #[test]
    fn an_old_kernel_is_refused_with_its_release() {
        let error = check_kernel("5.15.0-91-generic").unwrap_err();
        assert_eq!(
            error.to_string(),
            "Linux 5.15.0-91-generic is too old: io_uring as it is used here needs Linux 6.1 or \
             newer"
        );
        check_kernel("6.1.0").unwrap();
        check_kernel("10.0").unwrap();
    }

    #[test]
    fn a_refusal_says_who_refuses() {
        for errno in [libc::EPERM, libc::EACCES] {
            let error = setup_error(io::Error::from_raw_os_error(errno));
            assert!(
                matches!(error, TransportError::UringForbidden { .. }),
                "{error}"
            );
        }
        let error = setup_error(io::Error::from_raw_os_error(libc::ENOSYS));
        assert!(error.to_string().contains("seccomp"), "{error}");
        let error = setup_error(io::Error::from_raw_os_error(libc::ENOMEM));
        assert!(error.to_string().contains("ulimit -l"), "{error}");
        let error = table_error(17_000, io::Error::from_raw_os_error(libc::EMFILE));
        assert!(error.to_string().contains("ulimit -n"), "{error}");
    }

    #[test]
    fn the_running_kernel_has_all_that_is_needed() {
        let ring = IoUring::new(4).unwrap();
        check_features(&ring).unwrap();
    }
}
