//! A tokio program that serves and calls: its manager routines hand their calls to tokio tasks, and
//! its callers `.await`, under tokio's timeouts. Annulus has cores of its own beside tokio's threads;
//! neither needs to know of the other.
//!
//!     cargo run --release --example tokio_service -- 'ncacn_ip_tcp:HOST[PORT]'
//!
//! The argument names a server such as `async_rpc_server`; without one it serves itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use annulus::async_rpc::{self, AsyncRpc, AsyncRpcClient};
use annulus::{
    Binding, CallContext, Config, Cores, NotificationEvent, Notify, Runtime, Server, ServerCall,
    Status,
};
use support::Failure;
use tokio::runtime::Handle;
use tokio::time;

mod support;

/// How long the calls that may end take, in milliseconds.
const DELAY_MS: u32 = 300;

/// How long the caller of an endless call is patient.
const PATIENCE: Duration = Duration::from_millis(100);

/// AsyncRPC, by tasks of tokio.
struct TokioManager {
    tokio: Handle,
}

impl AsyncRpc for TokioManager {
    fn non_async_func(&self, _: &mut CallContext<'_>, _: &[u8]) -> Result<(), Status> {
        Ok(())
    }

    fn async_func(
        &self,
        _: &mut CallContext<'_>,
        call: ServerCall<()>,
        delay_ms: u32,
    ) -> Result<(), Status> {
        let unwanted = Arc::new(tokio::sync::Notify::new());
        for event in [
            NotificationEvent::ClientCancel,
            NotificationEvent::ClientDisconnect,
        ] {
            let unwanted = Arc::clone(&unwanted);
            call.subscribe(event, Notify::callback(move |_| unwanted.notify_one()), 0)?;
        }
        self.tokio.spawn(async move {
            let ended = tokio::select! {
                () = time::sleep(Duration::from_millis(delay_ms.into())) => call.complete(&()),
                () = unwanted.notified() => {
                    eprintln!("AsyncFunc is not wanted any more");
                    call.abort(Status::CallCancelled)
                }
            };
            if let Err(status) = ended {
                eprintln!("nobody learns of the end of AsyncFunc: {status}");
            }
        });
        Ok(())
    }

    fn shutdown(&self, _: &mut CallContext<'_>) -> Result<(), Status> {
        Err(Status::AccessDenied)
    }
}

/// Three calls at a time, then one that nobody waits for to its end.
async fn call(client: &AsyncRpcClient) -> Result<(), Status> {
    let start = Instant::now();
    tokio::try_join!(
        client.async_func_future(DELAY_MS),
        client.async_func_future(DELAY_MS),
        client.async_func_future(DELAY_MS),
    )?;
    let took = start.elapsed();
    // Dropping the future cancels the call.
    let endless = time::timeout(PATIENCE, client.async_func_future(u32::MAX)).await;
    assert!(endless.is_err(), "an endless call has ended");
    client.non_async_func_future(b"still there?").await?;
    println!(
        "tokio: 3 calls in {} ms, 1 given up, and the connection is fine",
        took.as_millis()
    );
    Ok(())
}

fn main() -> std::process::ExitCode {
    support::run(|arguments, _| {
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .enable_time()
            .build()?;
        let runtime = Runtime::start(Config::default().cores(Cores::Unpinned(1)))?;
        let target = match arguments.into_iter().next() {
            Some(target) => target,
            None => serve(&runtime, tokio.handle())?,
        };
        println!("calling {target}");
        let client = AsyncRpcClient::new(Binding::new(&runtime, &target, async_rpc::INTERFACE)?);
        tokio.block_on(call(&client))?;
        // Waits for calls that run, so not on a thread of tokio's.
        runtime.shutdown();
        Ok::<_, Failure>(())
    })
}

fn serve(runtime: &Runtime, tokio: &Handle) -> Result<String, annulus::Error> {
    let manager = TokioManager {
        tokio: tokio.clone(),
    };
    let server = Server::new()
        .endpoint("ncacn_ip_tcp:127.0.0.1[0]")?
        .interface(async_rpc::interface(manager));
    Ok(runtime.serve(server)?.bindings()[0].to_string())
}
