//! What this kernel offers of io_uring, feature by feature, for people who want to know.

use std::fmt;
use std::io;
use std::time::Duration;

use annulus_protocol::Limits;
use io_uring::{Builder, IoUring, Probe, opcode};

use crate::error::TransportError;
use crate::kernel::{Generation, KernelWait};
use crate::ring::{ListenerId, SocketId};
use crate::uring::operation::Operation;
use crate::uring::probe;
use crate::uring::queue::Queue;
use crate::uring::submission::Submission;
use crate::uring::{UringConfig, UringRing};

/// A feature of io_uring, and whether the kernel offers it to this process.
///
/// ```
/// use annulus_transports::uring::{FeatureRole, UringFeature};
///
/// for feature in UringFeature::all()? {
///     let is_missing = feature.is_offered == Some(false);
///     if is_missing && feature.role == FeatureRole::Needed {
///         println!("{feature} is missing: connections are carried by epoll");
///     }
/// }
/// # Ok::<(), annulus_transports::TransportError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UringFeature {
    /// As the kernel's headers name it.
    pub name: &'static str,
    /// The first release of Linux that had it; distributions bring some to older ones.
    pub since: &'static str,
    /// What it is to a [`UringRing`].
    pub role: FeatureRole,
    /// `None` if it cannot be told, mostly because one that it builds on is missing.
    pub is_offered: Option<bool>,
}

/// What a feature is to a [`UringRing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FeatureRole {
    /// Without it there is no such ring.
    Needed,
    /// It is used where it is offered.
    Optional {
        /// What is different without it.
        without: &'static str,
    },
    /// It is used where it is offered, by a ring whose configuration asks for it.
    Configured {
        /// What is different without it.
        without: &'static str,
    },
    /// It is not used.
    Unused,
}

impl UringFeature {
    /// Asks the kernel, by making some small rings and one that could be used.
    ///
    /// # Errors
    ///
    /// There is no io_uring at all for this process, and why; see [`TransportError`].
    pub fn all() -> Result<Vec<Self>, TransportError> {
        let ring = IoUring::new(8).map_err(probe::setup_error)?;
        let mut features = of_setup().to_vec();
        let parameters = ring.params();
        features.extend(
            probe::needed_features(parameters)
                .map(|(name, since, is_offered)| needed(name, since, Some(is_offered))),
        );
        features.extend(of_opcodes(&ring));
        features.extend(of_registration(&ring));
        features.extend(of_operation());
        features.extend([
            unused(
                "IORING_FEAT_RECVSEND_BUNDLE",
                "6.10",
                Some(parameters.is_feature_recvsend_bundle()),
            ),
            unused(
                "IORING_FEAT_MIN_TIMEOUT",
                "6.12",
                Some(parameters.is_feature_min_timeout()),
            ),
        ]);
        Ok(features)
    }
}

impl fmt::Display for UringFeature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (Linux {})", self.name, self.since)
    }
}

const fn needed(name: &'static str, since: &'static str, is_offered: Option<bool>) -> UringFeature {
    UringFeature {
        name,
        since,
        role: FeatureRole::Needed,
        is_offered,
    }
}

const fn unused(name: &'static str, since: &'static str, is_offered: Option<bool>) -> UringFeature {
    UringFeature {
        name,
        since,
        role: FeatureRole::Unused,
        is_offered,
    }
}

/// The kernel's answer to something that it does, or does not know.
fn is_known<T>(answer: io::Result<T>) -> Option<bool> {
    match answer {
        Ok(_) => Some(true),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Some(false),
        Err(_) => None,
    }
}

/// The flags of io_uring_setup(2), each with those that it builds on.
fn of_setup() -> [UringFeature; 5] {
    let build =
        |flags: fn(&mut Builder) -> &mut Builder| is_known(flags(&mut IoUring::builder()).build(1));
    [
        needed(
            "IORING_SETUP_SUBMIT_ALL",
            "5.18",
            build(Builder::setup_submit_all),
        ),
        needed(
            "IORING_SETUP_COOP_TASKRUN",
            "5.19",
            build(Builder::setup_coop_taskrun),
        ),
        needed(
            "IORING_SETUP_TASKRUN_FLAG",
            "5.19",
            build(|flags| flags.setup_coop_taskrun().setup_taskrun_flag()),
        ),
        needed(
            "IORING_SETUP_SINGLE_ISSUER",
            "6.0",
            build(Builder::setup_single_issuer),
        ),
        needed(
            "IORING_SETUP_DEFER_TASKRUN",
            "6.1",
            build(|flags| flags.setup_single_issuer().setup_defer_taskrun()),
        ),
    ]
}

fn of_opcodes(ring: &IoUring) -> Vec<UringFeature> {
    let mut probe = Probe::new();
    let is_probed = ring.submitter().register_probe(&mut probe).is_ok();
    let is_offered = |code| is_probed.then(|| probe.is_supported(code));
    let used = probe::OPCODES.map(|(name, since, code)| needed(name, since, is_offered(code)));
    let mut features = used.to_vec();
    features.push(UringFeature {
        name: "IORING_OP_FIXED_FD_INSTALL",
        since: "6.8",
        role: FeatureRole::Optional {
            without: "a connection cannot move to another core, so a server's cores may be loaded unevenly",
        },
        is_offered: is_offered(opcode::FixedFdInstall::CODE),
    });
    features.extend([
        unused("IORING_OP_SEND_ZC", "6.0", is_offered(opcode::SendZc::CODE)),
        unused(
            "IORING_OP_SENDMSG_ZC",
            "6.1",
            is_offered(opcode::SendMsgZc::CODE),
        ),
    ]);
    features
}

/// The table of direct descriptors, and the ring of provided buffers.
fn of_registration(ring: &IoUring) -> [UringFeature; 2] {
    let has_buffer_ring = match UringRing::new(UringConfig::new(&Limits::DEFAULT)) {
        Ok(_) => Some(true),
        Err(TransportError::UringFeatureMissing { feature, .. })
            if feature == probe::BUFFER_RING =>
        {
            Some(false)
        }
        Err(_) => None,
    };
    [
        needed(
            "IORING_RSRC_REGISTER_SPARSE",
            "5.19",
            is_known(ring.submitter().register_files_sparse(1)),
        ),
        needed(probe::BUFFER_RING, "5.19", has_buffer_ring),
    ]
}

/// Multishot operations, which no probe tells of, and what a ring registers if it is asked to.
fn of_operation() -> [UringFeature; 3] {
    let mut queue = Queue::new(1).ok();
    let mut is_taken = |submission| is_taken(queue.as_mut()?, submission);
    let accept = Submission::accept(-1, Operation::Accept(ListenerId(0)));
    let receive = Operation::Receive(SocketId(0), Generation::FIRST);
    let receive = Submission::receive(SocketId(0), receive);
    let (accept, receive) = (is_taken(accept), is_taken(receive));
    let napi = queue.map(|queue| is_known(queue.register_napi(Duration::from_micros(1))));
    [
        needed("IORING_ACCEPT_MULTISHOT", "5.19", accept),
        needed("IORING_RECV_MULTISHOT", "6.0", receive),
        UringFeature {
            name: "IORING_REGISTER_NAPI",
            since: "6.9",
            role: FeatureRole::Configured {
                without: "napi_busy_poll has no effect: a wake-up by a network device waits for its interrupt",
            },
            is_offered: napi.flatten(),
        },
    ]
}

/// Whether the kernel knows what it is asked to do with a descriptor that is not there.
fn is_taken(queue: &mut Queue, submission: Submission) -> Option<bool> {
    queue.push(submission);
    queue.enter(KernelWait::No).ok()?;
    match -queue.pop()?.result {
        libc::EBADF => Some(true),
        libc::EINVAL => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_kernel_offers_all_that_is_needed_by_name() {
        let features = UringFeature::all().unwrap();
        for feature in &features {
            if feature.role == FeatureRole::Needed {
                assert_eq!(feature.is_offered, Some(true), "{feature}");
            }
        }
        let mut names: Vec<_> = features.iter().map(|feature| feature.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), features.len(), "one is there twice");
    }

    #[test]
    fn what_the_kernel_does_not_know_is_not_offered() {
        let error = |errno| Err::<(), _>(io::Error::from_raw_os_error(errno));
        assert_eq!(is_known(error(libc::EINVAL)), Some(false));
        assert_eq!(is_known(error(libc::ENOMEM)), None);
        assert_eq!(is_known(Ok(())), Some(true));
        // The kernel takes this flag only beside another.
        let mut flags: Builder = IoUring::builder();
        let ring = flags.setup_defer_taskrun().build(1);
        assert_eq!(is_known(ring), Some(false));
    }
}
