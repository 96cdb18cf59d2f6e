//! A line for each call, to look closely, to check the histograms, and to replay.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};

/// Where all workers write their lines. Slow, and as long as the run: for looking closely.
#[derive(Clone, Debug)]
pub(crate) struct TraceWriter(Arc<Mutex<BufWriter<File>>>);

/// One call. Times are after the start of the measurement.
#[derive(Clone, Debug)]
pub(crate) struct TracedCall<'t> {
    pub(crate) intended: Duration,
    pub(crate) sent: Duration,
    pub(crate) ended: Duration,
    pub(crate) operation: &'t str,
    /// `ok`, or the failure's name.
    pub(crate) result: &'t str,
}

const HEADER: &str = "intended_ns,sent_ns,ended_ns,operation,result";

impl TraceWriter {
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path)
            .with_context(|| format!("the trace file {} cannot be made", path.display()))?;
        let mut file = BufWriter::new(file);
        writeln!(file, "{HEADER}")?;
        Ok(TraceWriter(Arc::new(Mutex::new(file))))
    }

    pub(crate) fn write(&self, call: &TracedCall<'_>) -> io::Result<()> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(
            file,
            "{},{},{},{},{}",
            call.intended.as_nanos(),
            call.sent.as_nanos(),
            call.ended.as_nanos(),
            call.operation,
            call.result
        )
    }

    pub(crate) fn finish(&self) -> io::Result<()> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .flush()
    }
}

/// Reads arrivals to replay: the first column of each line, in nanoseconds; other columns and lines
/// that begin with a letter or `#` do not matter. The first arrival is at 0.
pub(crate) fn read_arrivals(path: &Path) -> anyhow::Result<Arc<[u64]>> {
    let file =
        File::open(path).with_context(|| format!("the trace {} cannot be read", path.display()))?;
    let mut offsets = Vec::new();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("the trace {} cannot be read", path.display()))?;
        let first = line.split(',').next().unwrap_or("").trim();
        if first.is_empty()
            || first.starts_with(|first: char| first.is_alphabetic() || first == '#')
        {
            continue;
        }
        let Ok(offset) = first.parse::<u64>() else {
            bail!(
                "{}, line {}: \"{first}\" is not a number of nanoseconds",
                path.display(),
                index + 1
            );
        };
        offsets.push(offset);
    }
    let Some(&first) = offsets.iter().min() else {
        bail!("{} has no arrival", path.display());
    };
    offsets.sort_unstable();
    Ok(offsets.into_iter().map(|offset| offset - first).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_traced_can_be_replayed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("calls.csv");
        let writer = TraceWriter::create(&path).unwrap();
        for micros in [30, 10, 20] {
            let intended = Duration::from_micros(micros);
            let call = TracedCall {
                intended,
                sent: intended,
                ended: intended * 2,
                operation: "EchoData",
                result: "ok",
            };
            writer.write(&call).unwrap();
        }
        writer.finish().unwrap();
        assert_eq!(*read_arrivals(&path).unwrap(), [0, 10_000, 20_000]);
    }

    #[test]
    fn a_line_that_is_no_number_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trace");
        std::fs::write(&path, "# comment\n5\n1.5\n").unwrap();
        let error = read_arrivals(&path).unwrap_err().to_string();
        assert!(error.contains("line 3"), "{error}");
        std::fs::write(&path, "").unwrap();
        assert!(read_arrivals(&path).is_err());
    }
}
