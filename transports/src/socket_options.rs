//! What can be chosen for a connection's socket.

use std::io;
use std::time::Duration;

use socket2::{Socket, TcpKeepalive};

/// Settings of a socket, of one that connects or of a listener, whose connections inherit them.
/// By default the system decides everything.
///
/// ```
/// use annulus_transports::{Keepalive, SocketOptions};
///
/// let options = SocketOptions { keepalive: Some(Keepalive::SYSTEM), ..SocketOptions::new() };
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SocketOptions {
    /// Whether, and when, a connection without traffic is probed, so that a peer that has gone
    /// without a word is found out. For TCP alone: of a local peer the kernel knows. A probe is an
    /// empty segment with an answer.
    pub keepalive: Option<Keepalive>,
    /// Bytes that the kernel may hold for a peer that does not read (`SO_SNDBUF`). The kernel
    /// takes twice as much, to have room for its own records, and no more than
    /// `net.core.wmem_max` allows. A number ends its tuning of this buffer by what the path can
    /// carry, which is rarely worth it: memory is then lost on slow paths, or speed on long ones.
    pub send_buffer_len: Option<u32>,
    /// Bytes that the kernel may hold of what was not received yet (`SO_RCVBUF`), with the same
    /// costs; the bound is `net.core.rmem_max`.
    pub receive_buffer_len: Option<u32>,
    /// How long the kernel looks for packets in the network device's queue before it sleeps for
    /// want of data (`SO_BUSY_POLL`), in whole microseconds. Saves the interrupt's time, some
    /// microseconds, and costs a core's while nothing comes. More than `net.core.busy_read` needs
    /// `CAP_NET_ADMIN`. A ring waits for many sockets at once, so this is worth little without the
    /// ring's own busy polling: NAPI registration for io_uring, `net.core.busy_poll` for epoll.
    pub busy_poll: Option<Duration>,
}

/// When a connection without traffic is probed (tcp(7)); what is `None` is the system's.
///
/// Windows turns probes on while a call has waited for its answer for the time that
/// `RpcMgmtSetComTimeout` chose. Here they depend on the connection's traffic alone, so that a
/// call costs nothing; an idle connection is probed too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Keepalive {
    /// How long there is no traffic before the first probe, in whole seconds (`TCP_KEEPIDLE`).
    pub idle: Option<Duration>,
    /// From one probe to the next, in whole seconds (`TCP_KEEPINTVL`).
    pub interval: Option<Duration>,
    /// So many probes without an answer end the connection (`TCP_KEEPCNT`).
    pub count: Option<u32>,
}

impl Keepalive {
    /// All as the system has it: on Linux 9 probes, 75 s apart, after two hours
    /// (`net.ipv4.tcp_keepalive_time` and its like).
    pub const SYSTEM: Keepalive = Keepalive {
        idle: None,
        interval: None,
        count: None,
    };

    /// What `RpcMgmtSetComTimeout` does on Windows with this time-out, as Microsoft's page
    /// "Preventing Client-side Hangs" has it: probes begin after 120 s for 0
    /// (`RPC_C_BINDING_MIN_TIMEOUT`), and 120 s later for each step up to 9; one comes each
    /// second, and three without an answer are too many. `None` for 10
    /// (`RPC_C_BINDING_INFINITE_TIMEOUT`) and more, which is no probes at all.
    #[must_use]
    pub const fn of_com_timeout(timeout: u32) -> Option<Self> {
        if timeout >= 10 {
            return None;
        }
        Some(Keepalive {
            idle: Some(Duration::from_secs(120 * (timeout as u64 + 1))),
            interval: Some(Duration::from_secs(1)),
            count: Some(3),
        })
    }

    /// After how long without a word from the peer the connection is lost, if this says it.
    fn patience(self) -> Option<Duration> {
        Some(self.idle? + self.interval? * self.count?)
    }
}

impl SocketOptions {
    /// The system's settings.
    #[must_use]
    pub const fn new() -> Self {
        SocketOptions {
            keepalive: None,
            send_buffer_len: None,
            receive_buffer_len: None,
            busy_poll: None,
        }
    }

    /// Sets them, before the socket connects or listens: the window that TCP offers depends on it.
    pub(crate) fn apply(&self, socket: &Socket, is_tcp: bool) -> io::Result<()> {
        if let Some(len) = self.send_buffer_len {
            explain("SO_SNDBUF", socket.set_send_buffer_size(len as usize))?;
        }
        if let Some(len) = self.receive_buffer_len {
            explain("SO_RCVBUF", socket.set_recv_buffer_size(len as usize))?;
        }
        if let Some(time) = self.busy_poll {
            let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
            explain(
                "SO_BUSY_POLL (more than net.core.busy_read needs CAP_NET_ADMIN)",
                socket.set_busy_poll(micros),
            )?;
        }
        match self.keepalive.filter(|_| is_tcp) {
            Some(keepalive) => set_keepalive(socket, keepalive),
            None => Ok(()),
        }
    }
}

fn set_keepalive(socket: &Socket, keepalive: Keepalive) -> io::Result<()> {
    let mut parameters = TcpKeepalive::new();
    if let Some(idle) = keepalive.idle {
        parameters = parameters.with_time(idle);
    }
    if let Some(interval) = keepalive.interval {
        parameters = parameters.with_interval(interval);
    }
    if let Some(count) = keepalive.count {
        parameters = parameters.with_retries(count);
    }
    explain("SO_KEEPALIVE", socket.set_tcp_keepalive(&parameters))?;
    // While something that was sent is not acknowledged TCP does not probe, it sends that again,
    // for some 15 minutes unless this says otherwise.
    explain(
        "TCP_USER_TIMEOUT",
        socket.set_tcp_user_timeout(keepalive.patience()),
    )
}

/// The system's answer without its number, which would be taken for that of another call.
fn explain(option: &str, result: io::Result<()>) -> io::Result<()> {
    result.map_err(|error| {
        io::Error::new(error.kind(), format!("it does not take {option}: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, SockRef, Type};

    use super::*;
    use crate::address::Address;
    use crate::listen::{open_client, open_listener};
    use crate::ring::ListenOptions;

    const OPTIONS: SocketOptions = SocketOptions {
        keepalive: Keepalive::of_com_timeout(0),
        send_buffer_len: Some(20_000),
        receive_buffer_len: Some(30_000),
        busy_poll: None,
    };

    fn check(socket: SockRef<'_>) {
        assert!(socket.keepalive().unwrap());
        let (minutes, second) = (Duration::from_secs(120), Duration::from_secs(1));
        assert_eq!(socket.tcp_keepalive_time().unwrap(), minutes);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), second);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
        let patience = socket.tcp_user_timeout().unwrap();
        assert_eq!(patience, Some(minutes + 3 * second));
        // The kernel keeps twice what it is told (socket(7)).
        assert_eq!(socket.send_buffer_size().unwrap(), 2 * 20_000);
        assert_eq!(socket.recv_buffer_size().unwrap(), 2 * 30_000);
    }

    #[test]
    fn a_client_and_the_connections_of_a_listener_have_what_was_chosen() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let address = Address::Tcp(host.parse().unwrap());
            let options = ListenOptions {
                socket: OPTIONS,
                ..ListenOptions::default()
            };
            let (listener, bound) = open_listener(&address, &options).unwrap();
            let (client, raw) = open_client(&bound, &OPTIONS).unwrap();
            client.connect(&raw).unwrap();
            let (accepted, _) = SockRef::from(&listener).accept().unwrap();
            check(SockRef::from(&client));
            check(SockRef::from(&accepted));
        }
    }

    #[test]
    fn by_default_the_connections_of_a_listener_are_probed_and_those_of_a_client_are_not() {
        let address = Address::Tcp("127.0.0.1:0".parse().unwrap());
        let (listener, bound) = open_listener(&address, &ListenOptions::default()).unwrap();
        let (client, raw) = open_client(&bound, &SocketOptions::new()).unwrap();
        client.connect(&raw).unwrap();
        let (accepted, _) = SockRef::from(&listener).accept().unwrap();
        assert!(accepted.keepalive().unwrap());
        assert!(!client.keepalive().unwrap());
    }

    #[test]
    fn a_local_socket_takes_what_it_has_a_use_for() {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        OPTIONS.apply(&socket, false).unwrap();
        assert_eq!(socket.send_buffer_size().unwrap(), 2 * 20_000);
    }

    #[test]
    fn busy_polling_is_set_or_the_missing_right_is_named() {
        let options = SocketOptions {
            busy_poll: Some(Duration::from_micros(50)),
            ..SocketOptions::new()
        };
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        match options.apply(&socket, true) {
            Ok(()) => {
                let micros = socket.busy_poll().unwrap();
                println!("SO_BUSY_POLL: {micros} µs");
                assert_eq!(micros, 50);
            }
            Err(error) => {
                println!("SO_BUSY_POLL: {error}");
                assert!(error.to_string().contains("CAP_NET_ADMIN"), "{error}");
            }
        }
    }

    #[test]
    fn an_infinite_time_out_probes_nobody() {
        let idle = |timeout| Keepalive::of_com_timeout(timeout)?.idle;
        assert_eq!(idle(5), Some(Duration::from_secs(720)));
        assert_eq!(idle(9), Some(Duration::from_secs(1200)));
        assert_eq!(Keepalive::of_com_timeout(10), None);
    }
}
