//! Receiving and sending.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, BorrowedFd};

use annulus_protocol::SendBuffer;
use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvFlags, ReturnFlags};

use super::EpollRing;
use crate::epoll::slot::{Readiness, Stage};
use crate::error::TransportError;
use crate::kernel::{Destination, SINGLE_LEN_MAX};
use crate::ring::{Completion, SocketId};

/// Reads that a socket may do in one pass.
pub(super) const READS_PER_PASS: usize = 4;

/// Bytes that a socket may hand to the kernel in one pass.
const SEND_LEN_PER_PASS: usize = 1 << 20;

impl EpollRing {
    /// Receives what is there, as far as one pass and the buffers allow.
    pub(super) fn receive_some(&mut self, socket: SocketId) {
        if let Some(destination) = self.slots.get(socket).destination {
            return self.read_into(socket, destination);
        }
        for _ in 0..READS_PER_PASS {
            let slot = self.slots.get_mut(socket);
            let is_single = slot.singles.are_left();
            if is_single && self.ready.has_received(socket) {
                // First its owner may say where the next bytes go.
                break;
            }
            let len_max = if is_single {
                SINGLE_LEN_MAX
            } else {
                usize::MAX
            };
            let len_max = len_max.min(self.buffers.buffer_len());
            let (fd, is_unix, poller) = (slot.fd(), slot.is_unix, &mut self.poller);
            let mut is_cut_short = false;
            let filled = self.buffers.fill(|buffer| {
                let buffer = &mut buffer[..len_max];
                poller.count_system_call();
                if !is_unix {
                    return rustix::net::recv(fd, buffer, RecvFlags::DONTWAIT).map(|(len, _)| len);
                }
                let (len, dropped) = receive_without_descriptors(fd, buffer)?;
                is_cut_short = dropped;
                Ok(len)
            });
            match filled {
                None => {
                    slot.starved = true;
                    return self.starved.push_back(socket);
                }
                Some(Ok(Some(lease))) => {
                    // A read that did not fill its buffer has taken all that was there.
                    let is_short = lease.len() < len_max;
                    let is_all = is_short && !slot.more_behind && !is_cut_short;
                    self.ready.push_back(Completion::Received { socket, lease });
                    slot.singles.end_one();
                    if is_all {
                        slot.reading = Readiness::Awaited;
                        return;
                    }
                }
                Some(Ok(None)) => return self.end_receiving(socket, None),
                Some(Err(Errno::INTR)) => {}
                Some(Err(Errno::AGAIN)) => {
                    slot.reading = Readiness::Awaited;
                    slot.more_behind = false;
                    return;
                }
                Some(Err(errno)) => return self.end_receiving(socket, Some(errno)),
            }
        }
        self.enqueue(socket);
    }

    /// Receives what is there right into a buffer of the owner's.
    fn read_into(&mut self, socket: SocketId, destination: Destination) {
        let slot = self.slots.get_mut(socket);
        let buffer = self.destinations.get_mut(destination);
        self.poller.count_system_call();
        let room = rustix::buffer::spare_capacity(buffer);
        let end = match rustix::net::recv(slot.fd(), room, RecvFlags::DONTWAIT) {
            Err(Errno::INTR) => return self.enqueue(socket),
            Err(Errno::AGAIN) => {
                slot.reading = Readiness::Awaited;
                slot.more_behind = false;
                return;
            }
            Ok((0, _)) => Some(None),
            Ok(_) => {
                // On a Unix socket, a read that descriptors have cut short shows nothing of it.
                let is_short = buffer.len() < buffer.capacity() && !slot.is_unix;
                if is_short && !slot.more_behind {
                    slot.reading = Readiness::Awaited;
                } else {
                    self.enqueue(socket);
                }
                None
            }
            Err(errno) => Some(Some(errno)),
        };
        self.give_destination_back(socket);
        if let Some(failure) = end {
            self.end_receiving(socket, failure);
        }
    }

    pub(super) fn start_receiving_into(
        &mut self,
        socket: SocketId,
        buffer: Vec<u8>,
    ) -> Result<(), Vec<u8>> {
        let slot = self.slots.get_mut(socket);
        assert!(
            slot.destination.is_none(),
            "a buffer of {socket:?} is to be filled"
        );
        if slot.starved || !slot.wants_to_receive() {
            return Err(buffer);
        }
        slot.singles.begin();
        if self.ready.has_received(socket) {
            return Err(buffer);
        }
        slot.destination = Some(self.destinations.put(buffer)?);
        Ok(())
    }

    /// Gives the buffer back that a read was to fill.
    pub(super) fn give_destination_back(&mut self, socket: SocketId) {
        if let Some(destination) = self.slots.get_mut(socket).destination.take() {
            let buffer = self.destinations.take(destination);
            self.ready
                .push_back(Completion::ReceivedInto { socket, buffer });
        }
    }

    fn end_receiving(&mut self, socket: SocketId, failure: Option<Errno>) {
        self.slots.get_mut(socket).receive_ended = true;
        let error = failure.map(|errno| TransportError::Io {
            action: "receive",
            source: errno.into(),
        });
        self.ready
            .push_back(Completion::ReceiveEnded { socket, error });
    }

    pub(super) fn resume(&mut self, socket: SocketId) {
        let slot = self.slots.get_mut(socket);
        if !std::mem::replace(&mut slot.paused, false) || slot.stage != Stage::Open {
            return;
        }
        if slot.has_work() {
            self.enqueue(socket);
        }
        self.update_interest(socket);
    }

    /// Lets sockets that found no buffer try again, as many as there are buffers now.
    pub(super) fn feed_starved(&mut self) {
        let mut buffers = self.buffers.available();
        while buffers > 0
            && let Some(socket) = self.starved.pop_front()
        {
            // The slot may have another owner by now, which is not starved; then this does
            // nothing that it would not do itself.
            let slot = self.slots.get_mut(socket);
            slot.starved = false;
            if slot.has_work() {
                buffers -= 1;
                self.enqueue(socket);
            }
            self.update_interest(socket);
        }
    }

    pub(super) fn start_sending(&mut self, socket: SocketId, buffer: SendBuffer) {
        let slot = self.slots.get_mut(socket);
        assert!(!slot.sending, "a send is in flight on {socket:?}");
        assert_eq!(
            slot.stage,
            Stage::Open,
            "send on {socket:?}, which is not open"
        );
        if buffer.is_empty() {
            return self.ready.push_back(Completion::Sent { socket, buffer });
        }
        slot.has_sent = true;
        slot.outbound = buffer.into();
        slot.sent = 0;
        slot.sending = true;
        self.sends += 1;
        self.enqueue(socket);
    }

    /// Sends as much as one pass and the kernel allow of what is left.
    pub(super) fn send_some(&mut self, socket: SocketId) {
        let slot = self.slots.get_mut(socket);
        let fd = slot.fd.as_ref().expect("a socket in use has a descriptor");
        self.poller.count_system_call();
        match slot.outbound.send(fd.as_fd(), slot.sent, SEND_LEN_PER_PASS) {
            Ok(tried) => {
                slot.sent += tried.sent;
                if slot.sent == slot.outbound.len() {
                    self.end_send(socket, None);
                } else if tried.sent < tried.offered {
                    self.await_room(socket);
                } else {
                    self.enqueue(socket);
                }
            }
            Err(Errno::INTR) => self.enqueue(socket),
            Err(Errno::AGAIN) => self.await_room(socket),
            Err(errno) => {
                let error = TransportError::Io {
                    action: "send",
                    source: errno.into(),
                };
                self.end_send(socket, Some(error));
            }
        }
    }

    fn await_room(&mut self, socket: SocketId) {
        self.slots.get_mut(socket).writing = Readiness::Awaited;
        self.update_interest(socket);
    }

    /// Gives the buffer of a send back that has succeeded or failed.
    pub(super) fn end_send(&mut self, socket: SocketId, failure: Option<TransportError>) {
        let slot = self.slots.get_mut(socket);
        slot.sending = false;
        self.sends -= 1;
        let buffer = std::mem::take(&mut slot.outbound).into();
        self.ready.push_back(match failure {
            None => Completion::Sent { socket, buffer },
            Some(error) => Completion::SendFailed {
                socket,
                buffer,
                error,
            },
        });
        if slot.interest.contains(EventFlags::OUT) {
            self.update_interest(socket);
        }
    }
}

/// Reads from a Unix socket. Descriptors that come along are closed by the kernel, as there is no
/// room for them; true if there were any, for a read ends behind them (unix(7)).
fn receive_without_descriptors(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
) -> Result<(usize, bool), Errno> {
    let mut no_room = RecvAncillaryBuffer::default();
    let buffer = &mut [IoSliceMut::new(buffer)];
    let received = rustix::net::recvmsg(fd, buffer, &mut no_room, RecvFlags::DONTWAIT)?;
    Ok((received.bytes, received.flags.contains(ReturnFlags::CTRUNC)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::OwnedFd;

    use annulus_protocol::Limits;

    use super::*;
    use crate::kernel::KernelWait;
    use crate::ring::{Ring, Wait};

    fn connection(ring: &mut EpollRing) -> (SocketId, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let stream = OwnedFd::from(stream).try_into().unwrap();
        (ring.adopt(stream).unwrap(), peer)
    }

    /// A peer that sends on while it is held back must not wake the core with every segment.
    #[test]
    fn bytes_for_a_paused_socket_tell_of_themselves_once() {
        let mut ring = EpollRing::new(&Limits::DEFAULT).unwrap();
        let (socket, mut peer) = connection(&mut ring);
        ring.poll(KernelWait::No).unwrap();
        ring.pause_receive(socket);
        peer.write_all(b"one").unwrap();
        ring.poll(KernelWait::Forever).unwrap();
        assert_eq!(ring.poller.event_count(), 1);
        peer.write_all(b"two").unwrap();
        ring.poll(KernelWait::No).unwrap();
        assert_eq!(ring.poller.event_count(), 0, "it is not asked for");

        ring.resume_receive(socket);
        ring.enter(Wait::Forever).unwrap();
        match ring.next_completion() {
            Some(Completion::Received { lease, .. }) => {
                assert_eq!(ring.received(&lease), b"onetwo");
                ring.release(lease);
            }
            other => panic!("{other:?}"),
        }
        peer.write_all(b"three").unwrap();
        ring.enter(Wait::Forever).unwrap();
        assert!(matches!(
            ring.next_completion(),
            Some(Completion::Received { .. })
        ));
    }

    /// Room is asked for only while a send waits for it: a Unix socket tells of room whenever
    /// its peer reads.
    #[test]
    fn only_a_send_that_did_not_fit_asks_for_room() {
        const LEN: usize = 32 << 20;
        let mut ring = EpollRing::new(&Limits::DEFAULT).unwrap();
        let (socket, mut peer) = connection(&mut ring);
        ring.send(socket, vec![1; 100]);
        ring.enter(Wait::No).unwrap();
        assert!(matches!(
            ring.next_completion(),
            Some(Completion::Sent { .. })
        ));
        let asks = |ring: &EpollRing| ring.slots.get(socket).interest.contains(EventFlags::OUT);
        assert!(!asks(&ring));
        ring.send(socket, vec![2; LEN]);
        let mut turns = 0..=LEN / SEND_LEN_PER_PASS;
        while !asks(&ring) {
            assert!(turns.next().is_some(), "it never asks");
            ring.enter(Wait::No).unwrap();
            assert!(ring.next_completion().is_none(), "nobody reads");
        }
        let reader = std::thread::spawn(move || {
            let mut taken = vec![0; LEN + 100];
            std::io::Read::read_exact(&mut peer, &mut taken).map(|()| peer)
        });
        ring.enter(Wait::Forever).unwrap();
        assert!(matches!(
            ring.next_completion(),
            Some(Completion::Sent { buffer, .. }) if buffer.len() == LEN
        ));
        assert!(!asks(&ring));
        reader.join().unwrap().unwrap();
    }
}
