//! The ring over io_uring.
//!
//! Sockets live in the kernel's table of direct descriptors, their index the socket's id.
//! Receiving is multishot, into buffers that all sockets of the ring share; accepting is
//! multishot, of ordinary descriptors, so that a connection can still go to another core. The
//! kernel posts completions only while [`enter`](crate::Ring::enter) runs (`DEFER_TASKRUN`), and
//! a spinning `enter` makes no system call unless there is something to do.
//!
//! Unsafe code is in three modules: `buffers` (memory that the kernel writes), `submission`
//! (memory that it reads) and `queue` (handing over), and in a few lines of `accept`, `gather`,
//! `transfer` and `connect`, where the memory is at home.

mod accept;
mod buffers;
mod connect;
mod detach;
mod features;
mod gather;
mod operation;
mod probe;
mod queue;
mod signal;
mod slot;
mod submission;
mod teardown;
mod transfer;

use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use annulus_protocol::{Limits, SendBuffer, Time};

pub use self::features::{FeatureRole, UringFeature};

use self::buffers::ReceiveBuffers;
use self::gather::SpareGathers;
use self::operation::Operation;
use self::queue::{KernelCompletion, Queue};
use self::signal::Signal;
use self::slot::{SlotTable, Stage};
use self::submission::Submission;
use crate::address::Address;
use crate::error::TransportError;
use crate::kernel::{
    self, Destinations, KernelStream, KernelWait, KernelWaker, Lingerers, ListenerTable, Ready,
    Starved, kernel_wait, socket_capacity,
};
use crate::listen::local_address;
use crate::ring::{
    Completion, ListenOptions, ListenerId, NotAdopted, PollableRing, ReceiveLease, Ring, RingUsage,
    SocketId, Wait,
};
use crate::socket_options::SocketOptions;

/// Settings of a [`UringRing`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct UringConfig<'a> {
    /// Submissions that one system call can hand over, rounded up to a power of two; completions
    /// have four times as much room. More of either cost more system calls, nothing else.
    /// Default 1024.
    pub entries: u32,
    /// `connections_per_core_max`, `closing_sockets_per_core_max`, `receive_buffers` and
    /// `receive_buffer_len` size the ring; `linger_timeout` and `linger_len_max` bound a close.
    pub limits: &'a Limits,
    /// How long a wait looks for packets in the queues of the network devices of the ring's
    /// sockets before it sleeps (NAPI busy polling, `IORING_REGISTER_NAPI`), in whole
    /// microseconds. Saves the interrupt's time, some microseconds for each wake-up, and costs the
    /// core while nothing comes; loopback has no such device. Needs Linux 6.9 with
    /// `CONFIG_NET_RX_BUSY_POLL`, otherwise a warning tells that it is without effect. Default
    /// none.
    pub napi_busy_poll: Option<Duration>,
}

impl<'a> UringConfig<'a> {
    /// The defaults, with these limits.
    #[must_use]
    pub const fn new(limits: &'a Limits) -> Self {
        UringConfig {
            entries: 1024,
            limits,
            napi_busy_poll: None,
        }
    }
}

/// A ring over io_uring; see the [module](self).
///
/// It belongs to the thread that made it, and cannot leave it. Dropping it cancels everything
/// and closes all sockets without further notice.
pub struct UringRing {
    // First, so that the kernel lets go of the memory of the others.
    queue: Queue,
    buffers: ReceiveBuffers,
    slots: SlotTable,
    listeners: ListenerTable,
    ready: Ready,
    starved: Starved,
    /// Sockets whose next receive starts with the next enter, one after the other.
    singles: Vec<SocketId>,
    /// Buffers of the owner's that the kernel fills.
    destinations: Destinations,
    lingerers: Lingerers,
    sends: usize,
    spare_gathers: SpareGathers,
    waker: KernelWaker,
    /// For those who wait elsewhere, if anybody does.
    signal: Option<Signal>,
    /// Neither `Send` nor `Sync`: the kernel takes submissions from one thread only.
    thread_bound: PhantomData<*const ()>,
}

impl UringRing {
    /// Makes a ring for this thread.
    ///
    /// Raises the process's soft limit of open files to its hard limit, because the socket table
    /// cannot be larger than that.
    ///
    /// # Errors
    ///
    /// The kernel is too old, lacks a feature, or refuses io_uring, memory, or the socket table;
    /// or a setting is out of range. Each error says what to do.
    pub fn new(config: UringConfig<'_>) -> Result<Self, TransportError> {
        probe::check_kernel(&probe::kernel_release())?;
        let mut buffers = ReceiveBuffers::new(config.limits)?;
        let mut queue = Queue::new(config.entries)?;
        let capacity = socket_capacity(config.limits);
        if let Some(time) = config.napi_busy_poll
            && let Err(error) = queue.register_napi(time)
        {
            tracing::warn!(%error, "NAPI busy polling is not to be had: it needs Linux 6.9");
        }
        queue.register_table(capacity)?;
        // SAFETY: `drop` waits for the last operation, or leaks the buffers; and `queue` is the
        // first field of the ring, so it goes before them.
        unsafe { buffers.register(&queue) }?;
        let waker = KernelWaker::new()?;
        queue.push(Submission::watch(waker.eventfd()));
        let ready = Ready::with_capacity(queue.completion_capacity());
        Ok(UringRing {
            queue,
            buffers,
            slots: SlotTable::new(capacity),
            listeners: ListenerTable::default(),
            ready,
            starved: Starved::default(),
            singles: Vec::new(),
            destinations: Destinations::default(),
            lingerers: Lingerers::new(config.limits),
            sends: 0,
            spare_gathers: SpareGathers::default(),
            waker,
            signal: None,
            thread_bound: PhantomData,
        })
    }

    /// Takes all completions out of the kernel's queue, also those that did not fit.
    fn reap(&mut self) -> Result<(), TransportError> {
        loop {
            while let Some(completion) = self.queue.pop() {
                self.handle(completion);
            }
            if !self.queue.is_overflown() {
                return Ok(());
            }
            self.queue.enter(KernelWait::No)?;
        }
    }

    /// Hands over and takes in, without waiting.
    fn turn(&mut self) -> Result<(), TransportError> {
        self.queue.enter(KernelWait::No)?;
        self.reap()
    }

    fn handle(&mut self, completion: KernelCompletion) {
        match completion.operation {
            Operation::Accept(listener) => self.on_accept(listener, completion),
            Operation::Connect(socket, generation) => {
                self.on_connect(socket, generation, completion.result);
            }
            Operation::Receive(socket, generation) => {
                self.on_receive(socket, generation, completion);
            }
            Operation::Send(socket, generation) => {
                self.on_send(socket, generation, completion.result);
            }
            Operation::Discard(socket, generation) => {
                self.on_discard(socket, generation, completion);
            }
            Operation::Shutdown(socket, generation) => self.on_shutdown(socket, generation),
            Operation::Close(socket, generation) => {
                self.on_close(socket, generation, completion.result);
            }
            Operation::Detach(socket, generation) => {
                self.on_detach(socket, generation, completion);
            }
            Operation::Wake if !completion.more => {
                self.queue.push(Submission::watch(self.waker.eventfd()));
            }
            Operation::Wake | Operation::Cancel => {}
        }
    }

    /// Does what waited for time to pass, for a buffer to come back, or for the owner.
    fn recover(&mut self) {
        self.arm_singles();
        self.feed_starved();
        if self.next_timer().is_some() {
            let now = self.now();
            self.resume_accepting(now);
            self.stop_lingering(now);
        }
    }

    /// When this ring itself has something to do.
    fn next_timer(&self) -> Option<Time> {
        let (linger, accept) = (self.lingerers.next_due(), self.listeners.next_due());
        [linger, accept].into_iter().flatten().min()
    }
}

impl PollableRing for UringRing {
    fn descriptor(&mut self) -> Result<BorrowedFd<'_>, TransportError> {
        let signal = match self.signal.take() {
            Some(signal) => signal,
            None => Signal::new(&self.queue, &self.waker).map_err(TransportError::Socket)?,
        };
        Ok(self.signal.insert(signal).descriptor())
    }

    fn begin_wait(&mut self) -> Result<Option<Wait>, TransportError> {
        self.recover();
        self.turn()?;
        let is_hungry = self.starved.is_fed_by(self.buffers.available());
        if !self.ready.is_empty() || is_hungry {
            return Ok(None);
        }
        if let Some(signal) = &self.signal {
            signal.clear();
        }
        // What was told before that shows here; what comes after is told again.
        if self.queue.is_enter_needed() || !self.waker.begin_wait() {
            return Ok(None);
        }
        Ok(Some(Wait::until(self.next_timer())))
    }

    fn end_wait(&mut self) {
        self.waker.end_wait();
    }
}

impl Ring for UringRing {
    type Stream = KernelStream;
    type Waker = KernelWaker;

    fn name(&self) -> &'static str {
        "io_uring"
    }

    fn now(&self) -> Time {
        kernel::now()
    }

    fn listen(
        &mut self,
        address: Address,
        options: &ListenOptions,
    ) -> Result<(ListenerId, Address), TransportError> {
        self.start_listening(&address, options)
    }

    fn close_listener(&mut self, listener: ListenerId) {
        self.stop_listening(listener);
    }

    fn connect_with(
        &mut self,
        address: Address,
        options: &SocketOptions,
    ) -> Result<SocketId, TransportError> {
        self.start_connecting(address, options)
    }

    fn local_address(stream: &KernelStream) -> Option<Address> {
        local_address(stream)
    }

    fn socket_capacity(&self) -> usize {
        self.slots.capacity()
    }

    fn adopt(&mut self, stream: KernelStream) -> Result<SocketId, NotAdopted<KernelStream>> {
        let socket = match self.install(Stage::Open, &stream, stream.is_unix()) {
            Ok(socket) => socket,
            Err(error) => return Err(NotAdopted { stream, error }),
        };
        self.slots.get_mut(socket).has_sent = stream.has_sent();
        self.arm_receive(socket);
        Ok(socket)
    }

    fn send(&mut self, socket: SocketId, buffer: impl Into<SendBuffer>) {
        self.start_sending(socket, buffer.into());
    }

    fn pause_receive(&mut self, socket: SocketId) {
        self.pause(socket);
    }

    fn resume_receive(&mut self, socket: SocketId) {
        self.resume(socket);
    }

    fn close(&mut self, socket: SocketId) {
        self.start_closing(socket);
    }

    fn can_detach(&self) -> bool {
        self.queue.can_install()
    }

    fn detach(&mut self, socket: SocketId) {
        self.start_detaching(socket);
    }

    fn receive_into(&mut self, socket: SocketId, buffer: Vec<u8>) -> Result<(), Vec<u8>> {
        self.start_receiving_into(socket, buffer)
    }

    fn received(&self, lease: &ReceiveLease) -> &[u8] {
        self.buffers.bytes(lease)
    }

    fn release(&mut self, lease: ReceiveLease) {
        self.buffers.give_back(lease);
    }

    fn enter(&mut self, wait: Wait) -> Result<(), TransportError> {
        self.recover();
        if wait == Wait::No || !self.ready.is_empty() {
            return self.turn();
        }
        loop {
            self.reap()?;
            // A full queue may have told of the want of buffers while submissions were made;
            // buffers that came back before will wake nobody.
            self.feed_starved();
            let kernel_wait = if self.ready.is_empty() {
                kernel_wait(wait, self.next_timer())
            } else {
                None
            };
            let Some(kernel_wait) = kernel_wait else {
                return self.turn();
            };
            if !self.waker.begin_wait() {
                return self.turn();
            }
            let entered = self.queue.enter(kernel_wait);
            let woken = self.waker.end_wait();
            entered?;
            self.reap()?;
            if woken || !self.ready.is_empty() {
                return Ok(());
            }
            self.recover();
        }
    }

    #[inline]
    fn submit(&mut self) -> Result<(), TransportError> {
        self.queue.enter(KernelWait::No)
    }

    fn next_completion(&mut self) -> Option<Completion<KernelStream>> {
        let buffers = &mut self.buffers;
        self.ready
            .next(&mut self.slots, |lease| buffers.give_back(lease))
    }

    fn waker(&self) -> KernelWaker {
        self.waker.clone()
    }

    fn usage(&self) -> RingUsage {
        RingUsage {
            sockets: self.slots.len(),
            listeners: self.listeners.len(),
            leases: self.buffers.lent(),
            sends: self.sends,
            receives_into: self.destinations.len(),
        }
    }

    fn enter_count(&self) -> u64 {
        self.queue.enter_count()
    }
}
