//! One side over epoll: a receive and a send for each connection that is ready.

use std::io;
use std::os::fd::OwnedFd;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::roles::Role;
use crate::traffic::{Shape, Traffic};

/// Bytes that one receive takes at most where messages are small.
const RECEIVE_LEN: usize = 64 << 10;

/// Connections of which one wait tells at most.
const EVENTS_LEN: usize = 256;

struct Side<'s> {
    epoll: OwnedFd,
    sockets: Vec<OwnedFd>,
    traffic: Vec<Traffic>,
    /// Whether the connection waits for room to send.
    is_full: Vec<bool>,
    shape: &'s Shape,
    received: Vec<u8>,
    /// What is sent, whatever it says.
    out: Vec<u8>,
    system_calls: u64,
}

/// Runs one side until its role ends it or the other side has gone.
pub(crate) fn run<R: Role>(
    sockets: Vec<OwnedFd>,
    shape: &Shape,
    spins: bool,
    mut role: R,
) -> io::Result<R> {
    let mut side = Side::new(sockets, shape)?;
    for index in 0..side.sockets.len() {
        side.traffic[index].owe(role.opening(), shape);
        side.send(index)?;
    }
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let timeout = spins.then_some(&at_once);
    let mut events = Vec::with_capacity(EVENTS_LEN);
    loop {
        events.clear();
        side.system_calls += 1;
        match epoll::wait(
            &side.epoll,
            rustix::buffer::spare_capacity(&mut events),
            timeout,
        ) {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        if !role.begin_turn(side.system_calls) {
            return Ok(role);
        }
        for event in &events {
            #[expect(clippy::cast_possible_truncation, reason = "an index of a vector")]
            let index = event.data.u64() as usize;
            let messages = match side.receive(index)? {
                Received::Nothing => 0,
                Received::Messages(messages) => messages,
                Received::End => return Ok(role),
            };
            role.received(index, messages);
            side.traffic[index].owe(messages, shape);
            side.send(index)?;
        }
    }
}

enum Received {
    Messages(usize),
    Nothing,
    /// The other side has gone.
    End,
}

impl<'s> Side<'s> {
    fn new(sockets: Vec<OwnedFd>, shape: &'s Shape) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        for (socket, index) in sockets.iter().zip(0..) {
            rustix::io::ioctl_fionbio(socket, true)?;
            epoll::add(&epoll, socket, EventData::new_u64(index), EventFlags::IN)?;
        }
        Ok(Side {
            epoll,
            traffic: vec![Traffic::default(); sockets.len()],
            is_full: vec![false; sockets.len()],
            sockets,
            shape,
            received: vec![0; RECEIVE_LEN.max(shape.in_len * shape.outstanding)],
            out: vec![0; shape.out_max()],
            system_calls: 0,
        })
    }

    /// Takes what has arrived, with one call: if that was not all, epoll says so once more.
    fn receive(&mut self, index: usize) -> io::Result<Received> {
        self.system_calls += 1;
        let socket = &self.sockets[index];
        match recv(socket, &mut self.received[..], RecvFlags::empty()) {
            Ok((_, 0)) | Err(Errno::CONNRESET | Errno::PIPE) => Ok(Received::End),
            Ok((_, len)) => {
                let messages = self.traffic[index].received(len, self.shape);
                Ok(Received::Messages(messages))
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(Received::Nothing),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends what is owed, as far as there is room.
    fn send(&mut self, index: usize) -> io::Result<()> {
        let traffic = &mut self.traffic[index];
        if traffic.owed == 0 {
            return Ok(());
        }
        self.system_calls += 1;
        let out = &self.out[..traffic.owed.min(self.out.len())];
        match send(&self.sockets[index], out, SendFlags::NOSIGNAL) {
            Ok(len) => traffic.owed -= len,
            // That the other side has gone is found out by receiving.
            Err(Errno::AGAIN | Errno::INTR | Errno::PIPE | Errno::CONNRESET) => {}
            Err(error) => return Err(error.into()),
        }
        let is_full = traffic.owed > 0;
        if is_full != self.is_full[index] {
            self.is_full[index] = is_full;
            self.system_calls += 1;
            let wanted = if is_full {
                EventFlags::IN | EventFlags::OUT
            } else {
                EventFlags::IN
            };
            let data = EventData::new_u64(index as u64);
            epoll::modify(&self.epoll, &self.sockets[index], data, wanted)?;
        }
        Ok(())
    }
}
