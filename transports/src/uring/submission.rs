//! The submissions of this crate, each with its proof.
//!
//! This module holds unsafe code: four constructors whose submissions point into memory.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr;

use io_uring::types::{CancelBuilder, Fd, Fixed};
use io_uring::{opcode, squeue};
use socket2::SockAddr;

use crate::ring::SocketId;
use crate::uring::buffers;
use crate::uring::operation::Operation;

/// Most bytes that one send hands to the kernel; more is sent in several.
pub(super) const SEND_LEN_MAX: usize = 1 << 30;

/// Most bytes that one receive asks the kernel for.
const RECEIVE_LEN_MAX: usize = 1 << 30;

/// A submission that is safe to hand to the kernel.
///
/// # Invariant
///
/// The memory that it points to, if any, stays valid and untouched until its last completion.
#[must_use = "a submission does nothing before it is pushed"]
pub(super) struct Submission(squeue::Entry);

impl Submission {
    fn new(entry: squeue::Entry, operation: Operation) -> Self {
        Submission(entry.user_data(operation.to_user_data()))
    }

    /// Accepts connections until it is cancelled or fails. Accepted sockets block, as io_uring
    /// wants them, and are not inherited by child processes.
    pub(super) fn accept(listener: RawFd, operation: Operation) -> Self {
        let entry = opcode::AcceptMulti::new(Fd(listener))
            .flags(libc::SOCK_CLOEXEC)
            .build();
        Self::new(entry, operation)
    }

    /// Receives into buffers of the ring until it is cancelled, fails, or the stream ends.
    pub(super) fn receive(socket: SocketId, operation: Operation) -> Self {
        let entry = opcode::RecvMulti::new(Fixed(socket.0), buffers::GROUP).build();
        Self::new(entry, operation)
    }

    /// Receives once, into a buffer of the ring, `len_max` bytes at most. Fails with `ENOBUFS`
    /// while all of them are lent.
    pub(super) fn receive_once(
        socket: SocketId,
        len_max: u32,
        wait: bool,
        operation: Operation,
    ) -> Self {
        let entry = opcode::Recv::new(Fixed(socket.0), ptr::null_mut(), len_max)
            .flags(wait_flag(wait))
            .buf_group(buffers::GROUP)
            .build()
            .flags(squeue::Flags::BUFFER_SELECT);
        Self::new(entry, operation)
    }

    /// Receives once, into memory of the owner's.
    ///
    /// # Safety
    ///
    /// Nobody else may touch `room`, which must stay where it is, until the operation's
    /// completion.
    pub(super) unsafe fn receive_into(
        socket: SocketId,
        room: &mut [MaybeUninit<u8>],
        operation: Operation,
    ) -> Self {
        let len = room.len().min(RECEIVE_LEN_MAX) as u32;
        let entry = opcode::Recv::new(Fixed(socket.0), room.as_mut_ptr().cast(), len).build();
        Self::new(entry, operation)
    }

    /// Reads up to `len` bytes of a TCP socket and forgets them: with `MSG_TRUNC` TCP writes
    /// none of them (tcp(7)), so there is no buffer. Were it to write after all, the null
    /// address would end the operation with `EFAULT`.
    pub(super) fn discard(socket: SocketId, len: u32, wait: bool, operation: Operation) -> Self {
        let flags = libc::MSG_TRUNC | wait_flag(wait);
        let entry = opcode::Recv::new(Fixed(socket.0), ptr::null_mut(), len)
            .flags(flags)
            .build();
        Self::new(entry, operation)
    }

    /// Ends the sending half of a connection: what was sent before still arrives.
    pub(super) fn shutdown(socket: SocketId, operation: Operation) -> Self {
        let entry = opcode::Shutdown::new(Fixed(socket.0), libc::SHUT_WR).build();
        Self::new(entry, operation)
    }

    /// Closes a direct descriptor.
    pub(super) fn close(socket: SocketId, operation: Operation) -> Self {
        Self::new(opcode::Close::new(Fixed(socket.0)).build(), operation)
    }

    /// Makes an ordinary descriptor of a direct one, which stays; not inherited by child
    /// processes.
    pub(super) fn install(socket: SocketId, operation: Operation) -> Self {
        let entry = opcode::FixedFdInstall::new(Fixed(socket.0), 0).build();
        Self::new(entry, operation)
    }

    /// Tells of every wake-up through an eventfd.
    pub(super) fn watch(eventfd: BorrowedFd<'_>) -> Self {
        let entry = opcode::PollAdd::new(Fd(eventfd.as_raw_fd()), libc::POLLIN as u32)
            .multi(true)
            .build();
        Self::new(entry, Operation::Wake)
    }

    /// Cancels an operation. It is found by its user data, which is a hash lookup; by its
    /// descriptor, the kernel would walk all that wait.
    pub(super) fn cancel(operation: Operation) -> Self {
        let target = CancelBuilder::user_data(operation.to_user_data());
        Self::new(opcode::AsyncCancel2::new(target).build(), Operation::Cancel)
    }

    /// Cancels everything that is in flight.
    pub(super) fn cancel_all() -> Self {
        Self::new(
            opcode::AsyncCancel2::new(CancelBuilder::any()).build(),
            Operation::Cancel,
        )
    }

    /// Sends bytes, all of them where the kernel can; a short count is continued by the caller.
    ///
    /// # Safety
    ///
    /// `bytes` must stay where they are, unchanged, until the operation's completion.
    pub(super) unsafe fn send(socket: SocketId, bytes: &[u8], operation: Operation) -> Self {
        let len = bytes.len().min(SEND_LEN_MAX) as u32;
        let entry = opcode::Send::new(Fixed(socket.0), bytes.as_ptr(), len)
            .flags(libc::MSG_WAITALL | libc::MSG_NOSIGNAL)
            .build();
        Self::new(entry, operation)
    }

    /// Sends pieces, all of them where the kernel can; a short count is continued by the caller.
    ///
    /// # Safety
    ///
    /// `header`, the vectors that it points to, and the bytes that these point to must stay where
    /// they are, unchanged, until the operation's completion.
    pub(super) unsafe fn send_message(
        socket: SocketId,
        header: &libc::msghdr,
        operation: Operation,
    ) -> Self {
        let entry = opcode::SendMsg::new(Fixed(socket.0), ptr::from_ref(header))
            .flags((libc::MSG_WAITALL | libc::MSG_NOSIGNAL) as u32)
            .build();
        Self::new(entry, operation)
    }

    /// Connects a socket.
    ///
    /// # Safety
    ///
    /// `address` must stay where it is, unchanged, until the operation's completion.
    pub(super) unsafe fn connect(
        socket: SocketId,
        address: &SockAddr,
        operation: Operation,
    ) -> Self {
        let entry =
            opcode::Connect::new(Fixed(socket.0), address.as_ptr().cast(), address.len()).build();
        Self::new(entry, operation)
    }

    pub(super) fn entry(&self) -> &squeue::Entry {
        &self.0
    }
}

/// The flag of a receive that does not wait, or none.
const fn wait_flag(wait: bool) -> i32 {
    if wait { 0 } else { libc::MSG_DONTWAIT }
}
