//! Managers that complete their calls from outside the core, at times of their own, whatever their
//! clients do meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use annulus::{NotificationEvent, Notify, ServerCall, Status, Time};

use super::interface::{Answer, Question};

/// The calls that such managers have.
#[derive(Default)]
pub(crate) struct Elsewhere {
    open: Vec<Open>,
    /// The notices of each call, whether that is open or not.
    notices: Vec<Arc<AtomicU64>>,
    /// Calls whose clients had gone when they were completed.
    late: u64,
}

struct Open {
    call: ServerCall<Answer>,
    question: Question,
    /// When the call is completed, once somebody has looked at the clock.
    due: Option<Time>,
    /// How often the manager was told that its client is gone.
    notices: Arc<AtomicU64>,
}

impl Elsewhere {
    pub(crate) fn take_in(
        &mut self,
        call: ServerCall<Answer>,
        question: Question,
    ) -> Result<(), Status> {
        let notices = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&notices);
        let notify = Notify::callback(move |notice| {
            assert_eq!(notice.event, NotificationEvent::ClientDisconnect);
            told.fetch_add(1, Ordering::Relaxed);
        });
        call.subscribe(NotificationEvent::ClientDisconnect, notify, 0)?;
        self.notices.push(Arc::clone(&notices));
        self.open.push(Open {
            call,
            question,
            due: None,
            notices,
        });
        Ok(())
    }

    /// Completes what is due; whether anything was.
    pub(crate) fn step(&mut self, now: Time) -> bool {
        for open in &mut self.open {
            let delay = Duration::from_micros(open.question.delay_us.into());
            open.due.get_or_insert(now + delay);
        }
        let is_due = |open: &mut Open| open.due.is_some_and(|due| due <= now);
        let due: Vec<_> = self.open.extract_if(.., is_due).collect();
        let worked = !due.is_empty();
        for open in due {
            self.late += open.complete();
        }
        worked
    }

    /// When the next call is to be completed.
    pub(crate) fn due(&self) -> Option<Time> {
        self.open.iter().filter_map(|open| open.due).min()
    }

    /// All else has ended: calls that nobody waits for any more outlive their core. Behind them,
    /// what was subscribed to is gone. How many calls lost their clients before they were completed,
    /// while their core ran.
    pub(crate) fn finish(&mut self) -> u64 {
        for open in self.open.drain(..) {
            open.complete();
        }
        for notices in &self.notices {
            assert_eq!(Arc::strong_count(notices), 1, "a subscription is kept");
            assert!(notices.load(Ordering::Relaxed) <= 1, "one notice at most");
        }
        self.late
    }
}

impl Open {
    /// One if the manager had been told that its client is gone.
    fn complete(self) -> u64 {
        let notices = self.notices.load(Ordering::Relaxed);
        let told = self.call.test_cancel();
        assert!(notices == 0 || told == Status::Ok, "told, and {told}");
        let completed = self.call.complete(&self.question.answer());
        assert_eq!(completed, Ok(()), "whether its client is there or not");
        notices
    }
}
