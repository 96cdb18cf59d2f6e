//! However a stream is cut into receives, the same events and the same answers come out.

use annulus_protocol::{
    ClientConfig, ClientConnection, ClientEvent, ContextId, FaultStatus, Input, Limits, Opnum,
    Time, TransferSyntax,
};
use proptest::prelude::*;

use crate::support::client::owned;
use crate::support::*;

/// One PDU, or a few, that a client may send after its bind; most make sense.
#[derive(Clone, Debug)]
enum Sent {
    Whole {
        call: u32,
        opnum: u16,
        stub: usize,
    },
    Fragmented {
        call: u32,
        stubs: Vec<usize>,
    },
    Streamed {
        call: u32,
        stubs: Vec<usize>,
        is_ended: bool,
    },
    Unfinished {
        call: u32,
    },
    Alter {
        context: u16,
    },
    Cancel {
        call: u32,
    },
    Orphaned {
        call: u32,
    },
    Garbage(Vec<u8>),
}

fn sent() -> impl Strategy<Value = Sent> {
    let call = 0_u32..12;
    prop_oneof![
        6 => (call.clone(), 0_u16..6, 0_usize..300)
            .prop_map(|(call, opnum, stub)| Sent::Whole { call, opnum, stub }),
        3 => (call.clone(), prop::collection::vec(0_usize..200, 2..5))
            .prop_map(|(call, stubs)| Sent::Fragmented { call, stubs }),
        3 => (call.clone(), prop::collection::vec(0_usize..200, 2..5), prop::bool::weighted(0.8))
            .prop_map(|(call, stubs, is_ended)| Sent::Streamed { call, stubs, is_ended }),
        1 => call.clone().prop_map(|call| Sent::Unfinished { call }),
        1 => (0_u16..4).prop_map(|context| Sent::Alter { context }),
        2 => call.clone().prop_map(|call| Sent::Cancel { call }),
        1 => call.prop_map(|call| Sent::Orphaned { call }),
        1 => prop::collection::vec(any::<u8>(), 1..40).prop_map(Sent::Garbage),
    ]
}

fn bytes_of(sent: &Sent) -> Vec<u8> {
    match sent {
        Sent::Whole { call, opnum, stub } => {
            Call::new(*call).opnum(*opnum).stub(&vec![7; *stub]).build()
        }
        Sent::Fragmented { call, stubs } => fragments(Call::new(*call), stubs, true),
        Sent::Streamed {
            call,
            stubs,
            is_ended,
        } => fragments(Call::new(*call).opnum(PIPE), stubs, *is_ended),
        Sent::Unfinished { call } => Call::new(*call).flags(FIRST).build(),
        Sent::Alter { context } => Offer::alter(99).context(*context, ECHO, &[NDR]).build(),
        Sent::Cancel { call } => pdu(CO_CANCEL, WHOLE, *call, &[]),
        Sent::Orphaned { call } => pdu(ORPHANED, WHOLE, *call, &[]),
        Sent::Garbage(bytes) => bytes.clone(),
    }
}

/// The operation whose request is streamed.
const PIPE: u16 = 4;

fn fragments(call: Call, stubs: &[usize], is_ended: bool) -> Vec<u8> {
    let last = stubs.len() - 1;
    let fragment = |(index, len): (usize, &usize)| {
        let is_last = index == last && is_ended;
        let flags = (FIRST * u8::from(index == 0)) | (LAST * u8::from(is_last));
        let stub = vec![index as u8; *len];
        call.clone().flags(flags).stub(&stub).build()
    };
    stubs.iter().enumerate().flat_map(fragment).collect()
}

/// Feeds pieces to a server that answers even calls at once, with their own stub data, and keeps
/// odd ones; all events and all answers.
fn serve(pieces: &[&[u8]]) -> (Vec<Seen>, Vec<u8>) {
    let mut server = Server::new();
    server.endpoint.streamed = Some(Opnum(PIPE));
    let mut events = Vec::new();
    for piece in pieces {
        let mut input = Input::new(piece);
        // One event at a time, so that an answer is written before what follows is looked at.
        while let Some(seen) = server.next(&mut input) {
            if let Seen::Request(request) = &seen {
                match request.reply.call().0 % 4 {
                    0 => server.answer(&request.reply, &request.stub),
                    2 => server.fault(&request.reply, FaultStatus::BAD_STUB_DATA),
                    key => server
                        .connection
                        .set_call_key(request.reply.call(), key.into()),
                }
            }
            events.push(seen);
        }
    }
    (events, server.out)
}

/// Cuts a stream at places that are given as fractions of its length.
fn cut<'s>(stream: &'s [u8], cuts: &[f64]) -> Vec<&'s [u8]> {
    let mut places: Vec<usize> = cuts
        .iter()
        .map(|cut| (cut * stream.len() as f64) as usize)
        .collect();
    places.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for place in places {
        pieces.push(&stream[from..place]);
        from = place;
    }
    pieces.push(&stream[from..]);
    pieces
}

proptest! {
    #[test]
    fn a_server_does_not_notice_how_its_stream_is_cut(
        multiplexing: bool,
        sent in prop::collection::vec(sent(), 0..12),
        cuts in prop::collection::vec(0.0..1.0, 0..20),
    ) {
        let flags = WHOLE | (MULTIPLEXING * u8::from(multiplexing));
        let mut stream = Offer::bind(0).flags(flags).context(1, ECHO, &[NDR]).build();
        stream.extend(sent.iter().flat_map(bytes_of));
        let whole = serve(&[&stream]);
        prop_assert_eq!(&serve(&cut(&stream, &cuts)), &whole);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(&serve(&bytes), &whole);
    }

    #[test]
    fn a_client_does_not_notice_how_its_stream_is_cut(
        lens in prop::collection::vec(0_usize..9000, 1..6),
        order in any::<prop::sample::Index>(),
        garbage in prop::collection::vec(any::<u8>(), 0..40),
        cuts in prop::collection::vec(0.0..1.0, 0..20),
    ) {
        let (stream, calls) = answers(&lens, order.index(lens.len()));
        let stream = [stream, garbage].concat();
        let whole = consume(&[&stream], calls);
        prop_assert_eq!(&consume(&cut(&stream, &cuts), calls), &whole);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(&consume(&bytes, calls), &whole);
    }
}

fn new_client(calls: usize) -> (ClientConnection, Vec<u8>) {
    let mut client = ClientConnection::new(ClientConfig::default());
    let mut out = Vec::new();
    client
        .bind(Time::ZERO, ECHO, &[TransferSyntax::Ndr], None, &mut out)
        .expect("an offer");
    let mut server = Server::with_limits(Limits::DEFAULT);
    server.receive(&out);
    let ack = std::mem::take(&mut server.out);
    let event = client.next_event(Time::ZERO, &mut Input::new(&ack), &mut out);
    assert!(matches!(event, Some(ClientEvent::Bound { .. })));
    for key in 0..calls as u64 {
        let start = client
            .begin_request(ContextId(0), None, &mut out)
            .expect("a call");
        let call = client.finish_request(start, Opnum(0), key, &mut out);
        if key % 2 == 1 {
            assert!(client.stream_response(call));
        }
    }
    (client, out)
}

/// What a server answers to a client's calls, one stub of each length, rotated by `first`.
fn answers(lens: &[usize], first: usize) -> (Vec<u8>, usize) {
    let (_, to_server) = new_client(lens.len());
    let mut server = Server::new();
    let mut replies: Vec<_> = server
        .receive(&to_server)
        .into_iter()
        .filter_map(|seen| match seen {
            Seen::Request(request) => Some(request.reply),
            _ => None,
        })
        .collect();
    server.out.clear();
    replies.rotate_left(first);
    for (reply, len) in replies.iter().zip(lens) {
        server.answer(reply, &vec![*len as u8; *len]);
    }
    (server.out, lens.len())
}

/// Feeds pieces to a client that waits for so many calls; all events, in words.
fn consume(pieces: &[&[u8]], calls: usize) -> (Vec<String>, Vec<u8>) {
    let (mut client, _) = new_client(calls);
    let (mut events, mut out) = (Vec::new(), Vec::new());
    for piece in pieces {
        let mut input = Input::new(piece);
        while let Some(event) = client.next_event(Time::ZERO, &mut input, &mut out) {
            events.push(match owned(event) {
                ClientEvent::Response { key, stub, .. } => format!("{key}: {:?}", &stub[..]),
                ClientEvent::ResponseData {
                    key, stub, is_last, ..
                } => {
                    format!("{key}, last {is_last}: {:?}", &stub[..])
                }
                other => format!("{other:?}"),
            });
        }
    }
    (events, out)
}
