//! The PDUs of a call, read and written.

use std::hint::black_box;

use annulus_protocol::pdu::{Header, PduFlags, RequestHead, ResponseHead};
use annulus_protocol::{CallId, ContextId, Opnum};

use crate::Operation;
use crate::count::count;

pub(crate) const OPERATIONS: &[Operation] = &[
    ("pdu/write_request", write_request),
    ("pdu/parse_request", parse_request),
    ("pdu/write_response", write_response),
    ("pdu/parse_response", parse_response),
];

const REQUEST: RequestHead = RequestHead {
    alloc_hint: 40,
    context: ContextId(0),
    opnum: Opnum(1),
    object: None,
};

const RESPONSE: ResponseHead = ResponseHead {
    alloc_hint: 40,
    context: ContextId(0),
    cancel_count: 0,
};

fn header(pdu: &[u8]) -> Header {
    Header::parse(pdu.first_chunk().expect("a PDU begins with a header"))
}

fn write_request() {
    let mut out = Vec::with_capacity(64);
    count(|| {
        out.clear();
        black_box(&REQUEST).write(black_box(CallId(7)), PduFlags::WHOLE, &mut out);
        black_box(&mut out);
    });
}

fn parse_request() {
    let mut pdu = Vec::new();
    REQUEST.write(CallId(7), PduFlags::WHOLE, &mut pdu);
    count(|| {
        let pdu = black_box(&pdu[..]);
        let parsed = RequestHead::parse(&header(pdu), pdu);
        let _ = black_box(parsed.expect("the PDU is whole"));
    });
}

fn write_response() {
    let mut out = Vec::with_capacity(64);
    count(|| {
        out.clear();
        black_box(&RESPONSE).write(black_box(CallId(7)), &mut out);
        black_box(&mut out);
    });
}

fn parse_response() {
    let mut pdu = Vec::new();
    RESPONSE.write(CallId(7), &mut pdu);
    count(|| {
        let pdu = black_box(&pdu[..]);
        let parsed = ResponseHead::parse(&header(pdu), pdu);
        black_box(parsed.expect("the PDU is whole"));
    });
}
