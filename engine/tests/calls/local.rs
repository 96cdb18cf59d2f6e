//! A local runtime: calls and futures on the thread that drives it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use annulus::rpcecho::{self, EchoServer, RpcEchoClient};
use annulus::{Binding, Config, Cores, IdlePolicy, LocalRuntime, Server, Status};

use crate::{raw, runtime, serve};

#[test]
fn calls_are_awaited_on_the_thread_of_a_local_runtime() {
    let config = Config::default().cores(Cores::Unpinned(1));
    let mut local = LocalRuntime::new(&config).unwrap();
    let server = Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[0]").unwrap();
    let serving = local
        .serve(server.interface(rpcecho::interface(EchoServer::default())))
        .unwrap();
    let target = serving.bindings()[0].to_string();
    let echo = RpcEchoClient::new(Binding::new(&local, &target, rpcecho::INTERFACE).unwrap());
    assert_eq!(
        echo.add_one(1),
        Err(Status::CannotSupport),
        "blocking would wait for itself"
    );
    let sum = local
        .block_on(async {
            let (first, second) = (echo.add_one_future(1), echo.add_one_future(10));
            Ok::<_, Status>(first.await?.out_data + second.await?.out_data)
        })
        .unwrap();
    assert_eq!(sum, Ok(13));
    drop(echo);
    local.shutdown().unwrap();
}

#[test]
fn a_blocking_call_on_the_thread_of_its_own_core_is_refused_and_not_made() {
    let servers = runtime(1);
    let serving = serve(&servers, rpcecho::interface(EchoServer::default()));
    let config = Config::default().cores(Cores::Unpinned(1));
    let mut first = LocalRuntime::new(&config).unwrap();
    let _second = LocalRuntime::new(&config).unwrap();
    let target = serving.bindings()[0].to_string();
    let echo = RpcEchoClient::new(Binding::new(&first, &target, rpcecho::INTERFACE).unwrap());
    first.block_on(echo.add_one_future(1)).unwrap().unwrap();
    let before = serving.statistics().calls_in;
    assert_eq!(echo.add_one(1), Err(Status::CannotSupport));
    let end = Instant::now() + Duration::from_millis(200);
    while Instant::now() < end {
        first.poll(&mut |_| {}).unwrap();
    }
    assert_eq!(serving.statistics().calls_in, before);
}

/// Another thread wakes a future at all possible moments, also while its core goes to sleep.
#[test]
fn block_on_never_misses_a_wake_up() {
    let (done, finished) = mpsc::channel();
    thread::spawn(move || {
        let config = Config::default()
            .cores(Cores::Unpinned(1))
            .idle(IdlePolicy::Block);
        let mut local = LocalRuntime::new(&config).unwrap();
        let (send, receive) = mpsc::channel::<(Waker, Arc<AtomicBool>)>();
        thread::spawn(move || {
            let mut random = 1_u64;
            for (waker, flag) in receive {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (0..(random >> 56) * 4).for_each(|_| std::hint::spin_loop());
                flag.store(true, Ordering::Release);
                waker.wake();
            }
        });
        for _ in 0..30_000 {
            let flag = Arc::new(AtomicBool::new(false));
            let mut asked = false;
            let wait = std::future::poll_fn(|context| {
                if flag.load(Ordering::Acquire) {
                    return Poll::Ready(());
                }
                if !std::mem::replace(&mut asked, true) {
                    send.send((context.waker().clone(), Arc::clone(&flag)))
                        .unwrap();
                }
                Poll::Pending
            });
            local.block_on(wait).unwrap();
        }
        done.send(()).unwrap();
    });
    finished
        .recv_timeout(Duration::from_secs(120))
        .expect("a wake-up was lost");
}

#[test]
fn a_local_server_waits_for_a_port_that_is_still_in_use() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (free, busy) = (raw::free_port(), taken.local_addr().unwrap().port());
    let mut local = LocalRuntime::new(&Config::default().cores(Cores::Unpinned(1))).unwrap();
    let freed = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        drop(taken);
    });
    let server = Server::new()
        .endpoint(&format!("ncacn_ip_tcp:127.0.0.1[{free}]"))
        .unwrap()
        .endpoint(&format!("ncacn_ip_tcp:127.0.0.1[{busy}]"))
        .unwrap();
    assert_eq!(local.serve(server).unwrap().bindings().len(), 2);
    freed.join().unwrap();
}
