// Made by `cargo xtask generate` from engine/idl.
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
/// `rpc_if_id` in the IDL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct RpcIfId {
    /// Its UUID.
    pub uuid: Uuid,
    /// The major version.
    pub major: u16,
    /// The minor version.
    pub minor: u16,
}

/// Interfaces.
///
/// `rpc_if_id_vector` in the IDL.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct RpcIfIdVector {
    /// How many.
    pub count: u32,
    /// Each of them.
    #[ndr(size_is = "count")]
    pub ids: Vec<Option<RpcIfId>>,
}

/// The interface's UUID and version.
pub const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0xafa8_bd80_7d8a_11c9_bef4_0800_2b10_2989),
    1,
    0,
);

/// Operation number of `inq_if_ids`.
pub const INQ_IF_IDS: u16 = 0;

/// Operation number of `inq_stats`.
pub const INQ_STATS: u16 = 1;

/// Operation number of `is_server_listening`.
pub const IS_SERVER_LISTENING: u16 = 2;

/// Operation number of `stop_server_listening`.
pub const STOP_SERVER_LISTENING: u16 = 3;

/// Operation number of `inq_princ_name`.
pub const INQ_PRINC_NAME: u16 = 4;

/// How many operations the interface has.
pub const OPERATION_COUNT: u16 = 5;

/// `inq_if_ids`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct InqIfIdsResponse {
    /// The interfaces.
    pub interfaces: Option<RpcIfIdVector>,
    /// 0, or why there are none.
    pub status: u32,
}

/// `inq_stats`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct InqStatsRequest {
    /// How many numbers are wanted, or told.
    pub count: u32,
}

/// `inq_stats`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct InqStatsResponse {
    /// How many numbers are wanted, or told.
    pub count: u32,
    /// Calls in, calls out, packets in, packets out.
    #[ndr(size_is = "count")]
    pub statistics: Vec<u32>,
    /// 0, or why there are none.
    pub status: u32,
}

/// `is_server_listening`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct IsServerListeningResponse {
    /// 0, or why it is not known.
    pub status: u32,
    /// What the operation returns.
    pub result: u32,
}

/// `stop_server_listening`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct StopServerListeningResponse {
    /// 0, or why it does not.
    pub status: u32,
}

/// `inq_princ_name`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct InqPrincNameRequest {
    /// The number of the service.
    pub authn_service: u32,
    /// For how many bytes there is room.
    pub princ_name_size: u32,
}

/// `inq_princ_name`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = InqPrincNameGiven)]
pub struct InqPrincNameResponse {
    /// The name.
    #[ndr(string, size_is = "given.princ_name_size")]
    pub princ_name: Vec<u8>,
    /// 0, or why there is none.
    pub status: u32,
}

/// `inq_princ_name`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct InqPrincNameGiven {
    /// As in [`InqPrincNameRequest`].
    pub princ_name_size: u32,
}

impl Gives<InqPrincNameGiven> for InqPrincNameRequest {
    fn given(&self) -> InqPrincNameGiven {
        InqPrincNameGiven {
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
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn inq_if_ids(&self) -> Result<InqIfIdsResponse, Status> {
        self.binding.call_blocking(INQ_IF_IDS, &())
    }

    /// Which interfaces the server offers.
    ///
    /// `.await` it.
    pub fn inq_if_ids_future(&self) -> Call<InqIfIdsResponse> {
        self.binding.call(INQ_IF_IDS, &())
    }

    /// Which interfaces the server offers.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn inq_if_ids_async(
        &self,
        handle: &mut AsyncHandle<InqIfIdsResponse>,
    ) -> Result<(), Status> {
        self.binding.call_async(handle, INQ_IF_IDS, &())
    }

    /// How many calls and packets came in and went out.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn inq_stats(&self, count: u32) -> Result<InqStatsResponse, Status> {
        let request = InqStatsRequest { count };
        self.binding.call_blocking(INQ_STATS, &request)
    }

    /// How many calls and packets came in and went out.
    ///
    /// `.await` it.
    pub fn inq_stats_future(&self, count: u32) -> Call<InqStatsResponse> {
        let request = InqStatsRequest { count };
        self.binding.call(INQ_STATS, &request)
    }

    /// How many calls and packets came in and went out.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn inq_stats_async(
        &self,
        handle: &mut AsyncHandle<InqStatsResponse>,
        count: u32,
    ) -> Result<(), Status> {
        let request = InqStatsRequest { count };
        self.binding.call_async(handle, INQ_STATS, &request)
    }

    /// Whether the server listens.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn is_server_listening(&self) -> Result<IsServerListeningResponse, Status> {
        self.binding.call_blocking(IS_SERVER_LISTENING, &())
    }

    /// Whether the server listens.
    ///
    /// `.await` it.
    pub fn is_server_listening_future(&self) -> Call<IsServerListeningResponse> {
        self.binding.call(IS_SERVER_LISTENING, &())
    }

    /// Whether the server listens.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn is_server_listening_async(
        &self,
        handle: &mut AsyncHandle<IsServerListeningResponse>,
    ) -> Result<(), Status> {
        self.binding.call_async(handle, IS_SERVER_LISTENING, &())
    }

    /// Has the server stop.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn stop_server_listening(&self) -> Result<u32, Status> {
        let StopServerListeningResponse { status } = self
            .binding
            .call_blocking(STOP_SERVER_LISTENING, &())?;
        Ok(status)
    }

    /// Has the server stop.
    ///
    /// `.await` it.
    pub fn stop_server_listening_future(&self) -> Call<StopServerListeningResponse> {
        self.binding.call(STOP_SERVER_LISTENING, &())
    }

    /// Has the server stop.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn stop_server_listening_async(
        &self,
        handle: &mut AsyncHandle<StopServerListeningResponse>,
    ) -> Result<(), Status> {
        self.binding.call_async(handle, STOP_SERVER_LISTENING, &())
    }

    /// The name that the server has for an authentication service.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn inq_princ_name(
        &self,
        authn_service: u32,
        princ_name_size: u32,
    ) -> Result<InqPrincNameResponse, Status> {
        let request = InqPrincNameRequest {
            authn_service,
            princ_name_size,
        };
        self.binding.call_blocking(INQ_PRINC_NAME, &request)
    }

    /// The name that the server has for an authentication service.
    ///
    /// `.await` it.
    pub fn inq_princ_name_future(
        &self,
        authn_service: u32,
        princ_name_size: u32,
    ) -> Call<InqPrincNameResponse> {
        let request = InqPrincNameRequest {
            authn_service,
            princ_name_size,
        };
        self.binding.call(INQ_PRINC_NAME, &request)
    }

    /// The name that the server has for an authentication service.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn inq_princ_name_async(
        &self,
        handle: &mut AsyncHandle<InqPrincNameResponse>,
        authn_service: u32,
        princ_name_size: u32,
    ) -> Result<(), Status> {
        let request = InqPrincNameRequest {
            authn_service,
            princ_name_size,
        };
        self.binding.call_async(handle, INQ_PRINC_NAME, &request)
    }
}

/// The manager routines of `mgmt`.
pub trait Mgmt: Send + Sync + 'static {
    /// Which interfaces the server offers.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn inq_if_ids(
        &self,
        context: &mut CallContext<'_>,
    ) -> Result<InqIfIdsResponse, Status>;

    /// How many calls and packets came in and went out.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn inq_stats(
        &self,
        context: &mut CallContext<'_>,
        count: u32,
    ) -> Result<InqStatsResponse, Status>;

    /// Whether the server listens.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn is_server_listening(
        &self,
        context: &mut CallContext<'_>,
    ) -> Result<IsServerListeningResponse, Status>;

    /// Has the server stop.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn stop_server_listening(
        &self,
        context: &mut CallContext<'_>,
    ) -> Result<u32, Status>;

    /// The name that the server has for an authentication service.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn inq_princ_name(
        &self,
        context: &mut CallContext<'_>,
        authn_service: u32,
        princ_name_size: u32,
    ) -> Result<InqPrincNameResponse, Status>;
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
            INQ_IF_IDS => {
                let response = manager.inq_if_ids(call.context())?;
                call.reply(&response)
            }
            INQ_STATS => {
                let InqStatsRequest { count } = call.decode()?;
                let response = manager.inq_stats(call.context(), count)?;
                call.reply(&response)
            }
            IS_SERVER_LISTENING => {
                let response = manager.is_server_listening(call.context())?;
                call.reply(&response)
            }
            STOP_SERVER_LISTENING => {
                let status = manager.stop_server_listening(call.context())?;
                call.reply(
                    &StopServerListeningResponse {
                        status,
                    },
                )
            }
            INQ_PRINC_NAME => {
                let InqPrincNameRequest { authn_service, princ_name_size } = call
                    .decode()?;
                let given = InqPrincNameGiven {
                    princ_name_size,
                };
                let response = manager
                    .inq_princ_name(call.context(), authn_service, princ_name_size)?;
                call.reply(&Params::with_given(response, given))
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}
