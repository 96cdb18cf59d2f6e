//! `mgmt.idl`, compiled by annulus-idl. Do not edit.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::enum_variant_names,
    clippy::large_enum_variant,
    clippy::should_implement_trait,
    clippy::too_many_arguments,
    clippy::type_complexity,
    clippy::wrong_self_convention,
    reason = "names and shapes are those of the IDL, and a program may use a part of it"
)]

use ::annulus::{
    AsyncHandle, Binding, Call, CallContext, Dispatch, Interface, Status, SyntaxId, Uuid,
};
use ::annulus::ndr::{Ndr, NdrParams, Gives, Params};

/// An interface: UUID and version.
///
/// `rpc_if_id_t` in the IDL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct RpcIfIdT {
    /// `uuid`.
    pub uuid: Uuid,
    /// `major`.
    pub major: u16,
    /// `minor`.
    pub minor: u16,
}

/// Interfaces.
///
/// `rpc_if_id_vector_t` in the IDL.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct RpcIfIdVectorT {
    /// `count`.
    pub count: u32,
    /// `if_id`.
    #[ndr(size_is = "count")]
    pub if_id: Vec<Option<RpcIfIdT>>,
}

/// The interface's UUID and version.
pub const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0xafa8_bd80_7d8a_11c9_bef4_0800_2b10_2989),
    1,
    0,
);

/// Operation number of `rpc__mgmt_inq_if_ids`.
pub const RPC_MGMT_INQ_IF_IDS: u16 = 0;

/// Operation number of `rpc__mgmt_inq_stats`.
pub const RPC_MGMT_INQ_STATS: u16 = 1;

/// Operation number of `rpc__mgmt_is_server_listening`.
pub const RPC_MGMT_IS_SERVER_LISTENING: u16 = 2;

/// Operation number of `rpc__mgmt_stop_server_listening`.
pub const RPC_MGMT_STOP_SERVER_LISTENING: u16 = 3;

/// Operation number of `rpc__mgmt_inq_princ_name`.
pub const RPC_MGMT_INQ_PRINC_NAME: u16 = 4;

/// How many operations the interface has.
pub const OPERATION_COUNT: u16 = 5;

/// `rpc__mgmt_inq_if_ids`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct RpcMgmtInqIfIdsResponse {
    /// `if_id_vector`.
    pub if_id_vector: Option<RpcIfIdVectorT>,
    /// `status`.
    pub status: u32,
}

/// `rpc__mgmt_inq_stats`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct RpcMgmtInqStatsRequest {
    /// `count`.
    pub count: u32,
}

/// `rpc__mgmt_inq_stats`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct RpcMgmtInqStatsResponse {
    /// `count`.
    pub count: u32,
    /// `statistics`.
    #[ndr(size_is = "count")]
    pub statistics: Vec<u32>,
    /// `status`.
    pub status: u32,
}

/// `rpc__mgmt_is_server_listening`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct RpcMgmtIsServerListeningResponse {
    /// `status`.
    pub status: u32,
    /// What the operation returns.
    pub result: u32,
}

/// `rpc__mgmt_stop_server_listening`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct RpcMgmtStopServerListeningResponse {
    /// `status`.
    pub status: u32,
}

/// `rpc__mgmt_inq_princ_name`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct RpcMgmtInqPrincNameRequest {
    /// `authn_proto`.
    pub authn_proto: u32,
    /// `princ_name_size`.
    pub princ_name_size: u32,
}

/// `rpc__mgmt_inq_princ_name`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = RpcMgmtInqPrincNameGiven)]
pub struct RpcMgmtInqPrincNameResponse {
    /// `princ_name`.
    #[ndr(string, size_is = "given.princ_name_size")]
    pub princ_name: Vec<u8>,
    /// `status`.
    pub status: u32,
}

/// `rpc__mgmt_inq_princ_name`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct RpcMgmtInqPrincNameGiven {
    /// As in [`RpcMgmtInqPrincNameRequest`].
    pub princ_name_size: u32,
}

impl Gives<RpcMgmtInqPrincNameGiven> for RpcMgmtInqPrincNameRequest {
    fn given(&self) -> RpcMgmtInqPrincNameGiven {
        RpcMgmtInqPrincNameGiven {
            princ_name_size: self.princ_name_size,
        }
    }
}

/// Calls `mgmt`.
///
/// Each operation has three forms: it blocks, it is a future (`…_future`), or it
/// completes a [handle](::annulus::AsyncHandle) (`…_async`).
#[derive(Clone, Debug)]
pub struct MgmtClient {
    binding: Binding,
}

impl MgmtClient {
    /// A client that calls through `binding`, which is one to [`INTERFACE`].
    #[must_use]
    pub fn new(binding: Binding) -> Self {
        Self { binding }
    }

    /// Which interfaces the server offers.
    ///
    /// `rpc__mgmt_inq_if_ids` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn rpc_mgmt_inq_if_ids(&self) -> Result<RpcMgmtInqIfIdsResponse, Status> {
        self.binding.call_blocking(RPC_MGMT_INQ_IF_IDS, &())
    }

    /// Which interfaces the server offers.
    ///
    /// `rpc__mgmt_inq_if_ids` in the IDL.
    ///
    /// `.await` it.
    pub fn rpc_mgmt_inq_if_ids_future(&self) -> Call<RpcMgmtInqIfIdsResponse> {
        self.binding.call(RPC_MGMT_INQ_IF_IDS, &())
    }

    /// Which interfaces the server offers.
    ///
    /// `rpc__mgmt_inq_if_ids` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn rpc_mgmt_inq_if_ids_async(
        &self,
        handle: &mut AsyncHandle<RpcMgmtInqIfIdsResponse>,
    ) -> Result<(), Status> {
        self.binding.call_async(handle, RPC_MGMT_INQ_IF_IDS, &())
    }

    /// Calls in, calls out, packets in, packets out.
    ///
    /// `rpc__mgmt_inq_stats` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn rpc_mgmt_inq_stats(
        &self,
        count: u32,
    ) -> Result<RpcMgmtInqStatsResponse, Status> {
        let request = RpcMgmtInqStatsRequest { count };
        self.binding.call_blocking(RPC_MGMT_INQ_STATS, &request)
    }

    /// Calls in, calls out, packets in, packets out.
    ///
    /// `rpc__mgmt_inq_stats` in the IDL.
    ///
    /// `.await` it.
    pub fn rpc_mgmt_inq_stats_future(
        &self,
        count: u32,
    ) -> Call<RpcMgmtInqStatsResponse> {
        let request = RpcMgmtInqStatsRequest { count };
        self.binding.call(RPC_MGMT_INQ_STATS, &request)
    }

    /// Calls in, calls out, packets in, packets out.
    ///
    /// `rpc__mgmt_inq_stats` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn rpc_mgmt_inq_stats_async(
        &self,
        handle: &mut AsyncHandle<RpcMgmtInqStatsResponse>,
        count: u32,
    ) -> Result<(), Status> {
        let request = RpcMgmtInqStatsRequest { count };
        self.binding.call_async(handle, RPC_MGMT_INQ_STATS, &request)
    }

    /// Whether the server listens.
    ///
    /// `rpc__mgmt_is_server_listening` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn rpc_mgmt_is_server_listening(
        &self,
    ) -> Result<RpcMgmtIsServerListeningResponse, Status> {
        self.binding.call_blocking(RPC_MGMT_IS_SERVER_LISTENING, &())
    }

    /// Whether the server listens.
    ///
    /// `rpc__mgmt_is_server_listening` in the IDL.
    ///
    /// `.await` it.
    pub fn rpc_mgmt_is_server_listening_future(
        &self,
    ) -> Call<RpcMgmtIsServerListeningResponse> {
        self.binding.call(RPC_MGMT_IS_SERVER_LISTENING, &())
    }

    /// Whether the server listens.
    ///
    /// `rpc__mgmt_is_server_listening` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn rpc_mgmt_is_server_listening_async(
        &self,
        handle: &mut AsyncHandle<RpcMgmtIsServerListeningResponse>,
    ) -> Result<(), Status> {
        self.binding.call_async(handle, RPC_MGMT_IS_SERVER_LISTENING, &())
    }

    /// Has the server stop.
    ///
    /// `rpc__mgmt_stop_server_listening` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn rpc_mgmt_stop_server_listening(&self) -> Result<u32, Status> {
        let RpcMgmtStopServerListeningResponse { status } = self
            .binding
            .call_blocking(RPC_MGMT_STOP_SERVER_LISTENING, &())?;
        Ok(status)
    }

    /// Has the server stop.
    ///
    /// `rpc__mgmt_stop_server_listening` in the IDL.
    ///
    /// `.await` it.
    pub fn rpc_mgmt_stop_server_listening_future(
        &self,
    ) -> Call<RpcMgmtStopServerListeningResponse> {
        self.binding.call(RPC_MGMT_STOP_SERVER_LISTENING, &())
    }

    /// Has the server stop.
    ///
    /// `rpc__mgmt_stop_server_listening` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn rpc_mgmt_stop_server_listening_async(
        &self,
        handle: &mut AsyncHandle<RpcMgmtStopServerListeningResponse>,
    ) -> Result<(), Status> {
        self.binding.call_async(handle, RPC_MGMT_STOP_SERVER_LISTENING, &())
    }

    /// The name that the server has for an authentication service.
    ///
    /// `rpc__mgmt_inq_princ_name` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn rpc_mgmt_inq_princ_name(
        &self,
        authn_proto: u32,
        princ_name_size: u32,
    ) -> Result<RpcMgmtInqPrincNameResponse, Status> {
        let request = RpcMgmtInqPrincNameRequest {
            authn_proto,
            princ_name_size,
        };
        self.binding.call_blocking(RPC_MGMT_INQ_PRINC_NAME, &request)
    }

    /// The name that the server has for an authentication service.
    ///
    /// `rpc__mgmt_inq_princ_name` in the IDL.
    ///
    /// `.await` it.
    pub fn rpc_mgmt_inq_princ_name_future(
        &self,
        authn_proto: u32,
        princ_name_size: u32,
    ) -> Call<RpcMgmtInqPrincNameResponse> {
        let request = RpcMgmtInqPrincNameRequest {
            authn_proto,
            princ_name_size,
        };
        self.binding.call(RPC_MGMT_INQ_PRINC_NAME, &request)
    }

    /// The name that the server has for an authentication service.
    ///
    /// `rpc__mgmt_inq_princ_name` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn rpc_mgmt_inq_princ_name_async(
        &self,
        handle: &mut AsyncHandle<RpcMgmtInqPrincNameResponse>,
        authn_proto: u32,
        princ_name_size: u32,
    ) -> Result<(), Status> {
        let request = RpcMgmtInqPrincNameRequest {
            authn_proto,
            princ_name_size,
        };
        self.binding.call_async(handle, RPC_MGMT_INQ_PRINC_NAME, &request)
    }
}

/// The manager routines of `mgmt`.
pub trait Mgmt: Send + Sync + 'static {
    /// Which interfaces the server offers.
    ///
    /// `rpc__mgmt_inq_if_ids` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn rpc_mgmt_inq_if_ids(
        &self,
        context: &mut CallContext<'_>,
    ) -> Result<RpcMgmtInqIfIdsResponse, Status>;

    /// Calls in, calls out, packets in, packets out.
    ///
    /// `rpc__mgmt_inq_stats` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn rpc_mgmt_inq_stats(
        &self,
        context: &mut CallContext<'_>,
        count: u32,
    ) -> Result<RpcMgmtInqStatsResponse, Status>;

    /// Whether the server listens.
    ///
    /// `rpc__mgmt_is_server_listening` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn rpc_mgmt_is_server_listening(
        &self,
        context: &mut CallContext<'_>,
    ) -> Result<RpcMgmtIsServerListeningResponse, Status>;

    /// Has the server stop.
    ///
    /// `rpc__mgmt_stop_server_listening` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn rpc_mgmt_stop_server_listening(
        &self,
        context: &mut CallContext<'_>,
    ) -> Result<u32, Status>;

    /// The name that the server has for an authentication service.
    ///
    /// `rpc__mgmt_inq_princ_name` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn rpc_mgmt_inq_princ_name(
        &self,
        context: &mut CallContext<'_>,
        authn_proto: u32,
        princ_name_size: u32,
    ) -> Result<RpcMgmtInqPrincNameResponse, Status>;
}

/// Makes manager routines an interface that a [`Server`](::annulus::Server) can offer.
pub fn interface(manager: impl Mgmt) -> impl Interface {
    Stub(manager)
}

struct Stub<M>(M);

impl<M: Mgmt> Interface for Stub<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let Self(manager) = self;
        match call.opnum() {
            RPC_MGMT_INQ_IF_IDS => {
                let response = manager.rpc_mgmt_inq_if_ids(call.context())?;
                call.reply(&response)
            }
            RPC_MGMT_INQ_STATS => {
                let RpcMgmtInqStatsRequest { count } = call.decode()?;
                let response = manager.rpc_mgmt_inq_stats(call.context(), count)?;
                call.reply(&response)
            }
            RPC_MGMT_IS_SERVER_LISTENING => {
                let response = manager.rpc_mgmt_is_server_listening(call.context())?;
                call.reply(&response)
            }
            RPC_MGMT_STOP_SERVER_LISTENING => {
                let status = manager.rpc_mgmt_stop_server_listening(call.context())?;
                call.reply(
                    &RpcMgmtStopServerListeningResponse {
                        status,
                    },
                )
            }
            RPC_MGMT_INQ_PRINC_NAME => {
                let RpcMgmtInqPrincNameRequest { authn_proto, princ_name_size } = call
                    .decode()?;
                let given = RpcMgmtInqPrincNameGiven {
                    princ_name_size,
                };
                let response = manager
                    .rpc_mgmt_inq_princ_name(
                        call.context(),
                        authn_proto,
                        princ_name_size,
                    )?;
                call.reply(&Params::with_given(response, given))
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}
