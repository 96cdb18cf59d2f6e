//! An echo over volo: Thrift, framed. Its connections carry one call at a time, so it makes as many
//! as there are calls under way.

use anyhow::{Result, anyhow};
use peer_driver::Caller;
use pilota::Bytes;
use tokio::net::TcpListener;
use volo::net::incoming::DefaultIncoming;
use volo_thrift::ServerError;

mod generated {
    #![allow(warnings, clippy::all, reason = "written by volo-build")]
    include!(concat!(env!("OUT_DIR"), "/volo_gen.rs"));
}

use generated::volo_gen::echo::{EchoClient, EchoClientBuilder, EchoServer};

struct Server;

impl generated::volo_gen::echo::Echo for Server {
    async fn echo(&self, payload: Bytes) -> Result<Bytes, ServerError> {
        Ok(payload)
    }
}

#[derive(Clone)]
struct Client(EchoClient);

impl Caller for Client {
    async fn echo(&mut self, payload: &[u8]) -> Result<usize> {
        let answer = self.0.echo(Bytes::copy_from_slice(payload)).await;
        Ok(answer.map_err(|error| anyhow!("{error}"))?.len())
    }
}

async fn serve(listener: TcpListener) -> Result<()> {
    let serving = EchoServer::new(Server).run(DefaultIncoming::from(listener));
    serving.await.map_err(|error| anyhow!("{error}"))
}

fn main() -> Result<()> {
    peer_driver::run("volo", serve, |address| async move {
        Ok(Client(
            EchoClientBuilder::new("echo").address(address).build(),
        ))
    })
}
