//! What every ring promises, asked of each of them.
//!
//! A test is a function over a [`World`](world::World); the macro below runs it over each of the
//! kernel's rings and in the simulation (there with several seeds; a failure names the seed), in
//! each over TCP and over Unix sockets.

mod detach;
mod gather;
mod lifecycle;
mod pair;
mod receive_into;
mod transfer;
mod world;

macro_rules! conformance {
    ($($module:ident :: $test:ident),* $(,)?) => {
        conformance!(tcp, Transport::Tcp; $($module::$test),*);
        conformance!(unix, Transport::Unix; $($module::$test),*);
    };
    ($transport:ident, $of:expr; $($module:ident :: $test:ident),*) => {
        mod $transport {
            mod uring {
                use annulus_transports::RingChoice;

                use crate::world::{Kernel, Transport};

                $(#[test]
                fn $test() {
                    crate::$module::$test(Kernel {
                        choice: RingChoice::Uring,
                        transport: $of,
                    });
                })*
            }
            mod epoll {
                use annulus_transports::RingChoice;

                use crate::world::{Kernel, Transport};

                $(#[test]
                fn $test() {
                    crate::$module::$test(Kernel {
                        choice: RingChoice::Epoll,
                        transport: $of,
                    });
                })*
            }
            mod simulation {
                use crate::world::{Simulation, Transport};

                $(#[test]
                fn $test() {
                    Simulation::with_seeds($of, crate::$module::$test);
                })*
            }
        }
    };
}

conformance! {
    lifecycle::a_connection_is_accepted_adopted_and_closed,
    lifecycle::a_refused_connect_fails_and_closes,
    lifecycle::a_connect_can_be_closed_before_it_ends,
    lifecycle::a_stream_that_nobody_adopts_is_closed,
    lifecycle::a_closed_listener_refuses_and_its_connections_stay,
    lifecycle::two_listeners_are_told_apart,
    lifecycle::late_connections_of_a_listener_are_not_those_of_the_next_one,
    lifecycle::an_address_cannot_be_listened_on_twice,
    lifecycle::a_full_table_refuses_and_closes_the_stream,
    lifecycle::an_id_is_not_given_out_again_before_its_closed,
    lifecycle::thousands_of_sockets_come_and_go,
    lifecycle::both_sides_may_close_at_once,
    lifecycle::a_ring_may_be_dropped_in_full_swing,
    lifecycle::a_pending_wake_up_ends_a_wait,
    lifecycle::a_wait_ends_at_its_deadline,
    transfer::bytes_come_back_from_an_echo,
    transfer::a_send_gives_its_buffer_back_unchanged,
    transfer::an_empty_send_ends_like_any_other,
    transfer::what_is_submitted_crosses_once_and_ends_once,
    transfer::megabytes_cross_both_ways_at_once,
    transfer::a_receiver_that_does_not_read_holds_the_sender_back,
    transfer::a_pause_holds_and_a_resume_goes_on,
    transfer::a_pause_that_is_taken_back_at_once_loses_nothing,
    transfer::sockets_share_too_few_buffers_without_loss,
    transfer::held_buffers_stop_only_what_needs_one,
    transfer::the_last_reply_survives_a_close_with_unread_input,
    transfer::a_close_cuts_off_the_send_in_flight,
    transfer::nothing_is_received_after_a_close,
    transfer::the_end_of_the_stream_comes_after_its_bytes,
    transfer::sending_to_a_peer_that_is_gone_fails_in_the_end,
    gather::pieces_arrive_as_one_stream,
    gather::more_pieces_than_one_system_call_takes,
    gather::pieces_wait_for_a_receiver_that_does_not_read,
    gather::a_close_gives_the_shared_parts_of_a_send_back,
    gather::a_send_in_pieces_and_one_of_a_buffer_take_turns,
    receive_into::bytes_go_right_behind_what_is_there,
    receive_into::buffers_of_all_sizes_and_those_of_the_ring_lose_nothing,
    receive_into::byte_by_byte_something_long_gets_whole,
    receive_into::small_things_come_as_before_once_nothing_long_does,
    receive_into::a_buffer_waits_through_a_pause,
    receive_into::a_close_gives_no_buffer_back_and_leaves_none,
    receive_into::the_end_of_the_stream_comes_after_the_buffer,
    receive_into::a_detach_gives_the_buffer_back,
    detach::bytes_before_during_and_after_a_detach_arrive_once_and_in_order,
    detach::an_idle_socket_moves_and_goes_on,
    detach::a_socket_that_starves_moves_with_its_bytes,
    detach::a_paused_socket_receives_where_it_arrives,
    detach::the_end_of_the_stream_is_told_where_it_arrives,
    detach::a_close_that_follows_a_detach_ends_in_one_way,
    detach::the_last_reply_survives_a_close_that_follows_a_detach,
    detach::an_id_comes_back_after_its_detached,
    detach::a_detached_stream_that_nobody_adopts_is_closed,
    detach::the_last_reply_survives_a_close_in_another_ring,
}
