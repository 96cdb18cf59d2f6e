//! Protocol sequences: `ncacn_ip_tcp` and its like.

use std::fmt;

/// A protocol sequence: which transport carries the PDUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProtocolSequence {
    /// Connection-oriented over TCP.
    NcacnIpTcp,
    /// Within one machine.
    Ncalrpc,
}

impl ProtocolSequence {
    const ALL: [ProtocolSequence; 2] = [ProtocolSequence::NcacnIpTcp, ProtocolSequence::Ncalrpc];

    /// The name in string bindings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ProtocolSequence::NcacnIpTcp => "ncacn_ip_tcp",
            ProtocolSequence::Ncalrpc => "ncalrpc",
        }
    }

    /// The one of this name, in any case.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|sequence| sequence.as_str().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for ProtocolSequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
