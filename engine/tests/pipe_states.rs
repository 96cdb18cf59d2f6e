//! Rule 52: the state machines of pipes, as the public page `asynchronous-pipe-state` gives them,
//! one test per transition, over the simulated ring.
//!
//! Each machine is a table: the transition on the left (states by the page's names), what happens
//! and must follow on the right. Where a machine of two shapes of pipe has the same transition,
//! both run the same scenario.

mod pipe_states {
    pub(crate) mod client;
    pub(crate) mod server;
    mod sharing;
    pub(crate) mod stage;
}

use pipe_states::{client, server, stage::Kind};

macro_rules! machine {
    ($machine:ident, $kind:ident, $side:ident: $($transition:ident = $scenario:ident,)*) => {
        mod $machine {
            $(#[test]
            fn $transition() {
                super::$side::$scenario(super::Kind::$kind);
            })*
        }
    };
}

machine! { rule_52_in_pipe_client, In, client:
    c_to_ws = making_succeeds,
    c_to_end = making_fails,
    c_to_can = cancel_after_making,
    p_to_ws = push_succeeds,
    p_to_end = push_fails,
    p_to_can = cancel_before_push,
    ws_to_can_without_notification = no_send_complete_comes,
    ws_to_p = send_complete_and_more_data,
    ws_to_np = send_complete_and_no_more_data,
    ws_to_comp = call_complete_instead_of_send_complete,
    ws_to_can = cancel_a_refused_push,
    np_to_wcomp = null_push_succeeds,
    np_to_end = null_push_fails,
    np_to_can = cancel_before_null_push,
    can_to_wcomp = cancel_waits_for_the_server,
    wcomp_to_comp = call_complete_comes,
    comp_to_end = complete_ends,
}

machine! { rule_52_in_pipe_server, In, server:
    d_to_p = dispatch_hands_over,
    d_to_end_by_error = manager_fails,
    d_to_end_by_panic = manager_panics,
    d_to_a = manager_aborts_at_once,
    p_to_end = pull_fails,
    p_to_p = pull_gives_elements,
    p_to_comp = pull_gives_the_end,
    p_to_wp = pull_is_pending,
    p_to_a = abort_before_pull,
    wp_to_a_without_notification = no_receive_complete_comes,
    wp_to_a_on_failure = receive_fails,
    wp_to_p = receive_complete_with_elements,
    wp_to_comp = receive_complete_at_the_end,
    wp_to_a_on_lost_connection = connection_is_lost_under_a_pull,
    wp_to_a = abort_under_a_pull,
    a_to_end = abort_ends,
    comp_to_end = complete_ends,
}

machine! { rule_52_out_pipe_client, Out, client:
    c_to_p = making_succeeds,
    c_to_comp = making_fails,
    c_to_can = cancel_after_making,
    p_to_end = pull_fails,
    p_to_p = pull_gives_elements,
    p_to_wcomp = pull_gives_the_end,
    p_to_wp = pull_is_pending,
    p_to_can = cancel_before_pull,
    wp_to_can_without_notification = no_receive_complete_comes,
    wp_to_can_on_failure = receive_fails,
    wp_to_p = receive_complete_with_elements,
    wp_to_comp = receive_complete_at_the_end,
    wp_to_can_on_lost_connection = connection_is_lost_under_a_pull,
    wp_to_can = cancel_under_a_pull,
    can_to_wcomp = cancel_waits_for_the_server,
    wcomp_to_comp = call_complete_comes,
    comp_to_end = complete_ends,
}

machine! { rule_52_out_pipe_server, Out, server:
    d_to_p = dispatch_hands_over,
    d_to_end_by_error = manager_fails,
    d_to_end_by_panic = manager_panics,
    d_to_a = manager_aborts_at_once,
    p_to_wp = push_succeeds,
    p_to_end = push_fails,
    p_to_a = abort_before_push,
    wp_to_a_without_notification = no_send_complete_comes,
    wp_to_p = send_complete_and_more_data,
    wp_to_np = send_complete_and_no_more_data,
    wp_to_comp = a_refused_push_hears_of_the_failure,
    wp_to_a = abort_a_refused_push,
    np_to_wnp = null_push_succeeds,
    np_to_comp = null_push_fails,
    np_to_a = abort_before_null_push,
    wnp_to_a = no_send_complete_of_the_null_push_comes,
    wnp_to_comp_on_failure = send_of_the_null_push_fails,
    wnp_to_comp = send_complete_of_the_null_push_comes,
    a_to_end = abort_ends,
    comp_to_end = complete_ends,
}

machine! { rule_52_in_out_pipe_client, InOut, client:
    c_to_ws = making_succeeds,
    c_to_end = making_fails,
    c_to_can = cancel_after_making,
    ps_to_ws = push_succeeds,
    ps_to_end = push_fails,
    ps_to_can = cancel_before_push,
    ws_to_can_without_notification = no_send_complete_comes,
    ws_to_ps = send_complete_and_more_data,
    ws_to_np = send_complete_and_no_more_data,
    ws_to_comp = call_complete_instead_of_send_complete,
    ws_to_can = cancel_a_refused_push,
    np_to_pl = null_push_succeeds,
    np_to_end = null_push_fails,
    np_to_can = cancel_before_null_push,
    pl_to_end = pull_fails,
    pl_to_pl = pull_gives_elements,
    pl_to_wcomp = pull_gives_the_end,
    pl_to_wpl = pull_is_pending,
    pl_to_can = cancel_before_pull,
    wpl_to_can_without_notification = no_receive_complete_comes,
    wpl_to_can_on_failure = receive_fails,
    wpl_to_pl = receive_complete_with_elements,
    wpl_to_comp = receive_complete_at_the_end,
    wpl_to_can_on_lost_connection = connection_is_lost_under_a_pull,
    wpl_to_can = cancel_under_a_pull,
    can_to_wcomp = cancel_waits_for_the_server,
    wcomp_to_comp = call_complete_comes,
    comp_to_end = complete_ends,
}

machine! { rule_52_in_out_pipe_server, InOut, server:
    d_to_pl = dispatch_hands_over,
    d_to_end_by_error = manager_fails,
    d_to_end_by_panic = manager_panics,
    d_to_a = manager_aborts_at_once,
    pl_to_end = pull_fails,
    pl_to_pl = pull_gives_elements,
    pl_to_ps = pull_gives_the_end,
    pl_to_wpl = pull_is_pending,
    pl_to_a = abort_before_pull,
    wpl_to_a_without_notification = no_receive_complete_comes,
    wpl_to_a_on_failure = receive_fails,
    wpl_to_pl = receive_complete_with_elements,
    wpl_to_ps = receive_complete_at_the_end,
    wpl_to_a_on_lost_connection = connection_is_lost_under_a_pull,
    wpl_to_a = abort_under_a_pull,
    ps_to_wps = push_succeeds,
    ps_to_end = push_fails,
    ps_to_a = abort_before_push,
    wps_to_a_without_notification = no_send_complete_comes,
    wps_to_ps = send_complete_and_more_data,
    wps_to_np = send_complete_and_no_more_data,
    wps_to_comp = a_refused_push_hears_of_the_failure,
    wps_to_a = abort_a_refused_push,
    np_to_wnp = null_push_succeeds,
    np_to_comp = null_push_fails,
    np_to_a = abort_before_null_push,
    wnp_to_a = no_send_complete_of_the_null_push_comes,
    wnp_to_comp_on_failure = send_of_the_null_push_fails,
    wnp_to_comp = send_complete_of_the_null_push_comes,
    a_to_end = abort_ends,
    comp_to_end = complete_ends,
}
