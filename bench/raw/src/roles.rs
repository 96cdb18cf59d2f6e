//! What the two sides do with messages: the server answers, the client measures and calls again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use annulus_bench_measure::{Meter, Plan, SystemCalls};

/// One side of the echo.
pub(crate) trait Role {
    /// Messages to send on each connection before any has arrived.
    fn opening(&self) -> usize;

    /// Something has arrived in this turn; so many system calls were made until now. False ends
    /// the run.
    fn begin_turn(&mut self, system_calls: u64) -> bool;

    /// Messages have arrived; each is to be followed by one that leaves.
    fn received(&mut self, connection: usize, messages: usize);
}

/// The server.
#[derive(Default)]
pub(crate) struct Echo {
    /// Read by the client when it begins and ends to measure.
    pub(crate) system_calls: Arc<AtomicU64>,
}

impl Role for Echo {
    fn opening(&self) -> usize {
        0
    }

    fn begin_turn(&mut self, system_calls: u64) -> bool {
        // Relaxed: the number publishes nothing but itself.
        self.system_calls.store(system_calls, Ordering::Relaxed);
        true
    }

    fn received(&mut self, _: usize, _: usize) {}
}

/// The client. It reads the clock once a turn.
pub(crate) struct Client {
    meter: Meter,
    /// When the calls under way were sent, by connection, in their order.
    sent: Vec<VecDeque<Duration>>,
    outstanding: usize,
    began: Instant,
    /// Since it began.
    now: Duration,
    server_calls: Arc<AtomicU64>,
}

impl Client {
    pub(crate) fn new(plan: &Plan, server_calls: Arc<AtomicU64>) -> Self {
        let now = Duration::ZERO;
        let outstanding = plan.outstanding as usize;
        Client {
            meter: Meter::new(plan, now),
            sent: vec![VecDeque::from(vec![now; outstanding]); plan.connections as usize],
            outstanding,
            began: Instant::now(),
            now,
            server_calls,
        }
    }

    pub(crate) fn into_meter(self) -> Meter {
        self.meter
    }
}

impl Role for Client {
    fn opening(&self) -> usize {
        self.outstanding
    }

    fn begin_turn(&mut self, system_calls: u64) -> bool {
        self.now = self.began.elapsed();
        self.meter.goes_on(self.now, || {
            Some(SystemCalls {
                client: system_calls,
                server: self.server_calls.load(Ordering::Relaxed),
            })
        })
    }

    fn received(&mut self, connection: usize, messages: usize) {
        let sent = &mut self.sent[connection];
        for _ in 0..messages {
            let then = sent.pop_front().expect("an answer has its call");
            self.meter.end_call(then, self.now);
            sent.push_back(self.now);
        }
    }
}
