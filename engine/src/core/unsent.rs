//! Requests that were never handed to the kernel, found again in what was to be sent.

use annulus_protocol::pdu::{Header, PduFlags, PduType, RequestHead};
use annulus_protocol::{CallId, Uuid};

/// A request of which no byte was sent, or not its last one: it certainly was not executed.
pub(super) struct UnsentRequest {
    pub(super) call: CallId,
    /// What it takes to make the same call again, if all of it can be read.
    pub(super) again: Option<RequestParts>,
}

/// A request without its PDUs.
pub(super) struct RequestParts {
    pub(super) opnum: u16,
    pub(super) object: Option<Uuid>,
    pub(super) stub: Vec<u8>,
}

/// The requests whose last fragment stands in `stream`, which this side wrote and which begins
/// with a PDU, in their order.
pub(super) fn unsent_requests(mut stream: &[u8]) -> Vec<UnsentRequest> {
    let mut requests = Vec::new();
    let mut begun: Option<(CallId, RequestParts)> = None;
    while let Some((head, _)) = stream.split_first_chunk() {
        let header = Header::parse(head);
        let len = usize::from(header.fragment_len).clamp(Header::LEN, stream.len());
        let (pdu, rest) = stream.split_at(len);
        stream = rest;
        if header.kind != PduType::Request {
            continue;
        }
        if header.flags.contains(PduFlags::FIRST) {
            begun = first_fragment(&header, pdu).map(|parts| (header.call, parts));
        } else if let Some((call, parts)) = &mut begun
            && *call == header.call
            && let Ok((_, stub_at)) = RequestHead::parse(&header, pdu)
        {
            parts.stub.extend_from_slice(&pdu[stub_at..]);
        }
        if header.flags.contains(PduFlags::LAST) {
            let whole = begun.take().filter(|(call, _)| *call == header.call);
            requests.push(UnsentRequest {
                call: header.call,
                again: whole.map(|(_, parts)| parts),
            });
        }
    }
    requests
}

/// Begins to read a request. What is protected cannot be made again from here.
fn first_fragment(header: &Header, pdu: &[u8]) -> Option<RequestParts> {
    if header.authentication_len > 0 {
        return None;
    }
    let (head, stub_at) = RequestHead::parse(header, pdu).ok()?;
    Some(RequestParts {
        opnum: head.opnum.0,
        object: head.object,
        stub: pdu[stub_at..].to_vec(),
    })
}
