//! The seam between the protocol and security mechanisms.
//!
//! The protocol knows where a token or a signature goes and when a context is established; a
//! mechanism knows what it means. A server gets its mechanisms from
//! [`ServerEndpoint::mechanism`](crate::ServerEndpoint::mechanism), a client brings its own to
//! [`ClientConnection::with_security`](crate::ClientConnection::with_security).

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// The type of a security mechanism (MS-RPCE 2.2.1.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AuthenticationType(pub u8);

impl AuthenticationType {
    /// No authentication.
    pub const NONE: AuthenticationType = AuthenticationType(0);
    /// SPNEGO.
    pub const NEGOTIATE: AuthenticationType = AuthenticationType(9);
    /// NTLM.
    pub const NTLM: AuthenticationType = AuthenticationType(10);
    /// TLS.
    pub const SCHANNEL: AuthenticationType = AuthenticationType(14);
    /// Kerberos.
    pub const KERBEROS: AuthenticationType = AuthenticationType(16);
    /// Netlogon's secure channel.
    pub const NETLOGON: AuthenticationType = AuthenticationType(68);
}

impl fmt::Display for AuthenticationType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            AuthenticationType::NONE => "none",
            AuthenticationType::NEGOTIATE => "SPNEGO",
            AuthenticationType::NTLM => "NTLM",
            AuthenticationType::SCHANNEL => "Schannel",
            AuthenticationType::KERBEROS => "Kerberos",
            AuthenticationType::NETLOGON => "Netlogon",
            AuthenticationType(code) => return write!(f, "mechanism {code}"),
        })
    }
}

/// How much of a call is protected (MS-RPCE 2.2.1.1.8). Ordered: more is greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum AuthenticationLevel {
    /// Not authenticated.
    #[default]
    None = 1,
    /// The peer is known when the context is made; its PDUs carry no verifier.
    Connect = 2,
    /// Not used on connections; refused.
    Call = 3,
    /// The same as `Integrity`.
    Packet = 4,
    /// Each PDU is signed.
    Integrity = 5,
    /// Each PDU is signed, its stub data encrypted.
    Privacy = 6,
}

impl AuthenticationLevel {
    /// The level of this code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => AuthenticationLevel::None,
            2 => AuthenticationLevel::Connect,
            3 => AuthenticationLevel::Call,
            4 => AuthenticationLevel::Packet,
            5 => AuthenticationLevel::Integrity,
            6 => AuthenticationLevel::Privacy,
            _ => return None,
        })
    }

    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Whether PDUs carry a signature.
    #[must_use]
    pub fn is_protected(self) -> bool {
        self >= AuthenticationLevel::Packet
    }
}

/// Whether a security exchange is finished on this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Another token of the peer is needed.
    Continue,
    /// The context is established. A token that was written still goes to the peer.
    Done,
}

/// A security mechanism refuses a token or a signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SecurityError {
    reason: Cow<'static, str>,
}

impl SecurityError {
    /// An error with its reason, for people.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        SecurityError {
            reason: reason.into(),
        }
    }
}

/// Which bytes of a PDU are signed and sealed.
///
/// The PDU is handed over from its header to the end of its security trailer, without the
/// signature that follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Stub data and padding: what is sealed, and what is signed without header signing.
    pub body: Range<usize>,
    /// Whether the whole PDU is signed, header and trailer with it.
    pub header_signing: bool,
}

impl Extent {
    /// The bytes of `pdu` that the signature covers.
    #[must_use]
    pub fn signed<'p>(&self, pdu: &'p [u8]) -> &'p [u8] {
        if self.header_signing {
            pdu
        } else {
            &pdu[self.body.clone()]
        }
    }
}

/// Protects and checks PDUs in an established context. PDUs are given in the order in which
/// they are sent or received, so a mechanism can number them.
pub trait MessageProtection: Send {
    /// Length of a signature in bytes, the same for all PDUs of a context. At most 1024.
    fn signature_len(&self, level: AuthenticationLevel) -> usize;

    /// Signs a PDU: fills `signature`, which has `signature_len` bytes.
    fn sign(&mut self, pdu: &[u8], extent: &Extent, signature: &mut [u8]);

    /// Checks the signature of a PDU; of any length.
    ///
    /// # Errors
    ///
    /// The signature is not that of this PDU.
    fn verify(
        &mut self,
        pdu: &[u8],
        extent: &Extent,
        signature: &[u8],
    ) -> Result<(), SecurityError>;

    /// Encrypts the body of a PDU in place and fills `signature`, which covers the plain text.
    fn seal(&mut self, pdu: &mut [u8], extent: &Extent, signature: &mut [u8]);

    /// Decrypts the body of a PDU in place and checks the signature; of any length.
    ///
    /// # Errors
    ///
    /// The signature is not that of this PDU. The body is then of no use.
    fn unseal(
        &mut self,
        pdu: &mut [u8],
        extent: &Extent,
        signature: &[u8],
    ) -> Result<(), SecurityError>;
}

/// The server's side of a security context.
pub trait ServerMechanism: MessageProtection {
    /// Takes a token of the client and appends the answer to `out`, which may stay empty.
    ///
    /// # Errors
    ///
    /// The client is not who it says, or the token makes no sense.
    fn accept(&mut self, token: &[u8], out: &mut Vec<u8>) -> Result<Step, SecurityError>;

    /// Who the client is, once the context is established; `None` for an anonymous client.
    fn principal(&self) -> Option<&str> {
        None
    }
}

/// The client's side of a security context.
pub trait ClientMechanism: MessageProtection {
    /// The type that the server is asked for.
    fn kind(&self) -> AuthenticationType;

    /// Takes a token of the server, empty at first, and appends the next one to `out`.
    ///
    /// `Done` with a token sends it as auth3, the third leg that nobody answers; `Continue`
    /// sends it as alter_context and waits.
    ///
    /// # Errors
    ///
    /// The server is not who it says, or its token makes no sense.
    fn step(&mut self, token: &[u8], out: &mut Vec<u8>) -> Result<Step, SecurityError>;
}
