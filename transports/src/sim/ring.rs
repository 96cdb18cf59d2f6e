//! A ring of a simulated network.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use annulus_protocol::{SendBuffer, Time};

use crate::address::Address;
use crate::error::TransportError;
use crate::ring::{
    Completion, ListenOptions, ListenerId, NotAdopted, ReceiveLease, Ring, RingUsage, RingWaker,
    SocketId, Wait,
};
use crate::sim::SimStream;
use crate::sim::connection::EndId;
use crate::sim::net::{NetState, SharedNet};
use crate::sim::socket::{Stage, Submission};
use crate::socket_options::SocketOptions;

/// A ring of a [`SimNet`](crate::sim::SimNet).
///
/// [`enter`](Ring::enter) never waits, whatever it is told: if nothing is ready, the driver lets
/// the network's time pass and comes again.
pub struct SimRing {
    net: SharedNet,
    index: usize,
    /// The bytes of lent buffers; free ones keep their memory.
    buffers: Vec<Buffer>,
    free_buffers: Vec<u32>,
    woken: Arc<AtomicBool>,
    enter_count: u64,
}

#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    lent: bool,
}

impl SimRing {
    pub(super) fn new(net: SharedNet, index: usize) -> Self {
        SimRing {
            net,
            index,
            buffers: Vec::new(),
            free_buffers: Vec::new(),
            woken: Arc::new(AtomicBool::new(false)),
            enter_count: 0,
        }
    }

    /// Whether this ring has something for its owner to do now: a completion, a wake-up, or
    /// submissions that were not handed over. If no ring of a network has, time may pass.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let mut net = NetState::lock(&self.net);
        let state = &mut net.rings[self.index];
        !state.ready.is_empty()
            || !state.submissions.is_empty()
            || !state.singles.is_empty()
            || (!state.starved.is_empty() && state.buffers_free > 0)
            || self.woken.load(Ordering::Acquire)
    }

    /// Breaks a socket's connection as a failing network does: both sides see a reset at once.
    pub fn break_connection(&self, socket: SocketId) {
        let mut net = NetState::lock(&self.net);
        if let Some(end) = net.rings[self.index].socket(socket).end {
            net.reset(end);
        }
    }

    fn note(&self, submission: Submission) {
        NetState::lock(&self.net).rings[self.index]
            .submissions
            .push(submission);
    }

    /// The next completion that its owner still wants.
    fn next_wanted(&self, net: &mut NetState) -> Option<Completion<EndId>> {
        let state = &mut net.rings[self.index];
        loop {
            let completion = state.ready.pop_front()?;
            match &completion {
                Completion::Received { socket, .. } if state.socket(*socket).close_submitted => {
                    state.buffers_free += 1;
                }
                Completion::ReceivedInto { socket, .. }
                | Completion::ReceiveEnded { socket, .. }
                | Completion::DetachFailed { socket, .. }
                    if state.socket(*socket).close_submitted => {}
                Completion::Detached { socket, stream } => {
                    let (socket, end) = (*socket, *stream);
                    let is_closed = state.socket(socket).close_submitted;
                    state.free(socket);
                    if !is_closed {
                        return Some(completion);
                    }
                    net.close_end(end);
                    return Some(Completion::Closed { socket });
                }
                Completion::Closed { socket } => {
                    state.free(*socket);
                    return Some(completion);
                }
                _ => return Some(completion),
            }
        }
    }

    /// Fills a buffer with the bytes of a completion.
    fn lend(&mut self, socket: SocketId, len: u32) -> ReceiveLease {
        let index = self.free_buffers.pop().unwrap_or_else(|| {
            self.buffers.push(Buffer::default());
            (self.buffers.len() - 1) as u32
        });
        let buffer = &mut self.buffers[index as usize];
        buffer.lent = true;
        let mut net = NetState::lock(&self.net);
        net.take_bytes(self.index, socket, len as usize, &mut buffer.bytes);
        ReceiveLease { buffer: index, len }
    }
}

// What locks the network is not inlined: so the functions tell whoever counts instructions what is
// the engine's and what is the simulation's.
impl Ring for SimRing {
    type Stream = SimStream;
    type Waker = SimWaker;

    fn name(&self) -> &'static str {
        "simulation"
    }

    #[inline(never)]
    fn now(&self) -> Time {
        NetState::lock(&self.net).now
    }

    fn listen(
        &mut self,
        address: Address,
        _options: &ListenOptions,
    ) -> Result<(ListenerId, Address), TransportError> {
        NetState::lock(&self.net).listen(self.index, &address)
    }

    fn close_listener(&mut self, listener: ListenerId) {
        NetState::lock(&self.net).close_listener(self.index, listener);
    }

    fn connect_with(
        &mut self,
        address: Address,
        _options: &SocketOptions,
    ) -> Result<SocketId, TransportError> {
        let mut net = NetState::lock(&self.net);
        let state = &mut net.rings[self.index];
        let socket = state.allocate(Stage::Connecting)?;
        state.submissions.push(Submission::Connect(socket, address));
        Ok(socket)
    }

    fn socket_capacity(&self) -> usize {
        NetState::lock(&self.net).rings[self.index].socket_capacity()
    }

    fn adopt(&mut self, stream: SimStream) -> Result<SocketId, NotAdopted<SimStream>> {
        let end = stream.into_end();
        let mut net = NetState::lock(&self.net);
        let socket = match net.adopt(self.index, end) {
            Ok(socket) => socket,
            Err(error) => {
                let stream = NetState::stream(&self.net, end);
                return Err(NotAdopted { stream, error });
            }
        };
        net.rings[self.index]
            .submissions
            .push(Submission::StartReceiving(socket));
        Ok(socket)
    }

    #[inline(never)]
    fn send(&mut self, socket: SocketId, buffer: impl Into<SendBuffer>) {
        let mut net = NetState::lock(&self.net);
        let state = &mut net.rings[self.index];
        let slot = state.socket(socket);
        assert!(!slot.sending, "a send is in flight on {socket:?}");
        assert!(
            slot.stage == Stage::Open && !slot.detaching && !slot.close_submitted,
            "send on {socket:?}, which is not open"
        );
        slot.sending = true;
        state.sends += 1;
        state
            .submissions
            .push(Submission::Send(socket, buffer.into()));
    }

    fn pause_receive(&mut self, socket: SocketId) {
        self.note(Submission::Pause(socket));
    }

    fn resume_receive(&mut self, socket: SocketId) {
        self.note(Submission::Resume(socket));
    }

    fn close(&mut self, socket: SocketId) {
        let mut net = NetState::lock(&self.net);
        let state = &mut net.rings[self.index];
        let slot = state.socket(socket);
        if slot.stage == Stage::Free || std::mem::replace(&mut slot.close_submitted, true) {
            return;
        }
        // One that has left closes when its owner would take the news.
        if slot.stage != Stage::Detached {
            state.submissions.push(Submission::Close(socket));
        }
    }

    fn can_detach(&self) -> bool {
        true
    }

    fn detach(&mut self, socket: SocketId) {
        let mut net = NetState::lock(&self.net);
        let state = &mut net.rings[self.index];
        let slot = state.socket(socket);
        assert!(
            slot.stage == Stage::Open && !slot.detaching && !slot.close_submitted,
            "detach of {socket:?}, which is not open"
        );
        assert!(!slot.sending, "a send is in flight on {socket:?}");
        slot.detaching = true;
        state.submissions.push(Submission::Detach(socket));
    }

    fn receive_into(&mut self, socket: SocketId, buffer: Vec<u8>) -> Result<(), Vec<u8>> {
        let mut net = NetState::lock(&self.net);
        let state = &mut net.rings[self.index];
        let slot = state.socket(socket);
        assert!(
            slot.destination.is_none(),
            "a buffer of {socket:?} is to be filled"
        );
        assert!(buffer.len() < buffer.capacity(), "a buffer without room");
        let is_open = slot.stage == Stage::Open && !slot.detaching && !slot.close_submitted;
        if !is_open || !slot.receiving || slot.paused || slot.starved {
            return Err(buffer);
        }
        slot.singles.begin();
        if state.has_received(socket) {
            return Err(buffer);
        }
        state.socket(socket).destination = Some(buffer);
        state.submissions.push(Submission::ReceiveInto(socket));
        Ok(())
    }

    fn received(&self, lease: &ReceiveLease) -> &[u8] {
        let buffer = &self.buffers[lease.buffer as usize];
        assert!(buffer.lent, "a lease of another ring");
        &buffer.bytes
    }

    fn release(&mut self, lease: ReceiveLease) {
        let buffer = &mut self.buffers[lease.buffer as usize];
        assert!(
            std::mem::replace(&mut buffer.lent, false),
            "a lease of another ring"
        );
        buffer.bytes.clear();
        self.free_buffers.push(lease.buffer);
        NetState::lock(&self.net).release_buffer(self.index);
    }

    fn enter(&mut self, _wait: Wait) -> Result<(), TransportError> {
        self.enter_count += 1;
        // Acquire pairs with the release of `wake`: what the waker did before is visible.
        self.woken.swap(false, Ordering::AcqRel);
        NetState::lock(&self.net).hand_over(self.index);
        Ok(())
    }

    #[inline(never)]
    fn submit(&mut self) -> Result<(), TransportError> {
        NetState::lock(&self.net).hand_over(self.index);
        Ok(())
    }

    fn next_completion(&mut self) -> Option<Completion<SimStream>> {
        let completion = self.next_wanted(&mut NetState::lock(&self.net))?;
        Some(match completion {
            Completion::Accepted {
                listener,
                stream,
                peer,
            } => {
                let stream = NetState::stream(&self.net, stream);
                Completion::Accepted {
                    listener,
                    stream,
                    peer,
                }
            }
            Completion::Received { socket, lease } => Completion::Received {
                socket,
                lease: self.lend(socket, lease.len),
            },
            Completion::AcceptPaused { listener, error } => {
                Completion::AcceptPaused { listener, error }
            }
            Completion::Connected { socket } => Completion::Connected { socket },
            Completion::ConnectFailed { socket, error } => {
                Completion::ConnectFailed { socket, error }
            }
            Completion::ReceivedInto { socket, buffer } => {
                Completion::ReceivedInto { socket, buffer }
            }
            Completion::ReceiveEnded { socket, error } => {
                Completion::ReceiveEnded { socket, error }
            }
            Completion::Sent { socket, buffer } => Completion::Sent { socket, buffer },
            Completion::SendFailed {
                socket,
                buffer,
                error,
            } => Completion::SendFailed {
                socket,
                buffer,
                error,
            },
            Completion::Detached { socket, stream } => Completion::Detached {
                socket,
                stream: NetState::stream(&self.net, stream),
            },
            Completion::DetachFailed { socket, error } => {
                Completion::DetachFailed { socket, error }
            }
            Completion::Closed { socket } => Completion::Closed { socket },
        })
    }

    fn waker(&self) -> SimWaker {
        SimWaker {
            woken: self.woken.clone(),
        }
    }

    fn usage(&self) -> RingUsage {
        let mut net = NetState::lock(&self.net);
        let state = &mut net.rings[self.index];
        RingUsage {
            sockets: state.socket_count(),
            listeners: state.listeners.iter().flatten().count(),
            leases: state.buffers - state.buffers_free,
            sends: state.sends,
            receives_into: state
                .sockets
                .iter()
                .filter(|it| it.destination.is_some())
                .count(),
        }
    }

    fn enter_count(&self) -> u64 {
        self.enter_count
    }
}

impl fmt::Debug for SimRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimRing")
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

impl Drop for SimRing {
    fn drop(&mut self) {
        NetState::lock(&self.net).remove_ring(self.index);
    }
}

/// Notes that a [`SimRing`] was woken; [`SimRing::is_ready`] and its next `enter` see it.
#[derive(Clone, Debug)]
pub struct SimWaker {
    woken: Arc<AtomicBool>,
}

impl RingWaker for SimWaker {
    fn wake(&self) {
        // Release pairs with the acquire of `enter`.
        self.woken.store(true, Ordering::Release);
    }
}
