//! The one interface between the engine and whatever moves its bytes.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use annulus_protocol::{SendBuffer, Time};

use crate::address::Address;
use crate::error::TransportError;
use crate::socket_options::{Keepalive, SocketOptions};

/// A completion-based I/O backend: submit operations, enter once, reap completions.
///
/// One core owns one ring; a ring never leaves its thread. Three families of methods:
///
/// - *submissions* ([`listen`](Ring::listen), [`connect`](Ring::connect),
///   [`adopt`](Ring::adopt), [`send`](Ring::send), [`close`](Ring::close), …) only note what is
///   to be done. Nothing reaches the kernel before the next [`enter`](Ring::enter), or
///   [`submit`](Ring::submit), so many submissions are one system call.
/// - [`enter`](Ring::enter) hands the submissions over, and waits if it is told to.
/// - [`next_completion`](Ring::next_completion) yields what has ended, until `None`.
///
/// # Ownership
///
/// An operation owns its buffer until its last completion. A [`Completion::Sent`] or
/// [`Completion::SendFailed`] returns the send buffer, a [`Completion::ReceivedInto`] the buffer
/// that was to be filled; a [`Completion::Received`] lends a receive buffer that must go back by
/// [`release`](Ring::release). A socket's id is valid until its
/// [`Completion::Closed`], or its [`Completion::Detached`]: one of them comes exactly once for
/// each socket that was given out, after all other completions of that socket.
pub trait Ring: Sized {
    /// A connected byte stream that no ring owns: fresh from `accept`, or detached, on its way to
    /// the core that will own it.
    type Stream: fmt::Debug + Send + 'static;
    /// Wakes this ring's `enter` from any thread.
    type Waker: RingWaker;

    /// The backend's name for people: `io_uring`, `epoll`, `simulation`.
    fn name(&self) -> &'static str;

    /// The current time of this ring's clock. One system-wide clock for all kernel rings;
    /// virtual in simulation.
    fn now(&self) -> Time;

    /// Opens a listening socket and starts accepting. Each connection arrives as
    /// [`Completion::Accepted`]. Returns the address that was bound (port 0 chooses one).
    ///
    /// # Errors
    ///
    /// The address is in use, not local, or needs a right that is missing; the error says which.
    fn listen(
        &mut self,
        address: Address,
        options: &ListenOptions,
    ) -> Result<(ListenerId, Address), TransportError>;

    /// Stops accepting and closes the listening socket. Connections that the kernel had already
    /// accepted may still arrive before this returns to idle.
    fn close_listener(&mut self, listener: ListenerId);

    /// Starts a connection over a socket with the system's settings; otherwise as
    /// [`connect_with`](Ring::connect_with).
    ///
    /// # Errors
    ///
    /// As [`connect_with`](Ring::connect_with).
    fn connect(&mut self, address: Address) -> Result<SocketId, TransportError> {
        self.connect_with(address, &SocketOptions::new())
    }

    /// Starts a connection. Ends with [`Completion::Connected`] or
    /// [`Completion::ConnectFailed`] (then followed by `Closed`, as for every socket).
    ///
    /// # Errors
    ///
    /// No socket could be made at all (descriptors or table exhausted), or it does not take the
    /// options.
    fn connect_with(
        &mut self,
        address: Address,
        options: &SocketOptions,
    ) -> Result<SocketId, TransportError>;

    /// This side's address of a stream that was accepted, where that tells more than the address
    /// of its listener; `None` if it is not known.
    fn local_address(stream: &Self::Stream) -> Option<Address> {
        let _ = stream;
        None
    }

    /// How many sockets this ring can hold at a time, those that are closing included. Less than
    /// the limits ask for if the limit of open files is lower.
    fn socket_capacity(&self) -> usize;

    /// Takes a stream into this ring and starts receiving from it.
    ///
    /// # Errors
    ///
    /// This ring's socket table is full, or the kernel has no room for one more; the stream comes
    /// back.
    fn adopt(&mut self, stream: Self::Stream) -> Result<SocketId, NotAdopted<Self::Stream>>;

    /// Sends all of `buffer`; pieces are gathered by the kernel, so nothing is copied on the way
    /// there. At most one send per socket may be in flight; the caller gathers what comes
    /// meanwhile. Ends with [`Completion::Sent`] or [`Completion::SendFailed`].
    ///
    /// # Panics
    ///
    /// A send is in flight on this socket, or the socket is closing: a mistake of the engine.
    fn send(&mut self, socket: SocketId, buffer: impl Into<SendBuffer>);

    /// Stops receiving from a socket (the peer is then held back by its transport). Data that
    /// was already received may still arrive. Idempotent.
    fn pause_receive(&mut self, socket: SocketId);

    /// Starts receiving again after [`pause_receive`](Ring::pause_receive). Idempotent.
    fn resume_receive(&mut self, socket: SocketId);

    /// Ends a socket: outstanding operations are cancelled and drained (each still yields its
    /// completion; an unfinished send yields `SendFailed`), then the descriptor is closed and
    /// [`Completion::Closed`] tells. Idempotent.
    ///
    /// From here on, nothing more is received: bytes that come are dropped, ready ones too.
    /// Bytes of a send that has ended still reach the peer, even if it goes on sending; to that
    /// end `Closed` may wait for the peer to close, for `Limits::linger_timeout` and
    /// `Limits::linger_len_max` bytes at most.
    fn close(&mut self, socket: SocketId);

    /// Whether [`detach`](Ring::detach) works here. Where it does not, a socket stays in the ring
    /// that adopted it.
    fn can_detach(&self) -> bool;

    /// Takes an open socket out of this ring, for another one to [adopt](Ring::adopt). Receiving
    /// stops; what was received until then still arrives, before the end of this. Ends with
    /// [`Completion::Detached`], or with [`Completion::DetachFailed`] if the socket had to stay,
    /// which then receives as before. A [`close`](Ring::close) in between ends in `Closed`.
    ///
    /// # Panics
    ///
    /// This ring cannot detach, a send is in flight on the socket, or the socket is not open: a
    /// mistake of the engine.
    fn detach(&mut self, socket: SocketId);

    /// Has what comes next received right into `buffer`, behind its content, as much as there is
    /// and as it has room for. For the rest of something long, whose place is known: nothing of it
    /// is copied then. Ends with [`Completion::ReceivedInto`].
    ///
    /// This is for once; afterwards the socket receives into the ring's own buffers again, one
    /// after the other for a while, so that each [`Completion::Received`] is an opportunity to ask
    /// for the next.
    ///
    /// # Errors
    ///
    /// The buffer comes back if something else will be received first: because that has begun, or
    /// waits to be taken, or because the socket receives nothing. Ask again after the next
    /// `Received`.
    ///
    /// # Panics
    ///
    /// A buffer of this socket is to be filled already, or this one has no room: a mistake of the
    /// engine.
    fn receive_into(&mut self, socket: SocketId, buffer: Vec<u8>) -> Result<(), Vec<u8>>;

    /// The bytes of a receive buffer.
    fn received(&self, lease: &ReceiveLease) -> &[u8];

    /// Gives a receive buffer back.
    fn release(&mut self, lease: ReceiveLease);

    /// Hands all submissions over and, as `wait` says, waits for a completion. Returns as soon
    /// as one completion is ready, the wait has ended, or a [`RingWaker`] woke it (a wake-up
    /// needs no completion of its own: the caller looks at its inbox after each return).
    ///
    /// # Errors
    ///
    /// The backend itself broke; the ring cannot be used any further.
    fn enter(&mut self, wait: Wait) -> Result<(), TransportError>;

    /// Hands submissions over without looking for completions, so that they take effect while their
    /// owner does something else. A ring that gains nothing by that leaves them to the next
    /// [`enter`](Ring::enter).
    ///
    /// # Errors
    ///
    /// As [`enter`](Ring::enter).
    fn submit(&mut self) -> Result<(), TransportError> {
        Ok(())
    }

    /// The next completion that is ready.
    fn next_completion(&mut self) -> Option<Completion<Self::Stream>>;

    /// A handle that wakes this ring from any thread.
    fn waker(&self) -> Self::Waker;

    /// What this ring holds at the moment; all zero after everything was closed and released.
    fn usage(&self) -> RingUsage;

    /// How many system calls [`enter`](Ring::enter) has made so far.
    fn enter_count(&self) -> u64;
}

/// A ring over a descriptor, so that a thread can wait for it together with other things, in the
/// loop of somebody else.
///
/// What is submitted between [`begin_wait`](PollableRing::begin_wait) and
/// [`end_wait`](PollableRing::end_wait) reaches the kernel with the next [`enter`](Ring::enter),
/// as always.
pub trait PollableRing: Ring {
    /// The descriptor that is readable while there may be something to do; always the same one.
    /// Reading from it is the ring's affair.
    ///
    /// # Errors
    ///
    /// It cannot be made (descriptors exhausted).
    fn descriptor(&mut self) -> Result<BorrowedFd<'_>, TransportError>;

    /// Hands all submissions over and gets ready for a wait for the descriptor: a [`RingWaker`],
    /// too, makes it readable from now on. `None` if there is something to do first; otherwise
    /// how long the wait may be.
    ///
    /// # Errors
    ///
    /// As [`enter`](Ring::enter).
    fn begin_wait(&mut self) -> Result<Option<Wait>, TransportError>;

    /// The wait has ended, for whatever reason.
    fn end_wait(&mut self);
}

/// Wakes a ring that may be waiting in another thread.
pub trait RingWaker: Clone + Send + Sync + 'static {
    /// Makes the ring's current or next waiting [`enter`](Ring::enter) return. Wake-ups
    /// coalesce. Never blocks.
    fn wake(&self);
}

/// A listening socket of one ring. An id is given out once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(pub u32);

/// A connected or connecting socket of one ring. Small and dense: usable as an index.
/// An id is used again only after its `Closed` or `Detached`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(pub u32);

/// A stream that a ring has not taken, and why.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct NotAdopted<Stream> {
    /// The stream as it was given. Closed when dropped.
    pub stream: Stream,
    /// What there is no room in.
    pub error: TransportError,
}

/// How long [`Ring::enter`] may wait for a completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    No,
    /// Until this time on the ring's clock.
    Until(Time),
    /// Until a completion or a wake-up comes.
    Forever,
}

impl Wait {
    /// Until the given time, if there is one.
    #[must_use]
    pub fn until(time: Option<Time>) -> Self {
        time.map_or(Wait::Forever, Wait::Until)
    }

    /// The shorter wait of the two.
    #[must_use]
    pub fn min(self, other: Wait) -> Self {
        match (self, other) {
            (Wait::No, _) | (_, Wait::No) => Wait::No,
            (Wait::Forever, wait) | (wait, Wait::Forever) => wait,
            (Wait::Until(one), Wait::Until(other)) => Wait::Until(one.min(other)),
        }
    }
}

/// Settings of a listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenOptions {
    /// Connections that the kernel may queue before they are accepted; more have to try again,
    /// a second later at first. No more than `net.core.somaxconn` counts. Default 4096.
    pub backlog: u32,
    /// How long a port that another process still holds is tried again: a stopped io_uring
    /// server keeps its port for a moment. Default 500 ms.
    pub retry_in_use: Duration,
    /// Who may connect to a Unix socket: the mode of its file, of which the permission to write
    /// counts (unix(7)). Default `0o666`, everybody on this machine: who may call what, the
    /// server decides by the peer's credentials.
    pub socket_mode: u32,
    /// What the accepted connections inherit. By default they are probed as the system has it,
    /// after two hours without traffic: a client that went without a word is found out, and what
    /// is kept for it is let go. So does Windows.
    pub socket: SocketOptions,
}

impl Default for ListenOptions {
    fn default() -> Self {
        ListenOptions {
            backlog: 4096,
            retry_in_use: Duration::from_millis(500),
            socket_mode: 0o666,
            socket: SocketOptions {
                keepalive: Some(Keepalive::SYSTEM),
                ..SocketOptions::new()
            },
        }
    }
}

/// One received piece of a stream, in a buffer that belongs to the ring.
///
/// Not `Clone`: it stands for the buffer, and goes back by [`Ring::release`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a receive buffer must be released"]
pub struct ReceiveLease {
    pub(crate) buffer: u32,
    pub(crate) len: u32,
}

impl ReceiveLease {
    /// How many bytes were received; never zero.
    #[expect(clippy::len_without_is_empty, reason = "a lease is never empty")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len as usize
    }
}

/// What has ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Completion<Stream> {
    /// A connection was accepted; it belongs to no ring yet.
    Accepted {
        /// Where it came in.
        listener: ListenerId,
        /// The connection.
        stream: Stream,
        /// The address of the other side, or who it is.
        peer: Address,
    },
    /// Accepting paused: descriptors or memory are exhausted. It resumes by itself.
    AcceptPaused {
        /// The listener that waits.
        listener: ListenerId,
        /// What ran out.
        error: TransportError,
    },
    /// A connection that this side started is ready; receiving has started.
    Connected {
        /// The socket.
        socket: SocketId,
    },
    /// A connection that this side started failed; the ring closes the socket.
    ConnectFailed {
        /// The socket.
        socket: SocketId,
        /// Why.
        error: TransportError,
    },
    /// Bytes came in.
    Received {
        /// The socket.
        socket: SocketId,
        /// Where the bytes are.
        lease: ReceiveLease,
    },
    /// The buffer of a [`receive_into`](Ring::receive_into) comes back. None comes back for a
    /// socket that was closed.
    ReceivedInto {
        /// The socket.
        socket: SocketId,
        /// What it held, and behind that what was received: nothing, if receiving has ended, or
        /// the socket leaves the ring.
        buffer: Vec<u8>,
    },
    /// The peer sends no more (`error` is `None`), or receiving failed. The socket stays open
    /// until the owner closes it.
    ReceiveEnded {
        /// The socket.
        socket: SocketId,
        /// The failure, if it was one.
        error: Option<TransportError>,
    },
    /// All bytes of a send were handed to the kernel.
    Sent {
        /// The socket.
        socket: SocketId,
        /// The buffer, with its content as it was given.
        buffer: SendBuffer,
    },
    /// A send failed, or was cut off by a close.
    SendFailed {
        /// The socket.
        socket: SocketId,
        /// The buffer.
        buffer: SendBuffer,
        /// Why.
        error: TransportError,
    },
    /// A socket has left this ring; its id may be given out again.
    Detached {
        /// The socket that was.
        socket: SocketId,
        /// The connection, with all bytes that this ring has not received. Closed when dropped.
        stream: Stream,
    },
    /// A socket could not leave this ring (descriptors are exhausted); it is open as before.
    DetachFailed {
        /// The socket.
        socket: SocketId,
        /// Why.
        error: TransportError,
    },
    /// A socket is gone; its id may be given out again.
    Closed {
        /// The socket that was.
        socket: SocketId,
    },
}

/// What a ring holds. A completion that is ready and was not taken yet counts too: its socket,
/// and its receive buffer; only a send no longer counts once its completion is ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingUsage {
    /// Sockets that were given out and not yet closed.
    pub sockets: usize,
    /// Listeners that are open.
    pub listeners: usize,
    /// Receive buffers that were lent and not yet released.
    pub leases: usize,
    /// Sends in flight.
    pub sends: usize,
    /// Buffers of the owner's that are to be filled.
    pub receives_into: usize,
}
