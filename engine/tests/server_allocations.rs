//! Once warm, calls that are answered later allocate nothing: client and server share one thread.

mod serving;

use std::time::Duration;

use annulus::{
    AsyncContext, Config, Cores, LocalBinding, LocalRuntime, Registration, Server, ServerCall,
};
use serving::{INTERFACE, Number, number, routine};

const DEFERRED: u16 = 0;
const FUTURE: u16 = 1;
const SLEEPING: u16 = 2;
const CONTEXT: u16 = 3;
const CANCELLABLE: u16 = 4;

fn manager() -> Registration {
    let interface = routine(|mut call| {
        let Number { value } = call.decode()?;
        match call.opnum() {
            DEFERRED => {
                let deferred: ServerCall<Number> = call.defer()?;
                deferred.complete(&number(value + 1))
            }
            FUTURE => call.spawn(async move |_| Ok(number(value + 1))),
            SLEEPING => call.spawn(async move |context: AsyncContext| {
                context.executor().sleep(Duration::ZERO).await;
                Ok(number(value + 1))
            }),
            CANCELLABLE => call.spawn(async move |context: AsyncContext| {
                let executor = context.executor();
                let cancel = executor.timeout(Duration::ZERO, context.cancelled()).await;
                Ok(number(value + u64::from(cancel.is_none())))
            }),
            _ => {
                let peer = call.context().peer().as_tcp().map_or(0, |peer| peer.port());
                call.reply(&number(value + u64::from(peer > 0)))
            }
        }
    });
    // A limit that is never reached is counted all the same.
    Registration::new(interface).calls_max(1000)
}

fn rounds(runtime: &mut LocalRuntime, binding: LocalBinding, opnum: u16, count: u64) {
    for value in 0..count {
        runtime.call(binding, opnum, value, &number(value)).unwrap();
        let mut answer = None;
        while answer.is_none() {
            runtime
                .poll(&mut |reply| {
                    let reply = reply.result.unwrap().decode::<Number>().unwrap();
                    answer = Some(reply.value);
                })
                .unwrap();
        }
        assert_eq!(answer, Some(value + 1));
    }
}

#[test]
fn calls_that_are_answered_later_allocate_nothing_once_warm() {
    let mut runtime = LocalRuntime::new(&Config::default().cores(Cores::Unpinned(1))).unwrap();
    let server = Server::new().endpoint("ncacn_ip_tcp:127.0.0.1[0]").unwrap();
    let serving = runtime.serve(server.interface(manager())).unwrap();
    let target = serving.bindings()[0].to_string();
    let binding = runtime.bind(&target, INTERFACE).unwrap();
    for opnum in [DEFERRED, FUTURE, SLEEPING, CONTEXT, CANCELLABLE] {
        rounds(&mut runtime, binding, opnum, 500);
        let measured = || rounds(&mut runtime, binding, opnum, 1000);
        let count = allocation_counter::measure(measured).count_total;
        assert_eq!(
            count, 0,
            "operation {opnum}: {count} allocations in 1000 calls"
        );
    }
}
