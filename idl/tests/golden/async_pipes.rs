//! `pipes.idl`, compiled by annulus-idl. Do not edit.
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

use ::std::borrow::Cow;
use ::annulus::{
    AsyncContext, CallContext, Dispatch, Interface, PipeShape, PullPipe, PushPipe,
    ServerCall, Status, SyntaxId, Uuid,
};
use ::annulus::ndr::{Ndr, NdrParams, Utf16Str};

/// `SIDE`.
///
/// Peers may send values that have no name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Ndr)]
#[ndr(v1_enum, crate = ::annulus::ndr)]
pub struct Side(pub u32);

impl Side {
    /// `LEFT`.
    pub const LEFT: Self = Self(1);

    /// `RIGHT`.
    pub const RIGHT: Self = Self(2);
}

/// What a pipe is made of: with gaps, and wider in NDR64.
///
/// `SAMPLE` in the IDL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct Sample {
    /// `kind`.
    pub kind: u8,
    /// `value`.
    pub value: i64,
    /// `side`.
    pub side: Side,
    /// `corners`.
    pub corners: [i16; 3],
}

/// `PAIRS_element`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Ndr)]
#[ndr(crate = ::annulus::ndr)]
pub struct PairsElement {
    /// `of`.
    pub of: [i16; 2],
}

/// The interface's UUID and version.
pub const INTERFACE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x6a1b_2c3d_0000_4000_8000_0000_0000_0050),
    1,
    0,
);

/// Operation number of `Sum`.
pub const SUM: u16 = 0;

/// Operation number of `SumLater`.
pub const SUM_LATER: u16 = 1;

/// Operation number of `Count`.
pub const COUNT: u16 = 2;

/// Operation number of `CountLater`.
pub const COUNT_LATER: u16 = 3;

/// Operation number of `Turn`.
pub const TURN: u16 = 4;

/// Operation number of `TurnLater`.
pub const TURN_LATER: u16 = 5;

/// Operation number of `Mix`.
pub const MIX: u16 = 6;

/// Operation number of `MixLater`.
pub const MIX_LATER: u16 = 7;

/// Operation number of `Forget`.
pub const FORGET: u16 = 8;

/// Operation number of `Follow`.
pub const FOLLOW: u16 = 9;

/// Operation number of `Plain`.
pub const PLAIN: u16 = 10;

/// How many operations the interface has.
pub const OPERATION_COUNT: u16 = 11;

/// `Sum`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SumRequest<'a> {
    /// `name`.
    #[ndr(string)]
    pub name: Utf16Str<'a>,
}

/// `Sum`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SumResponse {
    /// What the operation returns.
    pub result: i64,
}

/// How many pipes `Sum` has.
pub const SUM_PIPES: PipeShape = PipeShape {
    in_count: 1,
    out_count: 0,
};

/// `SumLater`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SumLaterRequest<'a> {
    /// `name`.
    #[ndr(string)]
    pub name: Utf16Str<'a>,
}

/// `SumLater`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct SumLaterResponse {
    /// What the operation returns.
    pub result: i64,
}

/// How many pipes `SumLater` has.
pub const SUM_LATER_PIPES: PipeShape = PipeShape {
    in_count: 1,
    out_count: 0,
};

/// `Count`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct CountRequest {
    /// `upto`.
    pub upto: i32,
}

/// `Count`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct CountResponse {
    /// `seen`.
    pub seen: i16,
    /// What the operation returns.
    pub result: i32,
}

/// How many pipes `Count` has.
pub const COUNT_PIPES: PipeShape = PipeShape {
    in_count: 0,
    out_count: 1,
};

/// `CountLater`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct CountLaterRequest {
    /// `upto`.
    pub upto: i32,
}

/// `CountLater`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct CountLaterResponse {
    /// `seen`.
    pub seen: i16,
    /// What the operation returns.
    pub result: i32,
}

/// How many pipes `CountLater` has.
pub const COUNT_LATER_PIPES: PipeShape = PipeShape {
    in_count: 0,
    out_count: 1,
};

/// How many pipes `Turn` has.
pub const TURN_PIPES: PipeShape = PipeShape {
    in_count: 1,
    out_count: 1,
};

/// How many pipes `TurnLater` has.
pub const TURN_LATER_PIPES: PipeShape = PipeShape {
    in_count: 1,
    out_count: 1,
};

/// `Mix`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct MixRequest<'a> {
    /// `length`.
    pub length: i32,
    /// `data`.
    #[ndr(size_is = "length")]
    pub data: &'a [u8],
}

/// `Mix`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct MixResponse {
    /// `side`.
    pub side: Side,
}

/// How many pipes `Mix` has.
pub const MIX_PIPES: PipeShape = PipeShape {
    in_count: 3,
    out_count: 2,
};

/// `MixLater`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct MixLaterRequest<'a> {
    /// `length`.
    pub length: i32,
    /// `data`.
    #[ndr(size_is = "length")]
    pub data: &'a [u8],
}

/// `MixLater`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct MixLaterResponse {
    /// `side`.
    pub side: Side,
}

/// How many pipes `MixLater` has.
pub const MIX_LATER_PIPES: PipeShape = PipeShape {
    in_count: 3,
    out_count: 2,
};

/// How many pipes `Forget` has.
pub const FORGET_PIPES: PipeShape = PipeShape {
    in_count: 1,
    out_count: 0,
};

/// `Follow`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct FollowRequest<'a> {
    /// `name`.
    #[ndr(string)]
    pub name: Utf16Str<'a>,
}

/// How many pipes `Follow` has.
pub const FOLLOW_PIPES: PipeShape = PipeShape {
    in_count: 1,
    out_count: 0,
};

/// `Plain`: in-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct PlainRequest {
    /// `number`.
    pub number: i32,
}

/// `Plain`: out-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, NdrParams)]
#[ndr(crate = ::annulus::ndr)]
pub struct PlainResponse {
    /// What the operation returns.
    pub result: i32,
}

/// The manager routines of `pipes`.
pub trait Pipes: Send + Sync + 'static {
    /// Adds numbers up.
    ///
    /// `Sum` in the IDL.
    ///
    /// May block; it runs on the worker pool.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn sum(
        &self,
        context: &mut CallContext<'_>,
        name: Utf16Str<'_>,
        numbers: &mut PullPipe<i32>,
    ) -> Result<i64, Status>;

    /// `SumLater`.
    ///
    /// `[async]`: completes `call`, now or later.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn sum_later(
        &self,
        context: &mut CallContext<'_>,
        call: ServerCall<SumLaterResponse>,
        name: Utf16Str<'_>,
        numbers: PullPipe<i32>,
    ) -> Result<(), Status>;

    /// Counts.
    ///
    /// `Count` in the IDL.
    ///
    /// May block; it runs on the worker pool.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn count(
        &self,
        context: &mut CallContext<'_>,
        upto: i32,
        numbers: &mut PushPipe<i64>,
    ) -> Result<CountResponse, Status>;

    /// `CountLater`.
    ///
    /// `[async]`: completes `call`, now or later.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn count_later(
        &self,
        context: &mut CallContext<'_>,
        call: ServerCall<CountLaterResponse>,
        upto: i32,
        numbers: PushPipe<i64>,
    ) -> Result<(), Status>;

    /// Sends back what comes, last first.
    ///
    /// `Turn` in the IDL.
    ///
    /// May block; it runs on the worker pool.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn turn(
        &self,
        context: &mut CallContext<'_>,
        samples_in: &mut PullPipe<Sample>,
        samples_out: &mut PushPipe<Sample>,
    ) -> Result<(), Status>;

    /// `TurnLater`.
    ///
    /// `[async]`: completes `call`, now or later.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn turn_later(
        &self,
        context: &mut CallContext<'_>,
        call: ServerCall<()>,
        samples_in: PullPipe<Sample>,
        samples_out: PushPipe<Sample>,
    ) -> Result<(), Status>;

    /// Takes two pipes and gives two.
    ///
    /// `Mix` in the IDL.
    ///
    /// May block; it runs on the worker pool.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn mix(
        &self,
        context: &mut CallContext<'_>,
        data: &[u8],
        first: &mut PullPipe<u8>,
        numbers_in: &mut PullPipe<i32>,
        numbers_out: &mut PushPipe<i32>,
        second: &mut PullPipe<Sample>,
        pairs: &mut PushPipe<PairsElement>,
    ) -> Result<Side, Status>;

    /// `MixLater`.
    ///
    /// `[async]`: completes `call`, now or later.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn mix_later(
        &self,
        context: &mut CallContext<'_>,
        call: ServerCall<MixLaterResponse>,
        data: &[u8],
        first: PullPipe<u8>,
        numbers_in: PullPipe<i32>,
        numbers_out: PushPipe<i32>,
        second: PullPipe<Sample>,
        pairs: PushPipe<PairsElement>,
    ) -> Result<(), Status>;

    /// Leaves its pipe where it is.
    ///
    /// `Forget` in the IDL.
    ///
    /// May block; it runs on the worker pool.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn forget(
        &self,
        context: &mut CallContext<'_>,
        numbers: &mut PullPipe<i32>,
    ) -> Result<(), Status>;

    /// Is followed.
    ///
    /// `Follow` in the IDL.
    ///
    /// May block; it runs on the worker pool.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn follow(
        &self,
        context: &mut CallContext<'_>,
        name: Utf16Str<'_>,
        numbers: &mut PullPipe<i32>,
    ) -> Result<(), Status>;

    /// Follows `Follow`: its reply is made, or it has failed, perhaps before it was called.
    ///
    /// `was_called`: whether the manager routine was.
    fn follow_notify_flag(&self, was_called: bool);

    /// Has none.
    ///
    /// `Plain` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn plain(&self, context: &mut CallContext<'_>, number: i32) -> Result<i32, Status>;
}

/// Makes manager routines an interface that a [`Server`](::annulus::Server) can offer.
pub fn interface(manager: impl Pipes) -> impl Interface {
    Stub(manager)
}

struct Stub<M>(M);

impl<M: Pipes> Interface for Stub<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn pipes(&self, opnum: u16) -> PipeShape {
        match opnum {
            SUM => SUM_PIPES,
            SUM_LATER => SUM_LATER_PIPES,
            COUNT => COUNT_PIPES,
            COUNT_LATER => COUNT_LATER_PIPES,
            TURN => TURN_PIPES,
            TURN_LATER => TURN_LATER_PIPES,
            MIX => MIX_PIPES,
            MIX_LATER => MIX_LATER_PIPES,
            FORGET => FORGET_PIPES,
            FOLLOW => FOLLOW_PIPES,
            _ => PipeShape::default(),
        }
    }

    fn blocks(&self, opnum: u16) -> bool {
        matches!(opnum, SUM | COUNT | TURN | MIX | FORGET | FOLLOW)
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let Self(manager) = self;
        match call.opnum() {
            SUM => {
                let (SumRequest { name }, pipes) = call.decode_with_pipes()?;
                let result = manager.sum(call.context(), name, &mut pipes.pull(0))?;
                call.reply(&SumResponse { result })
            }
            SUM_LATER => {
                let (SumLaterRequest { name }, deferred, pipes) = call
                    .defer_with_pipes()?;
                manager.sum_later(call.context(), deferred, name, pipes.pull(0))
            }
            COUNT => {
                let (CountRequest { upto }, pipes) = call.decode_with_pipes()?;
                let response = manager.count(call.context(), upto, &mut pipes.push(0))?;
                call.reply(&response)
            }
            COUNT_LATER => {
                let (CountLaterRequest { upto }, deferred, pipes) = call
                    .defer_with_pipes()?;
                manager.count_later(call.context(), deferred, upto, pipes.push(0))
            }
            TURN => {
                let ((), pipes) = call.decode_with_pipes()?;
                manager.turn(call.context(), &mut pipes.pull(0), &mut pipes.push(0))?;
                call.reply(&())
            }
            TURN_LATER => {
                let ((), deferred, pipes) = call.defer_with_pipes()?;
                manager
                    .turn_later(call.context(), deferred, pipes.pull(0), pipes.push(0))
            }
            MIX => {
                let (MixRequest { data, .. }, pipes) = call.decode_with_pipes()?;
                let side = manager
                    .mix(
                        call.context(),
                        data,
                        &mut pipes.pull(0),
                        &mut pipes.pull(1),
                        &mut pipes.push(0),
                        &mut pipes.pull(2),
                        &mut pipes.push(1),
                    )?;
                call.reply(&MixResponse { side })
            }
            MIX_LATER => {
                let (MixLaterRequest { data, .. }, deferred, pipes) = call
                    .defer_with_pipes()?;
                manager
                    .mix_later(
                        call.context(),
                        deferred,
                        data,
                        pipes.pull(0),
                        pipes.pull(1),
                        pipes.push(0),
                        pipes.pull(2),
                        pipes.push(1),
                    )
            }
            FORGET => {
                let ((), pipes) = call.decode_with_pipes()?;
                manager.forget(call.context(), &mut pipes.pull(0))?;
                call.reply(&())
            }
            FOLLOW => {
                let mut was_called = false;
                let outcome = self.follow(&mut call, &mut was_called);
                if !call.is_incomplete() {
                    manager.follow_notify_flag(was_called);
                }
                outcome
            }
            PLAIN => {
                let PlainRequest { number } = call.decode()?;
                let result = manager.plain(call.context(), number)?;
                call.reply(&PlainResponse { result })
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}

impl<M: Pipes> Stub<M> {
    fn follow(
        &self,
        call: &mut Dispatch<'_, '_>,
        was_called: &mut bool,
    ) -> Result<(), Status> {
        let Self(manager) = self;
        let (FollowRequest { name }, pipes) = call.decode_with_pipes()?;
        *was_called = true;
        manager.follow(call.context(), name, &mut pipes.pull(0))?;
        call.reply(&())
    }
}

/// The manager routines of `pipes` as `async fn`s.
///
/// Each runs on the core that received its call, as
/// [`Dispatch::spawn`](::annulus::Dispatch::spawn) says, and need not be `Send`. It must
/// not block. Its arguments are its own.
pub trait PipesAsync: Send + Sync + 'static {
    /// Adds numbers up.
    ///
    /// `Sum` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn sum(
        &self,
        context: AsyncContext,
        name: String,
        numbers: PullPipe<i32>,
    ) -> impl ::std::future::Future<Output = Result<i64, Status>>;

    /// `SumLater`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn sum_later(
        &self,
        context: AsyncContext,
        name: String,
        numbers: PullPipe<i32>,
    ) -> impl ::std::future::Future<Output = Result<i64, Status>>;

    /// Counts.
    ///
    /// `Count` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn count(
        &self,
        context: AsyncContext,
        upto: i32,
        numbers: PushPipe<i64>,
    ) -> impl ::std::future::Future<Output = Result<CountResponse, Status>>;

    /// `CountLater`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn count_later(
        &self,
        context: AsyncContext,
        upto: i32,
        numbers: PushPipe<i64>,
    ) -> impl ::std::future::Future<Output = Result<CountLaterResponse, Status>>;

    /// Sends back what comes, last first.
    ///
    /// `Turn` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn turn(
        &self,
        context: AsyncContext,
        samples_in: PullPipe<Sample>,
        samples_out: PushPipe<Sample>,
    ) -> impl ::std::future::Future<Output = Result<(), Status>>;

    /// `TurnLater`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn turn_later(
        &self,
        context: AsyncContext,
        samples_in: PullPipe<Sample>,
        samples_out: PushPipe<Sample>,
    ) -> impl ::std::future::Future<Output = Result<(), Status>>;

    /// Takes two pipes and gives two.
    ///
    /// `Mix` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn mix(
        &self,
        context: AsyncContext,
        data: Vec<u8>,
        first: PullPipe<u8>,
        numbers_in: PullPipe<i32>,
        numbers_out: PushPipe<i32>,
        second: PullPipe<Sample>,
        pairs: PushPipe<PairsElement>,
    ) -> impl ::std::future::Future<Output = Result<Side, Status>>;

    /// `MixLater`.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn mix_later(
        &self,
        context: AsyncContext,
        data: Vec<u8>,
        first: PullPipe<u8>,
        numbers_in: PullPipe<i32>,
        numbers_out: PushPipe<i32>,
        second: PullPipe<Sample>,
        pairs: PushPipe<PairsElement>,
    ) -> impl ::std::future::Future<Output = Result<Side, Status>>;

    /// Leaves its pipe where it is.
    ///
    /// `Forget` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn forget(
        &self,
        context: AsyncContext,
        numbers: PullPipe<i32>,
    ) -> impl ::std::future::Future<Output = Result<(), Status>>;

    /// Is followed.
    ///
    /// `Follow` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn follow(
        &self,
        context: AsyncContext,
        name: String,
        numbers: PullPipe<i32>,
    ) -> impl ::std::future::Future<Output = Result<(), Status>>;

    /// Has none.
    ///
    /// `Plain` in the IDL.
    ///
    /// # Errors
    ///
    /// The status becomes a fault for the caller.
    fn plain(
        &self,
        context: AsyncContext,
        number: i32,
    ) -> impl ::std::future::Future<Output = Result<i32, Status>>;
}

/// Makes async manager routines an interface that a [`Server`](::annulus::Server) can
/// offer; not in a [blocking](::annulus::Registration::blocking) registration.
pub fn interface_async(manager: impl PipesAsync) -> impl Interface {
    StubAsync(::std::sync::Arc::new(manager))
}

struct StubAsync<M>(::std::sync::Arc<M>);

impl<M: PipesAsync> Interface for StubAsync<M> {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn pipes(&self, opnum: u16) -> PipeShape {
        match opnum {
            SUM => SUM_PIPES,
            SUM_LATER => SUM_LATER_PIPES,
            COUNT => COUNT_PIPES,
            COUNT_LATER => COUNT_LATER_PIPES,
            TURN => TURN_PIPES,
            TURN_LATER => TURN_LATER_PIPES,
            MIX => MIX_PIPES,
            MIX_LATER => MIX_LATER_PIPES,
            FORGET => FORGET_PIPES,
            FOLLOW => FOLLOW_PIPES,
            _ => PipeShape::default(),
        }
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let manager = ::std::sync::Arc::clone(&self.0);
        match call.opnum() {
            SUM => {
                call.spawn_with_pipes(|SumRequest { name }, context, pipes| {
                    let name = name
                        .to_utf8()
                        .map(Cow::into_owned)
                        .ok_or(Status::BadStubData);
                    async move {
                        let name = name?;
                        let result = PipesAsync::sum(
                                &*manager,
                                context,
                                name,
                                pipes.pull(0),
                            )
                            .await?;
                        Ok(SumResponse { result })
                    }
                })
            }
            SUM_LATER => {
                call.spawn_with_pipes(|SumLaterRequest { name }, context, pipes| {
                    let name = name
                        .to_utf8()
                        .map(Cow::into_owned)
                        .ok_or(Status::BadStubData);
                    async move {
                        let name = name?;
                        let result = PipesAsync::sum_later(
                                &*manager,
                                context,
                                name,
                                pipes.pull(0),
                            )
                            .await?;
                        Ok(SumLaterResponse { result })
                    }
                })
            }
            COUNT => {
                call.spawn_with_pipes(|CountRequest { upto }, context, pipes| {
                    async move {
                        PipesAsync::count(&*manager, context, upto, pipes.push(0)).await
                    }
                })
            }
            COUNT_LATER => {
                call.spawn_with_pipes(|CountLaterRequest { upto }, context, pipes| {
                    async move {
                        PipesAsync::count_later(&*manager, context, upto, pipes.push(0))
                            .await
                    }
                })
            }
            TURN => {
                call.spawn_with_pipes(|(), context, pipes| {
                    async move {
                        PipesAsync::turn(
                                &*manager,
                                context,
                                pipes.pull(0),
                                pipes.push(0),
                            )
                            .await
                    }
                })
            }
            TURN_LATER => {
                call.spawn_with_pipes(|(), context, pipes| {
                    async move {
                        PipesAsync::turn_later(
                                &*manager,
                                context,
                                pipes.pull(0),
                                pipes.push(0),
                            )
                            .await
                    }
                })
            }
            MIX => {
                call.spawn_with_pipes(|MixRequest { data, .. }, context, pipes| {
                    let data = data.to_vec();
                    async move {
                        let side = PipesAsync::mix(
                                &*manager,
                                context,
                                data,
                                pipes.pull(0),
                                pipes.pull(1),
                                pipes.push(0),
                                pipes.pull(2),
                                pipes.push(1),
                            )
                            .await?;
                        Ok(MixResponse { side })
                    }
                })
            }
            MIX_LATER => {
                call.spawn_with_pipes(|MixLaterRequest { data, .. }, context, pipes| {
                    let data = data.to_vec();
                    async move {
                        let side = PipesAsync::mix_later(
                                &*manager,
                                context,
                                data,
                                pipes.pull(0),
                                pipes.pull(1),
                                pipes.push(0),
                                pipes.pull(2),
                                pipes.push(1),
                            )
                            .await?;
                        Ok(MixLaterResponse { side })
                    }
                })
            }
            FORGET => {
                call.spawn_with_pipes(|(), context, pipes| {
                    async move {
                        PipesAsync::forget(&*manager, context, pipes.pull(0)).await
                    }
                })
            }
            FOLLOW => {
                call.spawn_with_pipes(|FollowRequest { name }, context, pipes| {
                    let name = name
                        .to_utf8()
                        .map(Cow::into_owned)
                        .ok_or(Status::BadStubData);
                    async move {
                        let name = name?;
                        PipesAsync::follow(&*manager, context, name, pipes.pull(0)).await
                    }
                })
            }
            PLAIN => {
                let PlainRequest { number } = call.decode()?;
                call.spawn(|context| async move {
                    let result = PipesAsync::plain(&*manager, context, number).await?;
                    Ok(PlainResponse { result })
                })
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}
