//! `.hlog`: the log of interval histograms that HdrHistogram's own tools read (format 1.3 with
//! histograms of V2). Response times have no tag; service times have the tag `service`. Times are in
//! nanoseconds, the maxima that stand beside the histograms in milliseconds.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use hdrhistogram::serialization::interval_log::{
    IntervalLogHistogram, IntervalLogIterator, LogEntry,
};

use super::run_file::{decode, encode};
use crate::fleet::Observer;
use crate::record::interval::Interval;
use crate::record::latencies::Latencies;
use crate::record::series::Point;

/// The tag of service times.
const SERVICE: &str = "service";

/// Writes each interval as it ends.
pub(crate) struct HlogWriter {
    path: PathBuf,
    file: BufWriter<File>,
}

impl HlogWriter {
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let file =
            File::create(path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(HlogWriter {
            path: path.to_owned(),
            file: BufWriter::new(file),
        })
    }

    fn head(&mut self, started_at: SystemTime) -> std::io::Result<()> {
        let since_epoch = started_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = since_epoch.as_secs_f64();
        writeln!(
            self.file,
            "#annulus-loadgen: times in nanoseconds, Interval_Max in milliseconds\n\
             #[Histogram log format version 1.3]\n\
             #[StartTime: {seconds:.3} (seconds since epoch)]\n\
             #[BaseTime: {seconds:.3} (seconds since epoch)]"
        )
    }

    fn line(&mut self, point: &Point, tag: &str, latencies: &Latencies) -> std::io::Result<()> {
        writeln!(
            self.file,
            "{tag}{:.3},{:.3},{:.3},{}",
            point.start.as_secs_f64(),
            point.length.as_secs_f64(),
            latencies.max() as f64 / 1e6,
            encode(latencies)
        )
    }

    /// What was written is on its way to the disk.
    pub(crate) fn finish(&mut self) -> anyhow::Result<()> {
        let flushed = self.file.flush();
        flushed.with_context(|| format!("{} cannot be written", self.path.display()))
    }
}

impl Observer for HlogWriter {
    fn measuring(&mut self, started_at: SystemTime) -> anyhow::Result<()> {
        let written = self.head(started_at);
        written.with_context(|| format!("{} cannot be written", self.path.display()))
    }

    fn measured(&mut self, point: &Point, _: &Interval) -> anyhow::Result<()> {
        let written = self
            .line(point, "", &point.response)
            .and_then(|()| self.line(point, &format!("Tag={SERVICE},"), &point.service));
        written.with_context(|| format!("{} cannot be written", self.path.display()))
    }
}

/// One interval of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    /// Since 1970.
    pub(crate) start: Duration,
    pub(crate) length: Duration,
    pub(crate) is_service: bool,
    pub(crate) latencies: Latencies,
}

/// Reads a log that this program or another one wrote, times in nanoseconds.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Logged>> {
    let text = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut base = Duration::ZERO;
    let mut intervals = Vec::new();
    for entry in IntervalLogIterator::new(&text) {
        match entry {
            Ok(LogEntry::BaseTime(time)) => base = time,
            Ok(LogEntry::StartTime(_)) => {}
            Ok(LogEntry::Interval(interval)) => intervals.push(logged(base, &interval)?),
            Err(_) => bail!("{} is no log of histograms", path.display()),
        }
    }
    Ok(intervals)
}

fn logged(base: Duration, interval: &IntervalLogHistogram<'_>) -> anyhow::Result<Logged> {
    Ok(Logged {
        start: base + interval.start_timestamp(),
        length: interval.duration(),
        is_service: interval.tag().is_some_and(|tag| tag.as_str() == SERVICE),
        latencies: decode(interval.encoded_histogram())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run.hlog");
        let mut writer = HlogWriter::create(&path).unwrap();
        let started = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        writer.measuring(started).unwrap();
        let length = Duration::from_millis(500);
        for index in 0..3 {
            let mut interval = Interval::new();
            interval.record(Duration::from_micros(300), Duration::from_micros(100));
            let point = Point::of(length * index, length, &interval);
            writer.measured(&point, &interval).unwrap();
        }
        writer.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("#annulus-loadgen"), "{text}");
        let read = read(&path).unwrap();
        assert_eq!(read.len(), 6);
        assert_eq!(read[2].start, Duration::from_millis(1_700_000_000_500));
        assert_eq!(read[2].length, length);
        let medians: Vec<_> = read
            .iter()
            .map(|it| (it.is_service, it.latencies.quantile(0.5) / 1000))
            .collect();
        assert_eq!(medians[..2], [(false, 300), (true, 100)]);
    }

    #[test]
    fn another_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        std::fs::write(&path, "1,2,3,AAAA\n").unwrap();
        assert!(read(&path).is_err());
    }
}
