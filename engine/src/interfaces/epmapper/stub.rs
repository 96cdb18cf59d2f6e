// Made by `cargo xtask generate` from engine/idl.
//! `epmapper.idl`, compiled by annulus-idl. Do not edit.
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
use ::annulus::ndr::{ContextHandle, Ndr, NdrParams, Full, Gives, Params};

/// The most bytes of an annotation, with its terminator.
pub const EPT_MAX_ANNOTATION_SIZE: i32 = 64;

/// Where a lookup goes on; null where it begins and where it has ended.
///
/// `ept_lookup_handle` in the IDL.
pub type EptLookupHandle = ContextHandle;

/// A protocol tower (C706 appendix L), as bytes.
///
/// `twr` in the IDL.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Twr {
    /// How many.
    pub tower_length: u32,
    /// The bytes.
    #[ndr(size_is = "tower_length")]
    pub tower_octets: Vec<u8>,
}

/// One endpoint of an interface.
///
/// `ept_entry` in the IDL.
#[derive(Debug, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct EptEntry {
    /// The object that is served there.
    pub object: Uuid,
    /// The interface and the endpoint.
    pub tower: Full<Twr>,
    /// What it is, for people.
    #[ndr(string, varying = 64)]
    pub annotation: Vec<u8>,
}

/// An interface: UUID and version.
///
/// `ept_if_id` in the IDL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct EptIfId {
    /// Its UUID.
    pub uuid: Uuid,
    /// The major version.
    pub major: u16,
    /// The minor version.
    pub minor: u16,
}

/// The interface's UUID and version.
pub const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0xe1af_8308_5d1f_11c9_91a4_0800_2b14_a0fa),
    3,
    0,
);

/// Operation number of `ept_insert`.
pub const EPT_INSERT: u16 = 0;

/// Operation number of `ept_delete`.
pub const EPT_DELETE: u16 = 1;

/// Operation number of `ept_lookup`.
pub const EPT_LOOKUP: u16 = 2;

/// Operation number of `ept_map`.
pub const EPT_MAP: u16 = 3;

/// Operation number of `ept_lookup_handle_free`.
pub const EPT_LOOKUP_HANDLE_FREE: u16 = 4;

/// How many operations the interface has.
pub const OPERATION_COUNT: u16 = 5;

/// `ept_insert`: in-parameters.
#[derive(Debug, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct EptInsertRequest {
    /// How many.
    pub num_ents: u32,
    /// The endpoints.
    #[ndr(size_is = "num_ents")]
    pub entries: Vec<EptEntry>,
    /// Whether they replace others.
    pub replace: u32,
}

/// `ept_insert`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct EptInsertResponse {
    /// What the operation returns.
    pub result: u32,
}

/// `ept_delete`: in-parameters.
#[derive(Debug, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct EptDeleteRequest {
    /// How many.
    pub num_ents: u32,
    /// The endpoints.
    #[ndr(size_is = "num_ents")]
    pub entries: Vec<EptEntry>,
}

/// `ept_delete`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct EptDeleteResponse {
    /// What the operation returns.
    pub result: u32,
}

/// `ept_lookup`: in-parameters.
#[derive(Debug, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct EptLookupRequest {
    /// 0: all; 1, 2, 3: by interface, object, both.
    pub inquiry_type: u32,
    /// The object that is asked for.
    pub object: Full<Uuid>,
    /// The interface that is asked for.
    pub interface_id: Full<EptIfId>,
    /// Which versions of it.
    pub vers_option: u32,
    /// Where the lookup goes on.
    pub entry_handle: EptLookupHandle,
    /// How many endpoints are wanted at most.
    #[ndr(range(0, 500))]
    pub max_ents: u32,
}

/// `ept_lookup`: out-parameters.
#[derive(Debug, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = EptLookupGiven)]
pub struct EptLookupResponse {
    /// Where the lookup goes on.
    pub entry_handle: EptLookupHandle,
    /// How many were found.
    pub num_ents: u32,
    /// The endpoints.
    #[ndr(size_is = "given.max_ents", length_is = "num_ents")]
    pub entries: Vec<EptEntry>,
    /// What the operation returns.
    pub result: u32,
}

/// `ept_lookup`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct EptLookupGiven {
    /// As in [`EptLookupRequest`].
    pub max_ents: u32,
}

impl Gives<EptLookupGiven> for EptLookupRequest {
    fn given(&self) -> EptLookupGiven {
        EptLookupGiven {
            max_ents: self.max_ents,
        }
    }
}

/// `ept_map`: in-parameters.
#[derive(Debug, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct EptMapRequest {
    /// The object that is asked for.
    pub object: Full<Uuid>,
    /// The interface and the protocols.
    pub map_tower: Full<Twr>,
    /// Where the lookup goes on.
    pub entry_handle: EptLookupHandle,
    /// How many towers are wanted at most.
    #[ndr(range(0, 500))]
    pub max_towers: u32,
}

/// `ept_map`: out-parameters.
#[derive(Debug, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = EptMapGiven)]
pub struct EptMapResponse {
    /// Where the lookup goes on.
    pub entry_handle: EptLookupHandle,
    /// How many were found.
    pub num_towers: u32,
    /// The towers.
    #[ndr(size_is = "given.max_towers", length_is = "num_towers")]
    pub towers: Vec<Full<Twr>>,
    /// What the operation returns.
    pub result: u32,
}

/// `ept_map`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct EptMapGiven {
    /// As in [`EptMapRequest`].
    pub max_towers: u32,
}

impl Gives<EptMapGiven> for EptMapRequest {
    fn given(&self) -> EptMapGiven {
        EptMapGiven {
            max_towers: self.max_towers,
        }
    }
}

/// `ept_lookup_handle_free`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct EptLookupHandleFreeRequest {
    /// The lookup; afterwards null.
    pub entry_handle: EptLookupHandle,
}

/// `ept_lookup_handle_free`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct EptLookupHandleFreeResponse {
    /// The lookup; afterwards null.
    pub entry_handle: EptLookupHandle,
    /// What the operation returns.
    pub result: u32,
}

/// Calls `ept`.
///
/// Each operation has three forms: it blocks, it is a future (`…_future`), or it
/// completes a [handle](::annulus::AsyncHandle) (`…_async`).
#[derive(Clone, Debug)]
pub struct EptClient {
    binding: Binding,
}

impl EptClient {
    /// A client that calls through `binding`, which is one to [`INTERFACE`].
    #[must_use]
    pub fn new(binding: Binding) -> Self {
        binding.keep_connected();
        Self { binding }
    }

    /// Adds endpoints.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn ept_insert(
        &self,
        entries: Vec<EptEntry>,
        replace: u32,
    ) -> Result<u32, Status> {
        let request = EptInsertRequest {
            num_ents: u32::try_from(entries.len()).unwrap_or(u32::MAX),
            entries,
            replace,
        };
        let EptInsertResponse { result } = self
            .binding
            .call_blocking(EPT_INSERT, &request)?;
        Ok(result)
    }

    /// Adds endpoints.
    ///
    /// `.await` it.
    pub fn ept_insert_future(
        &self,
        entries: Vec<EptEntry>,
        replace: u32,
    ) -> Call<EptInsertResponse> {
        let request = EptInsertRequest {
            num_ents: u32::try_from(entries.len()).unwrap_or(u32::MAX),
            entries,
            replace,
        };
        self.binding.call(EPT_INSERT, &request)
    }

    /// Adds endpoints.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn ept_insert_async(
        &self,
        handle: &mut AsyncHandle<EptInsertResponse>,
        entries: Vec<EptEntry>,
        replace: u32,
    ) -> Result<(), Status> {
        let request = EptInsertRequest {
            num_ents: u32::try_from(entries.len()).unwrap_or(u32::MAX),
            entries,
            replace,
        };
        self.binding.call_async(handle, EPT_INSERT, &request)
    }

    /// Takes endpoints away.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn ept_delete(&self, entries: Vec<EptEntry>) -> Result<u32, Status> {
        let request = EptDeleteRequest {
            num_ents: u32::try_from(entries.len()).unwrap_or(u32::MAX),
            entries,
        };
        let EptDeleteResponse { result } = self
            .binding
            .call_blocking(EPT_DELETE, &request)?;
        Ok(result)
    }

    /// Takes endpoints away.
    ///
    /// `.await` it.
    pub fn ept_delete_future(&self, entries: Vec<EptEntry>) -> Call<EptDeleteResponse> {
        let request = EptDeleteRequest {
            num_ents: u32::try_from(entries.len()).unwrap_or(u32::MAX),
            entries,
        };
        self.binding.call(EPT_DELETE, &request)
    }

    /// Takes endpoints away.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn ept_delete_async(
        &self,
        handle: &mut AsyncHandle<EptDeleteResponse>,
        entries: Vec<EptEntry>,
    ) -> Result<(), Status> {
        let request = EptDeleteRequest {
            num_ents: u32::try_from(entries.len()).unwrap_or(u32::MAX),
            entries,
        };
        self.binding.call_async(handle, EPT_DELETE, &request)
    }

    /// Goes through the endpoints.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn ept_lookup(
        &self,
        inquiry_type: u32,
        object: Full<Uuid>,
        interface_id: Full<EptIfId>,
        vers_option: u32,
        entry_handle: EptLookupHandle,
        max_ents: u32,
    ) -> Result<EptLookupResponse, Status> {
        let request = EptLookupRequest {
            inquiry_type,
            object,
            interface_id,
            vers_option,
            entry_handle,
            max_ents,
        };
        self.binding.call_blocking(EPT_LOOKUP, &request)
    }

    /// Goes through the endpoints.
    ///
    /// `.await` it.
    pub fn ept_lookup_future(
        &self,
        inquiry_type: u32,
        object: Full<Uuid>,
        interface_id: Full<EptIfId>,
        vers_option: u32,
        entry_handle: EptLookupHandle,
        max_ents: u32,
    ) -> Call<EptLookupResponse> {
        let request = EptLookupRequest {
            inquiry_type,
            object,
            interface_id,
            vers_option,
            entry_handle,
            max_ents,
        };
        self.binding.call(EPT_LOOKUP, &request)
    }

    /// Goes through the endpoints.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn ept_lookup_async(
        &self,
        handle: &mut AsyncHandle<EptLookupResponse>,
        inquiry_type: u32,
        object: Full<Uuid>,
        interface_id: Full<EptIfId>,
        vers_option: u32,
        entry_handle: EptLookupHandle,
        max_ents: u32,
    ) -> Result<(), Status> {
        let request = EptLookupRequest {
            inquiry_type,
            object,
            interface_id,
            vers_option,
            entry_handle,
            max_ents,
        };
        self.binding.call_async(handle, EPT_LOOKUP, &request)
    }

    /// Where an interface can be reached.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn ept_map(
        &self,
        object: Full<Uuid>,
        map_tower: Full<Twr>,
        entry_handle: EptLookupHandle,
        max_towers: u32,
    ) -> Result<EptMapResponse, Status> {
        let request = EptMapRequest {
            object,
            map_tower,
            entry_handle,
            max_towers,
        };
        self.binding.call_blocking(EPT_MAP, &request)
    }

    /// Where an interface can be reached.
    ///
    /// `.await` it.
    pub fn ept_map_future(
        &self,
        object: Full<Uuid>,
        map_tower: Full<Twr>,
        entry_handle: EptLookupHandle,
        max_towers: u32,
    ) -> Call<EptMapResponse> {
        let request = EptMapRequest {
            object,
            map_tower,
            entry_handle,
            max_towers,
        };
        self.binding.call(EPT_MAP, &request)
    }

    /// Where an interface can be reached.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn ept_map_async(
        &self,
        handle: &mut AsyncHandle<EptMapResponse>,
        object: Full<Uuid>,
        map_tower: Full<Twr>,
        entry_handle: EptLookupHandle,
        max_towers: u32,
    ) -> Result<(), Status> {
        let request = EptMapRequest {
            object,
            map_tower,
            entry_handle,
            max_towers,
        };
        self.binding.call_async(handle, EPT_MAP, &request)
    }

    /// Ends a lookup.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn ept_lookup_handle_free(
        &self,
        entry_handle: EptLookupHandle,
    ) -> Result<EptLookupHandleFreeResponse, Status> {
        let request = EptLookupHandleFreeRequest {
            entry_handle,
        };
        self.binding.call_blocking(EPT_LOOKUP_HANDLE_FREE, &request)
    }

    /// Ends a lookup.
    ///
    /// `.await` it.
    pub fn ept_lookup_handle_free_future(
        &self,
        entry_handle: EptLookupHandle,
    ) -> Call<EptLookupHandleFreeResponse> {
        let request = EptLookupHandleFreeRequest {
            entry_handle,
        };
        self.binding.call(EPT_LOOKUP_HANDLE_FREE, &request)
    }

    /// Ends a lookup.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn ept_lookup_handle_free_async(
        &self,
        handle: &mut AsyncHandle<EptLookupHandleFreeResponse>,
        entry_handle: EptLookupHandle,
    ) -> Result<(), Status> {
        let request = EptLookupHandleFreeRequest {
            entry_handle,
        };
        self.binding.call_async(handle, EPT_LOOKUP_HANDLE_FREE, &request)
    }
}

/// The manager routines of `ept`.
pub trait Ept: Send + Sync + 'static {
    /// Adds endpoints.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn ept_insert(
        &self,
        context: &mut CallContext<'_>,
        entries: Vec<EptEntry>,
        replace: u32,
    ) -> Result<u32, Status>;

    /// Takes endpoints away.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn ept_delete(
        &self,
        context: &mut CallContext<'_>,
        entries: Vec<EptEntry>,
    ) -> Result<u32, Status>;

    /// Goes through the endpoints.
    ///
    /// `entry_handle` names a context of the client, or is null: return it as it came, or
    /// what `context.open_context(value)` made, or, after
    /// `context.close_context::<T>(&entry_handle)`, `ContextHandle::NULL`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn ept_lookup(
        &self,
        context: &mut CallContext<'_>,
        inquiry_type: u32,
        object: Full<Uuid>,
        interface_id: Full<EptIfId>,
        vers_option: u32,
        entry_handle: EptLookupHandle,
        max_ents: u32,
    ) -> Result<EptLookupResponse, Status>;

    /// Where an interface can be reached.
    ///
    /// `entry_handle` names a context of the client, or is null: return it as it came, or
    /// what `context.open_context(value)` made, or, after
    /// `context.close_context::<T>(&entry_handle)`, `ContextHandle::NULL`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn ept_map(
        &self,
        context: &mut CallContext<'_>,
        object: Full<Uuid>,
        map_tower: Full<Twr>,
        entry_handle: EptLookupHandle,
        max_towers: u32,
    ) -> Result<EptMapResponse, Status>;

    /// Ends a lookup.
    ///
    /// `entry_handle` names a context of the client, or is null: return it as it came, or
    /// what `context.open_context(value)` made, or, after
    /// `context.close_context::<T>(&entry_handle)`, `ContextHandle::NULL`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn ept_lookup_handle_free(
        &self,
        context: &mut CallContext<'_>,
        entry_handle: EptLookupHandle,
    ) -> Result<EptLookupHandleFreeResponse, Status>;
}

/// Makes manager routines an interface that a [`Server`](::annulus::Server) can offer.
pub fn interface(manager: impl Ept) -> impl Interface {
    Stub(manager)
}

struct Stub<M>(M);

impl<M: Ept> Interface for Stub<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let Self(manager) = self;
        match call.opnum() {
            EPT_INSERT => {
                let EptInsertRequest { entries, replace, .. } = call.decode()?;
                let result = manager.ept_insert(call.context(), entries, replace)?;
                call.reply(&EptInsertResponse { result })
            }
            EPT_DELETE => {
                let EptDeleteRequest { entries, .. } = call.decode()?;
                let result = manager.ept_delete(call.context(), entries)?;
                call.reply(&EptDeleteResponse { result })
            }
            EPT_LOOKUP => {
                let EptLookupRequest {
                    inquiry_type,
                    object,
                    interface_id,
                    vers_option,
                    entry_handle,
                    max_ents,
                } = call.decode()?;
                let given = EptLookupGiven { max_ents };
                let response = manager
                    .ept_lookup(
                        call.context(),
                        inquiry_type,
                        object,
                        interface_id,
                        vers_option,
                        entry_handle,
                        max_ents,
                    )?;
                call.reply(&Params::with_given(response, given))
            }
            EPT_MAP => {
                let EptMapRequest { object, map_tower, entry_handle, max_towers } = call
                    .decode()?;
                let given = EptMapGiven { max_towers };
                let response = manager
                    .ept_map(
                        call.context(),
                        object,
                        map_tower,
                        entry_handle,
                        max_towers,
                    )?;
                call.reply(&Params::with_given(response, given))
            }
            EPT_LOOKUP_HANDLE_FREE => {
                let EptLookupHandleFreeRequest { entry_handle } = call.decode()?;
                let response = manager
                    .ept_lookup_handle_free(call.context(), entry_handle)?;
                call.reply(&response)
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}
