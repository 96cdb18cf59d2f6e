//! An echo over capnp-rpc.

use std::rc::Rc;

use anyhow::Result;
use capnp::message::ReaderOptions;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{RpcSystem, new_client, twoparty};
use futures::AsyncReadExt;
use futures::io::{BufReader, BufWriter, ReadHalf};
use peer_driver::Caller;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

capnp::generated_code!(mod echo_capnp);

use echo_capnp::echo;

struct Server;

impl echo::Server for Server {
    async fn echo(
        self: Rc<Self>,
        params: echo::EchoParams,
        mut results: echo::EchoResults,
    ) -> Result<(), capnp::Error> {
        results.get().set_payload(params.get()?.get_payload()?);
        Ok(())
    }
}

#[derive(Clone)]
struct Client(echo::Client);

impl Caller for Client {
    async fn echo(&mut self, payload: &[u8]) -> Result<usize> {
        let mut request = self.0.echo_request();
        request.get().set_payload(payload);
        let response = request.send().promise.await?;
        Ok(response.get()?.get_payload()?.len())
    }
}

type Network = twoparty::VatNetwork<BufReader<ReadHalf<Compat<TcpStream>>>>;

fn network(stream: TcpStream, side: Side) -> Result<Box<Network>> {
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.compat().split();
    let (reader, writer) = (BufReader::new(reader), BufWriter::new(writer));
    Ok(Box::new(Network::new(
        reader,
        writer,
        side,
        ReaderOptions::new(),
    )))
}

async fn serve(listener: TcpListener) -> Result<()> {
    let server: echo::Client = new_client(Server);
    loop {
        let (stream, _) = listener.accept().await?;
        let network = network(stream, Side::Server)?;
        tokio::task::spawn_local(RpcSystem::new(network, Some(server.clone().client)));
    }
}

fn main() -> Result<()> {
    peer_driver::run("capnp-rpc", serve, |address| async move {
        let network = network(TcpStream::connect(address).await?, Side::Client)?;
        let mut system = RpcSystem::new(network, None);
        let client = system.bootstrap(Side::Server);
        tokio::task::spawn_local(system);
        Ok(Client(client))
    })
}
