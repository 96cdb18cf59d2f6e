//! Every bound on what a peer can make this side keep, in one place.

use std::time::Duration;

/// The limits of a server or a client.
///
/// Whatever a peer can grow (a buffer, a table, a queue, the time that it may take) has a field
/// here. Each field says what happens when it is reached. The defaults suit a service that is
/// open to strangers; tests make them tiny.
///
/// ```
/// use annulus_protocol::Limits;
///
/// let limits = Limits { request_len_max: 64 * 1024, ..Limits::default() };
/// assert!(limits.fragment_len_max <= 5840);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest PDU that this side offers to send and to receive, in bytes, header included.
    /// Default 5840, what Windows and Samba offer; rounded down to a multiple of 8 and kept
    /// between 2048 and 65528.
    pub fragment_len_max: u16,
    /// The same towards a peer that is of this implementation, too, and says so in the bind
    /// ([`Extensions`](crate::Extensions)): large stub data then travels in few PDUs. Default
    /// 65,528, the most that there can be. Not more than `fragment_len_max` switches it off, and so
    /// does a `fragment_len_max` below 5840.
    pub extended_fragment_len_max: u16,
    /// Largest stub data of one request, reassembled or whole, in bytes. Over it the call ends
    /// with fault 5 (access denied) and the connection closes, also where the fragments of a call
    /// that was refused already are only skipped. A streamed request is not kept, and may be of
    /// any length. Default 4 MiB.
    pub request_len_max: usize,
    /// Bytes of stub data of all requests of one core whose last fragment has not arrived, and of
    /// PDUs over 5840 bytes that have not arrived to their end. Over it the request that grows is refused with "server too busy", not executed, and its
    /// connection closes. Default 256 MiB.
    pub assembling_len_per_core_max: usize,
    /// Largest stub data of one reassembled response that a client takes, in bytes. Over it the
    /// call fails and the connection closes. A streamed response is not kept, and may be of any
    /// length; of it this bounds what comes behind its pipes. Default 64 MiB.
    pub response_len_max: usize,
    /// Bytes of extended error information that one fault carries, sent or received. What is
    /// longer is left out, for the fault alone says what a program must know. Default 4 KiB: a
    /// chain of a dozen records.
    pub extended_error_len_max: usize,
    /// Bytes of one call's pipes that a core receives ahead of whoever pulls them, and that may
    /// be pushed ahead of what was sent, in each direction. A core that has received so many
    /// stops receiving on that connection; a push beyond it waits. Data that arrives in small
    /// pieces counts for a part of the buffers that it lies in. Default 256 KiB.
    pub pipe_len_max: usize,
    /// Bytes of in-pipes that a server has received on one connection and that nobody has pulled,
    /// counted over all calls of which they are. Above it one more call with in-pipes is refused
    /// with "server too busy", not executed; the one whose request is arriving goes on, up to its
    /// own `pipe_len_max`, and what stands behind its in-parameters up to `request_len_max`. Default 8 MiB: as many as 32 calls may have, of pipes that are full.
    pub unpulled_len_max: usize,
    /// The same of all connections of one core. Above it the core receives more of a pipe only when
    /// all that came before has been pulled, and refuses calls with in-pipes of connections whose
    /// calls have not pulled everything. Default 256 MiB.
    pub unpulled_len_per_core_max: usize,
    /// Presentation contexts that one connection may have bound. One more is refused with
    /// "local limit exceeded". Default 64.
    pub contexts_per_connection_max: usize,
    /// Security contexts that one connection may have, finished or not. One more ends the
    /// connection with a protocol error, as real servers do. Default 16.
    pub security_contexts_per_connection_max: usize,
    /// Calls of one connection that may be dispatched and not yet answered. One more is
    /// refused with "server too busy", not executed. Default 16,384.
    pub calls_per_connection_max: usize,
    /// Calls of one core that may be dispatched and not yet answered. One more is refused with
    /// "server too busy", not executed. Default 1,048,576.
    pub calls_per_core_max: usize,
    /// Closures that manager routines of one core have waiting for their time. One more is
    /// refused with "server too busy". Default 1,048,576.
    pub timers_per_core_max: usize,
    /// Futures that run on one core: those of async managers, and what they spawn. One more is
    /// refused with "server too busy". Default 1,048,576.
    pub tasks_per_core_max: usize,
    /// Threads for manager routines that block. Calls beyond wait for one of them. Default 32.
    pub worker_threads_max: usize,
    /// Calls that wait for such a thread. One more is refused with "server too busy", not
    /// executed. Default 1024.
    pub worker_queue_max: usize,
    /// Bytes of their stub data. Beyond, calls are refused in the same way. Default 64 MiB.
    pub worker_queue_len_max: usize,
    /// Connections that one core accepts or makes. One more is closed at once. Default 16,384; the
    /// open files that the process may have bound it, too.
    pub connections_per_core_max: usize,
    /// Connections of one association of a client. Calls that would need one more wait until one
    /// is free. Only where a server does not multiplex calls, more than one is used. Default 32.
    pub connections_per_association_max: usize,
    /// Threads of one runtime that look host names up. Bindings to further names wait for one of
    /// them. Default 8: a name server that does not answer holds up a thread for some 10 s.
    pub resolver_threads_max: usize,
    /// Addresses of one host name that are tried. Those beyond are not. Default 16.
    pub addresses_per_name_max: usize,
    /// Association groups of one server. A bind that would make one more is refused with a
    /// bind_nak. Default 65,536.
    pub association_groups_max: usize,
    /// Contexts that the connections of one association group may have open together. One more
    /// is refused with "server out of memory". Default 8192.
    pub context_handles_per_group_max: usize,
    /// Endpoints that one endpoint map holds, those of this process and those that other processes
    /// of this machine have registered. More are not registered. Default 4096.
    pub mapped_endpoints_max: usize,
    /// Of those, the endpoints that one user's clients have registered, all of their connections
    /// together; clients that came over a loopback address count as one user. More are not
    /// registered. Default 1024: so no user alone keeps the others out.
    pub mapped_endpoints_per_user_max: usize,
    /// Of those, the places that are kept free for this process, whose servers must not fail for
    /// want of one because others have filled the map. Default 1024.
    pub mapped_endpoints_reserved: usize,
    /// Bytes of a tower in an endpoint map. A longer one is not registered. Default 1024, several
    /// times what a name of a host and of a pipe take.
    pub mapped_tower_len_max: usize,
    /// Bytes of replies that may wait for a peer that does not read, and the one reply that goes
    /// beyond it. Above it this side stops reading from that peer until half of it has drained.
    /// As many bytes again may wait that were pushed into out-pipes, of which only those of one
    /// call go out at a time; above it the other calls' pushes wait. Default 8 MiB.
    pub send_backlog_max: usize,
    /// Bytes of replies that may wait for all peers of a core together. Above it this side stops
    /// reading from each peer that has not read all of its own. It holds in the same way, for
    /// itself, for what was pushed into out-pipes. Default 256 MiB.
    pub send_backlog_per_core_max: usize,
    /// Bytes of send buffers that a core keeps for their next use. Default 16 MiB.
    pub spare_buffers_len_max: usize,
    /// Buffers that one connection keeps for the next PDU or request that arrives in pieces.
    /// More are freed. Default 2.
    pub kept_buffers_per_connection_max: usize,
    /// Bytes of the largest buffer that a connection keeps so; a larger one is freed. Default
    /// 128 KiB: the largest PDU and then some.
    pub kept_buffer_len_max: usize,
    /// Sockets that one core may have beyond `connections_per_core_max`: those that are closing,
    /// for a lingering socket keeps its place. When all are taken, a connection is refused as if
    /// it were one too many. Default 256.
    pub closing_sockets_per_core_max: usize,
    /// Receive buffers of one core, shared by its connections; a power of two. When all are in
    /// use, receiving pauses until one comes back. Default 256.
    pub receive_buffers: u16,
    /// Bytes of one receive buffer. Default 16 KiB.
    pub receive_buffer_len: u32,
    /// Commands from other threads that one core keeps in its preallocated inbox; more go to a
    /// slower overflow queue. A power of two. Default 16,384.
    pub inbox_len: usize,
    /// A connection of a client must be there in this time, counted from the first call that needs
    /// it; the server's name is looked up and its addresses are tried in it. Otherwise the calls
    /// that wait for it fail. Default 30 s.
    pub connect_timeout: Duration,
    /// How long an address of a server has to take a connection before the next one is tried
    /// beside it. Default 250 ms (RFC 8305 section 8).
    pub connect_attempt_delay: Duration,
    /// A connection that has not finished its bind, with all its security legs, in this time is
    /// closed. Default 30 s.
    pub bind_timeout: Duration,
    /// A PDU or a fragmented request that began must be complete in this time, counted from its
    /// last progress; otherwise the connection is closed. Only its own bytes count as its
    /// progress. Between the PDUs of a streamed request any time may pass, but see
    /// `worker_pipe_timeout`. Default 60 s.
    pub progress_timeout: Duration,
    /// A worker thread waits so long for the next PDU of a streamed request, which a blocking
    /// manager routine pulls; then the pull fails. Otherwise a few clients that send nothing would
    /// hold all workers. Default 5 minutes.
    pub worker_pipe_timeout: Duration,
    /// A peer must take what it was sent in this time, for each send; otherwise the connection
    /// is closed. Default 120 s.
    pub send_timeout: Duration,
    /// A connection that is to be closed must have read what it was sent last in this time.
    /// Default 5 s.
    pub flush_timeout: Duration,
    /// How long a socket that was closed goes on reading what its peer still sends, and forgets
    /// it, so that no reset destroys what this side sent last. The peer ends this by closing its
    /// side too. Default 500 ms.
    pub linger_timeout: Duration,
    /// Bytes that a peer may still send in that time. Above it the socket is closed at once.
    /// Default 1 MiB.
    pub linger_len_max: usize,
    /// How long a client keeps an association that no binding uses, so that the next binding to
    /// the same server finds it connected. Default 20 s, what Windows documents.
    pub association_linger: Duration,
    /// A connection of a client without a call is closed after this time; the next call connects
    /// again. Default 5 minutes.
    pub idle_connection_timeout: Duration,
    /// How long a shutdown waits for calls that run. What is left then ends with its
    /// connection. Default 5 s.
    pub drain_timeout: Duration,
}

impl Limits {
    /// The defaults, as documented at each field.
    pub const DEFAULT: Limits = Limits {
        fragment_len_max: 5840,
        extended_fragment_len_max: 65_528,
        request_len_max: 4 << 20,
        assembling_len_per_core_max: 256 << 20,
        response_len_max: 64 << 20,
        extended_error_len_max: 4 << 10,
        pipe_len_max: 256 << 10,
        unpulled_len_max: 8 << 20,
        unpulled_len_per_core_max: 256 << 20,
        contexts_per_connection_max: 64,
        security_contexts_per_connection_max: 16,
        calls_per_connection_max: 16_384,
        calls_per_core_max: 1 << 20,
        timers_per_core_max: 1 << 20,
        tasks_per_core_max: 1 << 20,
        worker_threads_max: 32,
        worker_queue_max: 1024,
        worker_queue_len_max: 64 << 20,
        connections_per_core_max: 16_384,
        connections_per_association_max: 32,
        resolver_threads_max: 8,
        addresses_per_name_max: 16,
        association_groups_max: 65_536,
        context_handles_per_group_max: 8192,
        mapped_endpoints_max: 4096,
        mapped_endpoints_per_user_max: 1024,
        mapped_endpoints_reserved: 1024,
        mapped_tower_len_max: 1024,
        send_backlog_max: 8 << 20,
        send_backlog_per_core_max: 256 << 20,
        spare_buffers_len_max: 16 << 20,
        kept_buffers_per_connection_max: 2,
        kept_buffer_len_max: 128 << 10,
        closing_sockets_per_core_max: 256,
        receive_buffers: 256,
        receive_buffer_len: 16 << 10,
        inbox_len: 16_384,
        connect_timeout: Duration::from_secs(30),
        connect_attempt_delay: Duration::from_millis(250),
        bind_timeout: Duration::from_secs(30),
        progress_timeout: Duration::from_secs(60),
        worker_pipe_timeout: Duration::from_secs(5 * 60),
        send_timeout: Duration::from_secs(120),
        flush_timeout: Duration::from_secs(5),
        linger_timeout: Duration::from_millis(500),
        linger_len_max: 1 << 20,
        association_linger: Duration::from_secs(20),
        idle_connection_timeout: Duration::from_secs(300),
        drain_timeout: Duration::from_secs(5),
    };
}

impl Default for Limits {
    fn default() -> Self {
        Limits::DEFAULT
    }
}
