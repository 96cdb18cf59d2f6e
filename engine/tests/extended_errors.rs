//! What a fault says to people.

mod serving;

use std::time::Duration;

use annulus::{
    AsyncContext, AsyncHandle, Binding, Config, ErrorParameter, ErrorRecord, ExplainedFailure,
    ExtendedError, Limits, LocalReply, LocalRuntime, Notify, Registration, ServerCall, Status,
};
use serving::{Number, bind, limits, number, routine, runtime, runtime_within, serve};

const FAILURE: Status = Status::Other(4711);

fn explanation() -> ExtendedError {
    let cause = ErrorRecord::new(Status::EntryNotFound)
        .component(1000)
        .location(7)
        .parameter(ErrorParameter::Unicode("colour".into()));
    ExtendedError::new(cause).wrap(ErrorRecord::new(FAILURE).computer("here"))
}

const FAILS: u16 = 0;
const ABORTS: u16 = 1;
const FAILS_ON_A_WORKER: u16 = 2;
const FAILS_PLAINLY: u16 = 3;
const FAILS_LATER: u16 = 4;

fn failing(explanation: ExtendedError) -> Registration {
    let interface = routine(move |mut call| match call.opnum() {
        FAILS | FAILS_ON_A_WORKER => {
            call.context().explain(&explanation);
            Err(FAILURE)
        }
        ABORTS => {
            let deferred: ServerCall<Number> = call.defer()?;
            deferred.abort_with(FAILURE, &explanation)
        }
        FAILS_PLAINLY => Err(FAILURE),
        FAILS_LATER => {
            let explanation = explanation.clone();
            call.spawn(async move |context: AsyncContext| {
                context.executor().sleep(Duration::ZERO).await;
                context.explain(&explanation);
                Err::<Number, _>(FAILURE)
            })
        }
        _ => {
            call.context().explain(&explanation);
            call.reply(&number(1))
        }
    });
    Registration::new(interface).blocking_operations([FAILS_ON_A_WORKER])
}

/// Calls, and returns what the handle says in the end; the file time has 100 ns.
fn ask(binding: &Binding, opnum: u16) -> (Result<Number, Status>, Option<ExtendedError>) {
    let mut handle = AsyncHandle::new(Notify::None);
    binding.call_async(&mut handle, opnum, &()).unwrap();
    let result = handle.wait();
    (result, handle.extended_error())
}

fn statuses(error: Option<ExtendedError>) -> Vec<Status> {
    let error = error.expect("it is explained");
    error.records().iter().map(|record| record.status).collect()
}

#[test]
fn rule_53_a_fault_carries_a_chain_of_records_and_keeps_its_status() {
    let runtime = runtime();
    let serving = serve(&runtime, failing(explanation()));
    let binding = bind(&runtime, &serving);
    for opnum in [FAILS, ABORTS, FAILS_ON_A_WORKER, FAILS_LATER] {
        let (result, extended) = ask(&binding, opnum);
        assert_eq!(result, Err(FAILURE));
        assert_eq!(statuses(extended), [FAILURE, Status::EntryNotFound]);
    }
    assert_eq!(ask(&binding, FAILS_PLAINLY), (Err(FAILURE), None));
    assert_eq!(
        ask(&binding, 9),
        (Ok(number(1)), None),
        "no fault, no explanation"
    );
}

#[test]
fn rule_53_a_future_can_ask_for_the_explanation() {
    let mut local = LocalRuntime::new(&Config::default()).unwrap();
    let runtime = runtime();
    let serving = serve(&runtime, failing(explanation()));
    let target = serving.bindings()[0].to_string();
    let binding = Binding::new(&local, &target, serving::INTERFACE).unwrap();
    let call = binding.call::<_, Number>(FAILS, &());
    let failure = local.block_on(call.explained()).unwrap().unwrap_err();
    assert_eq!(failure.status, FAILURE);
    let extended = failure.extended.unwrap();
    assert_eq!(extended.records()[0].computer_name.as_deref(), Some("here"));
    let parameter = ErrorParameter::Unicode("colour".into());
    assert_eq!(extended.records()[1].parameters(), [parameter]);
    let call = binding.call::<_, Number>(FAILS_PLAINLY, &());
    let failure = local.block_on(call.explained()).unwrap().unwrap_err();
    assert_eq!((failure.status, failure.extended), (FAILURE, None));
}

#[test]
fn rule_53_a_caller_that_blocks_can_ask_for_the_explanation() {
    let runtime = runtime();
    let serving = serve(&runtime, failing(explanation()));
    let binding = bind(&runtime, &serving);
    let blocking = |opnum| binding.call_blocking_explained::<_, Number>(opnum, &());
    let waiting = |opnum| binding.call::<_, Number>(opnum, &()).wait_explained();
    for ask in [&blocking as &dyn Fn(u16) -> _, &waiting] {
        let failure: ExplainedFailure = ask(FAILS).unwrap_err();
        assert_eq!(failure.status, FAILURE);
        assert_eq!(statuses(failure.extended), [FAILURE, Status::EntryNotFound]);
        let plain = ask(FAILS_PLAINLY).unwrap_err();
        assert_eq!((plain.status, plain.extended), (FAILURE, None));
        assert_eq!(ask(9), Ok(number(1)));
    }
}

#[test]
fn rule_53_the_reply_of_a_local_runtime_has_the_explanation() {
    let mut local = LocalRuntime::new(&Config::default()).unwrap();
    let runtime = runtime();
    let serving = serve(&runtime, failing(explanation()));
    let target = serving.bindings()[0].to_string();
    let binding = local.bind(&target, serving::INTERFACE).unwrap();
    let mut ask = |opnum| {
        local.call(binding, opnum, 7, &()).unwrap();
        let mut ended = None;
        while ended.is_none() {
            let mut note = |reply: LocalReply<'_>| {
                ended = Some((reply.result.err(), reply.extended_error()));
            };
            local.turn(&mut note).unwrap();
        }
        ended.unwrap()
    };
    // Called, and called again: before and after there is a connection.
    for _ in 0..2 {
        let (status, extended) = ask(FAILS);
        assert_eq!(status, Some(FAILURE));
        assert_eq!(statuses(extended), [FAILURE, Status::EntryNotFound]);
        assert_eq!(ask(FAILS_PLAINLY), (Some(FAILURE), None));
        assert_eq!(ask(9), (None, None));
    }
}

#[test]
fn rule_53_an_explanation_that_is_too_long_is_left_out() {
    let limits = Limits {
        extended_error_len_max: 64,
        ..limits()
    };
    let (servers, clients) = (runtime_within(limits), runtime());
    let serving = serve(&servers, failing(explanation()));
    let binding = bind(&clients, &serving);
    assert_eq!(ask(&binding, FAILS), (Err(FAILURE), None));
}
