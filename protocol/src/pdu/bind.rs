//! bind and alter_context: what a client offers.

use super::{Header, MalformedPdu, PduType, SecurityTrailer};
use crate::reader::{Reader, Truncated};
use crate::types::{ContextId, SyntaxId};
use crate::writer::Writer;

/// A bind or an alter_context (C706 12.6.4.3 and 12.6.4.1).
#[derive(Clone, Copy, Debug)]
pub struct Bind<'a> {
    /// The largest PDU that the client wants to send.
    pub transmit_max: u16,
    /// The largest PDU that the client can receive.
    pub receive_max: u16,
    /// The association group to join; zero for a new one.
    pub group: u32,
    /// The presentation contexts on offer; never empty, each with a transfer syntax.
    pub contexts: ContextList<'a>,
    /// The security trailer.
    pub trailer: Option<SecurityTrailer<'a>>,
}

impl<'a> Bind<'a> {
    /// Where the variable part begins: no trailer or padding reaches before it.
    pub const BODY_START: usize = 24;

    /// Reads a bind or an alter_context.
    ///
    /// # Errors
    ///
    /// A field lies outside of the PDU, or the trailer does not fit. A list that is empty is
    /// not malformed: see [`ContextList::is_legal`].
    pub fn parse(header: &Header, pdu: &'a [u8]) -> Result<Self, MalformedPdu> {
        let trailer = SecurityTrailer::parse(header, pdu, Self::BODY_START)?;
        let body = &pdu[..trailer.as_ref().map_or(pdu.len(), |trailer| trailer.offset)];
        Self::parse_body(header, body, trailer).map_err(MalformedPdu::truncated(header.kind))
    }

    fn parse_body(
        header: &Header,
        body: &'a [u8],
        trailer: Option<SecurityTrailer<'a>>,
    ) -> Result<Self, Truncated> {
        let mut reader = header.body(body);
        let (transmit_max, receive_max) = (reader.u16()?, reader.u16()?);
        let group = reader.u32()?;
        let count = reader.u8()?;
        if count > 0 {
            // Peers leave out the padding in front of an empty list.
            reader.take(3)?;
        }
        let contexts = ContextList {
            reader,
            left: count,
        };
        // Walk the list once, so that iterating it later cannot fail.
        let mut check = contexts;
        for _ in 0..count {
            check.read_item()?;
        }
        Ok(Bind {
            transmit_max,
            receive_max,
            group,
            contexts,
            trailer,
        })
    }
}

/// The presentation contexts of a [`Bind`], read on the fly.
#[derive(Clone, Copy, Debug)]
pub struct ContextList<'a> {
    reader: Reader<'a>,
    left: u8,
}

impl<'a> ContextList<'a> {
    /// How many contexts are left.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.left)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// Whether there is a context, and each has a transfer syntax.
    #[must_use]
    pub fn is_legal(mut self) -> bool {
        !self.is_empty() && self.all(|item| !item.transfers.is_empty())
    }

    fn read_item(&mut self) -> Result<ContextItem<'a>, Truncated> {
        let id = ContextId(self.reader.u16()?);
        let count = self.reader.u8()?;
        self.reader.u8()?;
        let abstract_syntax = self.reader.syntax()?;
        let transfers = SyntaxList {
            reader: self.reader,
            left: count,
        };
        self.reader.take(usize::from(count) * 20)?;
        Ok(ContextItem {
            id,
            abstract_syntax,
            transfers,
        })
    }
}

impl<'a> Iterator for ContextList<'a> {
    type Item = ContextItem<'a>;

    fn next(&mut self) -> Option<ContextItem<'a>> {
        self.left = self.left.checked_sub(1)?;
        self.read_item().ok()
    }
}

/// One presentation context on offer.
#[derive(Clone, Copy, Debug)]
pub struct ContextItem<'a> {
    /// The client's name for it.
    pub id: ContextId,
    /// The interface.
    pub abstract_syntax: SyntaxId,
    /// The encodings that the client can use.
    pub transfers: SyntaxList<'a>,
}

/// The transfer syntaxes of a [`ContextItem`], read on the fly.
#[derive(Clone, Copy, Debug)]
pub struct SyntaxList<'a> {
    reader: Reader<'a>,
    left: u8,
}

impl<'a> SyntaxList<'a> {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// The syntaxes in the order of the offer.
    #[must_use]
    pub fn iter(self) -> Syntaxes<'a> {
        Syntaxes(self)
    }
}

impl<'a> IntoIterator for SyntaxList<'a> {
    type Item = SyntaxId;
    type IntoIter = Syntaxes<'a>;

    fn into_iter(self) -> Syntaxes<'a> {
        self.iter()
    }
}

/// Iterates over a [`SyntaxList`].
#[derive(Clone, Debug)]
pub struct Syntaxes<'a>(SyntaxList<'a>);

impl Iterator for Syntaxes<'_> {
    type Item = SyntaxId;

    fn next(&mut self) -> Option<SyntaxId> {
        self.0.left = self.0.left.checked_sub(1)?;
        self.0.reader.syntax().ok()
    }
}

/// Appends a bind or an alter_context with one transfer syntax per context.
///
/// `header` gives type, flags, call and byte order; its lengths are computed.
///
/// # Panics
///
/// There are more than 255 contexts.
pub fn write_bind(
    header: &Header,
    (transmit_max, receive_max): (u16, u16),
    group: u32,
    contexts: &[(ContextId, SyntaxId, SyntaxId)],
    trailer: Option<&SecurityTrailer<'_>>,
    out: &mut Vec<u8>,
) {
    debug_assert!(matches!(header.kind, PduType::Bind | PduType::AlterContext));
    let count = u8::try_from(contexts.len()).expect("at most 255 presentation contexts");
    let mut writer = Writer::new(out, header.drep);
    header.write_into(&mut writer);
    writer.u16(transmit_max);
    writer.u16(receive_max);
    writer.u32(group);
    writer.bytes(&[count, 0, 0, 0]);
    for (id, abstract_syntax, transfer) in contexts {
        writer.u16(id.0);
        writer.bytes(&[1, 0]);
        writer.syntax(abstract_syntax);
        writer.syntax(transfer);
    }
    let token_len = trailer.map_or(0, |trailer| trailer.append(&mut writer));
    let len = writer.len() as u16;
    writer.patch_u16(8, len);
    writer.patch_u16(10, token_len as u16);
}
