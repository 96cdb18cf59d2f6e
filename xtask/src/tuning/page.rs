//! The table of docs/tuning/README.md.

use super::effect::Effect;
use super::knob::{How, Measured};
use super::{Finding, Outcome};
use crate::compare::Circumstances;

/// All findings, and what they are of.
pub(crate) fn table(of: &Circumstances, rounds: usize, findings: &[Finding]) -> String {
    let noisy: usize = findings.iter().map(noisy_turns).sum();
    let mut text = format!(
        "{}, {} cores, Linux {}, congestion control {}, {}; commit {}, {}. Loopback; {rounds} rounds, turns \
         of {} s; in {noisy} turns others used the machine, however often they were made again.\n\n\
         | knob | what changes | measured | load | calls per second, with the setting | without it, \
         against itself | CPU time per call | verdict |\n\
         |---|---|---|---|---:|---:|---:|---|\n",
        of.processor, of.cores, of.kernel, of.congestion, of.rustc, of.commit, of.date, of.seconds,
    );
    for finding in findings {
        text.push_str(&row(finding));
        text.push('\n');
    }
    text
}

/// Turns of a finding during which others used the machine.
fn noisy_turns(finding: &Finding) -> usize {
    let Outcome::Measured(runs) = &finding.outcome else {
        return 0;
    };
    let turns = [&runs.without, &runs.with, &runs.again].map(|samples| &samples.0);
    turns.into_iter().flatten().filter(|it| it.is_noisy).count()
}

/// One line of the table.
pub(crate) fn row(finding: &Finding) -> String {
    let subject = match finding.knob.how {
        How::Measured { measured, .. } => measured.name(),
        How::NotHere(_) => "–",
    };
    let load = finding.load.map_or("–", |load| load.name);
    let said = match &finding.outcome {
        Outcome::NotHere(reason) => format!("– | – | – | not here: {reason}"),
        Outcome::Measured(runs) => told(&runs.effect()),
    };
    let (name, change) = (finding.knob.name, finding.knob.change);
    format!("| `{name}` | {change} | {subject} | {load} | {said} |")
}

fn told(effect: &Effect) -> String {
    let noise = effect.noise;
    format!(
        "{} | {:+.1} to {:+.1} % | {:+.1} % | {}",
        effect.change,
        noise.low * 100.0,
        noise.high * 100.0,
        effect.cpu.median * 100.0,
        effect.verdict()
    )
}

impl Measured {
    fn name(self) -> &'static str {
        match self {
            Measured::Annulus => "annulus",
            Measured::Raw => "raw",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::effect::Runs;
    use super::super::knob::KNOBS;
    use super::*;
    use crate::compare::sample::tests::samples;
    use crate::compare::subject::WORKLOADS;

    #[test]
    fn a_row_has_effect_noise_and_verdict_or_the_reason_why_not() {
        let mut finding = Finding {
            knob: &KNOBS[0],
            load: Some(&WORKLOADS[0]),
            outcome: Outcome::Measured(Runs {
                without: samples(&[1000.0, 1000.0]),
                with: samples(&[500.0, 500.0]),
                again: samples(&[1010.0, 990.0]),
            }),
        };
        let told = row(&finding);
        assert!(told.starts_with("| `ring` |"), "{told}");
        let end = "| W1 | -50.0 % (-50.0 to -50.0) | -1.0 to +1.0 % | +0.0 % | **slower** |";
        assert!(told.ends_with(end), "{told}");
        if let Outcome::Measured(runs) = &mut finding.outcome {
            runs.again.0[1].is_noisy = true;
        }
        assert_eq!(noisy_turns(&finding), 1);
        finding.outcome = Outcome::NotHere("no permission".to_owned());
        assert!(row(&finding).ends_with("| – | – | – | not here: no permission |"));
        let columns = |line: &str| line.matches(" |").count();
        let table = table(&Circumstances::default(), 2, &[finding]);
        let lines: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(columns(lines[0]), columns(&told));
        assert_eq!(columns(lines[2]), columns(&told));
    }
}
