//! The calling side of a load.

use annulus::rpcecho::{self, EchoDataRequest};
use annulus::transports::Ring;
use annulus::{BindingOptions, LocalBinding, LocalRuntime};

/// A core that calls `EchoData`, so many calls at a time on each of its connections.
pub(crate) struct Client<R: Ring + 'static> {
    runtime: LocalRuntime<R>,
    bindings: Vec<LocalBinding>,
    outstanding: u64,
    payload: Vec<u8>,
    /// Calls that have not ended.
    under_way: u64,
}

impl<R: Ring + 'static> Client<R> {
    /// Begins to make the connections.
    pub(crate) fn new(
        mut runtime: LocalRuntime<R>,
        target: &str,
        connections: usize,
        outstanding: u64,
        payload: usize,
    ) -> Self {
        let bindings = (0..connections)
            .map(|_| {
                let own = BindingOptions::new().unique_binding();
                let bound = runtime.bind_with(target, rpcecho::INTERFACE, own);
                bound.expect("there is room for the binding")
            })
            .collect();
        Client {
            runtime,
            bindings,
            outstanding,
            payload: vec![7; payload],
            under_way: 0,
        }
    }

    /// Makes the outstanding calls of each connection.
    pub(crate) fn begin_calls(&mut self) {
        #[expect(clippy::cast_possible_truncation, reason = "payloads are small")]
        let request = EchoDataRequest {
            len: self.payload.len() as u32,
            in_data: &self.payload,
        };
        for &binding in &self.bindings {
            for token in 0..self.outstanding {
                let made = self
                    .runtime
                    .call(binding, rpcecho::ECHO_DATA, token, &request);
                made.expect("a further call is allowed");
                self.under_way += 1;
            }
        }
    }

    /// Whether all calls have ended.
    pub(crate) fn is_done(&self) -> bool {
        self.under_way == 0
    }

    /// One turn that does not wait; whether there was something to do.
    pub(crate) fn poll(&mut self) -> bool {
        let under_way = &mut self.under_way;
        let polled = self.runtime.poll(&mut |reply| {
            reply.result.expect("no call fails");
            *under_way -= 1;
        });
        polled.expect("the ring is whole")
    }

    /// One turn that waits as the idle policy says.
    pub(crate) fn turn(&mut self) {
        let under_way = &mut self.under_way;
        let turned = self.runtime.turn(&mut |reply| {
            reply.result.expect("no call fails");
            *under_way -= 1;
        });
        turned.expect("the ring is whole");
    }
}
