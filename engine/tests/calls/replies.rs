//! Replies that are deferred, failures of the manager, and what becomes of both.

use std::borrow::Cow;
use std::sync::mpsc;
use std::thread;

use annulus::ndr::Utf16Str;
use annulus::rpcecho::{
    self, EchoEnum1, EchoEnum2, EchoEnum3, EchoServer, EchoSurrounding, RpcEcho, TestCall2Response,
    TestEnumResponse, TestSleepResponse,
};
use annulus::{CallContext, ServerCall, Status};

use crate::{client, runtime, serve};

/// An rpcecho whose TestSleep hands its call to somebody else, and whose other operations fail.
pub(super) struct Delegating(pub(super) mpsc::Sender<ServerCall<TestSleepResponse>>);

impl RpcEcho for Delegating {
    fn add_one(&self, _: &mut CallContext<'_>, in_data: u32) -> Result<u32, Status> {
        assert!(in_data != 13, "unlucky");
        Err(Status::Other(in_data))
    }

    fn echo_data<'a>(
        &self,
        _: &mut CallContext<'_>,
        in_data: &'a [u8],
    ) -> Result<Cow<'a, [u8]>, Status> {
        Ok(Cow::Borrowed(in_data))
    }

    fn sink_data(&self, _: &mut CallContext<'_>, _: &[u8]) -> Result<(), Status> {
        Err(Status::AccessDenied)
    }

    fn source_data(&self, _: &mut CallContext<'_>, _: u32) -> Result<Vec<u8>, Status> {
        Err(Status::AccessDenied)
    }

    fn test_call(
        &self,
        _: &mut CallContext<'_>,
        _: Utf16Str<'_>,
    ) -> Result<Option<String>, Status> {
        Ok(None)
    }

    fn test_call2(&self, _: &mut CallContext<'_>, _: u16) -> Result<TestCall2Response, Status> {
        Err(Status::CannotSupport)
    }

    fn test_sleep(
        &self,
        _: &mut CallContext<'_>,
        call: ServerCall<TestSleepResponse>,
        seconds: u32,
    ) -> Result<(), Status> {
        if seconds == 0 {
            return Err(Status::InvalidArg);
        }
        self.0.send(call).map_err(|_| Status::ServerTooBusy)
    }

    fn test_enum(
        &self,
        _: &mut CallContext<'_>,
        foo1: EchoEnum1,
        foo2: EchoEnum2,
        foo3: EchoEnum3,
    ) -> Result<TestEnumResponse, Status> {
        Ok(TestEnumResponse { foo1, foo2, foo3 })
    }

    fn test_surrounding(
        &self,
        _: &mut CallContext<'_>,
        data: EchoSurrounding,
    ) -> Result<EchoSurrounding, Status> {
        Ok(data)
    }

    fn test_double_pointer(
        &self,
        _: &mut CallContext<'_>,
        _: Option<Option<u16>>,
    ) -> Result<u16, Status> {
        Ok(0)
    }
}

#[test]
fn rule_33_replies_complete_from_any_thread() {
    let runtime = runtime(1);
    let (send, receive) = mpsc::channel::<ServerCall<TestSleepResponse>>();
    let serving = serve(&runtime, rpcecho::interface(Delegating(send)));
    let echo = client(&runtime, &serving);
    let calls: Vec<_> = (1..=50)
        .map(|seconds| echo.test_sleep_future(seconds))
        .collect();
    let taken: Vec<_> = receive.iter().take(50).collect();
    thread::spawn(move || {
        for (index, call) in taken.into_iter().rev().enumerate() {
            call.complete(&TestSleepResponse {
                result: index as u32,
            })
            .unwrap();
        }
    });
    let results: Vec<_> = calls
        .into_iter()
        .map(|call| call.wait().unwrap().result)
        .collect();
    assert_eq!(results, (0..50).rev().collect::<Vec<_>>());
}

#[test]
fn rule_31_a_dropped_call_becomes_a_fault() {
    let runtime = runtime(1);
    let (send, receive) = mpsc::channel();
    let serving = serve(&runtime, rpcecho::interface(Delegating(send)));
    let echo = client(&runtime, &serving);
    let call = echo.test_sleep_future(1);
    drop(receive.recv().unwrap());
    assert_eq!(call.wait(), Err(Status::CallFailed));
}

#[test]
fn rule_34_an_abort_carries_its_code_and_zero_is_refused() {
    let runtime = runtime(1);
    let (send, receive) = mpsc::channel();
    let serving = serve(&runtime, rpcecho::interface(Delegating(send)));
    let echo = client(&runtime, &serving);
    let call = echo.test_sleep_future(1);
    receive.recv().unwrap().abort(Status::Other(4711)).unwrap();
    assert_eq!(call.wait(), Err(Status::Other(4711)));
    let call = echo.test_sleep_future(1);
    assert_eq!(
        receive.recv().unwrap().abort(Status::Ok),
        Err(Status::InvalidArg)
    );
    assert_eq!(call.wait(), Err(Status::CallFailed));
}

#[test]
fn rule_35_failures_and_panics_of_a_manager_reach_that_client_alone() {
    let runtime = runtime(1);
    let (send, _receive) = mpsc::channel();
    let serving = serve(&runtime, rpcecho::interface(Delegating(send)));
    let (echo, neighbour) = (client(&runtime, &serving), client(&runtime, &serving));
    assert_eq!(echo.add_one(7), Err(Status::Other(7)));
    assert_eq!(
        echo.test_sleep(0),
        Err(Status::InvalidArg),
        "failing before the hand-off"
    );
    assert_eq!(echo.add_one(13), Err(Status::CallFailed), "a panic");
    assert_eq!(neighbour.echo_data(b"fine").unwrap(), b"fine");
    assert_eq!(echo.echo_data(b"still here").unwrap(), b"still here");
}

#[test]
fn a_fault_may_carry_any_code_and_still_ends_its_call() {
    let runtime = runtime(1);
    let (send, _receive) = mpsc::channel();
    let serving = serve(&runtime, rpcecho::interface(Delegating(send)));
    let echo = client(&runtime, &serving);
    let pending = Status::AsyncCallPending.code();
    assert_eq!(
        echo.add_one(pending),
        Err(Status::CallFailed),
        "a call that has ended is not pending"
    );
    let no_call = Status::InvalidAsyncHandle.code();
    assert_eq!(echo.add_one(no_call), Err(Status::InvalidAsyncHandle));
    assert_eq!(
        echo.add_one(0),
        Err(Status::CallFailed),
        "a fault is never a success"
    );
    assert_eq!(echo.echo_data(b"and on").unwrap(), b"and on");
}

#[test]
fn rule_33_completing_on_the_dispatching_core_wakes_no_other_thread() {
    let (servers, clients) = (runtime(1), runtime(1));
    let serving = serve(&servers, rpcecho::interface(EchoServer::default()));
    let echo = client(&clients, &serving);
    let before = servers.wake_count();
    for _ in 0..50 {
        assert_eq!(
            echo.test_sleep(0),
            Ok(0),
            "deferred, and completed by a timer of the core"
        );
    }
    assert_eq!(servers.wake_count(), before);
    // Wake-ups are counted: this thread wakes the client's core, some time when that sleeps.
    while clients.wake_count() == 0 {
        assert_eq!(echo.test_sleep(0), Ok(0));
        thread::yield_now();
    }
}
