//! The status of a fault PDU.

use std::fmt;

/// Why a call failed, as a fault PDU carries it.
///
/// The named values are those that peers use on the wire (C706 appendix E, MS-RPCE, Win32 error
/// codes). Any other value is legal and passes through.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FaultStatus(pub u32);

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $text:literal;)*) => {
        impl FaultStatus {
            $($(#[$doc])* pub const $name: FaultStatus = FaultStatus($value);)*

            /// The protocol's name of this status, if it has one here.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

statuses! {
    /// Access is denied; also the answer to a request that is too long.
    ACCESS_DENIED = 0x0000_0005, "access_denied";
    /// There is no such call.
    NO_CALL_ACTIVE = 0x0000_06bd, "no_call_active";
    /// The stub data could not be decoded.
    BAD_STUB_DATA = 0x0000_06f7, "bad_stub_data";
    /// The security package failed.
    SEC_PKG_ERROR = 0x0000_0721, "sec_pkg_error";
    /// The communication failed.
    NCA_S_COMM_FAILURE = 0x1c01_0001, "nca_s_comm_failure";
    /// The interface has no operation of this number.
    NCA_S_OP_RNG_ERROR = 0x1c01_0002, "nca_s_op_rng_error";
    /// The server does not know the interface, or the presentation context.
    NCA_S_UNK_IF = 0x1c01_0003, "nca_s_unk_if";
    /// The peer broke the protocol.
    NCA_S_PROTO_ERROR = 0x1c01_000b, "nca_s_proto_error";
    /// The server has too many calls.
    NCA_S_SERVER_TOO_BUSY = 0x1c01_0014, "nca_s_server_too_busy";
    /// The operation does not exist for this type of object.
    NCA_S_UNSUPPORTED_TYPE = 0x1c01_0017, "nca_s_unsupported_type";
    /// The call was cancelled.
    NCA_S_FAULT_CANCEL = 0x1c00_000d, "nca_s_fault_cancel";
    /// An address was not valid.
    NCA_S_FAULT_ADDR_ERROR = 0x1c00_0002, "nca_s_fault_addr_error";
    /// A context handle is not one of this server's.
    NCA_S_FAULT_CONTEXT_MISMATCH = 0x1c00_001a, "nca_s_fault_context_mismatch";
    /// The server is out of memory.
    NCA_S_FAULT_REMOTE_NO_MEMORY = 0x1c00_001b, "nca_s_fault_remote_no_memory";
    /// A value is outside of its declared bounds.
    NCA_S_FAULT_INVALID_BOUND = 0x1c00_0007, "nca_s_fault_invalid_bound";
    /// The discriminant of a union selects no arm.
    NCA_S_FAULT_INVALID_TAG = 0x1c00_0006, "nca_s_fault_invalid_tag";
    /// A failure without a better name.
    NCA_S_FAULT_UNSPEC = 0x1c00_0012, "nca_s_fault_unspec";
    /// The pipe has no more data.
    NCA_S_FAULT_PIPE_EMPTY = 0x1c00_0014, "nca_s_fault_pipe_empty";
    /// The pipe was closed.
    NCA_S_FAULT_PIPE_CLOSED = 0x1c00_0015, "nca_s_fault_pipe_closed";
    /// The pipes were used in the wrong order.
    NCA_S_FAULT_PIPE_ORDER = 0x1c00_0016, "nca_s_fault_pipe_order";
    /// A pipe was used against its rules.
    NCA_S_FAULT_PIPE_DISCIPLINE = 0x1c00_0017, "nca_s_fault_pipe_discipline";
    /// The communication failed in a pipe.
    NCA_S_FAULT_PIPE_COMM_ERROR = 0x1c00_0018, "nca_s_fault_pipe_comm_error";
    /// The memory for a pipe's data ran out.
    NCA_S_FAULT_PIPE_MEMORY = 0x1c00_0019, "nca_s_fault_pipe_memory";
}

impl fmt::Display for FaultStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({:#010x})", self.0),
            None => write!(f, "status {:#010x}", self.0),
        }
    }
}

impl fmt::Debug for FaultStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultStatus({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_prints_its_name_and_its_number() {
        assert_eq!(
            FaultStatus::NCA_S_UNK_IF.to_string(),
            "nca_s_unk_if (0x1c010003)"
        );
        assert_eq!(FaultStatus(0x1234).to_string(), "status 0x00001234");
    }
}
