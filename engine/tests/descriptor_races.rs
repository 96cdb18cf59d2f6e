//! The descriptor of events and completion ports under loom: however its condition changes and
//! whenever it is made, it ends in line with the condition.
//!
//! The source is compiled here once more, against loom's types:
//! `cargo test -p annulus --test descriptor_races`.

#[path = "../src/descriptor/level.rs"]
mod level;

use loom::sync::Arc;
use loom::thread;

use self::level::Level;
use self::sync::{AtomicU32, Ordering, fence};

mod sync {
    pub(super) use loom::sync::atomic::{AtomicU32, Ordering, fence};
}

struct Followed {
    condition: AtomicU32,
    level: Level,
    /// What follows: the eventfd, so to say.
    follower: AtomicU32,
}

impl Followed {
    fn new() -> Arc<Self> {
        Arc::new(Followed {
            condition: AtomicU32::new(0),
            level: Level::absent(),
            follower: AtomicU32::new(0),
        })
    }

    fn set_condition(&self, holds: bool) {
        self.condition.store(holds.into(), Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.follow();
    }

    fn follow(&self) {
        if self.level.is_absent() {
            return;
        }
        self.level.follow(
            || self.condition.load(Ordering::Relaxed) == 1,
            |high| self.follower.store(high.into(), Ordering::Relaxed),
        );
    }

    fn begin(&self) {
        self.level.begin();
        self.follow();
    }

    fn assert_in_line(&self) {
        assert_eq!(
            self.follower.load(Ordering::Relaxed),
            self.condition.load(Ordering::Relaxed)
        );
    }
}

fn check(test: fn()) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(test);
}

#[test]
fn it_follows_two_threads_that_change_the_condition() {
    check(|| {
        let followed = Followed::new();
        followed.begin();
        let other = {
            let followed = Arc::clone(&followed);
            thread::spawn(move || followed.set_condition(true))
        };
        followed.set_condition(true);
        followed.set_condition(false);
        other.join().unwrap();
        followed.assert_in_line();
    });
}

#[test]
fn it_follows_a_condition_that_changes_while_the_descriptor_is_made() {
    check(|| {
        let followed = Followed::new();
        let others = [(); 2].map(|()| {
            let followed = Arc::clone(&followed);
            thread::spawn(move || followed.begin())
        });
        followed.set_condition(true);
        for other in others {
            other.join().unwrap();
        }
        followed.assert_in_line();
    });
}
