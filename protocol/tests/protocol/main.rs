//! What the protocol promises, tested through its public face.

mod binding;
mod calls;
mod chunks;
mod client;
mod hostile;
mod pair;
mod round_trip;
mod secured;
mod states;
mod support;
