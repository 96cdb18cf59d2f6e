//! A core inside a glommio executor.

use std::future::{Future, poll_fn};
use std::io;
use std::net;
use std::os::fd::BorrowedFd;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_io::AsyncRead;
use glommio::net::TcpStream;
use glommio::timer::Timer;
use glommio_socket2::Socket;

use crate::embedded::Reactor;

/// Has glommio wait for a core that runs as one of its tasks.
///
/// The core keeps a ring of its own, with multishot receives and buffers that all connections
/// share, which glommio's streams do not offer. glommio waits for that ring's one descriptor,
/// however many connections there are, so its tasks and the core's take turns on one thread.
///
/// ```no_run
/// use annulus::rpcecho::{self, EchoServer};
/// use annulus::{Config, EmbeddedRuntime, GlommioReactor, Server};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// glommio::LocalExecutor::default().run(async {
///     let runtime = EmbeddedRuntime::new(&Config::default())?;
///     let core = runtime.clone();
///     let running = glommio::spawn_local(async move { core.run(&GlommioReactor::new()).await });
///     runtime.serve(
///         Server::new()
///             .endpoint("ncacn_ip_tcp:0.0.0.0[8765]")?
///             .interface(rpcecho::interface(EchoServer::default())),
///     )?;
///     running.await?;
///     Ok(())
/// })
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct GlommioReactor;

impl GlommioReactor {
    /// A reactor of the executor that runs it.
    #[must_use]
    pub const fn new() -> Self {
        GlommioReactor
    }
}

impl Reactor for GlommioReactor {
    async fn wait(&self, descriptor: BorrowedFd<'_>, timeout: Option<Duration>) -> io::Result<()> {
        let mut readable = Readable::new(descriptor)?;
        match timeout {
            None => poll_fn(|context| readable.poll(context)).await,
            Some(timeout) => {
                let mut timer = pin!(Timer::new(timeout));
                poll_fn(|context| match readable.poll(context) {
                    Poll::Pending => timer.as_mut().poll(context).map(drop),
                    ready => ready,
                })
                .await;
            }
        }
        Ok(())
    }
}

/// One wait for a descriptor.
///
/// glommio has no wait for a descriptor of any kind. But each of its streams begins its life with a
/// poll for readability, and reads only once that has ended; so a stream made of the descriptor
/// is that wait. The read itself then fails, as the descriptor is no socket, which means that it is
/// readable.
struct Readable(TcpStream);

impl Readable {
    fn new(descriptor: BorrowedFd<'_>) -> io::Result<Self> {
        let stream = net::TcpStream::from(descriptor.try_clone_to_owned()?);
        Ok(Readable(TcpStream::from(Socket::from(stream))))
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0)
            .poll_read(context, &mut [0])
            .map(|_not_a_socket| ())
    }
}
