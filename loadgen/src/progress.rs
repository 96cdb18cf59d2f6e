//! What a terminal shows while a run lasts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const INTERVAL: Duration = Duration::from_millis(200);

/// Shows progress until `done` says that the run has ended. Draws nothing when standard error
/// is not a terminal.
pub(crate) fn show(length: Duration, completions: &[AtomicU64], done: impl Fn() -> bool) {
    let bar = ProgressBar::with_draw_target(Some(millis(length)), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{wide_bar} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let start = Instant::now();
    let mut before = (start, 0);
    while !done() {
        std::thread::sleep(INTERVAL.min(Duration::from_millis(20)));
        let now = Instant::now();
        if now - before.0 >= INTERVAL {
            let count: u64 = completions
                .iter()
                .map(|count| count.load(Ordering::Relaxed))
                .sum();
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let rate = (count - before.1) as f64 / (now - before.0).as_secs_f64();
            bar.set_position(millis(now - start).min(millis(length)));
            bar.set_message(format!("{rate:>9.0} calls/s"));
            before = (now, count);
        }
    }
    bar.finish_and_clear();
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
