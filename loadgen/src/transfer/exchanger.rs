//! The embedded server's side of transfers.

use annulus::{CallContext, PullPipe, PushPipe, ServerCall, Status};

use super::stub::{self, ExchangeResponse};
use super::{pattern, pull_all, push_all, sum};

/// Bytes that the server pushes and pulls at a time.
const CHUNK_LEN: usize = 64 << 10;

/// Takes what comes, and gives as much back as it is asked for; on the core, between its other work.
pub(crate) struct Exchanger;

impl stub::Transfer for Exchanger {
    fn exchange(
        &self,
        context: &mut CallContext<'_>,
        call: ServerCall<ExchangeResponse>,
        count: i64,
        up: PullPipe<u8>,
        down: PushPipe<u8>,
    ) -> Result<(), Status> {
        let count = u64::try_from(count).map_err(|_| Status::InvalidArg)?;
        context.executor()?.spawn(async move {
            // The client may be gone by now, which is no concern of the server's.
            let _ = match exchange(count, up, down).await {
                Ok(result) => call.complete(&ExchangeResponse { result }),
                Err(status) => call.abort(status),
            };
        })
    }
}

async fn exchange(count: u64, mut up: PullPipe<u8>, mut down: PushPipe<u8>) -> Result<i64, Status> {
    let mut result = 0;
    pull_all(&mut up, CHUNK_LEN, |bytes| result += sum(bytes)).await?;
    push_all(&mut down, count, &pattern(CHUNK_LEN)).await?;
    Ok(result)
}
