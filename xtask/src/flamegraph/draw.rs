//! Folded stacks as pictures that a browser can search and zoom.

use anyhow::{Context, Result};
use inferno::differential;
use inferno::flamegraph::color::{BasicPalette, MultiPalette, Palette};
use inferno::flamegraph::{self, Options};

use super::stacks::Stacks;

/// What is narrower, in percent of the picture, is left out, which keeps the files small.
const NARROWEST_PERCENT: f64 = 0.1;

/// What the width of a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// How often it was seen running.
    Samples,
    /// How long it slept, in microseconds.
    Sleep,
}

/// Draws `stacks`: an SVG.
///
/// # Errors
///
/// If there are none.
pub(crate) fn graph(
    stacks: &Stacks,
    measure: Measure,
    title: &str,
    subtitle: &str,
) -> Result<String> {
    let mut options = options(title, subtitle);
    match measure {
        Measure::Samples => options.colors = Palette::Multi(MultiPalette::Rust),
        Measure::Sleep => {
            options.colors = Palette::Basic(BasicPalette::Blue);
            "µs".clone_into(&mut options.count_name);
        }
    }
    draw(&mut options, &stacks.folded())
}

/// Draws `after`, red where it has more than `before` and blue where it has less. The first is
/// taken as if it had as many samples as the second.
///
/// # Errors
///
/// If there are none.
pub(crate) fn difference(before: &Stacks, after: &Stacks, title: &str) -> Result<String> {
    let normalized = differential::Options {
        normalize: true,
        ..differential::Options::default()
    };
    let mut folded = Vec::new();
    differential::from_readers(
        normalized,
        before.folded().as_bytes(),
        after.folded().as_bytes(),
        &mut folded,
    )
    .context("the stacks cannot be compared")?;
    let folded = String::from_utf8(folded).context("the names of frames are text")?;
    draw(&mut options(title, "red: more; blue: less"), &folded)
}

fn options<'a>(title: &str, subtitle: &str) -> Options<'a> {
    let mut options = Options::default();
    title.clone_into(&mut options.title);
    options.subtitle = Some(subtitle.to_owned());
    options.min_width = NARROWEST_PERCENT;
    // The same function has the same colour in each picture.
    options.deterministic = true;
    options
}

fn draw(options: &mut Options<'_>, folded: &str) -> Result<String> {
    let mut svg = Vec::new();
    flamegraph::from_lines(options, folded.lines(), &mut svg)
        .context("there is nothing to draw")?;
    String::from_utf8(svg).context("an SVG is text")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stacks(folded: &str) -> Stacks {
        Stacks::parse(folded).unwrap()
    }

    #[test]
    fn each_function_is_a_frame() {
        let svg = graph(
            &stacks("run;annulus::turn;send 2\nrun;wait 1\n"),
            Measure::Sleep,
            "W1, server",
            "a machine",
        )
        .unwrap();
        for text in ["annulus::turn (2 µs, 66.67%)", "W1, server", "a machine"] {
            assert!(svg.contains(text), "{text} is missing");
        }
    }

    #[test]
    fn a_difference_is_of_shares() {
        let before = stacks("run;send 1\nrun;wait 3\n");
        let after = stacks("run;send 6\nrun;wait 2\n");
        let svg = difference(&before, &after, "W1").unwrap();
        assert!(svg.contains("send (6 samples, 75.00%; +50.00%)"), "{svg}");
        assert!(svg.contains("wait (2 samples, 25.00%; -50.00%)"), "{svg}");
    }

    #[test]
    fn nothing_cannot_be_drawn() {
        assert!(graph(&Stacks::default(), Measure::Samples, "", "").is_err());
    }
}
