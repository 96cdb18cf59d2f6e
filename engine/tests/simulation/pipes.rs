//! The operations with pipes: the server's part as futures, the client's as steps between which
//! the network goes on.

use std::collections::BTreeMap;
use std::panic;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annulus::{
    AsyncContext, AsyncHandle, Binding, CancelKind, Dispatch, Limits, NotificationEvent, Notify,
    PipeShape, Pipes, PullPipe, PushPipe, Status, Time,
};
use rand::RngExt;
use rand::rngs::StdRng;

use super::interface::{Answer, FAILURE, IN, IN_OUT, OUT, Question};

/// A pipe's elements are not those that went in.
const WRONG_DATA: Status = Status::Other(0x0bad_da7a);

/// The most elements that one push or pull handles.
const PART_COUNT_MAX: usize = 2_000;

/// What may lie between the two ends of a pipe beside what their cores' limits name: the network,
/// which holds 64 KiB.
const NETWORK_LEN: usize = 64 << 10;

pub(crate) fn shape(opnum: u16) -> PipeShape {
    PipeShape {
        in_count: usize::from(has_in(opnum)),
        out_count: usize::from(has_out(opnum)),
    }
}

fn has_in(opnum: u16) -> bool {
    matches!(opnum, IN | IN_OUT)
}

fn has_out(opnum: u16) -> bool {
    matches!(opnum, OUT | IN_OUT)
}

/// What passes through the pipes of one call, and how its manager behaves; told by the question's
/// number, so that both sides know.
#[derive(Clone, Copy, Debug)]
struct Script {
    number: u64,
    in_count: usize,
    out_count: usize,
    manner: Manner,
    /// Whether a manager that misbehaves does so while it pulls.
    trouble_comes_early: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Good,
    Fails,
    Panics,
    /// Completes the call before the pipes have ended.
    Hasty,
}

impl Script {
    fn of(opnum: u16, number: u64) -> Self {
        let mut chance = Chance(number);
        let mut count = || match chance.up_to(10) {
            0 => 0,
            1 => chance.up_to(60_000),
            _ => chance.up_to(5_000),
        };
        Script {
            number,
            in_count: if has_in(opnum) { count() } else { 0 },
            out_count: if has_out(opnum) { count() } else { 0 },
            manner: match chance.up_to(8) {
                0 => Manner::Fails,
                1 => Manner::Panics,
                2 => Manner::Hasty,
                _ => Manner::Good,
            },
            trouble_comes_early: has_in(opnum) && (!has_out(opnum) || chance.up_to(2) == 0),
        }
    }

    fn in_element(&self, index: usize) -> u32 {
        (self.number as u32).wrapping_add(index as u32)
    }

    fn out_element(&self, index: usize) -> u32 {
        (!self.number as u32)
            .wrapping_mul(3)
            .wrapping_sub(index as u32)
    }

    /// How the call ends if nothing comes in between.
    fn failure(&self) -> Option<Status> {
        match self.manner {
            Manner::Good => None,
            Manner::Fails => Some(FAILURE),
            Manner::Panics => Some(Status::CallFailed),
            Manner::Hasty => Some(Status::PipeDisciplineError),
        }
    }
}

/// Chance on the server, from the question's number.
struct Chance(u64);

impl Chance {
    /// Less than `bound`.
    fn up_to(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (self.0 >> 33) as usize % bound
    }

    /// Sometimes a manager is slow.
    async fn dawdle(&mut self, context: &AsyncContext) {
        if self.up_to(8) == 0 {
            let delay = Duration::from_micros(self.up_to(2_000) as u64);
            context.executor().sleep(delay).await;
        }
    }
}

/// How many elements the server has pulled and pushed of each call.
#[derive(Clone, Default)]
pub(crate) struct Served(Arc<Mutex<BTreeMap<u64, (usize, usize)>>>);

impl Served {
    fn note(&self, number: u64, pulled: usize, pushed: usize) {
        let mut map = self.0.lock().expect("no panic holds this lock");
        map.insert(number, (pulled, pushed));
    }

    fn get(&self, number: u64) -> (usize, usize) {
        let map = self.0.lock().expect("no panic holds this lock");
        map.get(&number).copied().unwrap_or_default()
    }
}

/// Has a future serve a call; `begun` learns of the question when all of it is there.
pub(crate) fn dispatch(
    call: &mut Dispatch<'_, '_>,
    served: &Served,
    begun: impl FnOnce(&Question),
) -> Result<(), Status> {
    let (opnum, served) = (call.opnum(), served.clone());
    call.spawn_with_pipes(move |question: Question, context, pipes| {
        begun(&question);
        let manager = Manager {
            script: Script::of(opnum, question.number),
            chance: Chance(question.number),
            context,
            served,
        };
        manager.serve(opnum, question, pipes)
    })
}

struct Manager {
    script: Script,
    chance: Chance,
    context: AsyncContext,
    served: Served,
}

impl Manager {
    async fn serve(
        mut self,
        opnum: u16,
        question: Question,
        pipes: Pipes,
    ) -> Result<Answer, Status> {
        let Script {
            in_count,
            out_count,
            trouble_comes_early,
            ..
        } = self.script;
        let mut pulled = 0;
        if has_in(opnum) {
            let mut pipe = pipes.pull(0);
            loop {
                if trouble_comes_early
                    && pulled * 2 >= in_count
                    && let Some(end) = self.trouble(&question, pulled)
                {
                    return end;
                }
                if !self.pull(&mut pipe, &mut pulled).await? {
                    break;
                }
            }
        }
        if has_out(opnum) {
            let (mut pipe, mut pushed) = (pipes.push(0), 0);
            loop {
                if !trouble_comes_early
                    && pushed * 2 >= out_count
                    && let Some(end) = self.trouble(&question, pulled)
                {
                    return end;
                }
                if !self.push(&mut pipe, pulled, &mut pushed).await? {
                    break;
                }
            }
        }
        Ok(answer(&question, pulled))
    }

    /// How a manager ends the call that does not wait for the pipes' ends.
    fn trouble(&self, question: &Question, pulled: usize) -> Option<Result<Answer, Status>> {
        match self.script.manner {
            Manner::Good => None,
            Manner::Fails => Some(Err(FAILURE)),
            Manner::Panics => panic::resume_unwind(Box::new(())),
            Manner::Hasty => Some(Ok(answer(question, pulled))),
        }
    }

    /// Pulls some elements; false at the end.
    async fn pull(&mut self, pipe: &mut PullPipe<u32>, pulled: &mut usize) -> Result<bool, Status> {
        self.chance.dawdle(&self.context).await;
        let count_max = 1 + self.chance.up_to(PART_COUNT_MAX);
        let mut elements = Vec::new();
        let count = pipe.pull_future(&mut elements, count_max).await?;
        for element in &elements {
            if *element != self.script.in_element(*pulled) {
                return Err(WRONG_DATA);
            }
            *pulled += 1;
        }
        self.served.note(self.script.number, *pulled, 0);
        if count == 0 && *pulled != self.script.in_count {
            return Err(WRONG_DATA);
        }
        Ok(count > 0)
    }

    /// Pushes some elements; false at the end.
    async fn push(
        &mut self,
        pipe: &mut PushPipe<u32>,
        pulled: usize,
        pushed: &mut usize,
    ) -> Result<bool, Status> {
        self.chance.dawdle(&self.context).await;
        let left = self.script.out_count - *pushed;
        let count = left.min(1 + self.chance.up_to(PART_COUNT_MAX));
        let part: Vec<u32> = (*pushed..*pushed + count)
            .map(|index| self.script.out_element(index))
            .collect();
        pipe.push_future(&part).await?;
        *pushed += count;
        self.served.note(self.script.number, pulled, *pushed);
        Ok(count > 0)
    }
}

/// The only right answer, to whoever pushed so many elements.
fn answer(question: &Question, pulled: usize) -> Answer {
    Answer {
        content_sum: pulled as u64,
        ..question.answer()
    }
}

/// How often a call has notified of each event.
#[derive(Default)]
struct News([AtomicU64; 3]);

impl News {
    fn count(&self, event: NotificationEvent) -> u64 {
        self.0[event as usize].load(Ordering::Relaxed)
    }
}

/// The client's end of a call with pipes.
pub(crate) struct Piped {
    script: Script,
    pub(crate) question: Question,
    handle: AsyncHandle<Answer>,
    push: Option<PushPipe<u32>>,
    pull: Option<PullPipe<u32>>,
    pushed: usize,
    pulled: usize,
    news: Arc<News>,
    /// The event that it waits for, and how often that had come before.
    awaits: Option<(NotificationEvent, u64)>,
    /// It does nothing before this.
    rests_until: Time,
    /// It was cancelled, an end of its pipes was dropped, or its binding has a time limit.
    pub(crate) may_be_cancelled: bool,
    /// It has an in-pipe, for which the server may have no room.
    pub(crate) may_be_refused: bool,
    is_cancelled: bool,
    has_dropped: bool,
    /// Bytes that may lie between the two ends of a pipe.
    len_max: usize,
}

/// How far a step has come.
pub(crate) enum Step {
    /// It did something, or would have if chance had wanted it.
    Goes,
    /// It waits for an event, or rests.
    Waits,
    Ended(Result<(), Status>),
}

impl Piped {
    pub(crate) fn new(
        binding: &Binding,
        opnum: u16,
        question: Question,
        may_be_cancelled: bool,
        limits: [&Arc<Limits>; 2],
    ) -> Self {
        let news: Arc<News> = Arc::default();
        let sink = Arc::clone(&news);
        let mut handle = AsyncHandle::new(Notify::callback(move |notification| {
            sink.0[notification.event as usize].fetch_add(1, Ordering::Relaxed);
        }));
        handle.notify_on_send_complete(question.number.is_multiple_of(3));
        let shape = shape(opnum);
        let pipes = binding
            .call_async_with_pipes(&mut handle, opnum, &question, shape)
            .expect("the call can be made");
        Piped {
            script: Script::of(opnum, question.number),
            question,
            handle,
            push: (shape.in_count > 0).then(|| pipes.push(0)),
            pull: (shape.out_count > 0).then(|| pipes.pull(0)),
            pushed: 0,
            pulled: 0,
            news,
            awaits: None,
            rests_until: Time::ZERO,
            may_be_cancelled,
            may_be_refused: has_in(opnum),
            is_cancelled: false,
            has_dropped: false,
            len_max: limits.iter().map(|limits| between_len_max(limits)).sum(),
        }
    }

    /// How the call stands, for whoever looks for a hang.
    pub(crate) fn describe(&self, served: &Served) -> String {
        format!(
            "{:?}: pushed {}{}, pulled {}{}, awaits {:?}, server {:?}",
            self.script,
            self.pushed,
            if self.push.is_some() { " so far" } else { "" },
            self.pulled,
            if self.pull.is_some() { " so far" } else { "" },
            self.awaits,
            served.get(self.script.number),
        )
    }

    /// When a rest ends.
    pub(crate) fn due(&self) -> Option<Time> {
        (self.rests_until > Time::ZERO).then_some(self.rests_until)
    }

    /// Whether the call told of its end once, if it has ended.
    pub(crate) fn has_told_of_its_end(&self) -> bool {
        self.news.count(NotificationEvent::CallComplete) == 1
    }

    /// Pushes, pulls, loses interest, or takes the result.
    pub(crate) fn step(&mut self, now: Time, random: &mut StdRng, served: &Served) -> Step {
        self.check_between(served);
        let status = self.handle.status();
        let has_failed = !matches!(status, Status::Ok | Status::AsyncCallPending);
        let is_done = self.push.is_none() && self.pull.is_none();
        if has_failed || (is_done && status == Status::Ok) {
            return Step::Ended(self.take_result());
        }
        if self.rests_until > now {
            return Step::Waits;
        }
        self.rests_until = Time::ZERO;
        if is_done || self.is_waiting() {
            return Step::Waits;
        }
        match random.random_range(0..1000) {
            0..300 => {}
            300..305 => self.cancel(random),
            305..307 => self.drop_ends(),
            307..320 => {
                let rest = Duration::from_micros(random.random_range(1..20_000));
                self.rests_until = now + rest;
            }
            _ if self.push.is_some() => self.push(random),
            _ => self.pull(random),
        }
        Step::Goes
    }

    fn is_waiting(&mut self) -> bool {
        self.awaits = self.awaits.filter(|(event, before)| {
            self.news.count(*event) == *before
                && self.news.count(NotificationEvent::CallComplete) == 0
        });
        self.awaits.is_some()
    }

    fn cancel(&mut self, random: &mut StdRng) {
        if self.is_cancelled {
            return;
        }
        let after = Duration::from_micros(random.random_range(0..5_000));
        let kind = match random.random_range(0..3) {
            0 => CancelKind::Abortive,
            1 => CancelKind::NonAbortive,
            _ => CancelKind::Escalating { after },
        };
        self.handle.cancel(kind).expect("the call is there");
        self.is_cancelled = true;
        self.may_be_cancelled = true;
    }

    /// Drops the pipes' ends before they have ended.
    fn drop_ends(&mut self) {
        self.push = None;
        self.pull = None;
        self.has_dropped = true;
        self.may_be_cancelled = true;
    }

    fn push(&mut self, random: &mut StdRng) {
        let Some(pipe) = &mut self.push else { return };
        let before = self.news.count(NotificationEvent::SendComplete);
        let left = self.script.in_count - self.pushed;
        let count = left.min(random.random_range(1..=PART_COUNT_MAX));
        let part: Vec<u32> = (self.pushed..self.pushed + count)
            .map(|index| self.script.in_element(index))
            .collect();
        match pipe.push(&part) {
            Ok(()) if count == 0 => self.push = None,
            Ok(()) => {
                self.pushed += count;
                if random.random_bool(0.1) {
                    // A failure shows with the next push.
                    let _ = pipe.flush();
                }
            }
            Err(Status::SendIncomplete) => {
                self.awaits = Some((NotificationEvent::SendComplete, before));
            }
            Err(status) => assert_eq!(status, self.handle.status(), "how the call has failed"),
        }
    }

    fn pull(&mut self, random: &mut StdRng) {
        let Some(pipe) = &mut self.pull else { return };
        let before = self.news.count(NotificationEvent::ReceiveComplete);
        let mut elements = Vec::new();
        let pulled = pipe.pull(&mut elements, random.random_range(1..=PART_COUNT_MAX));
        assert_eq!(pulled.unwrap_or(0), elements.len());
        for element in elements {
            assert_eq!(element, self.script.out_element(self.pulled));
            self.pulled += 1;
        }
        match pulled {
            Ok(0) => self.pull = None,
            Ok(_) => {}
            Err(Status::AsyncCallPending) => {
                self.awaits = Some((NotificationEvent::ReceiveComplete, before));
            }
            Err(status) => assert_eq!(status, self.handle.status(), "how the call has failed"),
        }
    }

    /// What is on its way is bounded.
    fn check_between(&self, served: &Served) {
        let (pulled, pushed) = served.get(self.script.number);
        let between = (self.pushed - pulled).max(pushed.saturating_sub(self.pulled));
        assert!(
            between * size_of::<u32>() <= self.len_max,
            "{between} elements are on their way"
        );
    }

    fn take_result(&mut self) -> Result<(), Status> {
        let result = self.handle.complete();
        assert_eq!(
            self.handle.complete().err(),
            Some(Status::InvalidAsyncHandle)
        );
        match result {
            Ok(answer_taken) => {
                assert_eq!(self.script.failure(), None, "a failure is lost");
                let right = answer(&self.question, self.pushed);
                assert!(answer_taken.is(&right), "the answer is another one's");
                assert_eq!(self.pulled, self.script.out_count, "the pipe is cut short");
                Ok(())
            }
            // It had ended already when this side lost interest.
            Err(Status::PipeDisciplineError) if self.has_dropped => Err(Status::CallCancelled),
            Err(status) if Some(status) == self.script.failure() => Ok(()),
            Err(status) => Err(status),
        }
    }
}

/// What a core with these limits lets lie between the two ends of a pipe: what is pushed and not
/// sent, or received and not pulled, a part more, and what its receive buffers hold.
fn between_len_max(limits: &Limits) -> usize {
    let part_len = PART_COUNT_MAX * size_of::<u32>();
    let fragment_len = limits
        .fragment_len_max
        .max(limits.extended_fragment_len_max);
    let fragment_len = usize::from(fragment_len);
    let receive_len = limits.receive_buffers as usize * limits.receive_buffer_len as usize;
    limits.pipe_len_max + 2 * part_len + 2 * fragment_len + receive_len + NETWORK_LEN
}
