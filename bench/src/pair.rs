//! The two sides of the protocol without an engine.

use std::num::NonZero;
use std::sync::Arc;

use annulus_protocol::{
    AuthenticationType, ClientConfig, ClientConnection, ClientEvent, ContextId, GroupId, Input,
    InterfaceKey, Limits, Opnum, ServerConnection, ServerEndpoint, ServerEvent, ServerMechanism,
    SyntaxId, Time, TransferSyntax, Uuid,
};

const INTERFACE: SyntaxId = SyntaxId::new(Uuid::from_u128(0xadd2_e55e_be7c_0001), 1, 0);
const OPNUM: Opnum = Opnum(1);

/// A client and a server whose only network are two buffers; what the client sends comes back.
pub struct Pair {
    client: ClientConnection,
    server: ServerConnection,
    context: ContextId,
    requests: Vec<u8>,
    responses: Vec<u8>,
}

impl Pair {
    /// Two sides that have bound an interface.
    #[must_use]
    pub fn new() -> Self {
        let mut pair = Pair {
            client: ClientConnection::new(ClientConfig::default()),
            // The seed only spreads call ids: with the same one, each run does the same work.
            server: ServerConnection::new(Arc::new(Limits::DEFAULT), Time::ZERO).with_seed(1),
            context: ContextId(0),
            requests: Vec::new(),
            responses: Vec::new(),
        };
        let offer = [TransferSyntax::Ndr];
        let bind = pair
            .client
            .bind(Time::ZERO, INTERFACE, &offer, None, &mut pair.requests);
        bind.expect("nothing was bound before");
        pair.serve();
        let mut bound = None;
        pair.take_responses(|event| {
            if let ClientEvent::Bound { context, .. } = event {
                bound = Some(*context);
            }
        });
        pair.context = bound.expect("the server accepts the interface");
        pair
    }

    /// Makes `count` calls with these in-parameters, in one piece of stream each way, and returns
    /// when all are answered.
    ///
    /// # Panics
    ///
    /// A call fails, or is answered with anything but its own parameters.
    pub fn call(&mut self, count: u64, stub: &[u8]) {
        for key in 0..count {
            let begun = self
                .client
                .begin_request(self.context, None, &mut self.requests);
            let start = begun.expect("a further call is allowed");
            self.requests.extend_from_slice(stub);
            self.client
                .finish_request(start, OPNUM, key, &mut self.requests);
        }
        self.serve();
        let mut answered = 0;
        self.take_responses(|event| match event {
            ClientEvent::Response { stub: out, .. } if out.as_slice() == stub => answered += 1,
            event => panic!("a call is answered by {event:?}"),
        });
        assert_eq!(answered, count, "calls without an answer");
    }

    /// Lets the server take what the client has sent, and answer.
    fn serve(&mut self) {
        let mut input = Input::new(&self.requests);
        let (server, out) = (&mut self.server, &mut self.responses);
        while let Some(event) = server.next_event(Time::ZERO, &mut input, &mut Endpoint, out) {
            let ServerEvent::Request(request) = event else {
                panic!("the server is told of {event:?}");
            };
            let start = server.begin_response(&request.reply, out);
            out.extend_from_slice(&request.stub);
            server.finish_response(start, &request.reply, out);
            if let Some(stub) = request.stub.into_assembled() {
                server.recycle(stub);
            }
        }
        self.requests.clear();
    }

    /// Lets the client take what the server has sent.
    fn take_responses(&mut self, mut each: impl FnMut(&ClientEvent<'_>)) {
        let mut input = Input::new(&self.responses);
        let (client, out) = (&mut self.client, &mut self.requests);
        while let Some(event) = client.next_event(Time::ZERO, &mut input, out) {
            each(&event);
            if let ClientEvent::Response { stub, .. } = event
                && let Some(stub) = stub.into_assembled()
            {
                client.recycle(stub);
            }
        }
        self.responses.clear();
    }
}

impl Default for Pair {
    fn default() -> Self {
        Pair::new()
    }
}

/// What serves the one interface.
struct Endpoint;

impl ServerEndpoint for Endpoint {
    fn find_interface(&self, abstract_syntax: &SyntaxId) -> Option<InterfaceKey> {
        (*abstract_syntax == INTERFACE).then_some(InterfaceKey(0))
    }

    fn supports(&self, _: InterfaceKey, transfer: TransferSyntax) -> bool {
        transfer == TransferSyntax::Ndr
    }

    fn operation_count(&self, _: InterfaceKey) -> u16 {
        OPNUM.0 + 1
    }

    fn join_group(&mut self, _: Option<GroupId>) -> Option<GroupId> {
        Some(GroupId(NonZero::<u32>::MIN))
    }

    fn leave_group(&mut self, _: GroupId) {}

    fn mechanism(&mut self, _: AuthenticationType) -> Option<Box<dyn ServerMechanism>> {
        None
    }

    fn secondary_address(&self) -> &str {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_come_back_one_or_many_whole_or_in_fragments() {
        let mut pair = Pair::new();
        pair.call(1, &[7; 40]);
        pair.call(16, &[8; 40]);
        pair.call(2, &[9; 65_536]);
    }
}
