//! Calls that are awaited, and answered, by tasks of tokio.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use annulus::async_rpc::{self, AsyncRpc, AsyncRpcClient};
use annulus::{
    Binding, CallContext, Config, Cores, Limits, NotificationEvent, Notify, Runtime, Server,
    ServerCall, Status,
};
use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time;

/// How long something may take that is to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// What AsyncFunc is asked that never ends by itself.
const ENDLESS: u32 = u32::MAX;

/// AsyncFunc is a task of tokio, and its delay the number of times that the task yields.
struct Yielding {
    tokio: Handle,
    /// Told of each call that its client does not want any more.
    unwanted: UnboundedSender<NotificationEvent>,
}

impl AsyncRpc for Yielding {
    fn non_async_func(&self, _: &mut CallContext<'_>, _: &[u8]) -> Result<(), Status> {
        Ok(())
    }

    fn async_func(
        &self,
        _: &mut CallContext<'_>,
        call: ServerCall<()>,
        turns: u32,
    ) -> Result<(), Status> {
        let cancelled = Arc::new(tokio::sync::Notify::new());
        let (wake, tell) = (Arc::clone(&cancelled), self.unwanted.clone());
        let notify = Notify::callback(move |notification| {
            tell.send(notification.event).unwrap();
            wake.notify_one();
        });
        call.subscribe(NotificationEvent::ClientCancel, notify, 0)?;
        self.tokio.spawn(async move {
            let work = async {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
            };
            let ended = tokio::select! {
                () = work => call.complete(&()),
                () = cancelled.notified() => call.abort(Status::CallCancelled),
            };
            ended.unwrap();
        });
        Ok(())
    }

    fn shutdown(&self, _: &mut CallContext<'_>) -> Result<(), Status> {
        Err(Status::AccessDenied)
    }
}

/// A server whose calls tokio answers, and a client of it.
struct Service {
    runtime: Runtime,
    client: AsyncRpcClient,
    unwanted: UnboundedReceiver<NotificationEvent>,
}

impl Service {
    fn start() -> Self {
        let (tell, unwanted) = unbounded_channel();
        let manager = Yielding {
            tokio: Handle::current(),
            unwanted: tell,
        };
        let limits = Limits {
            // Endless calls are not worth to be waited for.
            drain_timeout: Duration::from_millis(200),
            ..Limits::DEFAULT
        };
        let config = Config::default().cores(Cores::Unpinned(2)).limits(limits);
        let runtime = Runtime::start(config).unwrap();
        let server = Server::new()
            .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
            .unwrap()
            .interface(async_rpc::interface(manager));
        let target = runtime.serve(server).unwrap().bindings()[0].to_string();
        let client = Binding::new(&runtime, &target, async_rpc::INTERFACE).unwrap();
        Service {
            runtime,
            client: AsyncRpcClient::new(client),
            unwanted,
        }
    }
}

/// Runs a test under both kinds of tokio's runtime.
fn under_tokio<F: Future<Output = ()>>(test: impl Fn() -> F) {
    for mut kind in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let tokio = kind.enable_time().build().unwrap();
        tokio.block_on(async {
            time::timeout(PATIENCE, test()).await.expect("it hangs");
        });
    }
}

#[test]
fn calls_of_many_tasks_are_awaited_and_answered_by_tasks() {
    under_tokio(|| async {
        let service = Service::start();
        let mut callers = tokio::task::JoinSet::new();
        for caller in 0..50 {
            let client = service.client.clone();
            callers.spawn(async move {
                for _ in 0..20 {
                    client.async_func_future(caller % 7).await?;
                    client.non_async_func_future(b"between").await?;
                }
                Ok::<_, Status>(())
            });
        }
        while let Some(caller) = callers.join_next().await {
            assert_eq!(caller.unwrap(), Ok(()));
        }
    });
}

#[test]
fn a_timeout_of_tokio_cancels_the_call_and_no_other() {
    under_tokio(|| async {
        let mut service = Service::start();
        let neighbour = service.client.async_func_future(ENDLESS);
        let given_up = service.client.async_func_future(ENDLESS);
        let elapsed = time::timeout(Duration::from_millis(20), given_up).await;
        assert!(elapsed.is_err());
        assert_eq!(
            service.unwanted.recv().await,
            Some(NotificationEvent::ClientCancel)
        );
        assert_eq!(service.client.async_func_future(3).await, Ok(()));
        drop(neighbour);
        assert_eq!(
            service.unwanted.recv().await,
            Some(NotificationEvent::ClientCancel)
        );
    });
}

#[test]
fn the_end_of_the_runtime_ends_what_tasks_await() {
    under_tokio(|| async {
        let Service {
            runtime,
            client,
            unwanted: _unwanted,
        } = Service::start();
        let call = client.async_func_future(ENDLESS);
        // Calls are dispatched in their order, so the one before has begun.
        client.non_async_func_future(b"second").await.unwrap();
        let end = tokio::task::spawn_blocking(move || runtime.shutdown());
        assert_eq!(call.await, Err(Status::CallFailed));
        end.await.unwrap();
    });
}
