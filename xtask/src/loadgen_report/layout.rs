//! Where a browser put the parts of a page, as the script in `probe.js` writes it down.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// What stands around the script's result in the document.
const RESULT: (&str, &str) = (
    "<script type=\"application/json\" id=\"probe\">",
    "</script>",
);

/// Places are rounded; so much is no difference.
const SLACK: f64 = 1.0;

/// A page.
#[derive(Debug)]
pub(super) struct Layout {
    /// Of the whole page, in pixels.
    pub(super) height: u32,
    pub(super) plots: Vec<Plot>,
}

#[derive(Debug)]
pub(super) struct Plot {
    pub(super) place: Place,
    /// Lines, points and bars of ranges.
    pub(super) marks: Vec<Mark>,
    /// How many of those are bars.
    pub(super) bars: usize,
    grid: u64,
    pub(super) texts: Vec<Text>,
}

#[derive(Debug)]
pub(super) struct Mark {
    pub(super) colour: [u8; 3],
    pub(super) place: Place,
    /// Of a line; zero of a point.
    pub(super) length: f64,
}

#[derive(Debug)]
pub(super) struct Text {
    text: String,
    place: Place,
}

/// A rectangle, in pixels from the top left corner of the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Layout {
    /// Finds the script's result in a document.
    ///
    /// # Errors
    ///
    /// If the script did not run to its end.
    pub(super) fn parse(document: &str) -> Result<Self> {
        let result = document
            .split_once(RESULT.0)
            .and_then(|(_, rest)| Some(rest.split_once(RESULT.1)?.0))
            .context("the script that looks at the page did not end")?;
        let page: Value = serde_json::from_str(result).context("what it wrote is no JSON")?;
        let title = page["title"].as_str().unwrap_or_default();
        ensure!(title.starts_with("loadgen: "), "the title is {title:?}");
        Ok(Layout {
            height: u32::try_from(page["height"].as_u64().context("no height")?)?,
            plots: array(&page["plots"])?
                .iter()
                .map(Plot::of)
                .collect::<Result<_>>()?,
        })
    }

    /// That everything of each plot can be read.
    ///
    /// # Errors
    ///
    /// What cannot.
    pub(super) fn check(&self) -> Result<()> {
        for (index, plot) in self.plots.iter().enumerate() {
            plot.check().with_context(|| format!("plot {index}"))?;
        }
        Ok(())
    }
}

impl Plot {
    fn of(value: &Value) -> Result<Self> {
        let lines = array(&value["lines"])?.iter();
        let points = array(&value["points"])?.iter();
        let bars = array(&value["bars"])?;
        let marks = lines.chain(points).chain(bars);
        Ok(Plot {
            place: Place::of(&value["place"])?,
            marks: marks.map(Mark::of).collect::<Result<_>>()?,
            bars: bars.len(),
            grid: value["grid"].as_u64().context("no grid")?,
            texts: array(&value["texts"])?
                .iter()
                .map(Text::of)
                .collect::<Result<_>>()?,
        })
    }

    fn check(&self) -> Result<()> {
        ensure!(self.grid >= 4, "only {} lines of a grid", self.grid);
        ensure!(!self.marks.is_empty(), "neither a line nor a point");
        for mark in &self.marks {
            ensure!(
                self.place.holds(mark.place),
                "something of {:?} is drawn outside, at {:?}",
                mark.colour,
                mark.place
            );
        }
        // The title of the x axis, and at least two numbers on each axis.
        ensure!(self.texts.len() >= 5, "only the labels {:?}", self.texts);
        for (index, text) in self.texts.iter().enumerate() {
            ensure!(
                self.place.holds(text.place),
                "the label {:?} is cut off, at {:?}",
                text.text,
                text.place
            );
            let covered = self.texts[..index].iter().find(|other| other.covers(text));
            if let Some(other) = covered {
                bail!(
                    "the labels {:?} and {:?} cover each other",
                    other.text,
                    text.text
                );
            }
        }
        Ok(())
    }
}

impl Mark {
    fn of(value: &Value) -> Result<Self> {
        Ok(Mark {
            colour: colour(value["colour"].as_str().unwrap_or_default())?,
            place: Place::of(&value["place"])?,
            length: value["length"].as_f64().unwrap_or(0.0),
        })
    }
}

impl Text {
    fn of(value: &Value) -> Result<Self> {
        Ok(Text {
            text: value["text"]
                .as_str()
                .context("a label without text")?
                .to_owned(),
            place: Place::of(&value["place"])?,
        })
    }

    /// An empty label covers nothing.
    fn covers(&self, other: &Text) -> bool {
        !self.text.is_empty() && !other.text.is_empty() && self.place.meets(other.place)
    }
}

impl Place {
    fn of(value: &Value) -> Result<Self> {
        let side = |name: &str| {
            let side = value[name].as_f64().filter(|side| side.is_finite());
            side.with_context(|| format!("a place without its {name}: {value}"))
        };
        Ok(Place {
            left: side("left")?,
            top: side("top")?,
            right: side("right")?,
            bottom: side("bottom")?,
        })
    }

    fn holds(self, inner: Place) -> bool {
        self.left - SLACK <= inner.left
            && self.top - SLACK <= inner.top
            && inner.right <= self.right + SLACK
            && inner.bottom <= self.bottom + SLACK
    }

    fn meets(self, other: Place) -> bool {
        self.left + SLACK < other.right
            && other.left + SLACK < self.right
            && self.top + SLACK < other.bottom
            && other.top + SLACK < self.bottom
    }
}

fn array(value: &Value) -> Result<&Vec<Value>> {
    value
        .as_array()
        .with_context(|| format!("no array: {value}"))
}

/// `rgb(1, 2, 3)`, as browsers write colours.
fn colour(text: &str) -> Result<[u8; 3]> {
    let inside = text
        .strip_prefix("rgb(")
        .and_then(|text| text.strip_suffix(')'));
    let numbers = inside.unwrap_or_default().split(',');
    let colour: Vec<u8> = numbers.map_while(|it| it.trim().parse().ok()).collect();
    <[u8; 3]>::try_from(colour)
        .ok()
        .with_context(|| format!("{text:?} is no colour"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(left: u32, top: u32, right: u32, bottom: u32) -> String {
        format!(r#"{{"left":{left},"top":{top},"right":{right},"bottom":{bottom}}}"#)
    }

    /// What is wrong with a page whose one plot, 100 pixels wide and high, has five labels in a row, the
    /// last one at this place, and a line at that one.
    fn fault(last_label: &str, line: &str) -> Option<String> {
        let labels: Vec<_> = (0..4)
            .map(|index| place(index * 20, 0, index * 20 + 10, 10))
            .chain([last_label.to_owned()])
            .map(|place| format!(r#"{{"text":"5","place":{place}}}"#))
            .collect();
        let plot = format!(
            r#"{{"place":{},"lines":[{{"colour":"rgb(0, 114, 178)","length":7,"place":{line}}}],
                "points":[],"bars":[],"grid":4,"texts":[{}]}}"#,
            place(0, 0, 100, 100),
            labels.join(",")
        );
        let page = format!(r#"{{"height":700,"title":"loadgen: x","plots":[{plot}]}}"#);
        let document = format!("<html>{}{page}{}</html>", RESULT.0, RESULT.1);
        let layout = Layout::parse(&document).unwrap();
        assert_eq!(layout.height, 700);
        assert_eq!(layout.plots[0].marks[0].colour, [0, 114, 178]);
        layout.check().err().map(|error| format!("{error:#}"))
    }

    #[test]
    fn labels_and_lines_are_to_be_seen_whole() {
        let (label, line) = (place(85, 0, 95, 10), place(10, 20, 90, 90));
        assert_eq!(fault(&label, &line), None);
        for (label, line, why) in [
            (&place(95, 0, 105, 10), &line, "cut off"),
            (&place(65, 5, 80, 15), &line, "cover each other"),
            (&label, &place(10, 20, 90, 140), "outside"),
        ] {
            let fault = fault(label, line).unwrap_or_default();
            assert!(fault.contains(why), "{fault}");
        }
    }

    #[test]
    fn a_page_whose_script_did_not_run_is_no_layout() {
        assert!(Layout::parse("<html><body></body></html>").is_err());
        assert!(colour("rgba(1, 2, 3, 0.5)").is_err());
    }
}
