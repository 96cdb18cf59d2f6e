//! One side over io_uring: one system call a turn, multishot receives into a ring of buffers for
//! small messages, a receive for each message into its own place for large ones.
//!
//! This is the module with unsafe code. All memory that the kernel is told of is leaked, once a
//! run: so it is valid for as long as the kernel may use it, whatever becomes of the ring. What the
//! kernel writes to, nobody here reads.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::{BufRingEntry, Fd, Napi};
use io_uring::{IoUring, cqueue, opcode, squeue};

use crate::roles::Role;
use crate::traffic::{Shape, Traffic};
use crate::tuning::RingTuning;

/// Submissions that fit; each connection has at most a receive and a send under way.
const ENTRIES: u32 = 1024;
/// Completions that fit.
const COMPLETIONS: u32 = 8192;

/// Buffers for small messages, a power of two.
const BUFFERS: u16 = 512;
/// The name of the ring of buffers.
const GROUP: u16 = 0;

/// `io_uring_enter` looks for completions, or wakes the thread that takes submissions
/// (io_uring_enter(2)).
const ENTER_GETEVENTS: u32 = 1;
const ENTER_SQ_WAKEUP: u32 = 2;

/// What a completion is of: the upper half of its user data. The lower one is the connection.
const RECEIVE: u64 = 0;
const SEND: u64 = 1;

/// Whether the kernel lets this process have a ring.
#[cfg(test)]
pub(crate) fn is_available() -> bool {
    IoUring::new(2).is_ok()
}

/// Runs one side until its role ends it or the other side has gone.
pub(crate) fn run<R: Role>(
    sockets: Vec<OwnedFd>,
    shape: &Shape,
    spins: bool,
    tuning: &RingTuning,
    mut role: R,
) -> io::Result<R> {
    let mut side = Side::new(sockets, shape, tuning)?;
    for index in 0..side.sockets.len() {
        side.connections[index].traffic.owe(role.opening(), shape);
        side.receive(index)?;
        side.send(index)?;
    }
    let mut arrived = Vec::with_capacity(COMPLETIONS as usize);
    loop {
        side.enter(spins)?;
        arrived.extend(side.ring.completion().map(Completion::from));
        if arrived.is_empty() {
            continue;
        }
        if !role.begin_turn(side.system_calls) {
            return Ok(role);
        }
        for completion in arrived.drain(..) {
            if !side.complete(completion, &mut role)? {
                return Ok(role);
            }
        }
        side.send_all()?;
    }
}

struct Completion {
    operation: u64,
    connection: usize,
    result: i32,
    flags: u32,
}

impl From<cqueue::Entry> for Completion {
    fn from(entry: cqueue::Entry) -> Self {
        Completion {
            operation: entry.user_data() >> 32,
            connection: (entry.user_data() & 0xffff_ffff) as usize,
            result: entry.result(),
            flags: entry.flags(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Connection {
    traffic: Traffic,
    /// A send is under way.
    is_sending: bool,
    /// The place, of those for large messages, that is being filled.
    place: usize,
}

/// Where large messages arrive: for each connection as many places as it has messages under way.
#[derive(Clone, Copy)]
struct Places(NonNull<u8>);

struct Side<'s> {
    ring: IoUring,
    sockets: Vec<OwnedFd>,
    connections: Vec<Connection>,
    /// Connections that owe something since the last sends, each once.
    owing: Vec<usize>,
    shape: &'s Shape,
    tuning: &'s RingTuning,
    buffers: BufferRing,
    places: Option<Places>,
    /// What is sent, whatever it says.
    out: &'static [u8],
    system_calls: u64,
}

impl<'s> Side<'s> {
    fn new(sockets: Vec<OwnedFd>, shape: &'s Shape, tuning: &'s RingTuning) -> io::Result<Self> {
        let ring = open(tuning)?;
        let places = (shape.is_bulk() && !tuning.multishot).then(|| {
            let len = sockets.len() * shape.outstanding * shape.in_len;
            Places(NonNull::from(vec![0u8; len].leak()).cast())
        });
        Ok(Side {
            buffers: BufferRing::register(&ring, tuning.buffer_len as usize)?,
            ring,
            connections: vec![Connection::default(); sockets.len()],
            owing: Vec::with_capacity(sockets.len()),
            sockets,
            shape,
            tuning,
            places,
            out: vec![0; shape.out_max()].leak(),
            system_calls: 0,
        })
    }

    /// Hands over what there is, and looks for what has completed: waits for it, unless this side
    /// spins. Then the kernel is entered only if there is something for it to do.
    fn enter(&mut self, spins: bool) -> io::Result<()> {
        let submission = self.ring.submission();
        let (len, is_due, flags) = match self.tuning.sqpoll {
            None => (submission.len(), submission.taskrun(), ENTER_GETEVENTS),
            // The kernel's thread takes what there is, unless it sleeps.
            Some(_) if submission.need_wakeup() => (0, true, ENTER_GETEVENTS | ENTER_SQ_WAKEUP),
            Some(_) => (0, false, ENTER_GETEVENTS),
        };
        drop(submission);
        if spins && len == 0 && !is_due {
            std::hint::spin_loop();
            return Ok(());
        }
        self.system_calls += 1;
        let submitter = self.ring.submitter();
        let (len, wanted) = (len as u32, u32::from(!spins));
        // SAFETY: no argument is passed, so the kernel reads no memory but the ring's.
        let entered = unsafe { submitter.enter::<()>(len, wanted, flags, None) };
        match entered {
            Ok(_) => Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::EINTR) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes note of what has completed; false if the other side has gone.
    fn complete(&mut self, completion: Completion, role: &mut impl Role) -> io::Result<bool> {
        let index = completion.connection;
        if completion.operation == SEND && cqueue::notif(completion.flags) {
            // The kernel has let go of what a send did not copy: it may send that again at any time.
            return Ok(true);
        }
        match (completion.operation, completion.result) {
            (SEND, 0..) => {
                let connection = &mut self.connections[index];
                connection.is_sending = false;
                connection.traffic.owed -= completion.result as usize;
                if connection.traffic.owed > 0 {
                    self.owing.push(index);
                }
            }
            (RECEIVE, 1..) => self.received(&completion, role)?,
            (RECEIVE, result) if result == -libc::ENOBUFS => self.receive(index)?,
            // The end of input, a reset, or a send to one who has gone.
            (_, 0) => return Ok(false),
            (_, error) if [libc::ECONNRESET, libc::EPIPE].contains(&-error) => return Ok(false),
            (_, error) => return Err(io::Error::from_raw_os_error(-error)),
        }
        Ok(true)
    }

    fn received(&mut self, completion: &Completion, role: &mut impl Role) -> io::Result<()> {
        let index = completion.connection;
        let len = completion.result as usize;
        if let Some(id) = cqueue::buffer_select(completion.flags) {
            self.buffers.give_back(id, len);
        }
        let connection = &mut self.connections[index];
        let traffic = &mut connection.traffic;
        let messages = traffic.received(len, self.shape);
        if messages > 0 {
            let was_owing = traffic.owed > 0;
            traffic.owe(messages, self.shape);
            connection.place = (connection.place + messages) % self.shape.outstanding;
            if !was_owing {
                self.owing.push(index);
            }
            role.received(index, messages);
        }
        if cqueue::more(completion.flags) {
            return Ok(());
        }
        self.receive(index)
    }

    /// Begins to receive: whatever comes, or what is missing of a large message.
    fn receive(&mut self, index: usize) -> io::Result<()> {
        let fd = Fd(self.sockets[index].as_raw_fd());
        let connection = &self.connections[index];
        let entry = match self.places {
            None if self.tuning.bundles => opcode::RecvMultiBundle::new(fd, GROUP).build(),
            None => opcode::RecvMulti::new(fd, GROUP).build(),
            Some(places) => {
                let missing = connection.traffic.missing(self.shape);
                let place = index * self.shape.outstanding + connection.place;
                let offset = (place + 1) * self.shape.in_len - missing;
                // SAFETY: the place lies in the memory, which has one for each message under way
                // on each connection, and what is missing ends where the place ends.
                let to = unsafe { places.0.add(offset) };
                opcode::Recv::new(fd, to.as_ptr(), missing as u32)
                    .flags(libc::MSG_WAITALL)
                    .build()
            }
        };
        self.push(entry.user_data(RECEIVE << 32 | index as u64))
    }

    /// One send for each connection that owes something and has none under way.
    fn send_all(&mut self) -> io::Result<()> {
        let mut owing = std::mem::take(&mut self.owing);
        for index in owing.drain(..) {
            self.send(index)?;
        }
        self.owing = owing;
        Ok(())
    }

    fn send(&mut self, index: usize) -> io::Result<()> {
        let connection = &mut self.connections[index];
        let len = connection.traffic.owed.min(self.out.len());
        if len == 0 || connection.is_sending {
            return Ok(());
        }
        connection.is_sending = true;
        let fd = Fd(self.sockets[index].as_raw_fd());
        let (out, len) = (self.out.as_ptr(), len as u32);
        let flags = libc::MSG_WAITALL | libc::MSG_NOSIGNAL;
        let entry = if self.tuning.zero_copy {
            opcode::SendZc::new(fd, out, len).flags(flags).build()
        } else {
            opcode::Send::new(fd, out, len).flags(flags).build()
        };
        self.push(entry.user_data(SEND << 32 | index as u64))
    }

    fn push(&mut self, entry: squeue::Entry) -> io::Result<()> {
        // SAFETY: the entry names a socket that is open for as long as the ring is there, and
        // memory that is never given back: `out`, which nobody writes to, or a place, which is
        // given to one receive at a time.
        if unsafe { self.ring.submission().push(&entry) }.is_ok() {
            return Ok(());
        }
        self.system_calls += 1;
        self.ring.submit()?;
        // SAFETY: as above.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        pushed.map_err(|_| io::Error::other("the submission queue stays full"))
    }
}

/// A ring as the experiment has it.
fn open(tuning: &RingTuning) -> io::Result<IoUring> {
    let mut builder = IoUring::builder();
    builder.setup_single_issuer().setup_submit_all();
    builder.setup_cqsize(COMPLETIONS);
    if let Some(millis) = tuning.sqpoll {
        builder.setup_sqpoll(millis);
    } else {
        builder.setup_coop_taskrun().setup_taskrun_flag();
        if !tuning.coop {
            builder.setup_defer_taskrun();
        }
    }
    let ring = builder.build(ENTRIES)?;
    if let Some(micros) = tuning.napi {
        let mut napi = Napi::new().set_busy_poll_timeout(micros);
        ring.submitter().register_napi(&mut napi)?;
    }
    Ok(ring)
}

/// Buffers that the kernel fills as bytes arrive, and the ring in which it is given them.
struct BufferRing {
    entries: NonNull<BufRingEntry>,
    data: NonNull<u8>,
    buffer_len: usize,
    tail: u16,
    /// The buffer that was given last in each slot, and the slot of each buffer: the kernel takes
    /// them in the order of their slots, and names the first of those that it filled at once.
    buffers: Vec<u16>,
    slots: Vec<u16>,
}

/// Where a ring of buffers may begin.
#[derive(Clone)]
#[repr(C, align(4096))]
struct Page([u8; 4096]);

impl BufferRing {
    fn register(ring: &IoUring, buffer_len: usize) -> io::Result<Self> {
        let len = usize::from(BUFFERS);
        let pages = (len * size_of::<BufRingEntry>()).div_ceil(size_of::<Page>());
        let mut buffers = BufferRing {
            entries: NonNull::from(vec![Page([0; 4096]); pages].leak()).cast(),
            data: NonNull::from(vec![0u8; len * buffer_len].leak()).cast(),
            buffer_len,
            tail: 0,
            buffers: vec![0; len],
            slots: vec![0; len],
        };
        let address = buffers.entries.as_ptr() as u64;
        // SAFETY: the memory begins on a page, has room for all entries and is never given back.
        unsafe {
            ring.submitter()
                .register_buf_ring_with_flags(address, BUFFERS, GROUP, 0)
        }?;
        (0..BUFFERS).for_each(|id| buffers.give(id));
        Ok(buffers)
    }

    /// Gives the kernel those buffers again that it has filled with this many bytes, of which
    /// `first` is the first.
    fn give_back(&mut self, first: u16, len: usize) {
        let slot = usize::from(self.slots[usize::from(first)]);
        for slot in slot..slot + len.div_ceil(self.buffer_len) {
            self.give(self.buffers[slot % usize::from(BUFFERS)]);
        }
    }

    /// Gives the kernel a buffer, for the first time or again.
    fn give(&mut self, id: u16) {
        assert!(
            id < BUFFERS,
            "the kernel used buffer {id}, which it had not"
        );
        let slot = usize::from(self.tail % BUFFERS);
        // SAFETY:
        // - `id` and `slot` are less than `BUFFERS`, so both places lie in their memory;
        // - the kernel reads an entry only after it has seen the tail behind it, and this one lies
        //   behind the tail: there are as many entries as buffers, and this buffer is not in one;
        // - all bytes of the entries are initialised: they began as zeros.
        unsafe {
            let address = self.data.add(usize::from(id) * self.buffer_len);
            let entry = self.entries.add(slot).as_mut();
            entry.set_addr(address.as_ptr() as u64);
            entry.set_len(self.buffer_len as u32);
            entry.set_bid(id);
        }
        (self.buffers[slot], self.slots[usize::from(id)]) = (id, slot as u16);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the tail lies in the first entry, in a field that `set_*` above leave alone; it
        // is aligned, and only this thread writes to it.
        let tail = unsafe {
            let tail = BufRingEntry::tail(self.entries.as_ptr());
            AtomicU16::from_ptr(tail.cast_mut())
        };
        // Pairs with the kernel's acquire of the tail: whoever sees it sees the entry.
        tail.store(self.tail, Ordering::Release);
    }
}
