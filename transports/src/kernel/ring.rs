//! The ring over the kernel that this machine allows.

use std::env::{self, VarError};
use std::os::fd::BorrowedFd;
use std::str::FromStr;
use std::sync::Once;

use annulus_protocol::{Limits, SendBuffer, Time};

use crate::address::Address;
use crate::epoll::EpollRing;
use crate::error::TransportError;
use crate::kernel::{KernelStream, KernelWaker};
use crate::ring::{
    Completion, ListenOptions, ListenerId, NotAdopted, PollableRing, ReceiveLease, Ring, RingUsage,
    SocketId, Wait,
};
use crate::socket_options::SocketOptions;
use crate::uring::{UringConfig, UringRing};

/// Which ring over the kernel is to be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RingChoice {
    /// What the environment variable [`ANNULUS_RING`](RingChoice::VARIABLE) says: `uring`,
    /// `epoll`, or `auto` as if it were not set. Then io_uring, or epoll where io_uring is not to
    /// be had; a warning tells the reason, once per process.
    #[default]
    Auto,
    /// io_uring, or an error.
    Uring,
    /// epoll.
    Epoll,
}

impl RingChoice {
    /// The environment variable that decides for [`RingChoice::Auto`].
    pub const VARIABLE: &str = "ANNULUS_RING";

    /// The choice of the environment, if this one leaves it to that.
    fn or_of_environment(self) -> Result<Self, TransportError> {
        if self != RingChoice::Auto {
            return Ok(self);
        }
        match env::var(RingChoice::VARIABLE) {
            Ok(name) => name.parse(),
            Err(VarError::NotPresent) => Ok(RingChoice::Auto),
            Err(VarError::NotUnicode(name)) => Err(TransportError::UnknownRing {
                name: name.to_string_lossy().into_owned(),
            }),
        }
    }
}

impl FromStr for RingChoice {
    type Err = TransportError;

    fn from_str(name: &str) -> Result<Self, TransportError> {
        match name {
            "uring" => Ok(RingChoice::Uring),
            "epoll" => Ok(RingChoice::Epoll),
            "" | "auto" => Ok(RingChoice::Auto),
            _ => Err(TransportError::UnknownRing {
                name: name.to_owned(),
            }),
        }
    }
}

/// A ring over the kernel of either kind.
///
/// Streams and wakers are the same for both, so that the cores of one process need not have
/// rings of one kind.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each core, and a box would be one more step on every call's way"
)]
pub enum KernelRing {
    /// Over io_uring.
    Uring(UringRing),
    /// Over epoll.
    Epoll(EpollRing),
}

impl KernelRing {
    /// Makes a ring for this thread; `limits` are used as by [`UringConfig`] and
    /// [`EpollRing::new`].
    ///
    /// # Errors
    ///
    /// As [`UringRing::new`] or [`EpollRing::new`]; or `ANNULUS_RING` names no ring. If io_uring is
    /// not demanded, that it is not to be had is no error.
    pub fn new(choice: RingChoice, limits: &Limits) -> Result<Self, TransportError> {
        KernelRing::with_config(choice, UringConfig::new(limits))
    }

    /// The same with more settings, which a ring over epoll has no use for, beside the limits.
    ///
    /// # Errors
    ///
    /// As [`new`](KernelRing::new).
    pub fn with_config(
        choice: RingChoice,
        config: UringConfig<'_>,
    ) -> Result<Self, TransportError> {
        let limits = config.limits;
        match choice.or_of_environment()? {
            RingChoice::Uring => working_uring(config).map(KernelRing::Uring),
            RingChoice::Epoll => EpollRing::new(limits).map(KernelRing::Epoll),
            RingChoice::Auto => match working_uring(config) {
                Ok(ring) => Ok(KernelRing::Uring(ring)),
                Err(error) if error.is_want_of_uring() => {
                    tell_once(&error);
                    EpollRing::new(limits).map(KernelRing::Epoll)
                }
                Err(error) => Err(error),
            },
        }
    }
}

/// Makes a ring over io_uring and enters it once: a sandbox may allow the one and not the other.
fn working_uring(config: UringConfig<'_>) -> Result<UringRing, TransportError> {
    let mut ring = UringRing::new(config)?;
    ring.enter(Wait::No)?;
    Ok(ring)
}

fn tell_once(error: &TransportError) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        tracing::warn!(
            %error,
            "io_uring is not to be had, so connections are carried by epoll, which is somewhat \
             slower; {}=epoll chooses it without this warning",
            RingChoice::VARIABLE
        );
    });
}

/// Does the same with the ring of either kind.
macro_rules! either {
    ($self:ident, $ring:ident => $result:expr) => {
        match $self {
            KernelRing::Uring($ring) => $result,
            KernelRing::Epoll($ring) => $result,
        }
    };
}

impl PollableRing for KernelRing {
    fn descriptor(&mut self) -> Result<BorrowedFd<'_>, TransportError> {
        either!(self, ring => ring.descriptor())
    }

    fn begin_wait(&mut self) -> Result<Option<Wait>, TransportError> {
        either!(self, ring => ring.begin_wait())
    }

    fn end_wait(&mut self) {
        either!(self, ring => ring.end_wait());
    }
}

impl Ring for KernelRing {
    type Stream = KernelStream;
    type Waker = KernelWaker;

    fn name(&self) -> &'static str {
        either!(self, ring => ring.name())
    }

    fn now(&self) -> Time {
        super::now()
    }

    fn listen(
        &mut self,
        address: Address,
        options: &ListenOptions,
    ) -> Result<(ListenerId, Address), TransportError> {
        either!(self, ring => ring.listen(address, options))
    }

    fn close_listener(&mut self, listener: ListenerId) {
        either!(self, ring => ring.close_listener(listener));
    }

    fn connect_with(
        &mut self,
        address: Address,
        options: &SocketOptions,
    ) -> Result<SocketId, TransportError> {
        either!(self, ring => ring.connect_with(address, options))
    }

    fn local_address(stream: &KernelStream) -> Option<Address> {
        crate::listen::local_address(stream)
    }

    fn socket_capacity(&self) -> usize {
        either!(self, ring => ring.socket_capacity())
    }

    fn adopt(&mut self, stream: KernelStream) -> Result<SocketId, NotAdopted<KernelStream>> {
        either!(self, ring => ring.adopt(stream))
    }

    #[inline]
    fn send(&mut self, socket: SocketId, buffer: impl Into<SendBuffer>) {
        either!(self, ring => ring.send(socket, buffer));
    }

    fn pause_receive(&mut self, socket: SocketId) {
        either!(self, ring => ring.pause_receive(socket));
    }

    fn resume_receive(&mut self, socket: SocketId) {
        either!(self, ring => ring.resume_receive(socket));
    }

    fn close(&mut self, socket: SocketId) {
        either!(self, ring => ring.close(socket));
    }

    fn can_detach(&self) -> bool {
        either!(self, ring => ring.can_detach())
    }

    fn detach(&mut self, socket: SocketId) {
        either!(self, ring => ring.detach(socket));
    }

    fn receive_into(&mut self, socket: SocketId, buffer: Vec<u8>) -> Result<(), Vec<u8>> {
        either!(self, ring => ring.receive_into(socket, buffer))
    }

    #[inline]
    fn received(&self, lease: &ReceiveLease) -> &[u8] {
        either!(self, ring => ring.received(lease))
    }

    #[inline]
    fn release(&mut self, lease: ReceiveLease) {
        either!(self, ring => ring.release(lease));
    }

    #[inline]
    fn enter(&mut self, wait: Wait) -> Result<(), TransportError> {
        either!(self, ring => ring.enter(wait))
    }

    #[inline]
    fn submit(&mut self) -> Result<(), TransportError> {
        either!(self, ring => ring.submit())
    }

    #[inline]
    fn next_completion(&mut self) -> Option<Completion<KernelStream>> {
        either!(self, ring => ring.next_completion())
    }

    fn waker(&self) -> KernelWaker {
        either!(self, ring => ring.waker())
    }

    fn usage(&self) -> RingUsage {
        either!(self, ring => ring.usage())
    }

    fn enter_count(&self) -> u64 {
        either!(self, ring => ring.enter_count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_chosen_by_its_name() {
        assert_eq!("uring".parse::<RingChoice>().unwrap(), RingChoice::Uring);
        assert_eq!("epoll".parse::<RingChoice>().unwrap(), RingChoice::Epoll);
        assert_eq!("auto".parse::<RingChoice>().unwrap(), RingChoice::Auto);
        let error = "kqueue".parse::<RingChoice>().unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("ANNULUS_RING") && text.contains("kqueue") && text.contains("epoll"),
            "{text}"
        );
    }

    #[test]
    fn a_setting_that_is_wrong_for_all_rings_is_no_reason_to_try_another() {
        let limits = Limits {
            receive_buffers: 3,
            ..Limits::DEFAULT
        };
        for choice in [RingChoice::Auto, RingChoice::Uring, RingChoice::Epoll] {
            let error = KernelRing::new(choice, &limits).err().unwrap();
            assert!(matches!(error, TransportError::Setting { .. }), "{error}");
        }
    }
}
