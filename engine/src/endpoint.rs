//! From string bindings to addresses.

use std::sync::Arc;

use annulus_protocol::{SyntaxId, TransferSyntax};
use annulus_transports::{Address, ProtocolSequence, StringBinding};

use crate::epmapper;
use crate::error::Error;

/// Parses a string binding.
pub(crate) fn parse(text: &str) -> Result<StringBinding, Error> {
    Ok(text.parse()?)
}

/// The addresses of a server that is to be called; without an endpoint, its host's endpoint mapper
/// is asked for one. May block.
pub(crate) fn resolve(binding: &StringBinding, interface: SyntaxId) -> Result<Vec<Address>, Error> {
    check_sequence(binding)?;
    if has_endpoint(binding) {
        return Ok(binding.resolve(0)?);
    }
    Ok(epmapper::find_endpoint(binding, interface, &Arc::default())?.resolve(0)?)
}

/// Whether the string binding says at which endpoint its server is.
fn has_endpoint(binding: &StringBinding) -> bool {
    binding.endpoint().is_some() && binding.port() != Some(0)
}

/// The addresses that a server is to listen on; without a port, one is chosen.
pub(crate) fn resolve_local(binding: &StringBinding) -> Result<Vec<Address>, Error> {
    check_sequence(binding)?;
    Ok(binding.resolve(0)?)
}

/// The transfer syntax that a client of this binding uses.
pub(crate) fn transfer_syntax(binding: &StringBinding) -> TransferSyntax {
    if binding.option("ndr64").is_some() {
        TransferSyntax::Ndr64
    } else {
        TransferSyntax::Ndr
    }
}

fn check_sequence(binding: &StringBinding) -> Result<(), Error> {
    if binding.sequence() == ProtocolSequence::NcacnIpTcp {
        return Ok(());
    }
    Err(Error::UnsupportedProtocolSequence {
        binding: binding.to_string(),
        sequence: binding.sequence().to_string(),
    })
}
