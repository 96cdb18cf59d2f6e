//! Bar charts, drawn by hand: a bar is a rectangle.

use std::fmt::Write;

use super::results::{Results, calls};
use super::subject::{Role, WORKLOADS};

/// Lengths in pixels.
const BAR: usize = 18;
const GAP: usize = 6;
const NAMES: usize = 240;
const BARS: f64 = 420.0;
const WIDTH: usize = 780;
const HEAD: usize = 36;

/// The name of the file with the chart of a workload.
pub(crate) fn file(workload: &str) -> String {
    format!("compare-{}.svg", workload.to_lowercase())
}

/// Where docs/PERFORMANCE.md finds it.
pub(crate) fn link(workload: &str) -> String {
    format!("images/{}", file(workload))
}

/// Calls a second of all subjects under one load, as SVG; the line on a bar joins its quartiles.
pub(crate) fn draw(results: &Results, workload: usize) -> String {
    let load = &WORKLOADS[workload];
    let rows: Vec<_> = results
        .subjects
        .iter()
        .zip(&results.samples[workload])
        .filter(|(_, samples)| !samples.0.is_empty())
        .collect();
    let spreads = rows.iter().map(|(_, samples)| samples.quartiles(calls).1);
    let scale = BARS / spreads.fold(1.0, f64::max);
    let height = HEAD + rows.len() * (BAR + GAP) + GAP;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"{GAP}\" y=\"20\" font-weight=\"bold\">{}: {} × {}, {} bytes each way: thousand \
         calls a second</text>\n",
        load.name, load.connections, load.outstanding, load.payload
    );
    for (index, (subject, samples)) in rows.into_iter().enumerate() {
        let colour = match subject.role {
            Role::Annulus { .. } => "#2a6f97",
            Role::Limit => "#9a9a9a",
            Role::Peer => "#d08c60",
        };
        let top = HEAD + index * (BAR + GAP);
        let (text, middle) = (top + 13, top + BAR / 2);
        let (low, high) = samples.quartiles(calls);
        let median = samples.median(calls);
        let at = |value: f64| NAMES as f64 + value * scale;
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{}</text>\n\
             <rect x=\"{NAMES}\" y=\"{top}\" width=\"{:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>\n\
             <line x1=\"{:.1}\" y1=\"{middle}\" x2=\"{:.1}\" y2=\"{middle}\" stroke=\"#000000\"/>\n\
             <text x=\"{:.1}\" y=\"{text}\">{:.1}</text>\n",
            NAMES - GAP,
            escaped(subject.name),
            median * scale,
            at(low),
            at(high),
            at(high) + GAP as f64,
            median / 1e3,
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::results;
    use super::*;

    #[test]
    fn each_subject_has_a_bar_of_its_length() {
        let svg = draw(&results(), 0);
        assert_eq!(svg.matches("height=\"18\"").count(), 4);
        // 1010 of at most 1020 calls a second.
        assert!(svg.contains("width=\"415.9\""), "{svg}");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    }
}
