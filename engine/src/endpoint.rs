//! From string bindings to addresses.

use std::sync::Arc;

use annulus_protocol::{SyntaxId, TransferSyntax};
use annulus_transports::{
    Address, NcalrpcDirectory, ProtocolSequence, StringBinding, literal_host,
};

use crate::epmapper;
use crate::error::Error;
use crate::resolver::{Query, Target};

/// Parses a string binding.
pub(crate) fn parse(text: &str) -> Result<StringBinding, Error> {
    Ok(text.parse()?)
}

/// Where the server is that is to be called. Never blocks: a name is looked up, and the endpoint
/// mapper asked, when a connection is to be made.
pub(crate) fn target(
    binding: &StringBinding,
    interface: SyntaxId,
    local: &NcalrpcDirectory,
) -> Result<Target, Error> {
    if !has_endpoint(binding) {
        epmapper::mapper_of(binding)?;
        return Ok(Target::Named(Arc::new(Query::Mapper {
            binding: binding.clone(),
            interface,
        })));
    }
    let Some(port) = binding.port() else {
        return Ok(Target::Addresses(addresses(binding, local)?.into()));
    };
    let host = binding.host();
    Ok(match literal_host(host, port)? {
        Some(address) => Target::Addresses(Arc::from([Address::from(address)])),
        None => Target::Named(Arc::new(Query::Host {
            host: host.to_owned(),
            port,
        })),
    })
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
