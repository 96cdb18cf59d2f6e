//! The ring over epoll: readiness turned into completions.
//!
//! For machines that forbid io_uring. Sockets are ordinary descriptors, registered once and
//! edge-triggered. What an event or a submission gives a socket to do is done by a turn's one
//! pass over the sockets that have something to do: reads into buffers that all sockets of the
//! ring share, writes straight away, and only what does not fit waits for room. Each socket and
//! listener may do only so much in a pass, so that none makes the others wait.

mod accept;
mod buffers;
mod connect;
mod detach;
mod gather;
mod poller;
mod slot;
mod teardown;
mod transfer;

use std::collections::VecDeque;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{BorrowedFd, OwnedFd};

use annulus_protocol::{Limits, SendBuffer, Time};
use rustix::event::epoll::EventFlags;

use self::buffers::ReceiveBuffers;
use self::connect::ConnectRetries;
use self::poller::Poller;
use self::slot::{Readiness, Slot, SlotTable, Stage};
use crate::address::Address;
use crate::error::TransportError;
use crate::kernel::{
    self, Destinations, Generation, KernelStream, KernelWait, KernelWaker, Lingerers,
    ListenerTable, Ready, Starved, Tag, kernel_wait, socket_capacity,
};
use crate::listen::local_address;
use crate::ring::{
    Completion, ListenOptions, ListenerId, NotAdopted, PollableRing, ReceiveLease, Ring, RingUsage,
    SocketId, Wait,
};
use crate::socket_options::SocketOptions;

const LISTENER: u8 = 1;
const SOCKET: u8 = 2;
const WAKER: u8 = 3;

/// A ring over epoll; see the [module](self).
///
/// It belongs to one thread. Dropping it closes all sockets without further notice.
pub struct EpollRing {
    poller: Poller,
    buffers: ReceiveBuffers,
    slots: SlotTable,
    listeners: ListenerTable,
    ready: Ready,
    /// Sockets with something to do in the next pass.
    queue: VecDeque<SocketId>,
    /// Listeners with connections to accept.
    acceptable: VecDeque<ListenerId>,
    starved: Starved,
    /// Buffers of the owner's that are to be filled.
    destinations: Destinations,
    lingerers: Lingerers,
    connect_retries: ConnectRetries,
    sends: usize,
    waker: KernelWaker,
    /// Neither `Send` nor `Sync`, as every ring over the kernel.
    thread_bound: PhantomData<*const ()>,
}

impl EpollRing {
    /// Makes a ring for this thread.
    ///
    /// Of the limits, `connections_per_core_max`, `closing_sockets_per_core_max`,
    /// `receive_buffers` and `receive_buffer_len` size the ring; `linger_timeout` and
    /// `linger_len_max` bound a close. Raises the process's soft limit of open files to its hard
    /// limit.
    ///
    /// # Errors
    ///
    /// Descriptors are exhausted, or a limit is out of range.
    pub fn new(limits: &Limits) -> Result<Self, TransportError> {
        let buffers = ReceiveBuffers::new(limits)?;
        let poller = Poller::new()?;
        let waker = KernelWaker::new()?;
        // Nobody reads the eventfd: each wake-up is an edge.
        poller
            .add(
                waker.eventfd(),
                Tag::unique(WAKER),
                EventFlags::IN | EventFlags::ET,
            )
            .map_err(TransportError::Socket)?;
        Ok(EpollRing {
            poller,
            buffers,
            slots: SlotTable::new(socket_capacity(limits)),
            listeners: ListenerTable::default(),
            ready: Ready::with_capacity(0),
            queue: VecDeque::new(),
            acceptable: VecDeque::new(),
            starved: Starved::default(),
            destinations: Destinations::default(),
            lingerers: Lingerers::new(limits),
            connect_retries: ConnectRetries::default(),
            sends: 0,
            waker,
            thread_bound: PhantomData,
        })
    }

    /// Takes the events that are there, waits for one if told to, and does what they call for.
    fn poll(&mut self, wait: KernelWait) -> Result<(), TransportError> {
        self.poller.wait(wait)?;
        for index in 0..self.poller.event_count() {
            let (tag, flags) = self.poller.event(index);
            self.on_event(tag, flags);
        }
        self.pass();
        Ok(())
    }

    fn on_event(&mut self, tag: Tag, flags: EventFlags) {
        match tag.kind {
            LISTENER => self.on_acceptable(ListenerId(tag.index)),
            SOCKET => self.on_socket_event(SocketId(tag.index), tag.generation, flags),
            _ => debug_assert_eq!(tag.kind, WAKER),
        }
    }

    fn on_socket_event(&mut self, socket: SocketId, generation: Generation, flags: EventFlags) {
        let Some(slot) = self.slots.find(socket, generation) else {
            return;
        };
        let has_failed = flags.intersects(EventFlags::ERR | EventFlags::HUP);
        let is_more_behind = flags.intersects(EventFlags::RDHUP | EventFlags::PRI);
        if has_failed || is_more_behind || flags.contains(EventFlags::IN) {
            slot.reading = Readiness::Likely;
        }
        slot.more_behind |= has_failed || is_more_behind;
        if has_failed || flags.contains(EventFlags::OUT) {
            slot.writing = Readiness::Likely;
        }
        if slot.has_work() {
            self.enqueue(socket);
        } else {
            // So that bytes for a socket that does not read tell of themselves only once.
            self.update_interest(socket);
        }
    }

    /// Gives every socket and listener that has something to do one turn.
    fn pass(&mut self) {
        for _ in 0..self.acceptable.len() {
            self.accept_some();
        }
        for _ in 0..self.queue.len() {
            let Some(socket) = self.queue.pop_front() else {
                return;
            };
            self.slots.get_mut(socket).queued = false;
            self.work(socket);
        }
    }

    fn work(&mut self, socket: SocketId) {
        let slot = self.slots.get(socket);
        match slot.stage {
            Stage::Connecting => return self.go_on_connecting(socket),
            Stage::Lingering => return self.discard_some(socket),
            Stage::Open | Stage::Closing => {}
            Stage::Free | Stage::Detached | Stage::Closed => return,
        }
        if slot.sending && slot.writing == Readiness::Likely {
            self.send_some(socket);
        }
        let slot = self.slots.get(socket);
        if slot.stage == Stage::Closing {
            self.end_operations(socket);
        } else if slot.reading == Readiness::Likely && slot.may_read() {
            self.receive_some(socket);
        }
    }

    /// Gives a socket a turn in the next pass.
    fn enqueue(&mut self, socket: SocketId) {
        let slot = self.slots.get_mut(socket);
        if !std::mem::replace(&mut slot.queued, true) {
            self.queue.push_back(socket);
        }
    }

    /// Begins to hear of a socket's events.
    fn register(&mut self, socket: SocketId) -> io::Result<()> {
        register(&self.poller, socket, self.slots.get_mut(socket))
    }

    /// Asks for the events that the socket needs now. What is ready already is told again.
    fn update_interest(&mut self, socket: SocketId) {
        let slot = self.slots.get_mut(socket);
        let wanted = slot.wanted_interest();
        if slot.fd.is_some() && slot.interest != wanted {
            slot.interest = wanted;
            self.poller
                .modify(slot.fd(), tag(socket, slot.generation), wanted);
        }
    }

    /// Does what waited for time to pass or for a buffer to come back.
    fn recover(&mut self) {
        self.feed_starved();
        if self.next_timer().is_some() {
            let now = kernel::now();
            self.resume_accepting(now);
            self.stop_lingering(now);
            self.retry_connecting(now);
        }
    }

    /// When this ring itself has something to do.
    fn next_timer(&self) -> Option<Time> {
        let linger = self.lingerers.next_due();
        let (accept, connect) = (self.listeners.next_due(), self.connect_retries.next_due());
        [linger, accept, connect].into_iter().flatten().min()
    }

    /// Whether there is something to do without an event.
    fn has_work(&self) -> bool {
        !(self.queue.is_empty() && self.acceptable.is_empty())
    }
}

fn register(poller: &Poller, socket: SocketId, slot: &mut Slot) -> io::Result<()> {
    let wanted = slot.wanted_interest();
    poller.add(slot.fd(), tag(socket, slot.generation), wanted)?;
    slot.interest = wanted;
    Ok(())
}

fn tag(socket: SocketId, generation: Generation) -> Tag {
    Tag {
        kind: SOCKET,
        generation,
        index: socket.0,
    }
}

impl PollableRing for EpollRing {
    fn descriptor(&mut self) -> Result<BorrowedFd<'_>, TransportError> {
        Ok(self.poller.descriptor())
    }

    fn begin_wait(&mut self) -> Result<Option<Wait>, TransportError> {
        self.recover();
        self.pass();
        self.poll(KernelWait::No)?;
        let is_hungry = self.starved.is_fed_by(self.buffers.available());
        let is_busy = !self.ready.is_empty() || self.has_work();
        if is_busy || is_hungry || !self.waker.begin_wait() {
            return Ok(None);
        }
        Ok(Some(Wait::until(self.next_timer())))
    }

    fn end_wait(&mut self) {
        self.waker.end_wait();
    }
}

impl Ring for EpollRing {
    type Stream = KernelStream;
    type Waker = KernelWaker;

    fn name(&self) -> &'static str {
        "epoll"
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
        let (is_unix, has_sent) = (stream.is_unix(), stream.has_sent());
        let mut fd = Some(OwnedFd::from(stream));
        let admitted = self.slots.admit(Stage::Open, |socket, slot| {
            slot.fd = fd.take();
            (slot.is_unix, slot.has_sent) = (is_unix, has_sent);
            let registered = register(&self.poller, socket, slot);
            if registered.is_err() {
                fd = slot.fd.take();
            }
            registered
        });
        admitted.map_err(|error| {
            let fd = fd.expect("a socket that did not come in has kept its descriptor");
            let stream = KernelStream::new(fd, is_unix, has_sent);
            NotAdopted { stream, error }
        })
    }

    fn send(&mut self, socket: SocketId, buffer: impl Into<SendBuffer>) {
        self.start_sending(socket, buffer.into());
    }

    fn pause_receive(&mut self, socket: SocketId) {
        self.slots.get_mut(socket).paused = true;
    }

    fn resume_receive(&mut self, socket: SocketId) {
        self.resume(socket);
    }

    fn close(&mut self, socket: SocketId) {
        self.start_closing(socket);
    }

    fn can_detach(&self) -> bool {
        true
    }

    fn detach(&mut self, socket: SocketId) {
        self.detach_socket(socket);
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
        self.pass();
        loop {
            let kernel_wait = if self.ready.is_empty() {
                kernel_wait(wait, self.next_timer())
            } else {
                None
            };
            let Some(kernel_wait) = kernel_wait else {
                return self.poll(KernelWait::No);
            };
            if !self.waker.begin_wait() {
                return self.poll(KernelWait::No);
            }
            let polled = self.poll(if self.has_work() {
                KernelWait::No
            } else {
                kernel_wait
            });
            let woken = self.waker.end_wait();
            polled?;
            if woken || !self.ready.is_empty() {
                return Ok(());
            }
            self.recover();
            self.pass();
        }
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
        self.poller.system_calls()
    }
}
