//! The text in which servers expose their metrics (Prometheus' format 0.0.4, and what OpenMetrics
//! has in common with it).

use std::collections::HashMap;

/// A value of the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample<'t> {
    pub(super) name: &'t str,
    /// As they stand there, braces included; empty if there are none.
    pub(super) labels: &'t str,
    pub(super) value: f64,
    /// Whether it only ever grows, so that its rate is what tells something.
    pub(super) is_counter: bool,
}

/// The longest name with its labels that is looked at.
const NAME_LEN_MAX: usize = 512;

/// Gives each sample to `take`, and their number; lines that are none are left out.
pub(super) fn parse<'t>(text: &'t str, mut take: impl FnMut(Sample<'t>)) -> u64 {
    let mut types: HashMap<&str, &str> = HashMap::new();
    let mut samples = 0;
    for line in text.lines() {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            let mut words = comment.split_whitespace();
            if words.next() == Some("TYPE")
                && let (Some(name), Some(kind)) = (words.next(), words.next())
            {
                types.insert(name, kind);
            }
        } else if let Some(sample) = sample(line, &types) {
            samples += 1;
            take(sample);
        }
    }
    samples
}

fn sample<'t>(line: &'t str, types: &HashMap<&str, &str>) -> Option<Sample<'t>> {
    let name_end = line.find(|it: char| it == '{' || it.is_whitespace())?;
    let (name, rest) = line.split_at(name_end);
    let is_name = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | ':' | '.');
    if name.is_empty() || !name.chars().all(is_name) {
        return None;
    }
    let labels_end = if rest.starts_with('{') {
        end_of_labels(rest)?
    } else {
        0
    };
    let (labels, rest) = rest.split_at(labels_end);
    // It is shown on terminals, which take some characters for commands.
    if name.len() + labels.len() > NAME_LEN_MAX || labels.contains(char::is_control) {
        return None;
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample {
        name,
        labels,
        value,
        is_counter: is_counter(name, types),
    })
}

/// Past the closing brace; a quoted value can have one as well.
fn end_of_labels(text: &str) -> Option<usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (index, letter) in text.char_indices() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '}' if !is_quoted => return Some(index + 1),
            _ => {}
        }
    }
    None
}

fn is_counter(name: &str, types: &HashMap<&str, &str>) -> bool {
    let is = |name: &str, kinds: &[&str]| types.get(name).is_some_and(|kind| kinds.contains(kind));
    // The parts of a histogram, and OpenMetrics' counters, have a name longer than the type's.
    let base = |suffix| name.strip_suffix(suffix).unwrap_or_default();
    is(name, &["counter"])
        || is(base("_total"), &["counter"])
        || is(base("_bucket"), &["histogram"])
        || ["_sum", "_count"]
            .iter()
            .any(|suffix| is(base(suffix), &["histogram", "summary"]))
        || (!types.contains_key(name) && name.ends_with("_total"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<(String, f64, bool)> {
        let mut samples = Vec::new();
        let count = parse(text, |it| {
            samples.push((format!("{}{}", it.name, it.labels), it.value, it.is_counter));
        });
        assert_eq!(count, samples.len() as u64);
        samples
    }

    #[test]
    fn samples_have_names_labels_and_values() {
        let samples = parsed(
            "# HELP calls Calls.\n# TYPE calls counter\n\
             calls{op=\"a } \\\" b\",code=\"0\"} 5 1700000000000\n\
             up 1\n\n# TYPE t histogram\nt_bucket{le=\"+Inf\"} 7\nt_sum 2.5e3\n\
             # TYPE temperature_total gauge\ntemperature_total NaN\nlegacy_total +Inf\n# EOF\n",
        );
        let shown: Vec<_> = samples
            .iter()
            .map(|(name, value, is_counter)| (name.as_str(), value.to_string(), *is_counter))
            .collect();
        let expected = [
            ("calls{op=\"a } \\\" b\",code=\"0\"}", "5", true),
            ("up", "1", false),
            ("t_bucket{le=\"+Inf\"}", "7", true),
            ("t_sum", "2500", true),
            ("temperature_total", "NaN", false),
            ("legacy_total", "inf", true),
        ]
        .map(|(name, value, is_counter)| (name, value.to_owned(), is_counter));
        assert_eq!(shown, expected);
    }

    #[test]
    fn garbage_is_left_out() {
        let long = format!("a{{b=\"{}\"}} 1", "x".repeat(NAME_LEN_MAX));
        for line in [
            "<html>",
            "a",
            "a b",
            "a{b=\"c\" 1",
            "a{b=\"c\\",
            "{} 1",
            "a{b=\"\u{1b}[2J\"} 1",
            "\u{fffd}\u{0} 1",
            &long,
        ] {
            assert_eq!(parsed(line), [], "{line}");
        }
    }
}
