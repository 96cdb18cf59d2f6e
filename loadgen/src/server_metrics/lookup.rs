//! The addresses of a host, within a time: the system's resolver takes as long as it likes.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

type Addresses = io::Result<Vec<SocketAddr>>;

/// Looks names up, on a thread of its own each time. A lookup that takes too long goes on, and is what the
/// next one waits for: so there is one such thread at most.
#[derive(Debug)]
pub(super) struct Lookup {
    resolve: fn(&str, u16) -> Addresses,
    under_way: Option<Receiver<Addresses>>,
}

impl Default for Lookup {
    fn default() -> Self {
        Lookup {
            resolve: |host, port| (host, port).to_socket_addrs().map(Iterator::collect),
            under_way: None,
        }
    }
}

impl Lookup {
    /// The addresses of a host, which must be the same one each time.
    ///
    /// # Errors
    ///
    /// In words: nobody knows the host, or not in time.
    pub(super) fn addresses(
        &mut self,
        host: &str,
        port: u16,
        time_max: Duration,
    ) -> Result<Vec<SocketAddr>, String> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let answer = match self.under_way.take() {
            Some(answer) => answer,
            None => self.begin(host, port)?,
        };
        match answer.recv_timeout(time_max) {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(error)) => Err(format!("{host} is not known: {error}")),
            Err(RecvTimeoutError::Timeout) => {
                self.under_way = Some(answer);
                Err(format!("the name {host} was not resolved in time"))
            }
            Err(RecvTimeoutError::Disconnected) => Err(format!("the lookup of {host} panicked")),
        }
    }

    fn begin(&self, host: &str, port: u16) -> Result<Receiver<Addresses>, String> {
        let (tell, answer) = mpsc::channel();
        let (resolve, host) = (self.resolve, host.to_owned());
        thread::Builder::new()
            .name("name lookup".to_owned())
            // Nobody may be waiting for it any longer.
            .spawn(move || tell.send(resolve(&host, port)))
            .map_err(|error| format!("a name cannot be looked up: {error}"))?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Held while the resolver is not to answer.
    static SILENCE: Mutex<()> = Mutex::new(());
    static ASKED: AtomicU32 = AtomicU32::new(0);

    fn slow(_: &str, port: u16) -> Addresses {
        ASKED.fetch_add(1, Ordering::SeqCst);
        let _answers = SILENCE.lock().unwrap();
        Ok(vec![SocketAddr::from(([192, 0, 2, 1], port))])
    }

    #[test]
    fn a_resolver_that_does_not_answer_holds_nobody_up_and_is_asked_once() {
        let mut lookup = Lookup {
            resolve: slow,
            under_way: None,
        };
        let silence = SILENCE.lock().unwrap();
        for _ in 0..3 {
            let error = lookup.addresses("server", 80, Duration::from_millis(5));
            assert!(error.unwrap_err().contains("server was not resolved"));
        }
        drop(silence);
        let found = lookup.addresses("server", 80, Duration::from_secs(60));
        assert_eq!(found.unwrap(), [SocketAddr::from(([192, 0, 2, 1], 80))]);
        assert_eq!(ASKED.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn addresses_are_not_looked_up() {
        let mut lookup = Lookup {
            resolve: |host, _| panic!("{host} was looked up"),
            under_way: None,
        };
        for address in ["192.0.2.7", "2001:db8::7"] {
            let found = lookup.addresses(address, 9, Duration::ZERO).unwrap();
            assert_eq!(found, [SocketAddr::new(address.parse().unwrap(), 9)]);
        }
    }
}
