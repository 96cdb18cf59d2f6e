//! An echo over tonic: gRPC, on HTTP/2.

use anyhow::Result;
use bytes::Bytes;
use peer_driver::Caller;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

mod echo {
    tonic::include_proto!("echo");
}

use echo::Payload;
use echo::echo_client::EchoClient;
use echo::echo_server::{Echo, EchoServer};

/// Of HTTP/2, in bytes: so that calls of 64 KiB do not wait for each other's.
const WINDOW: u32 = 1 << 20;

struct Server;

#[tonic::async_trait]
impl Echo for Server {
    async fn echo(&self, request: Request<Payload>) -> Result<Response<Payload>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}

#[derive(Clone)]
struct Client(EchoClient<Channel>);

impl Caller for Client {
    async fn echo(&mut self, payload: &[u8]) -> Result<usize> {
        let data = Bytes::copy_from_slice(payload);
        Ok(self.0.echo(Payload { data }).await?.into_inner().data.len())
    }
}

async fn serve(listener: TcpListener) -> Result<()> {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tonic::transport::Server::builder()
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .add_service(EchoServer::new(Server))
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}

fn main() -> Result<()> {
    peer_driver::run("tonic", serve, |address| async move {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?
            .tcp_nodelay(true)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW);
        Ok(Client(EchoClient::new(endpoint.connect().await?)))
    })
}
