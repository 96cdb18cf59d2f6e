//! What is called.

use std::sync::Arc;

use annulus::ndr::{EncodeError, EncodeParams, Ndr, NdrParams, Params, Syntax, Writer};
use annulus::rpcecho::{self, AddOneRequest, AddOneResponse};
use annulus::rpcecho::{EchoDataRequest, SinkDataRequest, SourceDataRequest};
use annulus::transports::Ring;
use annulus::{LocalBinding, LocalCall, LocalRuntime, Status, StubData};

use crate::transfer::{Transfer, stub};

/// An operation of the interface that is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) opnum: u16,
    pub(crate) request: Request,
}

/// What a call of it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// rpcecho: a number, and the number after it back.
    AddOne,
    /// rpcecho: the payload, there and back.
    EchoData,
    /// rpcecho: the payload, there.
    SinkData,
    /// rpcecho: the payload, back.
    SourceData,
    /// Always this stub data; whatever comes back is right.
    Stub(Stub),
    /// What goes through pipes: such a call is made by [`Transfer::make`].
    Pipes(Transfer),
}

/// Stub data that is there already, in each transfer syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stub {
    pub(crate) ndr: Arc<[u8]>,
    pub(crate) ndr64: Arc<[u8]>,
}

/// The number that `AddOne` is to count from.
const NUMBER: u32 = 41;

impl Operation {
    /// An operation of rpcecho by its name, whole or its first word: `EchoData`, `Echo`.
    pub(crate) fn rpcecho(name: &str) -> Option<Operation> {
        let known = [
            ("AddOne", "Add", rpcecho::ADD_ONE, Request::AddOne),
            ("EchoData", "Echo", rpcecho::ECHO_DATA, Request::EchoData),
            ("SinkData", "Sink", rpcecho::SINK_DATA, Request::SinkData),
            (
                "SourceData",
                "Source",
                rpcecho::SOURCE_DATA,
                Request::SourceData,
            ),
        ];
        known
            .into_iter()
            .find(|(whole, short, ..)| {
                name.eq_ignore_ascii_case(whole) || name.eq_ignore_ascii_case(short)
            })
            .map(|(whole, _, opnum, request)| Operation {
                name: whole.to_owned(),
                opnum,
                request,
            })
    }

    /// Whole transfers through pipes, of the interface [`stub::INTERFACE`].
    pub(crate) fn pipes(transfer: Transfer) -> Self {
        Operation {
            name: format!("pipe {}", transfer.direction),
            opnum: stub::EXCHANGE,
            request: Request::Pipes(transfer),
        }
    }

    /// Makes a call, of any operation without pipes.
    pub(crate) fn call<R: Ring + 'static>(
        &self,
        runtime: &mut LocalRuntime<R>,
        binding: LocalBinding,
        token: u64,
        payload: &[u8],
    ) -> Result<LocalCall, Status> {
        let len = u32::try_from(payload.len()).map_err(|_| Status::InvalidArg)?;
        match &self.request {
            Request::AddOne => {
                let request = AddOneRequest { in_data: NUMBER };
                runtime.call(binding, self.opnum, token, &request)
            }
            Request::EchoData => {
                let request = EchoDataRequest {
                    len,
                    in_data: payload,
                };
                runtime.call(binding, self.opnum, token, &request)
            }
            Request::SinkData => {
                let request = SinkDataRequest { len, data: payload };
                runtime.call(binding, self.opnum, token, &request)
            }
            Request::SourceData => {
                runtime.call(binding, self.opnum, token, &SourceDataRequest { len })
            }
            Request::Stub(stub) => runtime.call(binding, self.opnum, token, stub),
            Request::Pipes(_) => Err(Status::CannotSupport),
        }
    }

    /// Whether the reply is the one to a call with so much payload.
    pub(crate) fn is_right(&self, payload_len: u32, reply: &StubData<'_>) -> bool {
        match &self.request {
            Request::AddOne => reply
                .decode::<AddOneResponse>()
                .is_ok_and(|reply| reply.out_data == NUMBER + 1),
            Request::EchoData | Request::SourceData => reply
                .decode::<Bytes<'_>>()
                .is_ok_and(|reply| reply.data.len() == payload_len as usize),
            Request::SinkData => reply.bytes.is_empty(),
            Request::Stub(_) | Request::Pipes(_) => true,
        }
    }

    /// Whether calls of it carry the payload.
    pub(crate) fn has_payload(&self) -> bool {
        matches!(
            self.request,
            Request::EchoData | Request::SinkData | Request::SourceData
        )
    }

    /// Bytes that a call carries in the direction that carries most.
    pub(crate) fn bytes_each_way(&self, payload_len: u32) -> u64 {
        match &self.request {
            Request::AddOne => 4,
            Request::Stub(stub) => stub.ndr.len() as u64,
            Request::Pipes(transfer) => transfer.len,
            _ => u64::from(payload_len),
        }
    }
}

impl Params for Stub {
    type Given = ();
}

impl EncodeParams for Stub {
    fn encode_params<S: Syntax>(
        &self,
        _: Option<()>,
        writer: &mut Writer<'_, S>,
    ) -> Result<(), EncodeError> {
        let is_ndr = S::COUNT_LEN == Ndr::COUNT_LEN;
        writer.bytes(if is_ndr { &self.ndr } else { &self.ndr64 });
        Ok(())
    }
}

/// The out-parameters of EchoData and SourceData, read where they were received: the stub's own
/// are copied.
#[derive(NdrParams)]
#[ndr(crate = annulus::ndr)]
struct Bytes<'a> {
    #[ndr(conformant)]
    data: &'a [u8],
}
