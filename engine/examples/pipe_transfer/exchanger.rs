//! The transfer interface: its manager routine, and the pushing and pulling that both sides do.

use std::thread;

use annulus::{CallContext, Event, Notify, PullPipe, PushPipe, ServerCall, Status};

use self::stub::{ExchangeResponse, Transfer};

#[path = "stub.rs"]
#[rustfmt::skip]
pub(crate) mod stub;

/// How much is pushed and pulled at a time.
const PART_LEN: usize = 64 << 10;

/// Takes what comes, and gives as much back as it is asked for.
pub(crate) struct Exchanger;

impl Transfer for Exchanger {
    fn exchange(
        &self,
        _: &mut CallContext<'_>,
        call: ServerCall<ExchangeResponse>,
        count: i64,
        mut up: PullPipe<u8>,
        mut down: PushPipe<u8>,
    ) -> Result<(), Status> {
        let event = Event::auto_reset();
        call.notify_of_pipes(Notify::Event(event.clone()), 0, false)?;
        let count = u64::try_from(count).map_err(|_| Status::InvalidArg)?;
        thread::spawn(move || {
            let exchanged = pull_all(&mut up, &event)
                .and_then(|result| push_all(&mut down, count, &event).map(|_| result));
            // The client may be gone by now, which is no concern of the server's.
            let _ = match exchanged {
                Ok(result) => call.complete(&ExchangeResponse { result }),
                Err(status) => call.abort(status),
            };
        });
        Ok(())
    }
}

/// Pushes so many bytes and the end; their sum. A push that is refused is tried again when the
/// event says that there is room.
pub(crate) fn push_all(pipe: &mut PushPipe<u8>, len: u64, event: &Event) -> Result<i64, Status> {
    let part = part();
    let mut left = len;
    let mut total = 0;
    while left > 0 {
        let next = &part[..PART_LEN.min(usize::try_from(left).unwrap_or(PART_LEN))];
        match pipe.push(next) {
            Ok(()) => {
                total += sum(next);
                left -= next.len() as u64;
            }
            Err(Status::SendIncomplete) => event.wait(),
            Err(status) => return Err(status),
        }
    }
    pipe.push(&[])?;
    Ok(total)
}

/// Pulls to the end; the sum of what came. Where nothing has come yet, the event says when
/// something has.
pub(crate) fn pull_all(pipe: &mut PullPipe<u8>, event: &Event) -> Result<i64, Status> {
    let mut bytes = Vec::with_capacity(PART_LEN);
    let mut total = 0;
    loop {
        bytes.clear();
        match pipe.pull(&mut bytes, PART_LEN) {
            Ok(0) => return Ok(total),
            Ok(_) => total += sum(&bytes),
            Err(Status::AsyncCallPending) => event.wait(),
            Err(status) => return Err(status),
        }
    }
}

/// What is sent, again and again.
fn part() -> Vec<u8> {
    (0..PART_LEN).map(|index| (index % 251) as u8).collect()
}

fn sum(bytes: &[u8]) -> i64 {
    bytes.iter().map(|byte| i64::from(*byte)).sum()
}
