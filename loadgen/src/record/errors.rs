//! How calls fail, in classes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use annulus::Status;

/// The most kinds that are counted apart: a server can give each fault another number.
const KINDS_MAX: usize = 64;

/// Why a call did not end as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No connection could be made.
    Connect,
    /// The server did not accept the interface or its transfer syntax.
    Bind,
    /// The server did not accept who calls.
    Authentication,
    /// The server answered with a fault.
    Fault(Status),
    /// The server answered with a fault of yet another status, when there were too many of them already.
    OtherFault,
    /// It was cancelled, by this side or by the server.
    Cancelled,
    /// There was no answer within the time limit.
    Timeout,
    /// The connection broke.
    Reset,
    /// There was an answer, but not the one that the operation has.
    WrongReply,
    /// There was no answer until the run was over, long after the last call.
    Unanswered,
}

/// Security statuses of Windows that a bind ends with.
const AUTHENTICATION: &[u32] = &[
    1326, // ERROR_LOGON_FAILURE
    1747, // RPC_S_UNKNOWN_AUTHN_SERVICE
    1748, // RPC_S_UNKNOWN_AUTHN_LEVEL
    1749, // RPC_S_INVALID_AUTH_IDENTITY
    1825, // RPC_S_SEC_PKG_ERROR
];

impl Failure {
    /// The class of a status with which a call ended. The engine ends calls whose time is over as
    /// cancelled ones: whoever knows that it was over says [`Timeout`](Failure::Timeout) instead.
    pub(crate) fn of(status: Status) -> Self {
        match status {
            Status::ServerUnavailable | Status::EptNotRegistered => Failure::Connect,
            Status::UnknownIf | Status::UnsupportedTransSyn => Failure::Bind,
            Status::CallFailed | Status::CallFailedDne | Status::CommFailure => Failure::Reset,
            Status::CallCancelled => Failure::Cancelled,
            status if AUTHENTICATION.contains(&status.code()) => Failure::Authentication,
            status => Failure::Fault(status),
        }
    }

    /// Whether the server was not reached, or did not take this client.
    pub(crate) fn is_refusal(self) -> bool {
        matches!(
            self,
            Failure::Connect | Failure::Bind | Failure::Authentication | Failure::Reset
        )
    }

    /// Whether the time until it counts as a latency: then the caller waited for an answer that
    /// did not come.
    pub(crate) fn is_latency(self) -> bool {
        matches!(self, Failure::Timeout | Failure::Unanswered)
    }

    /// The name in reports.
    pub(crate) fn name(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Failure::Connect => "connect",
            Failure::Bind => "bind",
            Failure::Authentication => "authentication",
            Failure::Fault(status) => {
                return Cow::Owned(match status.name() {
                    Some(name) => format!("fault {name}"),
                    None => format!("fault {:#010x}", status.code()),
                });
            }
            Failure::OtherFault => "fault of another kind",
            Failure::Cancelled => "cancelled",
            Failure::Timeout => "timeout",
            Failure::Reset => "reset",
            Failure::WrongReply => "wrong reply",
            Failure::Unanswered => "unanswered",
        })
    }
}

/// How many calls failed, by class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failures(Vec<(Failure, u64)>);

impl Failures {
    pub(crate) fn add(&mut self, failure: Failure, count: u64) {
        let is_full = self.0.len() >= KINDS_MAX;
        // A run meets a handful of kinds, so a search is faster than a map, and only the first
        // failure of a kind allocates.
        match self.0.iter_mut().find(|(known, _)| *known == failure) {
            Some((_, sum)) => *sum += count,
            None if is_full && matches!(failure, Failure::Fault(_)) => {
                self.add(Failure::OtherFault, count);
            }
            None => self.0.push((failure, count)),
        }
    }

    pub(crate) fn merge(&mut self, other: &Failures) {
        for &(failure, count) in &other.0 {
            self.add(failure, count);
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// Calls for which the server was not reached, or which it did not take from this client.
    pub(crate) fn refusals(&self) -> u64 {
        let refusals = self.0.iter().filter(|(failure, _)| failure.is_refusal());
        refusals.map(|(_, count)| count).sum()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// By name, for reports.
    pub(crate) fn by_name(&self) -> BTreeMap<String, u64> {
        let names = self.0.iter();
        names
            .map(|(failure, count)| (failure.name().into_owned(), *count))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_have_the_names_of_their_statuses() {
        let fault = Failure::of(Status::ServerTooBusy);
        assert_eq!(fault.name(), "fault RPC_S_SERVER_TOO_BUSY");
        let unknown = Failure::of(Status::Other(0x1c00_0001));
        assert_eq!(unknown.name(), "fault 0x1c000001");
        let refused = Failure::of(Status::Other(1825));
        assert_eq!(refused, Failure::Authentication);
    }

    #[test]
    fn a_server_of_ever_new_faults_fills_no_memory() {
        let mut failures = Failures::default();
        for code in 0..10_000 {
            failures.add(Failure::Fault(Status::Other(0x1c10_0000 + code)), 1);
        }
        failures.add(Failure::Reset, 1);
        assert_eq!(failures.0.len(), KINDS_MAX + 2);
        assert_eq!(failures.total(), 10_001);
        let others = 10_000 - KINDS_MAX as u64;
        assert_eq!(failures.by_name()["fault of another kind"], others);
    }

    #[test]
    fn equal_kinds_are_counted_together() {
        let mut failures = Failures::default();
        failures.add(Failure::Reset, 2);
        let mut others = Failures::default();
        others.add(Failure::Timeout, 1);
        others.add(Failure::Reset, 3);
        failures.merge(&others);
        assert_eq!(failures.total(), 6);
        assert_eq!(failures.by_name()["reset"], 5);
    }
}
