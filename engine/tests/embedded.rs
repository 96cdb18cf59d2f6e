//! Cores that run inside event loops of others.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annulus::async_rpc::{self, AsyncRpc, AsyncRpcClient};
use annulus::rpcecho::{self, EchoServer, RpcEchoClient};
use annulus::{
    Binding, BindingOptions, CallContext, Config, EmbeddedRuntime, Error, Limits, Reactor,
    Registration, Server, ServerCall, Status,
};

/// How long something may take that is to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// An event loop: an executor, and how its tasks wait.
trait EventLoop: Reactor + Clone + 'static {
    /// Runs a future, and what it spawns meanwhile.
    fn run<F: Future<Output = ()> + 'static>(test: impl FnOnce(Self) -> F + Send + 'static);

    fn spawn(future: impl Future<Output = ()> + 'static);

    fn sleep(duration: Duration) -> impl Future<Output = ()>;
}

/// A reactor whose waits are counted, and end by the descriptor alone if so wanted: a wake-up that
/// is lost is then lost for good.
#[derive(Clone)]
struct Watched<R> {
    reactor: R,
    waits: Rc<Cell<u64>>,
    is_untimed: Rc<Cell<bool>>,
}

impl<R: Reactor> Reactor for Watched<R> {
    async fn wait(&self, descriptor: BorrowedFd<'_>, timeout: Option<Duration>) -> io::Result<()> {
        self.waits.set(self.waits.get() + 1);
        let timeout = timeout.filter(|_| !self.is_untimed.get());
        self.reactor.wait(descriptor, timeout).await
    }
}

/// A runtime that runs as a task.
struct Running {
    runtime: EmbeddedRuntime,
    waits: Rc<Cell<u64>>,
    is_untimed: Rc<Cell<bool>>,
    has_ended: Rc<Cell<bool>>,
    /// The calls of AsyncFunc that are open.
    open: Arc<Mutex<Vec<ServerCall<()>>>>,
}

/// AsyncRPC, whose AsyncFunc is answered by the test.
struct Open(Arc<Mutex<Vec<ServerCall<()>>>>);

impl AsyncRpc for Open {
    fn non_async_func(&self, _: &mut CallContext<'_>, _: &[u8]) -> Result<(), Status> {
        Ok(())
    }

    fn async_func(
        &self,
        _: &mut CallContext<'_>,
        call: ServerCall<()>,
        _: u32,
    ) -> Result<(), Status> {
        self.0.lock().unwrap().push(call);
        Ok(())
    }

    fn shutdown(&self, _: &mut CallContext<'_>) -> Result<(), Status> {
        Err(Status::AccessDenied)
    }
}

impl Running {
    fn start<E: EventLoop>(reactor: E) -> Self {
        let limits = Limits {
            drain_timeout: Duration::from_millis(200),
            ..Limits::DEFAULT
        };
        let runtime = EmbeddedRuntime::new(&Config::default().limits(limits)).unwrap();
        let running = Running {
            runtime: runtime.clone(),
            waits: Rc::default(),
            is_untimed: Rc::default(),
            has_ended: Rc::default(),
            open: Arc::default(),
        };
        let has_ended = Rc::clone(&running.has_ended);
        let watched = Watched {
            reactor,
            waits: Rc::clone(&running.waits),
            is_untimed: Rc::clone(&running.is_untimed),
        };
        E::spawn(async move {
            runtime.run(&watched).await.unwrap();
            has_ended.set(true);
        });
        running
    }

    /// Serves rpcecho and AsyncRPC; where.
    fn serve(&self) -> String {
        let server = Server::new()
            .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
            .unwrap()
            .interface(rpcecho::interface(EchoServer::default()))
            .interface(async_rpc::interface(Open(Arc::clone(&self.open))));
        self.runtime.serve(server).unwrap().bindings()[0].to_string()
    }

    async fn end<E: EventLoop>(self) {
        self.is_untimed.set(false);
        self.runtime.begin_shutdown();
        while !self.has_ended.get() {
            E::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn calls_are_awaited_between_other_tasks<E: EventLoop>() {
    E::run(|reactor: E| async move {
        let running = Running::start(reactor);
        let target = running.serve();
        let echo = Binding::new(&running.runtime, &target, rpcecho::INTERFACE).unwrap();
        let echo = RpcEchoClient::new(echo);
        let left = Rc::new(Cell::new(20));
        for caller in 0..20_u32 {
            let (echo, left) = (echo.clone(), Rc::clone(&left));
            E::spawn(async move {
                for number in 0..50 {
                    let sum = echo.add_one_future(caller * 1000 + number).await.unwrap();
                    assert_eq!(sum.out_data, caller * 1000 + number + 1);
                }
                left.set(left.get() - 1);
            });
        }
        while left.get() > 0 {
            E::sleep(Duration::from_millis(1)).await;
        }
        running.end::<E>().await;
    });
}

fn it_rests_while_there_is_nothing_to_do<E: EventLoop>() {
    E::run(|reactor: E| async move {
        let running = Running::start(reactor);
        let target = running.serve();
        let echo = Binding::new(&running.runtime, &target, rpcecho::INTERFACE).unwrap();
        let echo = RpcEchoClient::new(echo);
        assert_eq!(echo.add_one_future(1).await.unwrap().out_data, 2);
        assert_eq!(
            echo.add_one(1),
            Err(Status::CannotSupport),
            "a call that blocks its own core"
        );

        let before = running.waits.get();
        E::sleep(Duration::from_millis(300)).await;
        let waits = running.waits.get() - before;
        assert!(waits < 20, "{waits} waits of an idle core: it spins");
        running.end::<E>().await;
    });
}

fn it_wakes_for_calls_and_answers_from_anywhere<E: EventLoop>() {
    E::run(|reactor: E| async move {
        let running = Running::start(reactor);
        let target = running.serve();
        let bind = |interface| Binding::new(&running.runtime, &target, interface).unwrap();
        let echo = RpcEchoClient::new(bind(rpcecho::INTERFACE));
        let open = AsyncRpcClient::new(bind(async_rpc::INTERFACE));
        assert_eq!(echo.add_one_future(1).await.unwrap().out_data, 2);
        open.non_async_func_future(b"connected").await.unwrap();
        running.is_untimed.set(true);

        // A call and its answer, by tasks of this thread while the core rests.
        for _ in 0..20 {
            let call = open.async_func_future(0);
            while running.open.lock().unwrap().is_empty() {
                E::sleep(Duration::from_millis(2)).await;
            }
            let answer = running.open.lock().unwrap().pop().unwrap();
            answer.complete(&()).unwrap();
            assert_eq!(call.await, Ok(()));
        }
        // By another thread.
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || tell.send(echo.add_one(41)).unwrap());
        let answer = loop {
            match told.try_recv() {
                Ok(answer) => break answer,
                Err(_) => E::sleep(Duration::from_millis(1)).await,
            }
        };
        assert_eq!(answer, Ok(42));
        running.end::<E>().await;
    });
}

fn timers_of_the_core_run<E: EventLoop>() {
    E::run(|reactor: E| async move {
        let running = Running::start(reactor);
        let target = running.serve();
        let options = BindingOptions::new().call_deadline(Duration::from_millis(50));
        let binding =
            Binding::with_options(&running.runtime, &target, async_rpc::INTERFACE, options);
        let hasty = AsyncRpcClient::new(binding.unwrap());
        assert_eq!(
            hasty.async_func_future(60_000).await,
            Err(Status::CallCancelled)
        );
        running.end::<E>().await;
    });
}

/// What the core calls may use the runtime, as far as that needs no turn to end.
fn a_manager_routine_may_use_the_runtime<E: EventLoop>() {
    thread_local! {
        static RUNTIME: RefCell<Option<EmbeddedRuntime>> = const { RefCell::new(None) };
        static REFUSAL: RefCell<Option<Error>> = const { RefCell::new(None) };
    }
    E::run(|reactor: E| async move {
        let running = Running::start(reactor);
        RUNTIME.set(Some(running.runtime.clone()));
        let from_within = Registration::new(rpcecho::interface(EchoServer::default()))
            .security_callback(|_| {
                let runtime = RUNTIME.take().expect("it is asked once");
                assert!(!runtime.ring_name().is_empty());
                let further = Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[0]");
                REFUSAL.set(runtime.serve(further.unwrap()).err());
                runtime.begin_shutdown();
                Ok(())
            });
        let server = Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[0]");
        let server = server.unwrap().interface(from_within);
        let target = running.runtime.serve(server).unwrap().bindings()[0].to_string();
        let echo = Binding::new(&running.runtime, &target, rpcecho::INTERFACE).unwrap();
        let echo = RpcEchoClient::new(echo);
        let answer = echo.add_one_future(1).await;
        assert_eq!(answer.unwrap().out_data, 2, "the running call ends well");
        assert!(matches!(REFUSAL.take(), Some(Error::WithinTurn)));
        running.end::<E>().await;
    });
}

macro_rules! test_with {
    ($module:ident, $event_loop:ty, $($test:ident),* $(,)?) => {
        mod $module {
            $(
                #[test]
                fn $test() {
                    super::$test::<$event_loop>();
                }
            )*
        }
    };
    ($module:ident, $event_loop:ty) => {
        test_with!(
            $module,
            $event_loop,
            calls_are_awaited_between_other_tasks,
            it_rests_while_there_is_nothing_to_do,
            it_wakes_for_calls_and_answers_from_anywhere,
            timers_of_the_core_run,
            a_manager_routine_may_use_the_runtime,
        );
    };
}

/// tokio, one thread.
#[derive(Clone)]
struct Tokio;

impl Reactor for Tokio {
    async fn wait(&self, descriptor: BorrowedFd<'_>, timeout: Option<Duration>) -> io::Result<()> {
        use tokio::io::Interest;
        use tokio::io::unix::AsyncFd;

        let owned = descriptor.try_clone_to_owned()?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe, and the descriptor is owned here"
        )]
        let readable = AsyncFd::with_interest(owned, Interest::READABLE)?;
        let timeout = timeout.unwrap_or(Duration::MAX);
        match tokio::time::timeout(timeout, readable.readable()).await {
            Ok(ready) => ready.map(drop),
            Err(_elapsed) => Ok(()),
        }
    }
}

impl EventLoop for Tokio {
    fn run<F: Future<Output = ()> + 'static>(test: impl FnOnce(Self) -> F + Send + 'static) {
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let tasks = tokio::task::LocalSet::new();
        let test = async { tokio::time::timeout(PATIENCE, test(Tokio)).await };
        tasks.block_on(&tokio, test).expect("it hangs");
    }

    fn spawn(future: impl Future<Output = ()> + 'static) {
        tokio::task::spawn_local(future);
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> {
        tokio::time::sleep(duration)
    }
}

test_with!(tokio_runs_it, super::Tokio);

#[cfg(feature = "glommio")]
mod glommio_loop {
    use annulus::GlommioReactor;

    use super::*;

    impl EventLoop for GlommioReactor {
        fn run<F: Future<Output = ()> + 'static>(test: impl FnOnce(Self) -> F + Send + 'static) {
            glommio::LocalExecutor::default().run(async {
                let test = async {
                    test(GlommioReactor::new()).await;
                    Ok(())
                };
                glommio::timer::timeout(PATIENCE, test)
                    .await
                    .expect("it hangs");
            });
        }

        fn spawn(future: impl Future<Output = ()> + 'static) {
            glommio::spawn_local(future).detach();
        }

        fn sleep(duration: Duration) -> impl Future<Output = ()> {
            glommio::timer::sleep(duration)
        }
    }

    test_with!(glommio_runs_it, annulus::GlommioReactor);
}
