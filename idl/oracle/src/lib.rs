//! What the tests hold against Samba's NDR codec: parts of five public protocols, compiled from
//! the interface definitions in `idl/`, the engine's endpoint mapper, and [`OPERATIONS`], which says by Samba's names what
//! decodes and encodes the stub data of each operation.
//!
//! Samba's codec knows nothing of ours: other people wrote it, in another language, from another
//! compiler of another dialect of IDL. `samba_vectors.py` draws values at random and prints what
//! that codec makes of them, in NDR and NDR64 and in both byte orders; `tests/samba.rs` decodes
//! and encodes each, and wants the same bytes. `docs/NDR.md` says where the two differ and who is
//! right.
#![forbid(unsafe_code)]

mod codec;
mod operations;

pub use codec::{Codec, CodecError, Form, Stub};
pub use operations::{OPERATIONS, Operation};

annulus::include_interface!("samr");
annulus::include_interface!("lsa");
annulus::include_interface!("winreg");
annulus::include_interface!("svcctl");
annulus::include_interface!("srvsvc");
annulus::include_interface!("epmapper");
