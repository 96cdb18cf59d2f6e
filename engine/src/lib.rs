//! Asynchronous RPC for Linux: the call model of Microsoft RPC, the DCE/RPC wire, a thread-per-core io_uring runtime.
