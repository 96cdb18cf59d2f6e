//! From string bindings to addresses.

use std::sync::Arc;

use annulus_protocol::{SyntaxId, TransferSyntax};
use annulus_transports::{Address, NcalrpcDirectory, ProtocolSequence, StringBinding};

use crate::epmapper;
use crate::error::Error;

/// Parses a string binding.
pub(crate) fn parse(text: &str) -> Result<StringBinding, Error> {
    Ok(text.parse()?)
}

/// The addresses of a server that is to be called; without an endpoint, its host's endpoint mapper
/// is asked for one. May block.
pub(crate) fn resolve(
    binding: &StringBinding,
    interface: SyntaxId,
    local: &NcalrpcDirectory,
) -> Result<Vec<Address>, Error> {
    if has_endpoint(binding) {
        return addresses(binding, local);
    }
    let found = epmapper::find_endpoint(binding, interface, local, &Arc::default())?;
    addresses(&found, local)
}

/// Whether the string binding says at which endpoint its server is.
fn has_endpoint(binding: &StringBinding) -> bool {
    binding.endpoint().is_some() && binding.port() != Some(0)
}

/// The addresses that a server is to listen on; without a port or a name, one is chosen.
pub(crate) fn resolve_local(
    binding: &StringBinding,
    local: &NcalrpcDirectory,
) -> Result<Vec<Address>, Error> {
    if binding.sequence() == ProtocolSequence::Ncalrpc && binding.endpoint().is_none() {
        return Ok(vec![local.unused_address()?]);
    }
    addresses(binding, local)
}

/// The addresses of what a string binding says. May block.
pub(crate) fn addresses(
    binding: &StringBinding,
    local: &NcalrpcDirectory,
) -> Result<Vec<Address>, Error> {
    if binding.sequence() == ProtocolSequence::Ncalrpc {
        let name = binding.endpoint().unwrap_or_default();
        return Ok(vec![local.address(name)?]);
    }
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
