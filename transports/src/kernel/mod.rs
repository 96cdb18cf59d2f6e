//! What the rings over the kernel have in common.

mod destinations;
mod lingerers;
mod listener;
mod open_files;
mod ready;
mod receive_buffers;
mod ring;
mod slots;
mod stream;
mod tag;
mod wait;
mod waker;

pub use self::ring::{KernelRing, RingChoice};
pub use self::stream::KernelStream;
pub use self::waker::KernelWaker;

pub(crate) use self::destinations::{Destination, Destinations, SINGLE_LEN_MAX, Singles};
pub(crate) use self::lingerers::Lingerers;
pub(crate) use self::listener::{
    ACCEPT_PAUSE, Accepting, Listener, ListenerTable, is_accept_to_be_retried,
};
pub(crate) use self::open_files::{open_files_limit, socket_capacity};
pub(crate) use self::ready::{Ready, Starved};
pub(crate) use self::receive_buffers::check_receive_buffers;
pub(crate) use self::slots::{ConnectTarget, Slot, SlotTable};
pub(crate) use self::tag::{Generation, Tag};
pub(crate) use self::wait::{KernelWait, kernel_wait, now};
