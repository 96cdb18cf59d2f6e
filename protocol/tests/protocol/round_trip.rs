//! Every PDU type: what is written is what is read, in both byte orders.

use annulus_protocol::pdu::{
    Bind, BindAck, BindAckWriter, BindNak, BindNakReason, ContextResult, FaultPdu, Header,
    PduFlags, PduType, ProviderReason, RequestHead, ResponseHead, SecurityTrailer, write_auth3,
    write_bind,
};
use annulus_protocol::{
    AuthenticationType, BindTimeFeatures, CallId, ContextId, DataRepresentation, FaultStatus,
    Opnum, SyntaxId, Uuid,
};
use proptest::prelude::*;

fn byte_order() -> impl Strategy<Value = DataRepresentation> {
    prop_oneof![
        Just(DataRepresentation::LITTLE_ENDIAN),
        Just(DataRepresentation::BIG_ENDIAN),
    ]
}

fn syntax() -> impl Strategy<Value = SyntaxId> {
    any::<(u128, u16, u16)>()
        .prop_map(|(uuid, major, minor)| SyntaxId::new(Uuid::from_u128(uuid), major, minor))
}

fn header(kind: PduType) -> impl Strategy<Value = Header> {
    (any::<u8>(), byte_order(), any::<u32>()).prop_map(move |(flags, drep, call)| {
        let mut header = Header::new(kind, CallId(call));
        header.flags = PduFlags(flags);
        header.drep = drep;
        header
    })
}

/// A trailer that may have no token, and then is not there.
fn trailer() -> impl Strategy<Value = (u8, u8, u32, Vec<u8>)> {
    (
        any::<(u8, u8, u32)>(),
        prop::collection::vec(any::<u8>(), 0..40),
    )
        .prop_map(|((kind, level, context), token)| (kind, level, context, token))
}

fn as_trailer((kind, level, context, token): &(u8, u8, u32, Vec<u8>)) -> SecurityTrailer<'_> {
    SecurityTrailer {
        kind: AuthenticationType(*kind),
        level: *level,
        pad_len: 0,
        context: *context,
        token,
        offset: 0,
    }
}

fn result() -> impl Strategy<Value = ContextResult> {
    prop_oneof![
        syntax().prop_map(ContextResult::Accepted),
        any::<u16>().prop_map(|code| ContextResult::Refused(ProviderReason::from_code(code))),
        any::<u16>().prop_map(|bits| ContextResult::Features(BindTimeFeatures(bits))),
        any::<u16>().prop_map(|reason| ContextResult::Other { result: 1, reason }),
    ]
}

/// The header of bytes that hold just one PDU.
fn only_header(bytes: &[u8]) -> Header {
    let header = Header::parse(bytes.first_chunk().expect("a header"));
    assert_eq!(usize::from(header.fragment_len), bytes.len());
    header
}

proptest! {
    #[test]
    fn bind_and_alter_context(
        header in prop_oneof![header(PduType::Bind), header(PduType::AlterContext)],
        sizes: (u16, u16),
        group: u32,
        contexts in prop::collection::vec((any::<u16>(), syntax(), syntax()), 0..9),
        trailer in trailer(),
    ) {
        let contexts: Vec<_> =
            contexts.into_iter().map(|(id, name, transfer)| (ContextId(id), name, transfer)).collect();
        let written = Some(as_trailer(&trailer)).filter(|trailer| !trailer.token.is_empty());
        let mut bytes = Vec::new();
        write_bind(&header, sizes, group, &contexts, written.as_ref(), &mut bytes);

        let read = only_header(&bytes);
        prop_assert_eq!((read.kind, read.flags, read.call), (header.kind, header.flags, header.call));
        let bind = Bind::parse(&read, &bytes).unwrap();
        prop_assert_eq!((bind.transmit_max, bind.receive_max), sizes);
        prop_assert_eq!(bind.group, group);
        prop_assert_eq!(bind.contexts.len(), contexts.len());
        for (item, expected) in bind.contexts.zip(&contexts) {
            let transfers: Vec<SyntaxId> = item.transfers.into_iter().collect();
            prop_assert_eq!((item.id, item.abstract_syntax), (expected.0, expected.1));
            prop_assert_eq!(transfers, [expected.2]);
        }
        check_trailer(bind.trailer, written)?;
    }

    #[test]
    fn bind_ack_and_alter_context_resp(
        header in prop_oneof![header(PduType::BindAck), header(PduType::AlterContextResp)],
        sizes: (u16, u16),
        group: u32,
        address in "[0-9a-z]{0,9}",
        results in prop::collection::vec(result(), 0..9),
        trailer in trailer(),
    ) {
        let written = Some(as_trailer(&trailer)).filter(|trailer| !trailer.token.is_empty());
        let mut bytes = Vec::new();
        let count = results.len() as u8;
        let mut ack =
            BindAckWriter::begin(&header, sizes, 0, &address, count, &mut bytes);
        results.iter().for_each(|result| ack.result(*result));
        ack.patch_group(group);
        ack.finish(written.as_ref());

        let read = BindAck::parse(&only_header(&bytes), &bytes).unwrap();
        prop_assert_eq!((read.transmit_max, read.receive_max, read.group), (sizes.0, sizes.1, group));
        let with_nul = if address.is_empty() { address } else { address + "\0" };
        prop_assert_eq!(read.secondary_address, with_nul.as_bytes());
        prop_assert_eq!(read.results.collect::<Vec<_>>(), results);
        check_trailer(read.trailer, written)?;
    }

    #[test]
    fn bind_nak(code: u16, call: u32) {
        let nak = BindNak { reason: BindNakReason::from_code(code) };
        let mut bytes = Vec::new();
        nak.write(CallId(call), &mut bytes);
        let header = only_header(&bytes);
        prop_assert_eq!(BindNak::parse(&header, &bytes), Ok(nak));
        prop_assert_eq!((nak.reason.code(), header.call), (code, CallId(call)));
    }

    #[test]
    fn fault(
        context: u16, status: u32, did_not_execute: bool, call: u32,
        extended in prop::collection::vec(any::<u8>(), 0..3000),
    ) {
        let fault = FaultPdu {
            context: ContextId(context),
            status: FaultStatus(status),
            did_not_execute,
            extended: &extended,
        };
        let mut bytes = Vec::new();
        fault.write(CallId(call), &mut bytes);
        prop_assert_eq!(FaultPdu::parse(&only_header(&bytes), &bytes), Ok(fault));
    }

    #[test]
    fn request(
        alloc_hint: u32, context: u16, opnum: u16, object: Option<u128>, call: u32, flags in 0_u8..128,
    ) {
        let head = RequestHead {
            alloc_hint,
            context: ContextId(context),
            opnum: Opnum(opnum),
            object: object.map(Uuid::from_u128),
        };
        let mut bytes = Vec::new();
        head.write(CallId(call), PduFlags(flags), &mut bytes);
        let header = Header::parse(bytes.first_chunk().unwrap());
        let len = bytes.len();
        prop_assert_eq!(head.encoded_len(), len);
        prop_assert_eq!(RequestHead::parse(&header, &bytes), Ok((head, len)));
        // The same request of a big-endian client.
        let swapped = big_endian(&bytes, &[(16, 4), (20, 2), (22, 2)], object.map(|_| 24));
        let header = Header::parse(swapped.first_chunk().unwrap());
        prop_assert_eq!(RequestHead::parse(&header, &swapped), Ok((head, len)));
    }

    #[test]
    fn response(alloc_hint: u32, context: u16, cancel_count: u8, call: u32) {
        let head = ResponseHead { alloc_hint, context: ContextId(context), cancel_count };
        let mut bytes = Vec::new();
        head.write(CallId(call), &mut bytes);
        let header = Header::parse(bytes.first_chunk().unwrap());
        prop_assert_eq!((header.kind, header.call), (PduType::Response, CallId(call)));
        prop_assert_eq!(ResponseHead::parse(&header, &bytes), Ok(head));
        let swapped = big_endian(&bytes, &[(16, 4), (20, 2)], None);
        let header = Header::parse(swapped.first_chunk().unwrap());
        prop_assert_eq!(ResponseHead::parse(&header, &swapped), Ok(head));
    }

    #[test]
    fn auth3(trailer in trailer(), call: u32) {
        prop_assume!(!trailer.3.is_empty());
        let written = as_trailer(&trailer);
        let mut bytes = Vec::new();
        write_auth3(CallId(call), &written, &mut bytes);
        let header = only_header(&bytes);
        let read = SecurityTrailer::parse(&header, &bytes, 20).unwrap();
        check_trailer(read, Some(written))?;
    }

    #[test]
    fn attack_a_bind_cut_off_anywhere_is_malformed(cut in 0_usize..96) {
        let header = Header::new(PduType::Bind, CallId(1));
        let contexts = [(ContextId(0), SyntaxId::NDR64, SyntaxId::NDR20)];
        let mut bytes = Vec::new();
        write_bind(&header, (5840, 5840), 0, &contexts, None, &mut bytes);
        prop_assume!(cut < bytes.len());
        let cut = &bytes[..cut];
        prop_assert!(Bind::parse(&header, cut).is_err());
    }
}

fn check_trailer(
    read: Option<SecurityTrailer<'_>>,
    written: Option<SecurityTrailer<'_>>,
) -> Result<(), TestCaseError> {
    let fields = |trailer: SecurityTrailer<'_>| {
        (
            trailer.kind,
            trailer.level,
            trailer.context,
            trailer.token.to_vec(),
        )
    };
    prop_assert_eq!(read.map(fields), written.map(fields));
    Ok(())
}

/// A little-endian PDU with the bytes of its header fields, of `fields` and of a UUID swapped.
fn big_endian(pdu: &[u8], fields: &[(usize, usize)], uuid: Option<usize>) -> Vec<u8> {
    let mut swapped = pdu.to_vec();
    swapped[4] = 0;
    let uuid_fields = uuid.map(|at| [(at, 4), (at + 4, 2), (at + 6, 2)]);
    let header = [(8, 2), (10, 2), (12, 4)];
    for (at, len) in header
        .iter()
        .chain(fields)
        .chain(uuid_fields.iter().flatten())
    {
        swapped[*at..at + len].reverse();
    }
    swapped
}
