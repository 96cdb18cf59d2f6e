//! Whether results belong together, and what to keep in mind of them.

use std::collections::BTreeSet;

use super::part::{Part, Source};
use crate::clock::ERROR_MAX;
use crate::report::level::Level;

/// Agents may differ by so much of an interval before it is told: what happened in one interval is then
/// in a neighbour's by more than a tenth.
const CLOCK_ERROR_NOTED: f64 = 0.1;

/// What speaks against believing the whole.
pub(super) fn doubts(parts: &[Part], first: f64, last: f64) -> Vec<String> {
    let mut doubts = Vec::new();
    for part in parts {
        let run = part.run.iter().flat_map(|run| &run.verdict.invalid_because);
        doubts.extend(run.map(|why| format!("{}: {why}", part.source.file.display())));
    }
    let agents = agents(parts);
    for (index, part) in agents.iter().enumerate() {
        let is_same = |other: &&&Part| {
            other.source.agent == part.source.agent
                && other.start() < part.end()
                && part.start() < other.end()
        };
        if let Some(other) = agents[..index].iter().find(is_same) {
            doubts.push(format!(
                "{} and {} are both of the agent {:?} at the same time; one would be counted twice",
                other.source.file.display(),
                part.source.file.display(),
                part.source.agent.as_deref().unwrap_or_default()
            ));
        }
    }
    for part in agents.iter().filter(|_| agents.len() > 1) {
        if let Some(error) = part.clock_error().filter(|error| *error > ERROR_MAX) {
            doubts.push(format!(
                "{}: the clock of this agent can be {error:.3} s from its reference: the agents may not have \
                 run together",
                part.source.file.display()
            ));
        }
    }
    // Agents are to run at the same time, or the load was not what it is taken for. One after the other, the runs of one
    // agent are what they are.
    let are_several = agents
        .iter()
        .any(|it| it.source.agent != agents[0].source.agent);
    for part in agents.iter().filter(|_| are_several) {
        let missed = (part.start() - first) + (last - part.end());
        if missed > 0.1 * part.source.seconds {
            doubts.push(format!(
                "{} did not run for {missed:.2} s in which others did",
                part.source.file.display()
            ));
        }
    }
    doubts
}

pub(super) fn notes(parts: &[Part]) -> Vec<String> {
    let agents = agents(parts);
    let mut notes = Vec::new();
    let mut logs: Vec<&Source> = Vec::new();
    for part in parts.iter().filter(|part| part.is_log) {
        if logs.last().is_none_or(|last| last.file != part.source.file) {
            logs.push(&part.source);
        }
    }
    let are_all_of_one_file = parts
        .iter()
        .all(|it| it.source.file == parts[0].source.file);
    for log in logs.into_iter().filter(|_| !are_all_of_one_file) {
        let unnamed = match log.agent {
            Some(_) => "",
            None => ", and this one names no agent",
        };
        notes.push(format!(
            "{}: a log does not tell its errors, nor how far its clock can be wrong{unnamed}; a run.json does",
            log.file.display()
        ));
    }
    let tags = parts.iter().filter_map(|part| part.source.run.as_deref());
    let rates: BTreeSet<_> = tags.filter_map(Level::rate_of_tag).collect();
    if rates.len() > 1 {
        notes.push(format!(
            "there are runs at {} rates; what is said of calls is said of those of all rates together",
            rates.len()
        ));
    }
    if agents.len() < 2 {
        return notes;
    }
    for part in agents.iter().filter(|part| !part.is_log) {
        if part.clock_error().is_none() {
            notes.push(format!(
                "{}: nobody knows how far the clock of this agent was from the others'",
                part.source.file.display()
            ));
        }
    }
    if let (Some(error), Some(interval)) = (clock_error(parts), shortest_interval(&agents))
        && error > CLOCK_ERROR_NOTED * interval
    {
        let share = if error > interval {
            "more than"
        } else {
            "a noticeable part of"
        };
        notes.push(format!(
            "the clocks can be {error:.3} s apart, {share} an interval of {interval:.3} s"
        ));
    }
    notes
}

/// Results of clients that are said to have run together.
fn agents(parts: &[Part]) -> Vec<&Part> {
    let is_agent = |part: &&Part| part.source.agent.is_some();
    parts.iter().filter(is_agent).collect()
}

/// How far the clocks of the agents can be apart: what the two worst ones can be wrong by, together.
pub(super) fn clock_error(parts: &[Part]) -> Option<f64> {
    let agents = agents(parts);
    let errors = agents.iter().map(|part| part.clock_error());
    let mut errors: Vec<f64> = errors.collect::<Option<_>>()?;
    errors.sort_by(f64::total_cmp);
    let [.., second, worst] = errors[..] else {
        return None;
    };
    Some(second + worst)
}

fn shortest_interval(agents: &[&Part]) -> Option<f64> {
    // The last interval of a run ends with it.
    let firsts = agents.iter().filter_map(|part| part.response.first());
    firsts
        .map(|slice| slice.length.as_secs_f64())
        .reduce(f64::min)
}
