//! Turns a header and stub data of any length into PDUs, in place.

use crate::pdu::{Header, PduFlags, RequestHead, ResponseHead, SecurityTrailer};
use crate::pieces::{Output, Pieces};
use crate::protection::{PAD_ALIGNMENT, Protection};
use crate::types::MaxFragment;

/// Where both requests and responses have their flags and their allocation hint.
const FLAGS_AT: usize = 3;
const ALLOC_HINT_AT: usize = 16;

/// Finishes the PDU that starts at `at` in `out` and reaches to its end: the fixed part of a
/// request or response, `head_len` bytes with an allocation hint of zero, and behind it all stub
/// data, or a part of it. The flags say whether its beginning and its end are here: the heads of
/// `pdu` say so of both, and [`set_extent`] corrects them.
///
/// What fits in one PDU stays where it is. More is split without a second buffer: `out` grows
/// once, and the pieces move to their places from the back. Each fragment but the last has stub
/// data of a multiple of 8 bytes. The allocation hint is the bytes that remain, or zero where
/// the end of the stub data is not here.
///
/// Shared stub data stays shared, cut where fragments end; but where the stub data is protected,
/// which changes its bytes, it is copied first.
// What nearly all are, one PDU that is neither shared nor protected, costs no call.
#[inline(always)]
pub(crate) fn finish<O: Output>(
    out: &mut O,
    at: usize,
    head_len: usize,
    max: MaxFragment,
    protection: Option<Protection<'_>>,
) {
    if protection.is_some() || out.shared_behind(at).is_some() {
        return finish_other(out, at, head_len, max, protection);
    }
    let written = out.buffer();
    let len = written.len() - at;
    let Some(head) = written[at..].first_chunk_mut() else {
        unreachable!("a PDU has a head");
    };
    if len <= usize::from(max.get()) {
        patch_whole(head, len, len - head_len);
    } else {
        finish_other(out, at, head_len, max, None);
    }
}

/// The same for what is long, shared or protected.
#[inline(never)]
fn finish_other<O: Output>(
    out: &mut O,
    at: usize,
    head_len: usize,
    max: MaxFragment,
    protection: Option<Protection<'_>>,
) {
    let max = usize::from(max.get());
    if let Some(pieces) = out.shared_behind(at) {
        if protection.is_none() {
            return finish_shared(pieces, at, head_len, max);
        }
        pieces.unshare_behind(at);
    }
    let out = out.buffer();
    let len = out.len() - at;
    match protection {
        None => {
            let layout = Layout {
                at,
                head_len,
                capacity: capacity(max, head_len),
                trailer_len: 0,
            };
            layout.split(out, len - head_len, None);
        }
        Some(protection) => {
            let trailer_len = protection.trailer_len();
            let capacity = (max - head_len - trailer_len) / PAD_ALIGNMENT * PAD_ALIGNMENT;
            let layout = Layout {
                at,
                head_len,
                capacity,
                trailer_len,
            };
            layout.split(out, len - head_len, Some(protection));
        }
    }
}

/// Stub data of each unprotected fragment but the last.
fn capacity(max: usize, head_len: usize) -> usize {
    (max - head_len) & !7
}

/// Finishes a PDU some of whose stub data is shared.
#[cold]
fn finish_shared(out: &mut Pieces, at: usize, head_len: usize, max: usize) {
    let stub_len = out.written().len() - at - head_len + out.shared_len_behind(at);
    if head_len + stub_len <= max {
        let out = out.written();
        Header::patch_lengths(out, at, head_len + stub_len, 0);
        return patch_alloc_hint(out, at, stub_len);
    }
    let mut head = [0; RequestHead::LEN_WITH_OBJECT];
    head[..head_len].copy_from_slice(&out.written()[at..][..head_len]);
    let capacity = capacity(max, head_len);
    out.rewrite_behind(at, stub_len / capacity, |fragments| {
        fragments.skip_written(head_len);
        let mut remaining = stub_len;
        while remaining > 0 {
            let (is_first, is_last) = (remaining == stub_len, remaining <= capacity);
            let stub_len = remaining.min(capacity);
            let out = fragments.written();
            let start = out.len();
            out.extend_from_slice(&head[..head_len]);
            write_place(&mut out[start..], &head, remaining, is_first, is_last);
            Header::patch_lengths(out, start, head_len + stub_len, 0);
            fragments.take_over(stub_len);
            remaining -= stub_len;
        }
    });
}

/// Notes in the head of a fragment where it stands among those of `whole`, the head of all.
fn write_place(pdu: &mut [u8], whole: &[u8], remaining: usize, is_first: bool, is_last: bool) {
    let extent = PduFlags(whole[FLAGS_AT]);
    patch_alloc_hint(pdu, 0, remaining);
    set_extent(
        pdu,
        0,
        is_first && extent.contains(PduFlags::FIRST),
        is_last && extent.contains(PduFlags::LAST),
    );
}

/// Notes in a head that begins at `at` whether the stub data behind it begins and ends the call's.
pub(crate) fn set_extent(out: &mut [u8], at: usize, is_first: bool, is_last: bool) {
    let extent = PduFlags::FIRST.when(is_first) | PduFlags::LAST.when(is_last);
    out[at + FLAGS_AT] = out[at + FLAGS_AT] & !PduFlags::WHOLE.0 | extent.0;
}

/// Checks a part of stub data that is not the last.
///
/// # Panics
///
/// It is empty.
pub(crate) fn check_part(stub_len: usize) {
    assert!(
        stub_len > 0,
        "a part of stub data before the last one is empty"
    );
}

/// Writes the length of a PDU that has no trailer, and of its stub data, into its head.
#[inline]
fn patch_whole(head: &mut [u8; ResponseHead::LEN], len: usize, stub_len: usize) {
    debug_assert!(len <= usize::from(u16::MAX));
    [head[8], head[9]] = (len as u16).to_le_bytes();
    if PduFlags(head[FLAGS_AT]).contains(PduFlags::LAST) {
        let hint = stub_len as u32;
        head[ALLOC_HINT_AT..ALLOC_HINT_AT + 4].copy_from_slice(&hint.to_le_bytes());
    }
}

/// Writes how much stub data remains, which is not known before the last part.
#[inline]
fn patch_alloc_hint(out: &mut [u8], at: usize, remaining: usize) {
    if PduFlags(out[at + FLAGS_AT]).contains(PduFlags::LAST) {
        let hint = u32::try_from(remaining).unwrap_or(u32::MAX);
        out[at + ALLOC_HINT_AT..][..4].copy_from_slice(&hint.to_le_bytes());
    }
}

/// The geometry of a call's fragments in a buffer.
struct Layout {
    at: usize,
    head_len: usize,
    /// Stub data of each fragment but the last.
    capacity: usize,
    /// Trailer and signature of each fragment; zero without protection.
    trailer_len: usize,
}

impl Layout {
    #[cold]
    fn split(&self, out: &mut Vec<u8>, stub_len: usize, mut protection: Option<Protection<'_>>) {
        assert!(
            self.capacity > 0,
            "a signature leaves no room for stub data"
        );
        let count = stub_len.div_ceil(self.capacity).max(1);
        let last_len = stub_len - (count - 1) * self.capacity;
        let pad = match protection {
            Some(_) => last_len.next_multiple_of(PAD_ALIGNMENT) - last_len,
            None => 0,
        };
        self.spread(out, count, last_len + pad);

        let mut head = [0; RequestHead::LEN_WITH_OBJECT];
        head[..self.head_len].copy_from_slice(&out[self.at..][..self.head_len]);
        let mut remaining = stub_len;
        for index in 0..count {
            let is_last = index + 1 == count;
            let pad = if is_last { pad } else { 0 };
            let stub_len = remaining.min(self.capacity);
            let start = self.start_of(index);
            let len = self.head_len + stub_len + pad + self.trailer_len;
            let pdu = &mut out[start..start + len];
            pdu[..self.head_len].copy_from_slice(&head[..self.head_len]);
            write_place(pdu, &head, remaining, index == 0, is_last);
            Header::patch_lengths(
                pdu,
                0,
                len,
                self.trailer_len.saturating_sub(SecurityTrailer::LEN),
            );
            if let Some(protection) = &mut protection {
                protection.protect(pdu, self.head_len, pad);
            }
            remaining -= stub_len;
        }
    }

    fn start_of(&self, index: usize) -> usize {
        self.at + index * (self.head_len + self.capacity + self.trailer_len)
    }

    /// Makes room between the pieces of the stub data, from the back. The bytes between them are
    /// of no meaning afterwards, but for the padding behind the last, which is zero.
    fn spread(&self, out: &mut Vec<u8>, count: usize, last_len: usize) {
        let stub_at = self.at + self.head_len;
        let stub_end = out.len();
        let end = self.start_of(count - 1) + self.head_len + last_len + self.trailer_len;
        out.resize(end, 0);
        for index in (1..count).rev() {
            let from = stub_at + index * self.capacity;
            let to = self.start_of(index) + self.head_len;
            out.copy_within(from..(from + self.capacity).min(stub_end), to);
        }
        let written = self.start_of(count - 1) + self.head_len + stub_end
            - (stub_at + (count - 1) * self.capacity);
        out[written..].fill(0);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::pdu::PduType;
    use crate::types::{CallId, ContextId};

    /// A response in the middle of a buffer, cut into its fragments.
    fn fragments(stub: &[u8], max: MaxFragment) -> Vec<Vec<u8>> {
        let mut out = b"before".to_vec();
        let head = ResponseHead {
            alloc_hint: 0,
            context: ContextId(1),
            cancel_count: 0,
        };
        head.write(CallId(7), &mut out);
        out.extend_from_slice(stub);
        finish(&mut out, 6, ResponseHead::LEN, max, None);
        assert_eq!(&out[..6], b"before");

        let mut rest = &out[6..];
        let mut fragments = Vec::new();
        while let Some((header, _)) = rest.split_first_chunk() {
            let (fragment, behind) = rest.split_at(Header::parse(header).fragment_len.into());
            fragments.push(fragment.to_vec());
            rest = behind;
        }
        assert!(rest.is_empty());
        fragments
    }

    proptest! {
        #[test]
        fn rule_15_fragments_carry_the_stub_in_multiples_of_8(
            stub in prop::collection::vec(any::<u8>(), 0..20_000),
            max in 2048_u16..6000,
        ) {
            let max = MaxFragment::own(max);
            let fragments = fragments(&stub, max);
            let mut joined = Vec::new();
            for (index, fragment) in fragments.iter().enumerate() {
                let header = Header::parse(fragment.first_chunk().unwrap());
                let head = ResponseHead::parse(&header, fragment).unwrap();
                let body = &fragment[ResponseHead::LEN..];
                let is_last = index + 1 == fragments.len();
                prop_assert_eq!((header.kind, header.call), (PduType::Response, CallId(7)));
                prop_assert_eq!(header.flags.contains(PduFlags::FIRST), index == 0);
                prop_assert_eq!(header.flags.contains(PduFlags::LAST), is_last);
                prop_assert_eq!(head.alloc_hint as usize, stub.len() - joined.len());
                prop_assert!(is_last || body.len() % 8 == 0);
                prop_assert!(fragment.len() <= max.get().into());
                joined.extend_from_slice(body);
            }
            prop_assert_eq!(joined, stub);
        }
    }

    /// A stream whose end is a response, its stub data cut into parts, every other one shared.
    fn pieces(before: &[u8], stub: &[u8], cuts: &[usize]) -> Pieces {
        let mut out = Pieces::from(b"before".to_vec());
        out.share(Bytes::copy_from_slice(before));
        let head = ResponseHead {
            alloc_hint: 0,
            context: ContextId(1),
            cancel_count: 0,
        };
        head.write(CallId(7), out.written());
        let mut rest = Bytes::copy_from_slice(stub);
        for (index, cut) in cuts.iter().enumerate() {
            let part = rest.split_to((*cut).min(rest.len()));
            match index % 2 {
                0 => out.share(part),
                _ => out.written().extend_from_slice(&part),
            }
        }
        out.written().extend_from_slice(&rest);
        out
    }

    proptest! {
        #[test]
        fn shared_parts_are_cut_as_the_whole_stub_is(
            before in prop::collection::vec(any::<u8>(), 0..3),
            stub in prop::collection::vec(any::<u8>(), 0..20_000),
            cuts in prop::collection::vec(0_usize..6000, 0..8),
            max in 2048_u16..6000,
        ) {
            let max = MaxFragment::own(max);
            let mut out = pieces(&before, &stub, &cuts);
            let shared_len = out.shared_len();
            finish(&mut out, 6, ResponseHead::LEN, max, None);
            prop_assert_eq!(out.shared_len(), shared_len, "nothing is copied");
            let sent = out.into_whole();
            let (head, sent) = sent.split_at(6 + before.len());
            prop_assert_eq!(head, [b"before", &before[..]].concat());
            prop_assert_eq!(sent, fragments(&stub, max).concat());
        }
    }

    #[test]
    fn a_stub_that_just_fits_is_one_fragment() {
        assert_eq!(fragments(&[1; 2024], MaxFragment::OWN_MIN).len(), 1);
        assert_eq!(fragments(&[1; 2025], MaxFragment::OWN_MIN).len(), 2);
    }
}
