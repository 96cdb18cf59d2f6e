//! `.hlog`: the log of interval histograms that HdrHistogram's own tools read (format 1.3 with
//! histograms of V2). Response times have no tag; service times have the tag `service`. Of several runs
//! each has a tag of its own, such as `rate=5000:run=2` and `rate=5000:run=2:service`. Times are in
//! nanoseconds, the maxima that stand beside the histograms in milliseconds. Who measured is in a
//! comment, as the format has no other place for it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use hdrhistogram::serialization::interval_log::{
    IntervalLogHistogram, IntervalLogIterator, LogEntry,
};

use super::level::Level;
use super::run_file::{decode, encode};
use crate::fleet::Observer;
use crate::record::interval::Interval;
use crate::record::latencies::Latencies;
use crate::record::series::Point;

/// The tag of service times, or its end.
const SERVICE: &str = "service";

/// Around the name of the agent.
const AGENT: (&str, &str) = ("#[Agent: ", "]");

/// Writes each interval as it ends.
pub(crate) struct HlogWriter {
    path: PathBuf,
    file: BufWriter<File>,
    agent: Option<String>,
    /// The start of the first run, from which all times count.
    base: Option<SystemTime>,
    /// From that to the start of this run.
    offset: Duration,
    /// Of this run, if it is one of several.
    tag: Option<String>,
}

impl HlogWriter {
    pub(crate) fn create(path: &Path, agent: Option<&str>) -> anyhow::Result<Self> {
        let file =
            File::create(path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(HlogWriter {
            path: path.to_owned(),
            file: BufWriter::new(file),
            agent: agent.map(str::to_owned),
            base: None,
            offset: Duration::ZERO,
            tag: None,
        })
    }

    /// What is measured next is one of several runs.
    pub(crate) fn name_next_run(&mut self, level: &Level) {
        self.tag = Some(level.tag());
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
        )?;
        match &self.agent {
            Some(agent) => writeln!(self.file, "{}{agent}{}", AGENT.0, AGENT.1),
            None => Ok(()),
        }
    }

    fn lines(&mut self, point: &Point) -> std::io::Result<()> {
        let (response, service) = match &self.tag {
            None => (String::new(), format!("Tag={SERVICE},")),
            Some(tag) => (format!("Tag={tag},"), format!("Tag={tag}:{SERVICE},")),
        };
        self.line(point, &response, &point.response)?;
        self.line(point, &service, &point.service)
    }

    fn line(&mut self, point: &Point, tag: &str, latencies: &Latencies) -> std::io::Result<()> {
        writeln!(
            self.file,
            "{tag}{:.3},{:.3},{:.3},{}",
            (self.offset + point.start).as_secs_f64(),
            point.length.as_secs_f64(),
            latencies.max() as f64 / 1e6,
            encode(latencies)
        )
    }

    /// What was written is on its way to the disk.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        let flushed = self.file.flush();
        self.written(flushed)
    }

    fn written(&self, result: std::io::Result<()>) -> anyhow::Result<()> {
        result.with_context(|| format!("{} cannot be written", self.path.display()))
    }
}

impl Observer for HlogWriter {
    fn measuring(&mut self, started_at: SystemTime) -> anyhow::Result<()> {
        if let Some(base) = self.base {
            self.offset = started_at.duration_since(base).unwrap_or_default();
            return Ok(());
        }
        self.base = Some(started_at);
        let written = self.head(started_at);
        self.written(written)
    }

    fn measured(&mut self, point: &Point, _: &Interval) -> anyhow::Result<()> {
        let written = self.lines(point);
        self.written(written)
    }
}

/// What a log has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// Who measured, if the log says so.
    pub(crate) agent: Option<String>,
    pub(crate) intervals: Vec<Logged>,
}

/// One interval of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    /// Since 1970.
    pub(crate) start: Duration,
    pub(crate) length: Duration,
    /// The tag of its run, if that is one of several.
    pub(crate) run: Option<String>,
    pub(crate) is_service: bool,
    pub(crate) latencies: Latencies,
}

/// Reads a log that this program or another one wrote, times in nanoseconds.
pub(crate) fn read(path: &Path) -> anyhow::Result<Log> {
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
    let agent = agent(&text);
    Ok(Log { agent, intervals })
}

/// Who measured, by the comments that a log begins with.
fn agent(text: &[u8]) -> Option<String> {
    let lines = text.split(|byte| *byte == b'\n');
    let mut comments = lines.take_while(|line| line.starts_with(b"#"));
    comments.find_map(|line| {
        let line = std::str::from_utf8(line).ok()?.trim_end_matches('\r');
        let name = line.strip_prefix(AGENT.0)?.strip_suffix(AGENT.1)?;
        (!name.is_empty()).then(|| name.to_owned())
    })
}

/// The tags of other programs tell nothing here.
fn logged(base: Duration, interval: &IntervalLogHistogram<'_>) -> anyhow::Result<Logged> {
    let tag = interval.tag().map_or("", |tag| tag.as_str());
    let of_service = tag.strip_suffix(SERVICE);
    let run = match of_service {
        Some(run) => run.trim_end_matches(':'),
        None => tag,
    };
    let run = Level::rate_of_tag(run).map(|_| run.to_owned());
    Ok(Logged {
        start: base + interval.start_timestamp(),
        length: interval.duration(),
        is_service: tag == SERVICE || (of_service.is_some() && run.is_some()),
        run,
        latencies: decode(interval.encoded_histogram())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::level::Levels;

    const LENGTH: Duration = Duration::from_millis(500);

    /// So many intervals of a call of 300 µs, 100 µs of them in service.
    fn measure(writer: &mut HlogWriter, start_ms: u64, intervals: u32) {
        let started = UNIX_EPOCH + Duration::from_millis(start_ms);
        writer.measuring(started).unwrap();
        for index in 0..intervals {
            let mut interval = Interval::new();
            interval.record(Duration::from_micros(300), Duration::from_micros(100));
            let point = Point::of(LENGTH * index, LENGTH, &interval);
            writer.measured(&point, &interval).unwrap();
        }
        writer.flush().unwrap();
    }

    fn medians(intervals: &[Logged]) -> Vec<(bool, u64)> {
        let medians = intervals.iter();
        medians
            .map(|it| (it.is_service, it.latencies.quantile(0.5) / 1000))
            .collect()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run.hlog");
        for agent in [None, Some("client [7]")] {
            let mut writer = HlogWriter::create(&path, agent).unwrap();
            measure(&mut writer, 1_700_000_000_000, 3);
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("#annulus-loadgen"), "{text}");
            let Log {
                agent: read_agent,
                intervals,
            } = read(&path).unwrap();
            assert_eq!(read_agent.as_deref(), agent);
            assert_eq!(intervals.len(), 6);
            assert_eq!(intervals[2].start, Duration::from_millis(1_700_000_000_500));
            assert_eq!(intervals[2].length, LENGTH);
            assert_eq!(medians(&intervals[..2]), [(false, 300), (true, 100)]);
            assert!(intervals.iter().all(|it| it.run.is_none()));
        }
    }

    #[test]
    fn runs_of_one_log_have_tags_and_their_own_times() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("curve.hlog");
        let mut writer = HlogWriter::create(&path, None).unwrap();
        let mut levels = Levels::default();
        for start_s in [1_700_000_000, 1_700_000_010] {
            writer.name_next_run(&levels.next(5e3));
            measure(&mut writer, start_s * 1000, 1);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches("BaseTime").count(), 1, "{text}");
        assert!(text.contains("\nTag=rate=5000:run=1:service,0.000,0.500,0.100,"));
        assert!(text.contains("\nTag=rate=5000:run=2,10.000,0.500,0.300,"));
        let intervals = read(&path).unwrap().intervals;
        let runs: Vec<_> = intervals.iter().map(|it| it.run.as_deref()).collect();
        let [first, second] = ["rate=5000:run=1", "rate=5000:run=2"].map(Some);
        assert_eq!(runs, [first, first, second, second]);
        assert_eq!(medians(&intervals[2..]), [(false, 300), (true, 100)]);
        assert_eq!(intervals[2].start, Duration::from_secs(1_700_000_010));
    }

    #[test]
    fn tags_of_other_programs_are_response_times() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run.hlog");
        let mut writer = HlogWriter::create(&path, None).unwrap();
        measure(&mut writer, 0, 1);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("Tag=service", "Tag=webservice")).unwrap();
        let intervals = read(&path).unwrap().intervals;
        assert_eq!(medians(&intervals), [(false, 300), (false, 100)]);
        assert_eq!(intervals[1].run, None);
    }

    #[test]
    fn another_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        std::fs::write(&path, "1,2,3,AAAA\n").unwrap();
        assert!(read(&path).is_err());
    }
}
