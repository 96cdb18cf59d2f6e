//! Events: what sets them, what resets them, and who goes on.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use annulus::Event;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;

/// Long enough that only a lost wake-up takes it.
const FOREVER: Option<Duration> = Some(Duration::from_secs(20));
const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

/// Runs `races`, in which no wait is as long as that unless a wake-up was lost.
fn without_losing_a_wake_up(races: impl FnOnce()) {
    let began = Instant::now();
    races();
    assert!(began.elapsed() < FOREVER.unwrap(), "a wake-up was lost");
}

fn is_readable(descriptor: impl AsFd) -> bool {
    let mut polled = [PollFd::new(&descriptor, PollFlags::IN)];
    poll(&mut polled, Some(&Timespec::default())).unwrap() == 1
}

#[test]
fn rule_10_a_wait_begun_after_the_event_was_set_returns_at_once() {
    for event in [Event::auto_reset(), Event::manual_reset()] {
        event.set();
        assert!(event.wait_timeout(Duration::ZERO));
    }
}

#[test]
fn only_the_event_that_satisfied_the_wait_is_reset() {
    let events = [(); 3].map(|()| Event::auto_reset());
    let all = events.each_ref();
    assert_eq!(Event::wait_any(&all, AT_ONCE), None);
    events[1].set();
    events[2].set();
    assert_eq!(Event::wait_any(&all, AT_ONCE), Some(1));
    assert_eq!(Event::wait_any(&all, AT_ONCE), Some(2));
    assert_eq!(Event::wait_any(&all, Some(Duration::from_millis(2))), None);
}

#[test]
fn a_wait_for_all_takes_all_or_none() {
    let (auto, manual) = (Event::auto_reset(), Event::manual_reset());
    auto.set();
    assert!(!Event::wait_all(
        &[&auto, &manual],
        Some(Duration::from_millis(2))
    ));
    assert!(auto.is_set());
    manual.set();
    // The same event twice counts once.
    assert!(Event::wait_all(&[&auto, &manual, &auto], AT_ONCE));
    assert!(!auto.is_set() && manual.is_set());
}

#[test]
fn a_wait_can_be_for_as_many_events_as_it_says() {
    let events = [(); Event::WAIT_MAX].map(|()| Event::auto_reset());
    let all = events.each_ref();
    assert_eq!(Event::wait_any(&all, Some(Duration::from_millis(1))), None);
    events[Event::WAIT_MAX - 1].set();
    assert_eq!(Event::wait_any(&all, FOREVER), Some(Event::WAIT_MAX - 1));
    events.iter().for_each(Event::set);
    assert!(Event::wait_all(&all, FOREVER));
}

/// Two threads wait for all of two events, in opposite orders, and two for one of them each.
/// Whatever one takes another sets again, so each wake-up that is lost stops someone.
#[test]
fn waits_for_all_and_waits_for_one_do_not_hold_each_other_up() {
    const ROUNDS: u32 = 10_000;
    let (left, right) = (Event::auto_reset(), Event::auto_reset());
    let wait = |events: &[&Event]| {
        for _ in 0..ROUNDS {
            assert!(Event::wait_all(events, FOREVER), "a wake-up was lost");
            events.iter().for_each(|event| event.set());
        }
    };
    without_losing_a_wake_up(|| {
        thread::scope(|scope| {
            scope.spawn(|| wait(&[&left, &right]));
            scope.spawn(|| wait(&[&right, &left]));
            scope.spawn(|| wait(&[&left]));
            scope.spawn(|| wait(&[&right]));
            left.set();
            right.set();
        });
    });
    assert!(left.is_set() && right.is_set());
}

#[test]
fn the_descriptor_is_readable_while_the_event_is_set() {
    for event in [Event::auto_reset(), Event::manual_reset()] {
        event.set();
        let descriptor = event.descriptor().unwrap();
        assert!(
            is_readable(&descriptor),
            "it was set before it had a descriptor"
        );
        event.reset();
        assert!(!is_readable(&descriptor));
        event.clone().set();
        assert!(is_readable(event.descriptor().unwrap()));
    }
    let event = Event::auto_reset();
    let descriptor = event.descriptor().unwrap();
    event.set();
    assert!(Event::wait_all(&[&event], AT_ONCE));
    assert!(!is_readable(&descriptor), "taken by a wait");
}

#[test]
fn the_descriptor_follows_however_sets_and_resets_race() {
    const ROUNDS: u32 = 500;
    let event = Event::auto_reset();
    let rounds = Barrier::new(4);
    let taken = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    rounds.wait();
                    event.set();
                    rounds.wait();
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                rounds.wait();
                taken.fetch_add(
                    u32::from(event.wait_timeout(Duration::ZERO)),
                    Ordering::Relaxed,
                );
                event.reset();
                rounds.wait();
            }
        });
        for round in 0..ROUNDS {
            rounds.wait();
            let descriptor = event.descriptor().unwrap();
            rounds.wait();
            assert_eq!(is_readable(&descriptor), event.is_set(), "in round {round}");
        }
    });
}
