//! The management interface, which every endpoint offers by itself (C706 appendix Q, `mgmt`).

use annulus_ndr::{Ndr, NdrParams};
use annulus_protocol::{SyntaxId, Uuid};

use crate::{Dispatch, Interface, Status};

/// The interface's UUID and version.
pub(crate) const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0xafa8_bd80_7d8a_11c9_bef4_0800_2b10_2989),
    1,
    0,
);

const INQ_IF_IDS: u16 = 0;
const INQ_STATS: u16 = 1;
const IS_SERVER_LISTENING: u16 = 2;
const STOP_SERVER_LISTENING: u16 = 3;
const INQ_PRINC_NAME: u16 = 4;

const OPERATION_COUNT: u16 = 5;

/// inq_if_ids: out-parameters.
#[derive(Debug, PartialEq, NdrParams)]
struct InqIfIdsResponse {
    if_id_vector: Option<InterfaceIdVector>,
    status: u32,
}

/// `rpc_if_id_vector_t`.
#[derive(Debug, PartialEq, Ndr)]
struct InterfaceIdVector {
    count: u32,
    #[ndr(size_is = "count")]
    interfaces: Vec<Option<InterfaceId>>,
}

/// `rpc_if_id_t`: a UUID by its fields, and a version.
#[derive(Debug, PartialEq, Ndr)]
struct InterfaceId {
    time_low: u32,
    time_mid: u16,
    time_hi_and_version: u16,
    clock_seq_and_node: [u8; 8],
    major: u16,
    minor: u16,
}

/// inq_stats: in-parameters.
#[derive(NdrParams)]
struct InqStatsRequest {
    count: u32,
}

/// inq_stats: out-parameters.
#[derive(Debug, NdrParams)]
struct InqStatsResponse {
    count: u32,
    #[ndr(size_is = "count")]
    statistics: Vec<u32>,
    status: u32,
}

/// is_server_listening: out-parameters.
#[derive(NdrParams)]
struct IsServerListeningResponse {
    status: u32,
    listening: u32,
}

/// stop_server_listening: out-parameters.
#[derive(NdrParams)]
struct StopServerListeningResponse {
    status: u32,
}

/// inq_princ_name: in-parameters.
#[derive(NdrParams)]
struct InqPrincNameRequest {
    authentication_service: u32,
    principal_name_size: u32,
}

/// inq_princ_name: out-parameters. The name has room for as many bytes as the caller said.
#[derive(NdrParams)]
struct InqPrincNameResponse {
    #[ndr(string, conformant)]
    principal_name: Vec<u8>,
    status: u32,
}

/// The interface of every server about itself.
pub(crate) struct Management;

impl Interface for Management {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        match call.opnum() {
            INQ_IF_IDS => {
                let response = inq_if_ids(&mut call);
                call.reply(&response)
            }
            INQ_STATS => {
                let InqStatsRequest { count } = call.decode()?;
                let response = inq_stats(&mut call, count);
                call.reply(&response)
            }
            IS_SERVER_LISTENING => {
                let listening = call.context().server().is_listening().into();
                call.reply(&IsServerListeningResponse {
                    status: Status::Ok.code(),
                    listening,
                })
            }
            STOP_SERVER_LISTENING => {
                // Nobody is known well enough to be allowed to.
                call.reply(&StopServerListeningResponse {
                    status: Status::AccessDenied.code(),
                })
            }
            INQ_PRINC_NAME => {
                let InqPrincNameRequest { .. } = call.decode()?;
                let principal_name = Vec::new();
                call.reply(&InqPrincNameResponse {
                    principal_name,
                    status: UNKNOWN_AUTHN_SERVICE,
                })
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}

/// `RPC_S_UNKNOWN_AUTHN_SERVICE`: no authentication service has a principal name here.
const UNKNOWN_AUTHN_SERVICE: u32 = 1747;

fn inq_if_ids(call: &mut Dispatch<'_, '_>) -> InqIfIdsResponse {
    // All endpoints of a server offer the same interfaces; this one is not listed.
    let all = call
        .context()
        .server()
        .interfaces
        .iter()
        .map(|interface| interface.syntax());
    let interfaces: Vec<_> = all
        .filter(|syntax| *syntax != INTERFACE)
        .map(|id| Some(id.into()))
        .collect();
    let count = u32::try_from(interfaces.len()).unwrap_or(u32::MAX);
    InqIfIdsResponse {
        if_id_vector: Some(InterfaceIdVector { count, interfaces }),
        status: Status::Ok.code(),
    }
}

impl From<SyntaxId> for InterfaceId {
    fn from(syntax: SyntaxId) -> Self {
        let (time_low, time_mid, time_hi_and_version, clock_seq_and_node) = syntax.uuid.as_fields();
        InterfaceId {
            time_low,
            time_mid,
            time_hi_and_version,
            clock_seq_and_node: *clock_seq_and_node,
            major: syntax.major,
            minor: syntax.minor,
        }
    }
}

/// As many of the four statistics as the caller has room for. They are 32 bits wide on the
/// wire and wrap.
fn inq_stats(call: &mut Dispatch<'_, '_>, count: u32) -> InqStatsResponse {
    let statistics = call.context().server().statistics();
    #[expect(clippy::cast_possible_truncation, reason = "the wire has 32 bits")]
    let all = [
        statistics.calls_in as u32,
        statistics.calls_out as u32,
        statistics.packets_in as u32,
        statistics.packets_out as u32,
    ];
    let statistics: Vec<_> = all.into_iter().take(count as usize).collect();
    InqStatsResponse {
        count: u32::try_from(statistics.len()).unwrap_or(u32::MAX),
        statistics,
        status: Status::Ok.code(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpcecho::{self, EchoServer, RpcEchoClient};
    use crate::{Binding, Config, Cores, Runtime, Server};

    /// A server with rpcecho, and bindings to its mgmt and its rpcecho.
    fn scene() -> (Runtime, Binding, RpcEchoClient) {
        let runtime = Runtime::start(Config::default().cores(Cores::Unpinned(1))).unwrap();
        let server = Server::new()
            .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
            .unwrap()
            .interface(rpcecho::interface(EchoServer::default()));
        let target = runtime.serve(server).unwrap().bindings()[0].to_string();
        let mgmt = Binding::new(&runtime, &target, INTERFACE).unwrap();
        let echo = RpcEchoClient::new(Binding::new(&runtime, &target, rpcecho::INTERFACE).unwrap());
        (runtime, mgmt, echo)
    }

    #[derive(NdrParams)]
    struct StatusResponse {
        status: u32,
    }

    #[test]
    fn rule_28_inq_if_ids_lists_the_interfaces_of_the_endpoint() {
        let (_runtime, mgmt, _echo) = scene();
        let response: InqIfIdsResponse = mgmt.call(INQ_IF_IDS, &()).wait().unwrap();
        let interfaces = response.if_id_vector.unwrap().interfaces;
        assert_eq!(interfaces, [Some(rpcecho::INTERFACE.into())]);
        assert_eq!(response.status, 0);
    }

    #[test]
    fn inq_stats_are_true_and_as_many_as_asked_for() {
        let (_runtime, mgmt, echo) = scene();
        for number in 0..10 {
            echo.add_one(number).unwrap();
        }
        let inq_stats = |count| -> InqStatsResponse {
            mgmt.call(INQ_STATS, &InqStatsRequest { count })
                .wait()
                .unwrap()
        };
        // Ten calls, this one, two binds. The answer to this one is not sent yet.
        let response = inq_stats(4);
        assert_eq!(
            (response.count, response.statistics),
            (4, vec![11, 0, 13, 12])
        );
        assert_eq!(inq_stats(u32::MAX).statistics, [12, 0, 14, 13]);
        assert_eq!(inq_stats(1).statistics, [13]);
        assert_eq!(inq_stats(0).count, 0);
    }

    #[test]
    fn rule_28_a_stranger_cannot_stop_a_server_that_listens() {
        let (_runtime, mgmt, echo) = scene();
        let stopped: StatusResponse = mgmt.call(STOP_SERVER_LISTENING, &()).wait().unwrap();
        assert_eq!(stopped.status, Status::AccessDenied.code());
        let response: IsServerListeningResponse =
            mgmt.call(IS_SERVER_LISTENING, &()).wait().unwrap();
        assert_eq!((response.status, response.listening), (0, 1));
        assert_eq!(echo.add_one(1), Ok(2));
    }

    #[test]
    fn inq_princ_name_knows_no_authentication_service() {
        let (_runtime, mgmt, _echo) = scene();
        let request = InqPrincNameRequest {
            authentication_service: 10,
            principal_name_size: 100,
        };
        let response: InqPrincNameResponse = mgmt.call(INQ_PRINC_NAME, &request).wait().unwrap();
        assert!(response.principal_name.is_empty());
        assert_eq!(response.status, UNKNOWN_AUTHN_SERVICE);
    }
}
