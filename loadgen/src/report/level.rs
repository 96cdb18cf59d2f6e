//! Runs of one command at several rates, told apart.

use std::collections::HashMap;

/// What stands before the rate in a tag, and what before the number of the run.
const RATE: &str = "rate=";
const RUN: &str = ":run=";

/// One of several runs: its rate, and which of the runs at that rate it is, from 1 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    rate: String,
    run: u32,
}

impl Level {
    /// Of a log of histograms: `rate=5000:run=2`. It has none of the letters that end a tag there.
    pub(crate) fn tag(&self) -> String {
        format!("{RATE}{}{RUN}{}", self.rate, self.run)
    }

    /// The rate in such a tag; `None` of other texts.
    pub(crate) fn rate_of_tag(text: &str) -> Option<&str> {
        let (rate, _) = text.strip_prefix(RATE)?.split_once(RUN)?;
        Some(rate)
    }

    /// Of Prometheus' metrics: `rate="5000",run="2"`.
    pub(crate) fn labels(&self) -> String {
        format!("rate=\"{}\",run=\"{}\"", self.rate, self.run)
    }
}

/// Names runs.
#[derive(Debug, Default)]
pub(crate) struct Levels {
    /// How many there were at each rate, as it is written.
    runs: HashMap<String, u32>,
}

impl Levels {
    /// The next run at a rate.
    pub(crate) fn next(&mut self, rate: f64) -> Level {
        // As precise as rates of a command line can be.
        let rate = ((rate * 1e3).round() / 1e3).to_string();
        let runs = self.runs.entry(rate.clone()).or_default();
        *runs += 1;
        Level { rate, run: *runs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_at_one_rate_are_counted_as_it_is_written() {
        let mut levels = Levels::default();
        let tags = [5e3, 70.710_678, 5e3, 70.710_699].map(|rate| levels.next(rate).tag());
        let expected = [
            "rate=5000:run=1",
            "rate=70.711:run=1",
            "rate=5000:run=2",
            "rate=70.711:run=2",
        ];
        assert_eq!(tags, expected);
        assert_eq!(Level::rate_of_tag(&tags[3]), Some("70.711"));
        assert_eq!(Level::rate_of_tag("service"), None);
        assert_eq!(levels.next(0.5).labels(), "rate=\"0.5\",run=\"1\"");
    }
}
