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

#[cfg(test)]
mod tests {
    use annulus_protocol::{ContextId, Opnum};

    use super::*;

    fn fragment(call: u32, flags: PduFlags, token_len: u16, stub: &[u8]) -> Vec<u8> {
        let head = RequestHead {
            alloc_hint: 0,
            context: ContextId(0),
            opnum: Opnum(7),
            object: None,
        };
        let mut pdu = Vec::new();
        head.write(CallId(call), flags, &mut pdu);
        pdu.extend_from_slice(stub);
        let len = u16::try_from(pdu.len()).unwrap();
        pdu[8..10].copy_from_slice(&len.to_le_bytes());
        pdu[10..12].copy_from_slice(&token_len.to_le_bytes());
        pdu
    }

    fn found(stream: &[Vec<u8>]) -> Vec<(u32, Option<Vec<u8>>)> {
        let requests = unsent_requests(&stream.concat()).into_iter();
        requests
            .map(|request| {
                let stub = request.again.map(|parts| {
                    assert_eq!((parts.opnum, parts.object), (7, None));
                    parts.stub
                });
                (request.call.0, stub)
            })
            .collect()
    }

    #[test]
    fn whole_requests_are_found_and_their_fragments_joined() {
        let middle = PduFlags(0);
        let stream = [
            fragment(1, PduFlags::WHOLE, 0, b"one"),
            fragment(2, PduFlags::FIRST, 0, b"t"),
            fragment(2, middle, 0, b"w"),
            fragment(2, PduFlags::LAST, 0, b"o"),
        ];
        let expected = [(1, Some(b"one".to_vec())), (2, Some(b"two".to_vec()))];
        assert_eq!(found(&stream), expected);
    }

    #[test]
    fn what_cannot_be_made_again_was_still_not_executed() {
        let stream = [
            fragment(1, PduFlags::LAST, 0, b"its first fragment was sent"),
            fragment(2, PduFlags::WHOLE, 16, b"sealed"),
        ];
        assert_eq!(found(&stream), [(1, None), (2, None)]);
    }

    #[test]
    fn a_request_whose_last_fragment_is_not_there_is_none() {
        assert_eq!(
            found(&[fragment(1, PduFlags::FIRST, 0, b"more to come")]),
            []
        );
    }
}
