//! Puts signatures on PDUs and checks those that arrive.

use std::ops::Range;

use crate::framing::FrameBytes;
use crate::input::BufferPool;
use crate::pdu::SecurityTrailer;
use crate::security::{
    AuthenticationLevel, AuthenticationType, Extent, MessageProtection, SecurityError,
};

/// Stub data of protected PDUs is padded to a multiple of this.
pub(crate) const PAD_ALIGNMENT: usize = 16;

/// An established security context at a level that protects PDUs.
pub(crate) struct Protection<'m> {
    pub(crate) mechanism: &'m mut dyn MessageProtection,
    pub(crate) kind: AuthenticationType,
    pub(crate) level: AuthenticationLevel,
    pub(crate) context: u32,
    pub(crate) header_signing: bool,
}

impl Protection<'_> {
    /// Bytes of a signature.
    pub(crate) fn signature_len(&self) -> usize {
        self.mechanism.signature_len(self.level)
    }

    /// Bytes of trailer and signature.
    pub(crate) fn trailer_len(&self) -> usize {
        SecurityTrailer::LEN + self.signature_len()
    }

    /// Writes trailer and signature into the end of a PDU whose stub data, padded already,
    /// begins at `body_start`.
    pub(crate) fn protect(&mut self, pdu: &mut [u8], body_start: usize, pad: usize) {
        let (covered, signature) = pdu.split_at_mut(pdu.len() - self.signature_len());
        let body_end = covered.len() - SecurityTrailer::LEN;
        let trailer =
            SecurityTrailer::encode(self.kind, self.level.code(), pad as u8, self.context);
        covered[body_end..].copy_from_slice(&trailer);
        let extent = self.extent(body_start..body_end);
        if self.level == AuthenticationLevel::Privacy {
            self.mechanism.seal(covered, &extent, signature);
        } else {
            self.mechanism.sign(covered, &extent, signature);
        }
    }

    /// Checks a PDU, and decrypts it in a buffer of its own where it is sealed. The second
    /// value is where its stub data lies.
    pub(crate) fn open<'b>(
        &mut self,
        pdu: FrameBytes<'b>,
        body_start: usize,
        trailer: Range<usize>,
        body_end: usize,
        pool: &mut BufferPool,
    ) -> Result<(FrameBytes<'b>, Range<usize>), SecurityError> {
        let extent = self.extent(body_start..trailer.start);
        if self.level == AuthenticationLevel::Privacy {
            let mut owned = pdu.into_owned(pool);
            let (covered, signature) = owned.split_at_mut(trailer.end);
            self.mechanism.unseal(covered, &extent, signature)?;
            return Ok((FrameBytes::Owned(owned), body_start..body_end));
        }
        let (covered, signature) = pdu.as_slice().split_at(trailer.end);
        self.mechanism.verify(covered, &extent, signature)?;
        Ok((pdu, body_start..body_end))
    }

    fn extent(&self, body: Range<usize>) -> Extent {
        Extent {
            body,
            header_signing: self.header_signing,
        }
    }
}
