//! What only rings over the kernel promise: peers that are not rings, threads, system calls.
//!
//! A test is a function that makes its rings of the choice that it is given; the macro below
//! runs it with each.

mod closing;
mod epoll;
mod peers;
mod sockets;
mod uring;
mod waking;

macro_rules! kernel_rings {
    ($($module:ident :: $test:ident $(panics $text:literal)?),* $(,)?) => {
        kernel_rings!(of_uring, Uring; $($module::$test $(panics $text)?),*);
        kernel_rings!(of_epoll, Epoll; $($module::$test $(panics $text)?),*);
    };
    ($ring:ident, $choice:ident; $($module:ident :: $test:ident $(panics $text:literal)?),*) => {
        mod $ring {
            use annulus_transports::RingChoice;

            $(#[test]
            $(#[should_panic(expected = $text)])?
            fn $test() {
                crate::$module::$test(RingChoice::$choice);
            })*
        }
    };
}

kernel_rings! {
    closing::a_half_closed_peer_still_gets_its_reply,
    closing::a_slow_peer_gets_all_bytes_of_a_finished_send_after_a_close,
    closing::a_pipelining_peer_gets_all_bytes_of_a_finished_send_after_a_close,
    closing::a_peer_that_was_sent_nothing_delays_no_close,
    closing::a_peer_that_never_closes_delays_a_close_as_the_limits_say,
    closing::a_closed_socket_takes_as_many_bytes_as_the_limits_say,
    closing::a_peer_that_never_stops_sending_delays_a_close_for_a_bounded_time,
    closing::an_idle_peer_is_closed_at_once,
    closing::a_socket_is_closed_after_the_send_that_the_close_cuts_off,
    closing::a_dropped_ring_frees_its_port_and_its_peers,
    sockets::a_reset_ends_receiving_with_an_error,
    sockets::a_reset_fails_the_send_in_flight,
    sockets::urgent_data_hides_nothing_behind_it,
    sockets::descriptors_from_a_local_peer_are_closed_and_hide_nothing,
    sockets::receive_buffers_beyond_all_memory_are_an_error,
    sockets::a_resume_in_the_turn_of_its_pause_goes_on_receiving,
    sockets::a_pause_in_the_middle_of_much_loses_nothing,
    sockets::a_connection_can_move_to_another_core,
    sockets::ipv6_works_as_ipv4_does,
    sockets::a_stream_made_elsewhere_is_put_into_blocking_mode,
    sockets::a_second_send_is_a_mistake panics "a send is in flight",
    sockets::a_send_after_a_close_is_a_mistake panics "which is not open",
    sockets::a_connect_waits_for_room_at_a_unix_listener,
    sockets::a_want_of_buffers_makes_nothing_spin_and_loses_nothing,
    sockets::a_flood_on_one_socket_does_not_keep_another_waiting,
    waking::a_wake_up_from_another_thread_ends_a_wait,
    waking::no_wake_up_is_lost,
    waking::a_stale_wake_up_does_not_end_later_waits,
    waking::the_descriptor_tells_of_bytes_and_wake_ups_and_of_each_once,
    waking::a_long_send_comes_to_its_end_in_a_foreign_loop,
}
