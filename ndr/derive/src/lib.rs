//! derive(Ndr).
