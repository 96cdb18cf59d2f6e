//! `shapes.idl`, compiled by annulus-idl. Do not edit.
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
use ::annulus::ndr::{Ndr, NdrParams, ArraySection};

/// `tree`.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Tree {
    /// `count`.
    pub count: i32,
    /// `numbers`.
    #[ndr(shape = ::annulus::ndr::Conformant<::annulus::ndr::Ref>, size_is = "count")]
    pub numbers: Vec<i32>,
}

/// `nest`.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Nest {
    /// `count`.
    pub count: i32,
    /// `names`.
    #[ndr(
        shape = ::annulus::ndr::Elements<::annulus::ndr::Unique<::annulus::ndr::Text>>
    )]
    pub names: [Option<String>; 2],
    /// `pointers`.
    #[ndr(
        shape = ::annulus::ndr::Unique<::annulus::ndr::Conformant<::annulus::ndr::Ref>>,
        size_is = "count"
    )]
    pub pointers: Option<Vec<i32>>,
    /// `twice`.
    #[ndr(shape = ::annulus::ndr::Ref<::annulus::ndr::Ref>)]
    pub twice: i32,
    /// `rows`.
    #[ndr(
        shape = ::annulus::ndr::Unique<::annulus::ndr::Conformant<::annulus::ndr::Unique<::annulus::ndr::Conformant>>>,
        size_is = "count"
    )]
    pub rows: Option<Vec<Option<Vec<i16>>>>,
    /// `branch`.
    #[ndr(ref)]
    pub branch: Tree,
    /// `from`.
    pub from: i32,
    /// `section`.
    #[ndr(varying = 20, length_is = "count", first_is = "from")]
    pub section: ArraySection<i16>,
    /// `last`.
    pub last: i32,
}

/// In NDR, each arm lies where the hyper would.
///
/// `old_union` in the IDL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(switch = i16, ms_union, crate = ::annulus::ndr)]
pub enum OldUnion {
    /// `small_arm`, of case `1`.
    #[ndr(case = 1)]
    SmallArm(u8),
    /// `large_arm`, of case `2`.
    #[ndr(case = 2)]
    LargeArm(i64),
}

/// The interface's UUID and version.
pub const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x6a1b_2c3d_0000_4000_8000_0000_0000_0025),
    1,
    0,
);

/// Operation number of `unions`.
pub const UNIONS: u16 = 0;

/// Operation number of `put`.
pub const PUT: u16 = 1;

/// Operation number of `get`.
pub const GET: u16 = 2;

/// How many operations the interface has.
pub const OPERATION_COUNT: u16 = 3;

/// `unions`: in-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct UnionsRequest {
    /// `one`.
    pub one: OldUnion,
    /// `count`.
    pub count: i32,
    /// `list`.
    #[ndr(size_is = "count")]
    pub list: Vec<OldUnion>,
}

/// `put`: in-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct PutRequest {
    /// `value`.
    pub value: Nest,
    /// `deep`.
    #[ndr(shape = ::annulus::ndr::Ref)]
    pub deep: i32,
    /// `rows`.
    pub rows: i32,
    /// `cells`.
    #[ndr(size_is = "rows")]
    pub cells: Vec<[i32; 3]>,
}

/// `get`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct GetResponse {
    /// `value`.
    pub value: Nest,
    /// `deep`.
    #[ndr(shape = ::annulus::ndr::Ref)]
    pub deep: i32,
    /// `pair`.
    #[ndr(shape = ::annulus::ndr::Conformant<::annulus::ndr::Ref>, size_is = "2")]
    pub pair: Vec<i32>,
}

/// Calls `shapes`.
///
/// Each operation has three forms: it blocks, it is a future (`…_future`), or it
/// completes a [handle](::annulus::AsyncHandle) (`…_async`).
#[derive(Clone, Debug)]
pub struct ShapesClient {
    binding: Binding,
}

impl ShapesClient {
    /// A client that calls through `binding`, which is one to [`INTERFACE`].
    #[must_use]
    pub fn new(binding: Binding) -> Self {
        Self { binding }
    }

    /// `unions`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn unions(&self, one: OldUnion, list: Vec<OldUnion>) -> Result<(), Status> {
        let request = UnionsRequest {
            count: i32::try_from(list.len()).unwrap_or(i32::MAX),
            one,
            list,
        };
        self.binding.call_blocking(UNIONS, &request)
    }

    /// `unions`.
    ///
    /// `.await` it.
    pub fn unions_future(&self, one: OldUnion, list: Vec<OldUnion>) -> Call<()> {
        let request = UnionsRequest {
            count: i32::try_from(list.len()).unwrap_or(i32::MAX),
            one,
            list,
        };
        self.binding.call(UNIONS, &request)
    }

    /// `unions`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn unions_async(
        &self,
        handle: &mut AsyncHandle<()>,
        one: OldUnion,
        list: Vec<OldUnion>,
    ) -> Result<(), Status> {
        let request = UnionsRequest {
            count: i32::try_from(list.len()).unwrap_or(i32::MAX),
            one,
            list,
        };
        self.binding.call_async(handle, UNIONS, &request)
    }

    /// `put`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn put(
        &self,
        value: Nest,
        deep: i32,
        cells: Vec<[i32; 3]>,
    ) -> Result<(), Status> {
        let request = PutRequest {
            rows: i32::try_from(cells.len()).unwrap_or(i32::MAX),
            value,
            deep,
            cells,
        };
        self.binding.call_blocking(PUT, &request)
    }

    /// `put`.
    ///
    /// `.await` it.
    pub fn put_future(&self, value: Nest, deep: i32, cells: Vec<[i32; 3]>) -> Call<()> {
        let request = PutRequest {
            rows: i32::try_from(cells.len()).unwrap_or(i32::MAX),
            value,
            deep,
            cells,
        };
        self.binding.call(PUT, &request)
    }

    /// `put`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn put_async(
        &self,
        handle: &mut AsyncHandle<()>,
        value: Nest,
        deep: i32,
        cells: Vec<[i32; 3]>,
    ) -> Result<(), Status> {
        let request = PutRequest {
            rows: i32::try_from(cells.len()).unwrap_or(i32::MAX),
            value,
            deep,
            cells,
        };
        self.binding.call_async(handle, PUT, &request)
    }

    /// `get`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn get(&self) -> Result<GetResponse, Status> {
        self.binding.call_blocking(GET, &())
    }

    /// `get`.
    ///
    /// `.await` it.
    pub fn get_future(&self) -> Call<GetResponse> {
        self.binding.call(GET, &())
    }

    /// `get`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn get_async(
        &self,
        handle: &mut AsyncHandle<GetResponse>,
    ) -> Result<(), Status> {
        self.binding.call_async(handle, GET, &())
    }
}

/// The manager routines of `shapes`.
pub trait Shapes: Send + Sync + 'static {
    /// `unions`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn unions(
        &self,
        context: &mut CallContext<'_>,
        one: OldUnion,
        list: Vec<OldUnion>,
    ) -> Result<(), Status>;

    /// `put`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn put(
        &self,
        context: &mut CallContext<'_>,
        value: Nest,
        deep: i32,
        cells: Vec<[i32; 3]>,
    ) -> Result<(), Status>;

    /// `get`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn get(&self, context: &mut CallContext<'_>) -> Result<GetResponse, Status>;
}

/// Makes manager routines an interface that a [`Server`](::annulus::Server) can offer.
pub fn interface(manager: impl Shapes) -> impl Interface {
    Stub(manager)
}

struct Stub<M>(M);

impl<M: Shapes> Interface for Stub<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let Self(manager) = self;
        match call.opnum() {
            UNIONS => {
                let UnionsRequest { one, list, .. } = call.decode()?;
                manager.unions(call.context(), one, list)?;
                call.reply(&())
            }
            PUT => {
                let PutRequest { value, deep, cells, .. } = call.decode()?;
                manager.put(call.context(), value, deep, cells)?;
                call.reply(&())
            }
            GET => {
                let response = manager.get(call.context())?;
                call.reply(&response)
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}
