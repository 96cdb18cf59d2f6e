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

use ::annulus::{
    AsyncHandle, Binding, Call, CallContext, Dispatch, Interface, PipeShape, PullPipe,
    PushPipe, ServerCall, Status, SyntaxId, Uuid,
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

/// `Sum`: the client's ends of its pipes.
///
/// Push the `[in]` pipes in this order, each to its end, then pull the `[out]` pipes. One
/// that is dropped before its end gives the call up.
#[derive(Debug)]
pub struct SumPipes {
    /// `numbers`.
    ///
    /// `[in]`: push until all is in, then `finish`.
    pub numbers: PushPipe<i32>,
}

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

/// `SumLater`: the client's ends of its pipes.
///
/// Push the `[in]` pipes in this order, each to its end, then pull the `[out]` pipes. One
/// that is dropped before its end gives the call up.
#[derive(Debug)]
pub struct SumLaterPipes {
    /// `numbers`.
    ///
    /// `[in]`: push until all is in, then `finish`.
    pub numbers: PushPipe<i32>,
}

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

/// `Count`: the client's ends of its pipes.
///
/// Push the `[in]` pipes in this order, each to its end, then pull the `[out]` pipes. One
/// that is dropped before its end gives the call up.
#[derive(Debug)]
pub struct CountPipes {
    /// `numbers`.
    ///
    /// `[out]`: pull until no more comes.
    pub numbers: PullPipe<i64>,
}

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

/// `CountLater`: the client's ends of its pipes.
///
/// Push the `[in]` pipes in this order, each to its end, then pull the `[out]` pipes. One
/// that is dropped before its end gives the call up.
#[derive(Debug)]
pub struct CountLaterPipes {
    /// `numbers`.
    ///
    /// `[out]`: pull until no more comes.
    pub numbers: PullPipe<i64>,
}

/// How many pipes `Turn` has.
pub const TURN_PIPES: PipeShape = PipeShape {
    in_count: 1,
    out_count: 1,
};

/// `Turn`: the client's ends of its pipes.
///
/// Push the `[in]` pipes in this order, each to its end, then pull the `[out]` pipes. One
/// that is dropped before its end gives the call up.
#[derive(Debug)]
pub struct TurnPipes {
    /// `samples`.
    ///
    /// `[in]`: push until all is in, then `finish`.
    pub samples_in: PushPipe<Sample>,
    /// `samples`.
    ///
    /// `[out]`: pull until no more comes.
    pub samples_out: PullPipe<Sample>,
}

/// How many pipes `TurnLater` has.
pub const TURN_LATER_PIPES: PipeShape = PipeShape {
    in_count: 1,
    out_count: 1,
};

/// `TurnLater`: the client's ends of its pipes.
///
/// Push the `[in]` pipes in this order, each to its end, then pull the `[out]` pipes. One
/// that is dropped before its end gives the call up.
#[derive(Debug)]
pub struct TurnLaterPipes {
    /// `samples`.
    ///
    /// `[in]`: push until all is in, then `finish`.
    pub samples_in: PushPipe<Sample>,
    /// `samples`.
    ///
    /// `[out]`: pull until no more comes.
    pub samples_out: PullPipe<Sample>,
}

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

/// `Mix`: the client's ends of its pipes.
///
/// Push the `[in]` pipes in this order, each to its end, then pull the `[out]` pipes. One
/// that is dropped before its end gives the call up.
#[derive(Debug)]
pub struct MixPipes {
    /// `first`.
    ///
    /// `[in]`: push until all is in, then `finish`.
    pub first: PushPipe<u8>,
    /// `numbers`.
    ///
    /// `[in]`: push until all is in, then `finish`.
    pub numbers_in: PushPipe<i32>,
    /// `numbers`.
    ///
    /// `[out]`: pull until no more comes.
    pub numbers_out: PullPipe<i32>,
    /// `second`.
    ///
    /// `[in]`: push until all is in, then `finish`.
    pub second: PushPipe<Sample>,
    /// `pairs`.
    ///
    /// `[out]`: pull until no more comes.
    pub pairs: PullPipe<PairsElement>,
}

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

/// `MixLater`: the client's ends of its pipes.
///
/// Push the `[in]` pipes in this order, each to its end, then pull the `[out]` pipes. One
/// that is dropped before its end gives the call up.
#[derive(Debug)]
pub struct MixLaterPipes {
    /// `first`.
    ///
    /// `[in]`: push until all is in, then `finish`.
    pub first: PushPipe<u8>,
    /// `numbers`.
    ///
    /// `[in]`: push until all is in, then `finish`.
    pub numbers_in: PushPipe<i32>,
    /// `numbers`.
    ///
    /// `[out]`: pull until no more comes.
    pub numbers_out: PullPipe<i32>,
    /// `second`.
    ///
    /// `[in]`: push until all is in, then `finish`.
    pub second: PushPipe<Sample>,
    /// `pairs`.
    ///
    /// `[out]`: pull until no more comes.
    pub pairs: PullPipe<PairsElement>,
}

/// How many pipes `Forget` has.
pub const FORGET_PIPES: PipeShape = PipeShape {
    in_count: 1,
    out_count: 0,
};

/// `Forget`: the client's ends of its pipes.
///
/// Push the `[in]` pipes in this order, each to its end, then pull the `[out]` pipes. One
/// that is dropped before its end gives the call up.
#[derive(Debug)]
pub struct ForgetPipes {
    /// `numbers`.
    ///
    /// `[in]`: push until all is in, then `finish`.
    pub numbers: PushPipe<i32>,
}

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

/// `Follow`: the client's ends of its pipes.
///
/// Push the `[in]` pipes in this order, each to its end, then pull the `[out]` pipes. One
/// that is dropped before its end gives the call up.
#[derive(Debug)]
pub struct FollowPipes {
    /// `numbers`.
    ///
    /// `[in]`: push until all is in, then `finish`.
    pub numbers: PushPipe<i32>,
}

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

/// Calls `pipes`.
///
/// Each operation has three forms: it blocks, it is a future (`…_future`), or it
/// completes a [handle](::annulus::AsyncHandle) (`…_async`).
/// One with pipes has two, and each gives the client's ends of them.
#[derive(Clone, Debug)]
pub struct PipesClient {
    binding: Binding,
}

impl PipesClient {
    /// A client that calls through `binding`, which is one to [`INTERFACE`].
    #[must_use]
    pub fn new(binding: Binding) -> Self {
        Self { binding }
    }

    /// Adds numbers up.
    ///
    /// `Sum` in the IDL.
    ///
    /// Begins the call. Use the pipes, then [`wait`](::annulus::Call::wait) for it or
    /// `.await` it.
    ///
    /// # Errors
    ///
    /// The call cannot be made.
    pub fn sum(&self, name: &str) -> Result<(Call<SumResponse>, SumPipes), Status> {
        let request = SumRequest { name: name.into() };
        let (call, pipes) = self.binding.call_with_pipes(SUM, &request, SUM_PIPES)?;
        Ok((call, SumPipes { numbers: pipes.push(0) }))
    }

    /// Adds numbers up.
    ///
    /// `Sum` in the IDL.
    ///
    /// Begins the call, whose outcome `handle` receives, and with it what is
    /// told of the pipes.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn sum_async(
        &self,
        handle: &mut AsyncHandle<SumResponse>,
        name: &str,
    ) -> Result<SumPipes, Status> {
        let request = SumRequest { name: name.into() };
        let pipes = self
            .binding
            .call_async_with_pipes(handle, SUM, &request, SUM_PIPES)?;
        Ok(SumPipes { numbers: pipes.push(0) })
    }

    /// `SumLater`.
    ///
    /// Begins the call. Use the pipes, then [`wait`](::annulus::Call::wait) for it or
    /// `.await` it.
    ///
    /// # Errors
    ///
    /// The call cannot be made.
    pub fn sum_later(
        &self,
        name: &str,
    ) -> Result<(Call<SumLaterResponse>, SumLaterPipes), Status> {
        let request = SumLaterRequest {
            name: name.into(),
        };
        let (call, pipes) = self
            .binding
            .call_with_pipes(SUM_LATER, &request, SUM_LATER_PIPES)?;
        Ok((
            call,
            SumLaterPipes {
                numbers: pipes.push(0),
            },
        ))
    }

    /// `SumLater`.
    ///
    /// Begins the call, whose outcome `handle` receives, and with it what is
    /// told of the pipes.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn sum_later_async(
        &self,
        handle: &mut AsyncHandle<SumLaterResponse>,
        name: &str,
    ) -> Result<SumLaterPipes, Status> {
        let request = SumLaterRequest {
            name: name.into(),
        };
        let pipes = self
            .binding
            .call_async_with_pipes(handle, SUM_LATER, &request, SUM_LATER_PIPES)?;
        Ok(SumLaterPipes {
            numbers: pipes.push(0),
        })
    }

    /// Counts.
    ///
    /// `Count` in the IDL.
    ///
    /// Begins the call. Use the pipes, then [`wait`](::annulus::Call::wait) for it or
    /// `.await` it.
    ///
    /// # Errors
    ///
    /// The call cannot be made.
    pub fn count(&self, upto: i32) -> Result<(Call<CountResponse>, CountPipes), Status> {
        let request = CountRequest { upto };
        let (call, pipes) = self.binding.call_with_pipes(COUNT, &request, COUNT_PIPES)?;
        Ok((
            call,
            CountPipes {
                numbers: pipes.pull(0),
            },
        ))
    }

    /// Counts.
    ///
    /// `Count` in the IDL.
    ///
    /// Begins the call, whose outcome `handle` receives, and with it what is
    /// told of the pipes.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn count_async(
        &self,
        handle: &mut AsyncHandle<CountResponse>,
        upto: i32,
    ) -> Result<CountPipes, Status> {
        let request = CountRequest { upto };
        let pipes = self
            .binding
            .call_async_with_pipes(handle, COUNT, &request, COUNT_PIPES)?;
        Ok(CountPipes {
            numbers: pipes.pull(0),
        })
    }

    /// `CountLater`.
    ///
    /// Begins the call. Use the pipes, then [`wait`](::annulus::Call::wait) for it or
    /// `.await` it.
    ///
    /// # Errors
    ///
    /// The call cannot be made.
    pub fn count_later(
        &self,
        upto: i32,
    ) -> Result<(Call<CountLaterResponse>, CountLaterPipes), Status> {
        let request = CountLaterRequest { upto };
        let (call, pipes) = self
            .binding
            .call_with_pipes(COUNT_LATER, &request, COUNT_LATER_PIPES)?;
        Ok((
            call,
            CountLaterPipes {
                numbers: pipes.pull(0),
            },
        ))
    }

    /// `CountLater`.
    ///
    /// Begins the call, whose outcome `handle` receives, and with it what is
    /// told of the pipes.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn count_later_async(
        &self,
        handle: &mut AsyncHandle<CountLaterResponse>,
        upto: i32,
    ) -> Result<CountLaterPipes, Status> {
        let request = CountLaterRequest { upto };
        let pipes = self
            .binding
            .call_async_with_pipes(handle, COUNT_LATER, &request, COUNT_LATER_PIPES)?;
        Ok(CountLaterPipes {
            numbers: pipes.pull(0),
        })
    }

    /// Sends back what comes, last first.
    ///
    /// `Turn` in the IDL.
    ///
    /// Begins the call. Use the pipes, then [`wait`](::annulus::Call::wait) for it or
    /// `.await` it.
    ///
    /// # Errors
    ///
    /// The call cannot be made.
    pub fn turn(&self) -> Result<(Call<()>, TurnPipes), Status> {
        let (call, pipes) = self.binding.call_with_pipes(TURN, &(), TURN_PIPES)?;
        Ok((
            call,
            TurnPipes {
                samples_in: pipes.push(0),
                samples_out: pipes.pull(0),
            },
        ))
    }

    /// Sends back what comes, last first.
    ///
    /// `Turn` in the IDL.
    ///
    /// Begins the call, whose outcome `handle` receives, and with it what is
    /// told of the pipes.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn turn_async(&self, handle: &mut AsyncHandle<()>) -> Result<TurnPipes, Status> {
        let pipes = self.binding.call_async_with_pipes(handle, TURN, &(), TURN_PIPES)?;
        Ok(TurnPipes {
            samples_in: pipes.push(0),
            samples_out: pipes.pull(0),
        })
    }

    /// `TurnLater`.
    ///
    /// Begins the call. Use the pipes, then [`wait`](::annulus::Call::wait) for it or
    /// `.await` it.
    ///
    /// # Errors
    ///
    /// The call cannot be made.
    pub fn turn_later(&self) -> Result<(Call<()>, TurnLaterPipes), Status> {
        let (call, pipes) = self
            .binding
            .call_with_pipes(TURN_LATER, &(), TURN_LATER_PIPES)?;
        Ok((
            call,
            TurnLaterPipes {
                samples_in: pipes.push(0),
                samples_out: pipes.pull(0),
            },
        ))
    }

    /// `TurnLater`.
    ///
    /// Begins the call, whose outcome `handle` receives, and with it what is
    /// told of the pipes.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn turn_later_async(
        &self,
        handle: &mut AsyncHandle<()>,
    ) -> Result<TurnLaterPipes, Status> {
        let pipes = self
            .binding
            .call_async_with_pipes(handle, TURN_LATER, &(), TURN_LATER_PIPES)?;
        Ok(TurnLaterPipes {
            samples_in: pipes.push(0),
            samples_out: pipes.pull(0),
        })
    }

    /// Takes two pipes and gives two.
    ///
    /// `Mix` in the IDL.
    ///
    /// Begins the call. Use the pipes, then [`wait`](::annulus::Call::wait) for it or
    /// `.await` it.
    ///
    /// # Errors
    ///
    /// The call cannot be made.
    pub fn mix(&self, data: &[u8]) -> Result<(Call<MixResponse>, MixPipes), Status> {
        let request = MixRequest {
            length: i32::try_from(data.len()).unwrap_or(i32::MAX),
            data,
        };
        let (call, pipes) = self.binding.call_with_pipes(MIX, &request, MIX_PIPES)?;
        Ok((
            call,
            MixPipes {
                first: pipes.push(0),
                numbers_in: pipes.push(1),
                numbers_out: pipes.pull(0),
                second: pipes.push(2),
                pairs: pipes.pull(1),
            },
        ))
    }

    /// Takes two pipes and gives two.
    ///
    /// `Mix` in the IDL.
    ///
    /// Begins the call, whose outcome `handle` receives, and with it what is
    /// told of the pipes.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn mix_async(
        &self,
        handle: &mut AsyncHandle<MixResponse>,
        data: &[u8],
    ) -> Result<MixPipes, Status> {
        let request = MixRequest {
            length: i32::try_from(data.len()).unwrap_or(i32::MAX),
            data,
        };
        let pipes = self
            .binding
            .call_async_with_pipes(handle, MIX, &request, MIX_PIPES)?;
        Ok(MixPipes {
            first: pipes.push(0),
            numbers_in: pipes.push(1),
            numbers_out: pipes.pull(0),
            second: pipes.push(2),
            pairs: pipes.pull(1),
        })
    }

    /// `MixLater`.
    ///
    /// Begins the call. Use the pipes, then [`wait`](::annulus::Call::wait) for it or
    /// `.await` it.
    ///
    /// # Errors
    ///
    /// The call cannot be made.
    pub fn mix_later(
        &self,
        data: &[u8],
    ) -> Result<(Call<MixLaterResponse>, MixLaterPipes), Status> {
        let request = MixLaterRequest {
            length: i32::try_from(data.len()).unwrap_or(i32::MAX),
            data,
        };
        let (call, pipes) = self
            .binding
            .call_with_pipes(MIX_LATER, &request, MIX_LATER_PIPES)?;
        Ok((
            call,
            MixLaterPipes {
                first: pipes.push(0),
                numbers_in: pipes.push(1),
                numbers_out: pipes.pull(0),
                second: pipes.push(2),
                pairs: pipes.pull(1),
            },
        ))
    }

    /// `MixLater`.
    ///
    /// Begins the call, whose outcome `handle` receives, and with it what is
    /// told of the pipes.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn mix_later_async(
        &self,
        handle: &mut AsyncHandle<MixLaterResponse>,
        data: &[u8],
    ) -> Result<MixLaterPipes, Status> {
        let request = MixLaterRequest {
            length: i32::try_from(data.len()).unwrap_or(i32::MAX),
            data,
        };
        let pipes = self
            .binding
            .call_async_with_pipes(handle, MIX_LATER, &request, MIX_LATER_PIPES)?;
        Ok(MixLaterPipes {
            first: pipes.push(0),
            numbers_in: pipes.push(1),
            numbers_out: pipes.pull(0),
            second: pipes.push(2),
            pairs: pipes.pull(1),
        })
    }

    /// Leaves its pipe where it is.
    ///
    /// `Forget` in the IDL.
    ///
    /// Begins the call. Use the pipes, then [`wait`](::annulus::Call::wait) for it or
    /// `.await` it.
    ///
    /// # Errors
    ///
    /// The call cannot be made.
    pub fn forget(&self) -> Result<(Call<()>, ForgetPipes), Status> {
        let (call, pipes) = self.binding.call_with_pipes(FORGET, &(), FORGET_PIPES)?;
        Ok((
            call,
            ForgetPipes {
                numbers: pipes.push(0),
            },
        ))
    }

    /// Leaves its pipe where it is.
    ///
    /// `Forget` in the IDL.
    ///
    /// Begins the call, whose outcome `handle` receives, and with it what is
    /// told of the pipes.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn forget_async(
        &self,
        handle: &mut AsyncHandle<()>,
    ) -> Result<ForgetPipes, Status> {
        let pipes = self
            .binding
            .call_async_with_pipes(handle, FORGET, &(), FORGET_PIPES)?;
        Ok(ForgetPipes {
            numbers: pipes.push(0),
        })
    }

    /// Is followed.
    ///
    /// `Follow` in the IDL.
    ///
    /// Begins the call. Use the pipes, then [`wait`](::annulus::Call::wait) for it or
    /// `.await` it.
    ///
    /// # Errors
    ///
    /// The call cannot be made.
    pub fn follow(&self, name: &str) -> Result<(Call<()>, FollowPipes), Status> {
        let request = FollowRequest { name: name.into() };
        let (call, pipes) = self
            .binding
            .call_with_pipes(FOLLOW, &request, FOLLOW_PIPES)?;
        Ok((
            call,
            FollowPipes {
                numbers: pipes.push(0),
            },
        ))
    }

    /// Is followed.
    ///
    /// `Follow` in the IDL.
    ///
    /// Begins the call, whose outcome `handle` receives, and with it what is
    /// told of the pipes.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn follow_async(
        &self,
        handle: &mut AsyncHandle<()>,
        name: &str,
    ) -> Result<FollowPipes, Status> {
        let request = FollowRequest { name: name.into() };
        let pipes = self
            .binding
            .call_async_with_pipes(handle, FOLLOW, &request, FOLLOW_PIPES)?;
        Ok(FollowPipes {
            numbers: pipes.push(0),
        })
    }

    /// Has none.
    ///
    /// `Plain` in the IDL.
    ///
    /// Blocks until the reply is there.
    ///
    /// # Errors
    ///
    /// The status with which the call ended.
    pub fn plain(&self, number: i32) -> Result<i32, Status> {
        let request = PlainRequest { number };
        let PlainResponse { result } = self.binding.call_blocking(PLAIN, &request)?;
        Ok(result)
    }

    /// Has none.
    ///
    /// `Plain` in the IDL.
    ///
    /// `.await` it.
    pub fn plain_future(&self, number: i32) -> Call<PlainResponse> {
        let request = PlainRequest { number };
        self.binding.call(PLAIN, &request)
    }

    /// Has none.
    ///
    /// `Plain` in the IDL.
    ///
    /// `handle` receives the outcome.
    ///
    /// # Errors
    ///
    /// The call cannot be made; then no notification comes.
    pub fn plain_async(
        &self,
        handle: &mut AsyncHandle<PlainResponse>,
        number: i32,
    ) -> Result<(), Status> {
        let request = PlainRequest { number };
        self.binding.call_async(handle, PLAIN, &request)
    }
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
