//! A security mechanism that protects against nobody, and servers that know it.

use annulus_protocol::{
    AuthenticationLevel, AuthenticationType, ClientMechanism, Extent, MessageProtection,
    SecurityError, ServerMechanism, Step,
};

use super::{AUTH3, BIND_ACK, Call, ECHO, NDR, Offer, Server, WHOLE, pdu, with_trailer};

/// A mechanism whose tokens are numbers, whose signature is a checksum with a sequence number,
/// and whose cipher is XOR.
#[derive(Clone)]
pub(crate) struct Toy {
    is_client: bool,
    /// Messages of the exchange, of both sides together.
    legs: usize,
    /// The next message.
    leg: usize,
    sent: u32,
    received: u32,
}

impl Toy {
    pub(crate) const KIND: AuthenticationType = AuthenticationType(200);
    const SIGNATURE_LEN: usize = 16;

    pub(crate) fn client(legs: usize) -> Self {
        Toy {
            is_client: true,
            legs,
            leg: 1,
            sent: 0,
            received: 0,
        }
    }

    pub(crate) fn server(legs: usize) -> Self {
        Toy {
            is_client: false,
            ..Toy::client(legs)
        }
    }

    /// The token of a leg.
    pub(crate) fn token(leg: usize) -> Vec<u8> {
        vec![leg as u8, b't', b'o', b'y']
    }

    fn exchange(&mut self, token: &[u8], out: &mut Vec<u8>) -> Result<Step, SecurityError> {
        let expects_token = !(self.is_client && self.leg == 1);
        if expects_token {
            if token != Toy::token(self.leg) {
                return Err(SecurityError::new("not the token of this leg"));
            }
            self.leg += 1;
        }
        if self.leg <= self.legs {
            out.extend_from_slice(&Toy::token(self.leg));
            self.leg += 1;
        }
        Ok(if self.leg > self.legs {
            Step::Done
        } else {
            Step::Continue
        })
    }

    /// A signature: sequence number, sender, FNV-1a of what is covered.
    fn checksum(signed: &[u8], sequence: u32, by_client: bool) -> [u8; Toy::SIGNATURE_LEN] {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in signed {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut signature = [0; Toy::SIGNATURE_LEN];
        signature[..4].copy_from_slice(&sequence.to_le_bytes());
        signature[4] = u8::from(by_client);
        signature[8..].copy_from_slice(&hash.to_le_bytes());
        signature
    }

    fn cipher(body: &mut [u8], sequence: u32) {
        for (index, byte) in body.iter_mut().enumerate() {
            *byte ^= (index as u8) ^ (sequence as u8) ^ 0x5a;
        }
    }
}

impl MessageProtection for Toy {
    fn signature_len(&self, _level: AuthenticationLevel) -> usize {
        Toy::SIGNATURE_LEN
    }

    fn sign(&mut self, pdu: &[u8], extent: &Extent, signature: &mut [u8]) {
        signature.copy_from_slice(&Toy::checksum(
            extent.signed(pdu),
            self.sent,
            self.is_client,
        ));
        self.sent += 1;
    }

    fn verify(
        &mut self,
        pdu: &[u8],
        extent: &Extent,
        signature: &[u8],
    ) -> Result<(), SecurityError> {
        let expected = Toy::checksum(extent.signed(pdu), self.received, !self.is_client);
        self.received += 1;
        if signature == expected {
            Ok(())
        } else {
            Err(SecurityError::new("a wrong signature"))
        }
    }

    fn seal(&mut self, pdu: &mut [u8], extent: &Extent, signature: &mut [u8]) {
        let sequence = self.sent;
        self.sign(pdu, extent, signature);
        Toy::cipher(&mut pdu[extent.body.clone()], sequence);
    }

    fn unseal(
        &mut self,
        pdu: &mut [u8],
        extent: &Extent,
        signature: &[u8],
    ) -> Result<(), SecurityError> {
        Toy::cipher(&mut pdu[extent.body.clone()], self.received);
        self.verify(pdu, extent, signature)
    }
}

impl ServerMechanism for Toy {
    fn accept(&mut self, token: &[u8], out: &mut Vec<u8>) -> Result<Step, SecurityError> {
        self.exchange(token, out)
    }

    fn principal(&self) -> Option<&str> {
        (self.leg > self.legs).then_some("toy@EXAMPLE")
    }
}

impl ClientMechanism for Toy {
    fn kind(&self) -> AuthenticationType {
        Toy::KIND
    }

    fn step(&mut self, token: &[u8], out: &mut Vec<u8>) -> Result<Step, SecurityError> {
        self.exchange(token, out)
    }
}

pub(crate) const TOY: u8 = 200;
pub(crate) const CONNECT: u8 = 2;
pub(crate) const INTEGRITY: u8 = 5;
pub(crate) const PRIVACY: u8 = 6;

pub(crate) fn offer(offer: Offer) -> Vec<u8> {
    offer.context(1, ECHO, &[NDR]).build()
}

/// A server in the middle of an exchange of three legs, for security context 2.
pub(crate) fn mid_exchange(level: u8) -> Server {
    let mut server = Server::new();
    server.endpoint.legs = 3;
    let bind = with_trailer(offer(Offer::bind(0)), (TOY, level, 2), 0, &Toy::token(1));
    assert_eq!(server.receive(&bind), []);
    let ack = server.take_pdu();
    assert_eq!(
        (ack.kind(), ack.u16(10)),
        (BIND_ACK, 4),
        "the token's length"
    );
    let trailer = &ack.0[ack.0.len() - 12..];
    assert_eq!(trailer[..8], [TOY, level, 0, 0, 2, 0, 0, 0]);
    assert_eq!(trailer[8..], Toy::token(2));
    assert_eq!((ack.0.len() - 12) % 4, 0, "4-aligned");
    server
}

pub(crate) fn auth3(call: u32, security: (u8, u8, u32), pad: usize, token: &[u8]) -> Vec<u8> {
    with_trailer(pdu(AUTH3, WHOLE, call, &[0xcc; 4]), security, pad, token)
}

/// A server whose security context 2 is established.
pub(crate) fn established(level: u8) -> Server {
    let mut server = mid_exchange(level);
    assert_eq!(
        server.receive(&auth3(0, (TOY, level, 2), 0, &Toy::token(3))),
        []
    );
    assert!(server.out.is_empty(), "auth3 has no answer");
    server
}

/// A request signed as that of `toy`, padded to 16.
pub(crate) fn signed(toy: &mut Toy, call: Call, security: (u8, u8, u32)) -> Vec<u8> {
    let bare = call.build();
    let pad = (bare.len() - 24).next_multiple_of(16) - (bare.len() - 24);
    let mut pdu = with_trailer(bare, security, pad, &[0; 16]);
    let signature_at = pdu.len() - 16;
    let body = 24..signature_at - 8;
    let (covered, signature) = pdu.split_at_mut(signature_at);
    toy.sign(
        covered,
        &Extent {
            body,
            header_signing: false,
        },
        signature,
    );
    pdu
}
