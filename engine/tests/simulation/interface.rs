//! The interface that the simulated clients call: replies now, later, never, and in all sizes.

use std::panic;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annulus::ndr::NdrParams;
use annulus::{
    AsyncContext, Binding, Dispatch, Interface, PipeShape, ServerCall, Status, SyntaxId, Uuid,
};

use super::elsewhere::Elsewhere;
use super::pipes::{self, Served};

pub(crate) const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x5eed_0000_0000_4000_8000_0000_0000_0001),
    1,
    0,
);

/// Replies at once.
pub(crate) const NOW: u16 = 0;
/// Replies after a delay.
pub(crate) const LATER: u16 = 1;
/// Drops the call.
pub(crate) const NEVER: u16 = 2;
/// Fails with a status.
pub(crate) const FAILS: u16 = 3;
/// Aborts the call after a delay.
pub(crate) const ABORTS: u16 = 4;

/// Replies after a delay, by a future.
pub(crate) const SLEEPS: u16 = 5;
/// Has a future ask [`LATER`] of this server itself, but not wait for ever.
pub(crate) const CALLS: u16 = 6;
/// Panics in a future.
pub(crate) const PANICS: u16 = 7;

/// Is completed by somebody who is not on the core.
pub(crate) const ELSEWHERE: u16 = 8;

/// Has an in-pipe.
pub(crate) const IN: u16 = 9;
/// Has an out-pipe.
pub(crate) const OUT: u16 = 10;
/// Has both.
pub(crate) const IN_OUT: u16 = 11;

pub(crate) const OPERATION_COUNT: u16 = 12;

/// How long a future waits for its own call.
const PATIENCE: Duration = Duration::from_secs(60);

/// The status of FAILS and ABORTS.
pub(crate) const FAILURE: Status = Status::Other(0x0bad_cafe);

#[derive(Clone, Debug, NdrParams)]
#[ndr(crate = annulus::ndr)]
pub(crate) struct Question {
    pub(crate) number: u64,
    pub(crate) delay_us: u32,
    /// How long the answer is to be.
    pub(crate) answer_len: u32,
    pub(crate) len: u32,
    #[ndr(size_is = "len")]
    pub(crate) content: Vec<u8>,
}

#[derive(Clone, Debug, NdrParams)]
#[ndr(crate = annulus::ndr)]
pub(crate) struct Answer {
    pub(crate) number: u64,
    /// A checksum of what came with the question.
    pub(crate) content_sum: u64,
    pub(crate) len: u32,
    #[ndr(size_is = "len")]
    pub(crate) content: Vec<u8>,
}

impl Question {
    pub(crate) fn new(number: u64, delay_us: u32, answer_len: u32, len: u32) -> Self {
        Question {
            number,
            delay_us,
            answer_len,
            len,
            content: content(number, len),
        }
    }

    /// The only right answer.
    pub(crate) fn answer(&self) -> Answer {
        let len = self.answer_len;
        Answer {
            number: self.number,
            content_sum: sum(&self.content),
            len,
            content: content(!self.number, len),
        }
    }
}

impl Answer {
    pub(crate) fn is(&self, other: &Answer) -> bool {
        (self.number, self.content_sum, &self.content)
            == (other.number, other.content_sum, &other.content)
    }
}

fn content(number: u64, len: u32) -> Vec<u8> {
    (0..len)
        .map(|index| (number.wrapping_mul(31).wrapping_add(index.into()) >> 3) as u8)
        .collect()
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(bytes.len() as u64, |sum, byte| {
        sum.wrapping_mul(1_099_511_628_211) ^ u64::from(*byte)
    })
}

/// Where a question comes from: its number tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Origin {
    pub(crate) client: u16,
    /// The binding, among those of the client.
    pub(crate) binding: u16,
    /// The place of the question among those of its binding.
    pub(crate) serial: u16,
    pub(crate) opnum: u16,
}

impl Origin {
    pub(crate) fn to_number(self) -> u64 {
        let parts = [self.client, self.binding, self.serial, self.opnum];
        parts
            .iter()
            .fold(0, |number, part| number << 16 | u64::from(*part))
    }

    pub(crate) fn of_number(number: u64) -> Self {
        let part = |index: u64| (number >> (48 - 16 * index)) as u16;
        Origin {
            client: part(0),
            binding: part(1),
            serial: part(2),
            opnum: part(3),
        }
    }
}

/// Answers questions; the binding is to itself.
#[derive(Clone, Default)]
pub(crate) struct Answerer {
    pub(crate) own: Arc<Mutex<Option<Binding>>>,
    /// The questions of clients, in the order of their dispatch.
    pub(crate) dispatched: Arc<Mutex<Vec<Origin>>>,
    pub(crate) served: Served,
    pub(crate) elsewhere: Arc<Mutex<Elsewhere>>,
}

impl Answerer {
    fn note(&self, origin: Origin) {
        let mut dispatched = self.dispatched.lock().expect("no panic holds this lock");
        dispatched.push(origin);
    }
}

impl Interface for Answerer {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn pipes(&self, opnum: u16) -> PipeShape {
        pipes::shape(opnum)
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        if matches!(call.opnum(), IN | OUT | IN_OUT) {
            return pipes::dispatch(&mut call, &self.served, |question| {
                self.note(Origin::of_number(question.number));
            });
        }
        let question: Question = call.decode()?;
        let origin = Origin::of_number(question.number);
        // Not what this server asks itself.
        if origin.opnum == call.opnum() {
            self.note(origin);
        }
        match call.opnum() {
            NOW => call.reply(&question.answer()),
            NEVER => call.defer::<Answer>().map(drop),
            FAILS => Err(FAILURE),
            SLEEPS => call.spawn(async move |context: AsyncContext| {
                let delay = Duration::from_micros(question.delay_us.into());
                context.executor().sleep(delay).await;
                Ok(question.answer())
            }),
            CALLS => {
                let own = self.own.lock().expect("no panic holds this lock").clone();
                call.spawn(async move |context: AsyncContext| {
                    let own = own.ok_or(Status::InvalidBinding)?;
                    let asked = own.call::<_, Answer>(LATER, &question);
                    let answer = context.executor().timeout(PATIENCE, asked).await;
                    answer.unwrap_or(Err(Status::CallFailed))
                })
            }
            ELSEWHERE => {
                let deferred = call.defer()?;
                let mut elsewhere = self.elsewhere.lock().expect("no panic holds this lock");
                elsewhere.take_in(deferred, question)
            }
            PANICS => call.spawn::<(), _>(async |_| panic::resume_unwind(Box::new(()))),
            opnum => {
                let deferred: ServerCall<Answer> = call.defer()?;
                let delay = Duration::from_micros(question.delay_us.into());
                call.context().after(delay, move || {
                    let ended = if opnum == ABORTS {
                        deferred.abort(FAILURE)
                    } else {
                        deferred.complete(&question.answer())
                    };
                    ended.expect("the answer can be encoded");
                })
            }
        }
    }
}
