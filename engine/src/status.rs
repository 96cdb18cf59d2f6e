//! Status codes: one number for every way a call can end, the numbers of Windows.

use std::fmt;

use annulus_protocol::FaultStatus;

macro_rules! statuses {
    ($($variant:ident = $code:literal, $name:literal, $meaning:literal;)*) => {
        /// How an operation of the runtime, or a call, ended.
        ///
        /// The numeric values are those of Windows and part of the contract; a code without a
        /// name here travels unchanged as [`Status::Other`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Status {
            $(
                #[doc = concat!($meaning, " (`", $name, "`, ", stringify!($code), ").")]
                $variant,
            )*
            /// Any other code, such as one that a manager routine chose.
            Other(u32),
        }

        impl Status {
            /// Every status that has a name.
            pub const NAMED: &[Status] = &[$(Status::$variant),*];

            /// The status with this number.
            #[must_use]
            pub const fn from_code(code: u32) -> Self {
                match code {
                    $($code => Status::$variant,)*
                    other => Status::Other(other),
                }
            }

            /// The number of this status.
            #[must_use]
            pub const fn code(self) -> u32 {
                match self {
                    $(Status::$variant => $code,)*
                    Status::Other(code) => code,
                }
            }

            /// The name that Windows gives this status, if it has one here.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Status::$variant => Some($name),)*
                    Status::Other(_) => None,
                }
            }

            /// What the status means, in a few words.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Status::$variant => $meaning,)*
                    Status::Other(_) => "a status without a name here",
                }
            }
        }
    };
}

statuses! {
    Ok = 0, "RPC_S_OK", "The call ended well";
    AccessDenied = 5, "RPC_S_ACCESS_DENIED", "Access is denied";
    ContextMismatch = 6, "RPC_X_SS_CONTEXT_MISMATCH", "The context handle is not one of this server and client";
    OutOfMemory = 14, "RPC_S_OUT_OF_MEMORY", "This side has no memory left for the operation";
    InvalidArg = 87, "RPC_S_INVALID_ARG", "An argument is invalid";
    AsyncCallPending = 997, "RPC_S_ASYNC_CALL_PENDING", "The asynchronous call has not completed yet";
    ServerOutOfMemory = 1130, "RPC_S_SERVER_OUT_OF_MEMORY", "The server has no memory left for the call";
    WrongKindOfBinding = 1701, "RPC_S_WRONG_KIND_OF_BINDING", "The binding is not of the right kind for the operation";
    InvalidBinding = 1702, "RPC_S_INVALID_BINDING", "The binding is invalid";
    AlreadyListening = 1713, "RPC_S_ALREADY_LISTENING", "The server is listening already";
    NoProtseqsRegistered = 1714, "RPC_S_NO_PROTSEQS_REGISTERED", "The server has no endpoint";
    NotListening = 1715, "RPC_S_NOT_LISTENING", "The server is not listening";
    UnknownIf = 1717, "RPC_S_UNKNOWN_IF", "The server does not know the interface";
    ServerUnavailable = 1722, "RPC_S_SERVER_UNAVAILABLE", "The server cannot be reached";
    ServerTooBusy = 1723, "RPC_S_SERVER_TOO_BUSY", "The server is too busy for the call";
    NoCallActive = 1725, "RPC_S_NO_CALL_ACTIVE", "There is no call";
    CallFailed = 1726, "RPC_S_CALL_FAILED", "The call failed and may have been executed";
    CallFailedDne = 1727, "RPC_S_CALL_FAILED_DNE", "The call failed and was not executed";
    ProtocolError = 1728, "RPC_S_PROTOCOL_ERROR", "A peer broke the protocol";
    UnsupportedTransSyn = 1730, "RPC_S_UNSUPPORTED_TRANS_SYN", "The server does not support the transfer syntax";
    MaxCallsTooSmall = 1742, "RPC_S_MAX_CALLS_TOO_SMALL", "The maximum number of calls is too small";
    ProcnumOutOfRange = 1745, "RPC_S_PROCNUM_OUT_OF_RANGE", "The interface has no operation with this number";
    EptInvalidEntry = 1751, "EPT_S_INVALID_ENTRY", "The endpoint map has no such entry, or takes none";
    EptCantPerformOp = 1752, "EPT_S_CANT_PERFORM_OP", "The endpoint mapper cannot do this";
    EptNotRegistered = 1753, "EPT_S_NOT_REGISTERED", "The endpoint mapper knows of no such endpoint";
    EntryNotFound = 1761, "RPC_S_ENTRY_NOT_FOUND", "There is no such entry";
    CannotSupport = 1764, "RPC_S_CANNOT_SUPPORT", "The operation is not supported";
    InNullContext = 1775, "RPC_X_SS_IN_NULL_CONTEXT", "A null context handle was passed where one is required";
    NullRefPointer = 1780, "RPC_X_NULL_REF_POINTER", "A null pointer was passed where a reference is required";
    BadStubData = 1783, "RPC_X_BAD_STUB_DATA", "The stub data cannot be decoded";
    CallInProgress = 1791, "RPC_S_CALL_IN_PROGRESS", "The call is in progress";
    CallCancelled = 1818, "RPC_S_CALL_CANCELLED", "The call was cancelled";
    CommFailure = 1820, "RPC_S_COMM_FAILURE", "The connection failed during the call";
    InvalidPipeObject = 1830, "RPC_X_INVALID_PIPE_OBJECT", "The pipe is invalid";
    WrongPipeOrder = 1831, "RPC_X_WRONG_PIPE_ORDER", "The pipes were used in the wrong order";
    SendIncomplete = 1913, "RPC_S_SEND_INCOMPLETE", "Some data is still to be sent";
    InvalidAsyncHandle = 1914, "RPC_S_INVALID_ASYNC_HANDLE", "The asynchronous handle has no call";
    InvalidAsyncCall = 1915, "RPC_S_INVALID_ASYNC_CALL", "The asynchronous handle has a call in flight already";
    PipeClosed = 1916, "RPC_X_PIPE_CLOSED", "The pipe is closed already";
    PipeDisciplineError = 1917, "RPC_X_PIPE_DISCIPLINE_ERROR", "The call was completed before its pipes were drained";
    PipeEmpty = 1918, "RPC_X_PIPE_EMPTY", "The pipe has no more data";
}

/// Statuses that travel as a fault code of C706 and not as their own number.
const WIRE_CODES: &[(Status, FaultStatus)] = &[
    (Status::CallCancelled, FaultStatus::NCA_S_FAULT_CANCEL),
    (
        Status::ContextMismatch,
        FaultStatus::NCA_S_FAULT_CONTEXT_MISMATCH,
    ),
    (Status::ProcnumOutOfRange, FaultStatus::NCA_S_OP_RNG_ERROR),
    (Status::UnknownIf, FaultStatus::NCA_S_UNK_IF),
    (Status::ProtocolError, FaultStatus::NCA_S_PROTO_ERROR),
    (Status::ServerTooBusy, FaultStatus::NCA_S_SERVER_TOO_BUSY),
    (Status::PipeEmpty, FaultStatus::NCA_S_FAULT_PIPE_EMPTY),
    (Status::PipeClosed, FaultStatus::NCA_S_FAULT_PIPE_CLOSED),
    (Status::WrongPipeOrder, FaultStatus::NCA_S_FAULT_PIPE_ORDER),
    (
        Status::PipeDisciplineError,
        FaultStatus::NCA_S_FAULT_PIPE_DISCIPLINE,
    ),
];

impl Status {
    /// The code that a fault PDU carries for this status. Where C706 has a code of its own
    /// that is used, as Windows does; otherwise the number itself.
    #[must_use]
    pub fn to_fault(self) -> FaultStatus {
        WIRE_CODES
            .iter()
            .find(|(status, _)| *status == self)
            .map_or(FaultStatus(self.code()), |(_, fault)| *fault)
    }

    /// The status that a received fault code stands for.
    #[must_use]
    pub fn from_fault(fault: FaultStatus) -> Self {
        WIRE_CODES
            .iter()
            .find(|(_, code)| *code == fault)
            .map_or(Status::from_code(fault.0), |(status, _)| *status)
    }
}

impl From<u32> for Status {
    fn from(code: u32) -> Self {
        Status::from_code(code)
    }
}

impl From<Status> for u32 {
    fn from(status: Status) -> Self {
        status.code()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({}): {}", self.code(), self.meaning()),
            None => write!(f, "status {:#010x}", self.code()),
        }
    }
}

impl std::error::Error for Status {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_status_survives_its_number_and_its_fault() {
        for &status in Status::NAMED {
            assert_eq!(Status::from_code(status.code()), status);
            assert_eq!(Status::from_fault(status.to_fault()), status);
        }
    }

    #[test]
    fn an_unknown_code_travels_unchanged() {
        let status = Status::from_code(0xdead_beef);
        assert_eq!(status, Status::Other(0xdead_beef));
        assert_eq!(Status::from_fault(status.to_fault()).code(), 0xdead_beef);
    }

    #[test]
    fn display_shows_the_name_of_windows_and_the_number() {
        assert_eq!(
            Status::CallCancelled.to_string(),
            "RPC_S_CALL_CANCELLED (1818): The call was cancelled"
        );
        assert_eq!(Status::Other(0x1c01_0000).to_string(), "status 0x1c010000");
    }
}
