//! An echo over tarpc, with bincode.

use anyhow::Result;
use futures::StreamExt;
use peer_driver::Caller;
use serde_bytes::ByteBuf;
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;
use tarpc::tokio_util::codec::LengthDelimitedCodec;
use tarpc::{client, context, serde_transport};
use tokio::net::{TcpListener, TcpStream};

#[tarpc::service]
trait Echo {
    async fn echo(payload: ByteBuf) -> ByteBuf;
}

#[derive(Clone)]
struct Server;

impl Echo for Server {
    async fn echo(self, _: context::Context, payload: ByteBuf) -> ByteBuf {
        payload
    }
}

#[derive(Clone)]
struct Client(EchoClient);

impl Caller for Client {
    async fn echo(&mut self, payload: &[u8]) -> Result<usize> {
        let payload = ByteBuf::from(payload.to_vec());
        Ok(self.0.echo(context::current(), payload).await?.len())
    }
}

async fn serve(listener: TcpListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let framed = LengthDelimitedCodec::builder().new_framed(stream);
        let transport = serde_transport::new(framed, Bincode::default());
        let calls = BaseChannel::with_defaults(transport).execute(Server.serve());
        tokio::spawn(calls.for_each(|call| async move {
            tokio::spawn(call);
        }));
    }
}

fn main() -> Result<()> {
    peer_driver::run("tarpc", serve, |address| async move {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let framed = LengthDelimitedCodec::builder().new_framed(stream);
        let transport = serde_transport::new(framed, Bincode::default());
        Ok(Client(
            EchoClient::new(client::Config::default(), transport).spawn(),
        ))
    })
}
