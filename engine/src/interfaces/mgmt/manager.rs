//! What every server answers about itself.

use annulus_protocol::SyntaxId;

use super::*;
use crate::{CallContext, Status};

/// `RPC_S_UNKNOWN_AUTHN_SERVICE`: no authentication service has a principal name here.
const UNKNOWN_AUTHN_SERVICE: u32 = 1747;

/// The manager routines of every server's mgmt.
pub(crate) struct Management;

impl Mgmt for Management {
    fn inq_if_ids(&self, context: &mut CallContext<'_>) -> Result<InqIfIdsResponse, Status> {
        // All endpoints of a server offer the same interfaces; this one is not listed.
        let all = context.server().interfaces.iter();
        let ids: Vec<_> = all
            .map(|interface| interface.syntax())
            .filter(|syntax| *syntax != INTERFACE)
            .map(|syntax| Some(syntax.into()))
            .collect();
        Ok(InqIfIdsResponse {
            interfaces: Some(RpcIfIdVector {
                count: u32::try_from(ids.len()).unwrap_or(u32::MAX),
                ids,
            }),
            status: Status::Ok.code(),
        })
    }

    /// As many of the four statistics as the caller has room for. They are 32 bits wide on the
    /// wire and wrap.
    fn inq_stats(
        &self,
        context: &mut CallContext<'_>,
        count: u32,
    ) -> Result<InqStatsResponse, Status> {
        let statistics = context.server().statistics();
        #[expect(clippy::cast_possible_truncation, reason = "the wire has 32 bits")]
        let all = [
            statistics.calls_in as u32,
            statistics.calls_out as u32,
            statistics.packets_in as u32,
            statistics.packets_out as u32,
        ];
        let statistics: Vec<_> = all.into_iter().take(count as usize).collect();
        Ok(InqStatsResponse {
            count: u32::try_from(statistics.len()).unwrap_or(u32::MAX),
            statistics,
            status: Status::Ok.code(),
        })
    }

    fn is_server_listening(
        &self,
        context: &mut CallContext<'_>,
    ) -> Result<IsServerListeningResponse, Status> {
        Ok(IsServerListeningResponse {
            status: Status::Ok.code(),
            result: context.server().is_listening().into(),
        })
    }

    fn stop_server_listening(&self, _: &mut CallContext<'_>) -> Result<u32, Status> {
        // Nobody is known well enough to be allowed to.
        Ok(Status::AccessDenied.code())
    }

    fn inq_princ_name(
        &self,
        _: &mut CallContext<'_>,
        _: u32,
        _: u32,
    ) -> Result<InqPrincNameResponse, Status> {
        Ok(InqPrincNameResponse {
            princ_name: Vec::new(),
            status: UNKNOWN_AUTHN_SERVICE,
        })
    }
}

impl From<SyntaxId> for RpcIfId {
    fn from(syntax: SyntaxId) -> Self {
        RpcIfId {
            uuid: syntax.uuid,
            major: syntax.major,
            minor: syntax.minor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpcecho::{self, EchoServer, RpcEchoClient};
    use crate::{Binding, Config, Cores, Runtime, Server};

    /// A server with rpcecho, and clients of its mgmt and its rpcecho.
    fn scene() -> (Runtime, MgmtClient, RpcEchoClient) {
        let runtime = Runtime::start(Config::default().cores(Cores::Unpinned(1))).unwrap();
        let server = Server::new()
            .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
            .unwrap()
            .interface(rpcecho::interface(EchoServer::default()));
        let target = runtime.serve(server).unwrap().bindings()[0].to_string();
        let mgmt = MgmtClient::new(Binding::new(&runtime, &target, INTERFACE).unwrap());
        let echo = RpcEchoClient::new(Binding::new(&runtime, &target, rpcecho::INTERFACE).unwrap());
        (runtime, mgmt, echo)
    }

    #[test]
    fn rule_28_inq_if_ids_lists_the_interfaces_of_the_endpoint() {
        let (_runtime, mgmt, _echo) = scene();
        let response = mgmt.inq_if_ids().unwrap();
        let interfaces = response.interfaces.unwrap().ids;
        assert_eq!(interfaces, [Some(rpcecho::INTERFACE.into())]);
        assert_eq!(response.status, 0);
    }

    #[test]
    fn inq_stats_are_true_and_as_many_as_asked_for() {
        let (_runtime, mgmt, echo) = scene();
        for number in 0..10 {
            echo.add_one(number).unwrap();
        }
        let inq_stats = |count| mgmt.inq_stats(count).unwrap();
        // Ten calls, this one, two binds; clients and server are of one runtime. The
        // answer to this one is not sent yet.
        let response = inq_stats(4);
        assert_eq!(
            (response.count, response.statistics),
            (4, vec![11, 11, 13, 12])
        );
        assert_eq!(inq_stats(u32::MAX).statistics, [12, 12, 14, 13]);
        assert_eq!(inq_stats(1).statistics, [13]);
        assert_eq!(inq_stats(0).count, 0);
    }

    #[test]
    fn rule_28_a_stranger_cannot_stop_a_server_that_listens() {
        let (_runtime, mgmt, echo) = scene();
        let stopped = mgmt.stop_server_listening().unwrap();
        assert_eq!(stopped, Status::AccessDenied.code());
        let response = mgmt.is_server_listening().unwrap();
        assert_eq!((response.status, response.result), (0, 1));
        assert_eq!(echo.add_one(1), Ok(2));
    }

    #[test]
    fn inq_princ_name_knows_no_authentication_service() {
        let (_runtime, mgmt, _echo) = scene();
        let response = mgmt.inq_princ_name(10, 100).unwrap();
        assert!(response.princ_name.is_empty());
        assert_eq!(response.status, UNKNOWN_AUTHN_SERVICE);
    }
}
