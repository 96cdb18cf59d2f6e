//! The conditions under which a server offers an interface.

mod serving;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};

use annulus::{Error, Interface, Registration, Server, ServerCall, Status};
use serving::{INTERFACE, Number, bind, number, routine, runtime, serve};

/// Answers with the opnum.
fn answering() -> impl Interface {
    routine(|mut call| {
        let opnum = call.opnum().into();
        call.reply(&number(opnum))
    })
}

#[test]
fn rule_55_calls_beyond_the_maximum_are_refused_until_one_ends() {
    let (servers, clients) = (runtime(), runtime());
    let (send, taken) = mpsc::channel::<ServerCall<Number>>();
    let parking = routine(move |mut call| {
        if call.opnum() == 1 {
            return call.reply(&number(1));
        }
        send.send(call.defer()?).map_err(|_| Status::ServerTooBusy)
    });
    let serving = serve(&servers, Registration::new(parking).calls_max(2));
    let binding = bind(&clients, &serving);
    let open: Vec<_> = (0..2)
        .map(|_| (binding.call::<_, Number>(0, &()), taken.recv().unwrap()))
        .collect();
    let ask = || binding.call_blocking::<_, Number>(1, &());
    assert_eq!(ask(), Err(Status::ServerTooBusy));
    assert_eq!(
        serving.statistics().calls_in,
        2,
        "a refused call never began"
    );
    for (call, taken) in open {
        taken.complete(&number(7)).unwrap();
        assert_eq!(call.wait(), Ok(number(7)));
        assert_eq!(ask(), Ok(number(1)));
    }
    let gone = binding.call::<_, Number>(0, &());
    drop(taken.recv().unwrap());
    assert_eq!(gone.wait(), Err(Status::CallFailed));
    let two: Vec<_> = (0..2).map(|_| binding.call::<_, Number>(1, &())).collect();
    for call in two {
        assert_eq!(call.wait(), Ok(number(1)), "dropped calls count no more");
    }
}

/// On a core and on a worker.
#[test]
fn an_operation_without_pipes_has_none_to_take() {
    let runtime = runtime();
    let interface = routine(|mut call| {
        if call.may_block() {
            return call.decode_with_pipes::<Number>().map(drop);
        }
        let (_, call, _) = call.defer_with_pipes::<Number, Number>()?;
        call.complete(&number(1))
    });
    let registration = Registration::new(interface).blocking_operations([1]);
    let serving = serve(&runtime, registration);
    let binding = bind(&runtime, &serving);
    for opnum in [0, 1] {
        let failed = binding.call_blocking::<_, Number>(opnum, &number(7));
        assert_eq!(failed, Err(Status::InvalidPipeObject), "{opnum}");
    }
}

/// It would wait for a core that waits for it.
#[test]
fn a_routine_cannot_start_a_server_on_its_own_core() {
    let runtime = Arc::new(runtime());
    let own = Arc::downgrade(&runtime);
    let starting = routine(move |mut call| {
        let runtime = own.upgrade().ok_or(Status::CallFailed)?;
        let started = runtime.serve(Server::new());
        assert!(matches!(started, Err(Error::WithinTurn)), "{started:?}");
        call.reply(&number(1))
    });
    let serving = serve(&runtime, Registration::new(starting));
    let binding = bind(&runtime, &serving);
    assert_eq!(
        binding.call_blocking::<_, Number>(0, &()),
        Ok(number(1)),
        "the routine has not panicked"
    );
}

#[test]
fn rule_55_requests_beyond_the_maximum_are_denied() {
    let runtime = runtime();
    let serving = serve(&runtime, Registration::new(answering()).request_len_max(8));
    let binding = bind(&runtime, &serving);
    assert_eq!(binding.call_blocking(0, &number(0)), Ok(number(0)));
    let long = binding.call_blocking::<_, Number>(0, &serving::bytes(9));
    assert_eq!(long, Err(Status::AccessDenied));
    assert_eq!(
        binding.call_blocking(0, &number(0)),
        Ok(number(0)),
        "the connection stays"
    );
}

#[test]
fn rule_55_local_clients_may_call_a_local_only_interface() {
    let runtime = runtime();
    let serving = serve(&runtime, Registration::new(answering()).local_only());
    let binding = bind(&runtime, &serving);
    assert_eq!(binding.call_blocking(3, &()), Ok(number(3)));
}

#[test]
fn rule_55_a_security_callback_is_asked_once_for_each_connection() {
    let runtime = runtime();
    let (asked, allowed) = (
        Arc::new(AtomicU32::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let (count, verdict) = (Arc::clone(&asked), Arc::clone(&allowed));
    let registration = Registration::new(answering()).security_callback(move |query| {
        assert_eq!(query.interface, INTERFACE);
        assert!(query.peer.as_tcp().unwrap().ip().is_loopback());
        count.fetch_add(1, Ordering::Relaxed);
        if verdict.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err(Status::Other(u32::from(query.opnum)))
        }
    });
    let serving = serve(&runtime, registration);
    let first = bind(&runtime, &serving);
    let ask = |binding: &annulus::Binding| binding.call_blocking::<_, Number>(5, &());
    assert_eq!(ask(&first), Err(Status::AccessDenied));
    assert_eq!(
        ask(&first),
        Err(Status::AccessDenied),
        "a refusal is not kept"
    );
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    allowed.store(true, Ordering::Relaxed);
    assert_eq!(ask(&first), Ok(number(5)));
    assert_eq!(ask(&first), Ok(number(5)));
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[test]
fn rule_55_a_security_callback_can_be_asked_for_each_call_and_may_panic() {
    let runtime = runtime();
    let registration = Registration::new(answering()).security_callback_for_each_call(|query| {
        assert!(query.opnum != 13, "unlucky");
        if query.opnum % 2 == 0 {
            Ok(())
        } else {
            Err(Status::CallFailed)
        }
    });
    let serving = serve(&runtime, registration);
    let binding = bind(&runtime, &serving);
    let ask = |opnum| binding.call_blocking::<_, Number>(opnum, &());
    assert_eq!(ask(2), Ok(number(2)));
    assert_eq!(ask(3), Err(Status::AccessDenied));
    assert_eq!(ask(13), Err(Status::AccessDenied));
    assert_eq!(ask(4), Ok(number(4)));
}

#[test]
fn rule_56_a_server_that_stops_listening_takes_no_new_call_and_running_ones_end() {
    let (servers, clients) = (runtime(), runtime());
    let (send, taken) = mpsc::channel::<ServerCall<Number>>();
    let parking =
        routine(move |mut call| send.send(call.defer()?).map_err(|_| Status::ServerTooBusy));
    let serving = serve(&servers, parking);
    let binding = bind(&clients, &serving);
    let running = binding.call::<_, Number>(0, &());
    let call = taken.recv().unwrap();
    assert_eq!(serving.listen(), Err(Status::AlreadyListening));
    assert_eq!(serving.stop_listening(), Ok(()));
    assert_eq!(serving.stop_listening(), Err(Status::NotListening));
    let refused = binding.call_blocking::<_, Number>(0, &());
    assert_eq!(refused, Err(Status::ServerTooBusy));
    let calls_in = serving.statistics().calls_in;
    assert_eq!(calls_in, 1, "a refused call never began");
    call.complete(&number(1)).unwrap();
    assert_eq!(running.wait(), Ok(number(1)));
    assert_eq!(serving.listen(), Ok(()));
    let again = binding.call::<_, Number>(0, &());
    taken.recv().unwrap().complete(&number(2)).unwrap();
    assert_eq!(again.wait(), Ok(number(2)));
}

#[test]
fn rule_55_an_auto_listen_interface_does_not_care_whether_its_server_listens() {
    let runtime = runtime();
    let server = Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[0]").unwrap();
    let server = server.interface(Registration::new(answering()).auto_listen());
    let serving = runtime.serve(server).unwrap();
    serving.stop_listening().unwrap();
    let binding = bind(&runtime, &serving);
    assert_eq!(binding.call_blocking(1, &()), Ok(number(1)));
}
