//! `dimensions.idl`, compiled by annulus-idl. Do not edit.
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
use ::annulus::ndr::{Ndr, NdrParams, ArraySection, Gives, Params};

/// The maximum counts are hoisted in front of the structure.
///
/// `grid` in the IDL.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Grid {
    /// `rows`.
    pub rows: u8,
    /// `columns`.
    pub columns: u8,
    /// `cells`.
    #[ndr(shape = ::annulus::ndr::MultiConformant<2>, size_is = "(rows, columns)")]
    pub cells: ArraySection<i16, 2>,
}

/// Of fixed dimensions, what is sent of each.
///
/// `window` in the IDL.
#[derive(Clone, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Window {
    /// `height`.
    pub height: i32,
    /// `width`.
    pub width: i32,
    /// `cells`.
    #[ndr(
        shape = ::annulus::ndr::MultiVarying<2>,
        varying = (4, 3),
        first_is = "(0, 0)",
        length_is = "(height, width)"
    )]
    pub cells: ArraySection<i32, 2>,
    /// `last`.
    pub last: u8,
}

/// The interface's UUID and version.
pub const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x6a1b_2c3d_0000_4000_8000_0000_0000_0027),
    1,
    0,
);

/// Operation number of `whole`.
pub const WHOLE: u16 = 0;

/// Operation number of `section`.
pub const SECTION: u16 = 1;

/// Operation number of `answer`.
pub const ANSWER: u16 = 2;

/// Operation number of `names`.
pub const NAMES: u16 = 3;

/// How many operations the interface has.
pub const OPERATION_COUNT: u16 = 4;

/// `whole`: in-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct WholeRequest {
    /// `rows`.
    pub rows: i32,
    /// `columns`.
    pub columns: i32,
    /// `cells`.
    #[ndr(shape = ::annulus::ndr::MultiConformant<2>, size_is = "(rows, columns)")]
    pub cells: ArraySection<i32, 2>,
    /// `small`.
    pub small: Grid,
    /// `part`.
    pub part: Window,
}

/// `section`: in-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SectionRequest {
    /// `rows`.
    pub rows: i32,
    /// `columns`.
    pub columns: i32,
    /// `top`.
    pub top: i32,
    /// `height`.
    pub height: i32,
    /// `cells`.
    #[ndr(
        shape = ::annulus::ndr::Unique<::annulus::ndr::MultiConformantVarying<2>>,
        size_is = "(rows, columns)",
        first_is = "(top, 0)",
        length_is = "(height, columns)"
    )]
    pub cells: Option<ArraySection<i64, 2>>,
}

/// `answer`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct AnswerRequest {
    /// `planes`.
    pub planes: i32,
    /// `rows`.
    pub rows: i32,
}

/// `answer`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = AnswerGiven)]
pub struct AnswerResponse {
    /// `cells`.
    #[ndr(
        shape = ::annulus::ndr::MultiConformant<2>,
        size_is = "(given.planes, given.rows)"
    )]
    pub cells: ArraySection<[i16; 2], 2>,
}

/// `answer`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct AnswerGiven {
    /// As in [`AnswerRequest`].
    pub planes: i32,
    /// As in [`AnswerRequest`].
    pub rows: i32,
}

impl Gives<AnswerGiven> for AnswerRequest {
    fn given(&self) -> AnswerGiven {
        AnswerGiven {
            planes: self.planes,
            rows: self.rows,
        }
    }
}

/// `names`: in-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct NamesRequest {
    /// `rows`.
    pub rows: i32,
    /// `names`.
    #[ndr(
        shape = ::annulus::ndr::MultiConformant<2,
        ::annulus::ndr::Unique<::annulus::ndr::Text>>,
        size_is = "(rows, 2)"
    )]
    pub names: ArraySection<Option<String>, 2>,
}

/// Calls `dimensions`.
///
/// Each operation has three forms: it blocks, it is a future (`…_future`), or it
/// completes a [handle](::annulus::AsyncHandle) (`…_async`).
#[derive(Clone, Debug)]
pub struct DimensionsClient {
    binding: Binding,
}

impl DimensionsClient {
    /// A client that calls through `binding`, which is one to [`INTERFACE`].
    #[must_use]
    pub fn new(binding: Binding) -> Self {
        Self { binding }
    }

    /// `whole`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn whole(
        &self,
        rows: i32,
        columns: i32,
        cells: ArraySection<i32, 2>,
        small: Grid,
        part: Window,
    ) -> Result<(), Status> {
        let request = WholeRequest {
            rows,
            columns,
            cells,
            small,
            part,
        };
        self.binding.call_blocking(WHOLE, &request)
    }

    /// `whole`.
    ///
    /// `.await` it.
    pub fn whole_future(
        &self,
        rows: i32,
        columns: i32,
        cells: ArraySection<i32, 2>,
        small: Grid,
        part: Window,
    ) -> Call<()> {
        let request = WholeRequest {
            rows,
            columns,
            cells,
            small,
            part,
        };
        self.binding.call(WHOLE, &request)
    }

    /// `whole`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn whole_async(
        &self,
        handle: &mut AsyncHandle<()>,
        rows: i32,
        columns: i32,
        cells: ArraySection<i32, 2>,
        small: Grid,
        part: Window,
    ) -> Result<(), Status> {
        let request = WholeRequest {
            rows,
            columns,
            cells,
            small,
            part,
        };
        self.binding.call_async(handle, WHOLE, &request)
    }

    /// A section of what the request has room for, which may be null.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn section(
        &self,
        rows: i32,
        columns: i32,
        top: i32,
        height: i32,
        cells: Option<ArraySection<i64, 2>>,
    ) -> Result<(), Status> {
        let request = SectionRequest {
            rows,
            columns,
            top,
            height,
            cells,
        };
        self.binding.call_blocking(SECTION, &request)
    }

    /// A section of what the request has room for, which may be null.
    ///
    /// `.await` it.
    pub fn section_future(
        &self,
        rows: i32,
        columns: i32,
        top: i32,
        height: i32,
        cells: Option<ArraySection<i64, 2>>,
    ) -> Call<()> {
        let request = SectionRequest {
            rows,
            columns,
            top,
            height,
            cells,
        };
        self.binding.call(SECTION, &request)
    }

    /// A section of what the request has room for, which may be null.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn section_async(
        &self,
        handle: &mut AsyncHandle<()>,
        rows: i32,
        columns: i32,
        top: i32,
        height: i32,
        cells: Option<ArraySection<i64, 2>>,
    ) -> Result<(), Status> {
        let request = SectionRequest {
            rows,
            columns,
            top,
            height,
            cells,
        };
        self.binding.call_async(handle, SECTION, &request)
    }

    /// Told by the request alone; dimensions of a fixed number within are part of the elements.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn answer(
        &self,
        planes: i32,
        rows: i32,
    ) -> Result<ArraySection<[i16; 2], 2>, Status> {
        let request = AnswerRequest { planes, rows };
        let AnswerResponse { cells } = self.binding.call_blocking(ANSWER, &request)?;
        Ok(cells)
    }

    /// Told by the request alone; dimensions of a fixed number within are part of the elements.
    ///
    /// `.await` it.
    pub fn answer_future(&self, planes: i32, rows: i32) -> Call<AnswerResponse> {
        let request = AnswerRequest { planes, rows };
        self.binding.call(ANSWER, &request)
    }

    /// Told by the request alone; dimensions of a fixed number within are part of the elements.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn answer_async(
        &self,
        handle: &mut AsyncHandle<AnswerResponse>,
        planes: i32,
        rows: i32,
    ) -> Result<(), Status> {
        let request = AnswerRequest { planes, rows };
        self.binding.call_async(handle, ANSWER, &request)
    }

    /// `names`.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn names(
        &self,
        rows: i32,
        names: ArraySection<Option<String>, 2>,
    ) -> Result<(), Status> {
        let request = NamesRequest { rows, names };
        self.binding.call_blocking(NAMES, &request)
    }

    /// `names`.
    ///
    /// `.await` it.
    pub fn names_future(
        &self,
        rows: i32,
        names: ArraySection<Option<String>, 2>,
    ) -> Call<()> {
        let request = NamesRequest { rows, names };
        self.binding.call(NAMES, &request)
    }

    /// `names`.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn names_async(
        &self,
        handle: &mut AsyncHandle<()>,
        rows: i32,
        names: ArraySection<Option<String>, 2>,
    ) -> Result<(), Status> {
        let request = NamesRequest { rows, names };
        self.binding.call_async(handle, NAMES, &request)
    }
}

/// The manager routines of `dimensions`.
pub trait Dimensions: Send + Sync + 'static {
    /// `whole`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn whole(
        &self,
        context: &mut CallContext<'_>,
        rows: i32,
        columns: i32,
        cells: ArraySection<i32, 2>,
        small: Grid,
        part: Window,
    ) -> Result<(), Status>;

    /// A section of what the request has room for, which may be null.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn section(
        &self,
        context: &mut CallContext<'_>,
        rows: i32,
        columns: i32,
        top: i32,
        height: i32,
        cells: Option<ArraySection<i64, 2>>,
    ) -> Result<(), Status>;

    /// Told by the request alone; dimensions of a fixed number within are part of the elements.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn answer(
        &self,
        context: &mut CallContext<'_>,
        planes: i32,
        rows: i32,
    ) -> Result<ArraySection<[i16; 2], 2>, Status>;

    /// `names`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn names(
        &self,
        context: &mut CallContext<'_>,
        rows: i32,
        names: ArraySection<Option<String>, 2>,
    ) -> Result<(), Status>;
}

/// Makes manager routines an interface that a [`Server`](::annulus::Server) can offer.
pub fn interface(manager: impl Dimensions) -> impl Interface {
    Stub(manager)
}

struct Stub<M>(M);

impl<M: Dimensions> Interface for Stub<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let Self(manager) = self;
        match call.opnum() {
            WHOLE => {
                let WholeRequest { rows, columns, cells, small, part } = call.decode()?;
                manager.whole(call.context(), rows, columns, cells, small, part)?;
                call.reply(&())
            }
            SECTION => {
                let SectionRequest { rows, columns, top, height, cells } = call
                    .decode()?;
                manager.section(call.context(), rows, columns, top, height, cells)?;
                call.reply(&())
            }
            ANSWER => {
                let AnswerRequest { planes, rows } = call.decode()?;
                let given = AnswerGiven { planes, rows };
                let cells = manager.answer(call.context(), planes, rows)?;
                call.reply(&Params::with_given(AnswerResponse { cells }, given))
            }
            NAMES => {
                let NamesRequest { rows, names } = call.decode()?;
                manager.names(call.context(), rows, names)?;
                call.reply(&())
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}
