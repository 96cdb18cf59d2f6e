//! What is recorded of calls: three times of each, how it ended, and when.

pub(crate) mod errors;
pub(crate) mod interval;
pub(crate) mod latencies;
pub(crate) mod series;
pub(crate) mod trace;

use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest time that is told apart; what is longer counts as this.
const TIME_MAX: Duration = Duration::from_secs(3600);

/// A histogram of times, in nanoseconds, exact to three digits. All have the same buckets, so
/// any two can be added.
pub(crate) fn histogram() -> Histogram<u64> {
    let max_ns = u64::try_from(TIME_MAX.as_nanos()).unwrap_or(u64::MAX);
    Histogram::new_with_bounds(1, max_ns, 3).expect("the bounds are valid")
}

/// Records a time; zero counts as the shortest that is told apart.
pub(crate) fn record(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
}
