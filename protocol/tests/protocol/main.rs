//! What the protocol promises, tested through its public face.

mod binding;
mod calls;
mod chunks;
mod client_binding;
mod client_calls;
mod exchanges;
mod hostile;
mod limits;
mod pair;
mod protected_calls;
mod round_trip;
mod secured;
mod states;
mod streamed_requests;
mod streamed_responses;
mod streams;
mod support;

#[test]
fn connections_can_move_to_the_core_that_will_own_them() {
    fn assert_send<T: Send>() {}
    assert_send::<annulus_protocol::ServerConnection>();
    assert_send::<annulus_protocol::ClientConnection>();
}
