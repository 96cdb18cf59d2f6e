//! Interfaces that real peers speak, as parameter structs.

pub mod mgmt;
pub mod rpcecho;
