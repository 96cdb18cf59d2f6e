//! Settings of sockets and rings, one of which an experiment changes.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;

use anyhow::{Context, Result};
use clap::Args;
use socket2::{Domain, SockRef, Socket, Type};

/// Connections that the kernel queues until they are accepted; here each is at once.
const BACKLOG: i32 = 16;

/// Settings of sockets; what is not chosen is the system's.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SocketTuning {
    /// Hold back small segments while one is unacknowledged (no `TCP_NODELAY`)
    #[arg(long)]
    nagle: bool,

    /// Acknowledge at once (`TCP_QUICKACK`, set when the connection is made)
    #[arg(long)]
    quick_ack: bool,

    /// Microseconds to look into the device's queue for (`SO_BUSY_POLL`)
    #[arg(long, value_name = "MICROS")]
    busy_poll: Option<u32>,

    /// Bytes of `SO_SNDBUF`, of which the kernel takes twice as much
    #[arg(long, value_name = "BYTES")]
    send_buffer: Option<usize>,

    /// Bytes of `SO_RCVBUF`, of which the kernel takes twice as much
    #[arg(long, value_name = "BYTES")]
    receive_buffer: Option<usize>,

    /// Congestion control by its name (`TCP_CONGESTION`)
    #[arg(long, value_name = "NAME")]
    congestion: Option<String>,

    /// Set `SO_INCOMING_CPU` of each end, once it is connected, to the core of its side. The
    /// kernel uses it to choose among sockets that listen on one port (`SO_REUSEPORT`); of a
    /// connection it moves nothing, and each packet that comes in sets it anew
    #[arg(long)]
    incoming_cpu: bool,
}

impl SocketTuning {
    /// Listens on a free port of the loopback device.
    pub(crate) fn listen(&self) -> Result<(TcpListener, SocketAddr)> {
        let socket = self.tcp_socket()?;
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket);
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    pub(crate) fn connect(&self, address: SocketAddr) -> Result<TcpStream> {
        let socket = self.tcp_socket()?;
        socket.connect(&address.into())?;
        Ok(socket.into())
    }

    /// A socket with what must be set before it listens or connects; connections inherit it.
    fn tcp_socket(&self) -> Result<Socket> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        self.set_buffers(&socket)?;
        if let Some(name) = &self.congestion {
            taken("TCP_CONGESTION", socket.set_tcp_congestion(name.as_bytes()))?;
        }
        if let Some(micros) = self.busy_poll {
            taken("SO_BUSY_POLL", socket.set_busy_poll(micros))?;
        }
        Ok(socket)
    }

    /// Sets the lengths of a socket's buffers.
    pub(crate) fn set_buffers(&self, socket: &impl AsFd) -> Result<()> {
        let socket = SockRef::from(socket);
        if let Some(len) = self.send_buffer {
            taken("SO_SNDBUF", socket.set_send_buffer_size(len))?;
        }
        if let Some(len) = self.receive_buffer {
            taken("SO_RCVBUF", socket.set_recv_buffer_size(len))?;
        }
        Ok(())
    }

    /// Sets what belongs to each end of a connection; `core` is that of its side.
    pub(crate) fn finish(&self, stream: &TcpStream, core: usize) -> Result<()> {
        let socket = SockRef::from(stream);
        taken("TCP_NODELAY", socket.set_tcp_nodelay(!self.nagle))?;
        if self.quick_ack {
            taken("TCP_QUICKACK", socket.set_tcp_quickack(true))?;
        }
        if self.incoming_cpu {
            taken("SO_INCOMING_CPU", socket.set_cpu_affinity(core))?;
        }
        Ok(())
    }
}

/// The system's answer, with the name of what it was asked for.
fn taken(option: &str, result: io::Result<()>) -> Result<()> {
    result.with_context(|| format!("the system does not take {option}"))
}

/// Settings of a ring over io_uring. The ring is otherwise of one thread that takes completions
/// when it asks for them (`SINGLE_ISSUER`, `DEFER_TASKRUN`).
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RingTuning {
    /// Completions may come in any system call (`COOP_TASKRUN` without `DEFER_TASKRUN`)
    #[arg(long, conflicts_with = "sqpoll")]
    pub(crate) coop: bool,

    /// A thread of the kernel takes submissions, and sleeps after so many milliseconds without
    /// one (`SQPOLL`)
    #[arg(long, value_name = "MILLIS")]
    pub(crate) sqpoll: Option<u32>,

    /// Microseconds for which a wait looks into the devices' queues (`IORING_REGISTER_NAPI`)
    #[arg(long, value_name = "MICROS")]
    pub(crate) napi: Option<u32>,

    /// Receive large messages, too, by multishot receives into the ring of buffers
    #[arg(long)]
    pub(crate) multishot: bool,

    /// One completion of a multishot receive may fill several buffers (`RECVSEND_BUNDLE`)
    #[arg(long)]
    pub(crate) bundles: bool,

    /// Send without copying (`SEND_ZC`)
    #[arg(long)]
    pub(crate) zero_copy: bool,

    /// Bytes of each buffer of the ring
    #[arg(long, default_value_t = BUFFER_LEN, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(256..=1 << 20))]
    pub(crate) buffer_len: u32,
}

/// Bytes of each buffer of the ring if nothing else was chosen.
const BUFFER_LEN: u32 = 4096;

impl RingTuning {
    /// Whether anything differs from what a ring has by itself.
    pub(crate) fn is_chosen(&self) -> bool {
        let RingTuning {
            coop,
            sqpoll,
            napi,
            multishot,
            bundles,
            zero_copy,
            buffer_len,
        } = self;
        let is_any = *coop || *multishot || *bundles || *zero_copy;
        is_any || sqpoll.is_some() || napi.is_some() || *buffer_len != BUFFER_LEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_connection_have_what_was_chosen() {
        let tuning = SocketTuning {
            send_buffer: Some(20_000),
            congestion: Some("reno".to_owned()),
            ..SocketTuning::default()
        };
        let (listener, address) = tuning.listen().unwrap();
        let client = tuning.connect(address).unwrap();
        let (server, _) = listener.accept().unwrap();
        for end in [client, server] {
            tuning.finish(&end, 0).unwrap();
            let socket = SockRef::from(&end);
            // The kernel keeps twice what it is told (socket(7)).
            assert_eq!(socket.send_buffer_size().unwrap(), 40_000);
            assert!(socket.tcp_congestion().unwrap().starts_with(b"reno"));
            assert!(socket.tcp_nodelay().unwrap());
        }
        let nagle = SocketTuning {
            nagle: true,
            ..tuning
        };
        let client = nagle.connect(address).unwrap();
        nagle.finish(&client, 0).unwrap();
        assert!(!client.nodelay().unwrap());
    }

    #[test]
    fn what_the_system_does_not_take_is_named() {
        let tuning = SocketTuning {
            congestion: Some("none-such".to_owned()),
            ..SocketTuning::default()
        };
        let error = tuning.listen().unwrap_err().to_string();
        assert!(error.contains("TCP_CONGESTION"), "{error}");
    }
}
