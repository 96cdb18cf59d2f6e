//! NDR 2.0 marshalling for DCE/RPC: borrowed decoding, encoding into caller-owned buffers.
