//! `counts.idl`, compiled by annulus-idl. Do not edit.
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
    AsyncContext, CallContext, Dispatch, Interface, PipeShape, PullPipe, ServerCall,
    Status, SyntaxId, Uuid,
};
use ::annulus::ndr::{Ndr, NdrParams, ArraySection, Gives, Params};

/// `choice`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(switch = i16, crate = ::annulus::ndr)]
pub enum Choice {
    /// `number`, of case `1`.
    #[ndr(case = 1)]
    Number(i32),
    /// `mark`, of case `2`.
    #[ndr(case = 2)]
    Mark(u8),
}

/// The interface's UUID and version.
pub const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x6a1b_2c3d_0000_4000_8000_0000_0000_0026),
    1,
    0,
);

/// Operation number of `whole`.
pub const WHOLE: u16 = 0;

/// Operation number of `later`.
pub const LATER: u16 = 1;

/// Operation number of `part`.
pub const PART: u16 = 2;

/// Operation number of `text`.
pub const TEXT: u16 = 3;

/// Operation number of `chosen`.
pub const CHOSEN: u16 = 4;

/// Operation number of `section`.
pub const SECTION: u16 = 5;

/// Operation number of `computed`.
pub const COMPUTED: u16 = 6;

/// Operation number of `doubled`.
pub const DOUBLED: u16 = 7;

/// Operation number of `piped`.
pub const PIPED: u16 = 8;

/// How many operations the interface has.
pub const OPERATION_COUNT: u16 = 9;

/// `whole`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct WholeRequest {
    /// `n`.
    pub n: i32,
}

/// `whole`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = WholeGiven)]
pub struct WholeResponse {
    /// `values`.
    #[ndr(size_is = "given.n")]
    pub values: Vec<i32>,
}

/// `whole`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct WholeGiven {
    /// As in [`WholeRequest`].
    pub n: i32,
}

impl Gives<WholeGiven> for WholeRequest {
    fn given(&self) -> WholeGiven {
        WholeGiven { n: self.n }
    }
}

/// `later`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct LaterRequest {
    /// `n`.
    pub n: i32,
}

/// `later`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = LaterGiven)]
pub struct LaterResponse {
    /// `values`.
    #[ndr(size_is = "given.n")]
    pub values: Vec<i32>,
}

/// `later`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct LaterGiven {
    /// As in [`LaterRequest`].
    pub n: i32,
}

impl Gives<LaterGiven> for LaterRequest {
    fn given(&self) -> LaterGiven {
        LaterGiven { n: self.n }
    }
}

/// `part`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct PartRequest {
    /// `max`.
    pub max: i32,
}

/// `part`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = PartGiven)]
pub struct PartResponse {
    /// `n`.
    pub n: i32,
    /// `values`.
    #[ndr(size_is = "given.max", length_is = "n")]
    pub values: Vec<i32>,
}

/// `part`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct PartGiven {
    /// As in [`PartRequest`].
    pub max: i32,
}

impl Gives<PartGiven> for PartRequest {
    fn given(&self) -> PartGiven {
        PartGiven { max: self.max }
    }
}

/// `text`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct TextRequest {
    /// `max`.
    pub max: i32,
}

/// `text`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = TextGiven)]
pub struct TextResponse {
    /// `text`.
    #[ndr(string, size_is = "given.max")]
    pub text: String,
}

/// `text`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct TextGiven {
    /// As in [`TextRequest`].
    pub max: i32,
}

impl Gives<TextGiven> for TextRequest {
    fn given(&self) -> TextGiven {
        TextGiven { max: self.max }
    }
}

/// `chosen`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct ChosenRequest {
    /// `level`.
    pub level: i16,
}

/// `chosen`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = ChosenGiven)]
pub struct ChosenResponse {
    /// `value`.
    #[ndr(switch_is = "given.level")]
    pub value: Choice,
}

/// `chosen`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct ChosenGiven {
    /// As in [`ChosenRequest`].
    pub level: i16,
}

impl Gives<ChosenGiven> for ChosenRequest {
    fn given(&self) -> ChosenGiven {
        ChosenGiven { level: self.level }
    }
}

/// `section`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SectionRequest {
    /// `from`.
    pub from: i32,
    /// `n`.
    pub n: i32,
}

/// `section`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = SectionGiven)]
pub struct SectionResponse {
    /// `values`.
    #[ndr(varying = 8, length_is = "given.n", first_is = "given.from")]
    pub values: ArraySection<i16>,
}

/// `section`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct SectionGiven {
    /// As in [`SectionRequest`].
    pub from: i32,
    /// As in [`SectionRequest`].
    pub n: i32,
}

impl Gives<SectionGiven> for SectionRequest {
    fn given(&self) -> SectionGiven {
        SectionGiven {
            from: self.from,
            n: self.n,
        }
    }
}

/// `computed`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct ComputedRequest {
    /// `words`.
    pub words: Option<i32>,
}

/// `computed`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = ComputedGiven)]
pub struct ComputedResponse {
    /// `data`.
    #[ndr(size_is = "2 * given.words")]
    pub data: Vec<u8>,
}

/// `computed`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct ComputedGiven {
    /// As in [`ComputedRequest`].
    pub words: Option<i32>,
}

impl Gives<ComputedGiven> for ComputedRequest {
    fn given(&self) -> ComputedGiven {
        ComputedGiven { words: self.words }
    }
}

/// `doubled`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct DoubledRequest<'a> {
    /// `n`.
    pub n: i32,
    /// `data`.
    #[ndr(size_is = "n")]
    pub data: &'a [u8],
}

/// `doubled`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = DoubledGiven)]
pub struct DoubledResponse {
    /// `twice`.
    #[ndr(size_is = "given.n")]
    pub twice: Vec<i16>,
}

/// `doubled`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct DoubledGiven {
    /// As in [`DoubledRequest`].
    pub n: i32,
}

impl Gives<DoubledGiven> for DoubledRequest<'_> {
    fn given(&self) -> DoubledGiven {
        DoubledGiven { n: self.n }
    }
}

/// `piped`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct PipedRequest {
    /// `n`.
    pub n: i32,
}

/// `piped`: out-parameters.
#[derive(Clone, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr, given = PipedGiven)]
pub struct PipedResponse {
    /// `values`.
    #[ndr(size_is = "given.n")]
    pub values: Vec<i32>,
}

/// `piped`: what its in-parameters tell about its out-parameters.
#[derive(Clone, Copy, Debug)]
pub struct PipedGiven {
    /// As in [`PipedRequest`].
    pub n: i32,
}

impl Gives<PipedGiven> for PipedRequest {
    fn given(&self) -> PipedGiven {
        PipedGiven { n: self.n }
    }
}

/// How many pipes `piped` has.
pub const PIPED_PIPES: PipeShape = PipeShape {
    in_count: 1,
    out_count: 0,
};

/// The manager routines of `counts`.
pub trait Counts: Send + Sync + 'static {
    /// Exactly as many as were asked for.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn whole(&self, context: &mut CallContext<'_>, n: i32) -> Result<Vec<i32>, Status>;

    /// The same, completed later.
    ///
    /// `[async]`: completes `call`, now or later.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn later(
        &self,
        context: &mut CallContext<'_>,
        call: ServerCall<LaterResponse>,
        n: i32,
    ) -> Result<(), Status>;

    /// At most so many; how many, the reply says.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn part(
        &self,
        context: &mut CallContext<'_>,
        max: i32,
    ) -> Result<PartResponse, Status>;

    /// A buffer for a text.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn text(&self, context: &mut CallContext<'_>, max: i32) -> Result<String, Status>;

    /// The arm that was asked for.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn chosen(
        &self,
        context: &mut CallContext<'_>,
        level: i16,
    ) -> Result<Choice, Status>;

    /// A piece of a fixed array.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn section(
        &self,
        context: &mut CallContext<'_>,
        from: i32,
        n: i32,
    ) -> Result<ArraySection<i16>, Status>;

    /// Told by what may be null, and computed.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn computed(
        &self,
        context: &mut CallContext<'_>,
        words: Option<i32>,
    ) -> Result<Vec<u8>, Status>;

    /// Told by the length of another array, which is no argument.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn doubled(
        &self,
        context: &mut CallContext<'_>,
        data: &[u8],
    ) -> Result<Vec<i16>, Status>;

    /// Behind a pipe.
    ///
    /// `[async]`: completes `call`, now or later.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn piped(
        &self,
        context: &mut CallContext<'_>,
        call: ServerCall<PipedResponse>,
        n: i32,
        data: PullPipe<u8>,
    ) -> Result<(), Status>;
}

/// Makes manager routines an interface that a [`Server`](::annulus::Server) can offer.
pub fn interface(manager: impl Counts) -> impl Interface {
    Stub(manager)
}

struct Stub<M>(M);

impl<M: Counts> Interface for Stub<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn pipes(&self, opnum: u16) -> PipeShape {
        match opnum {
            PIPED => PIPED_PIPES,
            _ => PipeShape::default(),
        }
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let Self(manager) = self;
        match call.opnum() {
            WHOLE => {
                let WholeRequest { n } = call.decode()?;
                let given = WholeGiven { n };
                let values = manager.whole(call.context(), n)?;
                call.reply(&Params::with_given(WholeResponse { values }, given))
            }
            LATER => {
                let LaterRequest { n } = call.decode()?;
                let given = LaterGiven { n };
                let deferred = call.defer()?;
                manager.later(call.context(), deferred.with_given(given), n)
            }
            PART => {
                let PartRequest { max } = call.decode()?;
                let given = PartGiven { max };
                let response = manager.part(call.context(), max)?;
                call.reply(&Params::with_given(response, given))
            }
            TEXT => {
                let TextRequest { max } = call.decode()?;
                let given = TextGiven { max };
                let text = manager.text(call.context(), max)?;
                call.reply(&Params::with_given(TextResponse { text }, given))
            }
            CHOSEN => {
                let ChosenRequest { level } = call.decode()?;
                let given = ChosenGiven { level };
                let value = manager.chosen(call.context(), level)?;
                call.reply(&Params::with_given(ChosenResponse { value }, given))
            }
            SECTION => {
                let SectionRequest { from, n } = call.decode()?;
                let given = SectionGiven { from, n };
                let values = manager.section(call.context(), from, n)?;
                call.reply(&Params::with_given(SectionResponse { values }, given))
            }
            COMPUTED => {
                let ComputedRequest { words } = call.decode()?;
                let given = ComputedGiven { words };
                let data = manager.computed(call.context(), words)?;
                call.reply(&Params::with_given(ComputedResponse { data }, given))
            }
            DOUBLED => {
                let DoubledRequest { n, data } = call.decode()?;
                let given = DoubledGiven { n };
                let twice = manager.doubled(call.context(), data)?;
                call.reply(&Params::with_given(DoubledResponse { twice }, given))
            }
            PIPED => {
                let (PipedRequest { n }, deferred, pipes) = call.defer_with_pipes()?;
                let given = PipedGiven { n };
                manager
                    .piped(call.context(), deferred.with_given(given), n, pipes.pull(0))
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}

/// The manager routines of `counts` as `async fn`s.
///
/// Each runs on the core that received its call, as
/// [`Dispatch::spawn`](::annulus::Dispatch::spawn) says, and need not be `Send`. It must
/// not block. Its arguments are its own.
pub trait CountsAsync: Send + Sync + 'static {
    /// Exactly as many as were asked for.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn whole(
        &self,
        context: AsyncContext,
        n: i32,
    ) -> impl ::std::future::Future<Output = Result<Vec<i32>, Status>>;

    /// The same, completed later.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn later(
        &self,
        context: AsyncContext,
        n: i32,
    ) -> impl ::std::future::Future<Output = Result<Vec<i32>, Status>>;

    /// At most so many; how many, the reply says.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn part(
        &self,
        context: AsyncContext,
        max: i32,
    ) -> impl ::std::future::Future<Output = Result<PartResponse, Status>>;

    /// A buffer for a text.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn text(
        &self,
        context: AsyncContext,
        max: i32,
    ) -> impl ::std::future::Future<Output = Result<String, Status>>;

    /// The arm that was asked for.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn chosen(
        &self,
        context: AsyncContext,
        level: i16,
    ) -> impl ::std::future::Future<Output = Result<Choice, Status>>;

    /// A piece of a fixed array.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn section(
        &self,
        context: AsyncContext,
        from: i32,
        n: i32,
    ) -> impl ::std::future::Future<Output = Result<ArraySection<i16>, Status>>;

    /// Told by what may be null, and computed.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn computed(
        &self,
        context: AsyncContext,
        words: Option<i32>,
    ) -> impl ::std::future::Future<Output = Result<Vec<u8>, Status>>;

    /// Told by the length of another array, which is no argument.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn doubled(
        &self,
        context: AsyncContext,
        data: Vec<u8>,
    ) -> impl ::std::future::Future<Output = Result<Vec<i16>, Status>>;

    /// Behind a pipe.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn piped(
        &self,
        context: AsyncContext,
        n: i32,
        data: PullPipe<u8>,
    ) -> impl ::std::future::Future<Output = Result<Vec<i32>, Status>>;
}

/// Makes async manager routines an interface that a [`Server`](::annulus::Server) can
/// offer; not in a [blocking](::annulus::Registration::blocking) registration.
pub fn interface_async(manager: impl CountsAsync) -> impl Interface {
    StubAsync(::std::sync::Arc::new(manager))
}

struct StubAsync<M>(::std::sync::Arc<M>);

impl<M: CountsAsync> Interface for StubAsync<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn pipes(&self, opnum: u16) -> PipeShape {
        match opnum {
            PIPED => PIPED_PIPES,
            _ => PipeShape::default(),
        }
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let manager = ::std::sync::Arc::clone(&self.0);
        match call.opnum() {
            WHOLE => {
                let WholeRequest { n } = call.decode()?;
                let given = WholeGiven { n };
                call.spawn(|context| async move {
                    let values = CountsAsync::whole(&*manager, context, n).await?;
                    Ok(Params::with_given(WholeResponse { values }, given))
                })
            }
            LATER => {
                let LaterRequest { n } = call.decode()?;
                let given = LaterGiven { n };
                call.spawn(|context| async move {
                    let values = CountsAsync::later(&*manager, context, n).await?;
                    Ok(Params::with_given(LaterResponse { values }, given))
                })
            }
            PART => {
                let PartRequest { max } = call.decode()?;
                let given = PartGiven { max };
                call.spawn(|context| async move {
                    let response = CountsAsync::part(&*manager, context, max).await?;
                    Ok(Params::with_given(response, given))
                })
            }
            TEXT => {
                let TextRequest { max } = call.decode()?;
                let given = TextGiven { max };
                call.spawn(|context| async move {
                    let text = CountsAsync::text(&*manager, context, max).await?;
                    Ok(Params::with_given(TextResponse { text }, given))
                })
            }
            CHOSEN => {
                let ChosenRequest { level } = call.decode()?;
                let given = ChosenGiven { level };
                call.spawn(|context| async move {
                    let value = CountsAsync::chosen(&*manager, context, level).await?;
                    Ok(Params::with_given(ChosenResponse { value }, given))
                })
            }
            SECTION => {
                let SectionRequest { from, n } = call.decode()?;
                let given = SectionGiven { from, n };
                call.spawn(|context| async move {
                    let values = CountsAsync::section(&*manager, context, from, n)
                        .await?;
                    Ok(Params::with_given(SectionResponse { values }, given))
                })
            }
            COMPUTED => {
                let ComputedRequest { words } = call.decode()?;
                let given = ComputedGiven { words };
                call.spawn(|context| async move {
                    let data = CountsAsync::computed(&*manager, context, words).await?;
                    Ok(Params::with_given(ComputedResponse { data }, given))
                })
            }
            DOUBLED => {
                let DoubledRequest { n, data } = call.decode()?;
                let data = data.to_vec();
                let given = DoubledGiven { n };
                call.spawn(|context| async move {
                    let twice = CountsAsync::doubled(&*manager, context, data).await?;
                    Ok(Params::with_given(DoubledResponse { twice }, given))
                })
            }
            PIPED => {
                call.spawn_with_pipes(|PipedRequest { n }, context, pipes| {
                    let given = PipedGiven { n };
                    async move {
                        let values = CountsAsync::piped(
                                &*manager,
                                context,
                                n,
                                pipes.pull(0),
                            )
                            .await?;
                        Ok(Params::with_given(PipedResponse { values }, given))
                    }
                })
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}
