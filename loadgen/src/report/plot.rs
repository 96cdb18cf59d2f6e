//! Plots as SVG, drawn here, so that a report needs nothing but a browser.

use std::fmt::Write;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 300.0;
/// Of a plot that stands among many.
const SMALL_HEIGHT: f64 = 170.0;
/// What the axes and their labels need.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 48.0;

/// The strokes of lines in the same order: so one that lies on another leaves it to be seen, and a print
/// without colours can be read.
const STROKES: [&str; 6] = ["none", "7 4", "2 3", "12 4", "7 3 2 3", "4 8"];

/// The distance of bars of several lines at one place, so that all are to be seen.
const BAR_DISTANCE: f64 = 4.0;

/// How long a line is shown beside its name.
const SAMPLE_LENGTH: f64 = 24.0;

/// The letters of a name for which there is room beside a plot.
const NAME_LETTERS: usize = 16;

/// Told apart by people who do not see all colours, too.
pub(super) const COLOURS: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
];

/// How an axis grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    Logarithmic,
}

/// What an axis shows.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub(crate) title: String,
    pub(crate) scale: Scale,
    /// Where a linear axis ends; with the last point if that is `None`.
    pub(crate) end: Option<f64>,
    /// Marks in place of numbers that are chosen by themselves.
    pub(crate) marks: Vec<(f64, String)>,
}

impl Axis {
    pub(crate) fn new(title: impl Into<String>, scale: Scale) -> Self {
        Axis {
            title: title.into(),
            scale,
            end: None,
            marks: Vec::new(),
        }
    }

    /// The time of a measurement of this length, so that plots under each other have the same axis.
    pub(crate) fn time(seconds: f64) -> Self {
        Axis {
            end: Some(seconds),
            ..Axis::new("seconds", Scale::Linear)
        }
    }

    /// The loads of several runs, up to the highest one, so that plots under each other have the same axis.
    pub(crate) fn load(highest: f64) -> Self {
        Axis {
            end: Some(highest),
            ..Axis::new("calls a second", Scale::Linear)
        }
    }
}

/// Points that belong together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    name: String,
    points: Vec<(f64, f64)>,
    /// Points alone, instead of a line through them.
    is_scattered: bool,
    ranges: Vec<Span>,
}

/// From where to where values are that a point stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) x: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Line {
    /// A line through points.
    pub(crate) fn through(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Line {
            name: name.into(),
            points,
            is_scattered: false,
            ranges: Vec::new(),
        }
    }

    /// Points alone.
    pub(crate) fn scattered(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Line {
            is_scattered: true,
            ..Line::through(name, points)
        }
    }

    /// The same, with bars that show ranges.
    pub(crate) fn with_ranges(self, ranges: Vec<Span>) -> Self {
        Line { ranges, ..self }
    }

    /// All places that are to be in the plot.
    fn places(&self) -> impl Iterator<Item = (f64, f64)> {
        let ends = |it: &Span| [(it.x, it.low), (it.x, it.high)];
        let points = self.points.iter().copied();
        points.chain(self.ranges.iter().flat_map(ends))
    }
}

/// A picture of lines over two axes.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) lines: Vec<Line>,
    /// Whether it stands among many.
    pub(crate) is_small: bool,
}

impl Plot {
    /// The SVG element; empty if there is no point to show.
    pub(crate) fn svg(&self) -> String {
        let shown = |point: &(f64, f64)| self.x.shows(point.0) && self.y.shows(point.1);
        let points: Vec<_> = (self.lines.iter())
            .flat_map(Line::places)
            .filter(shown)
            .collect();
        if points.is_empty() {
            return String::new();
        }
        let height = if self.is_small { SMALL_HEIGHT } else { HEIGHT };
        let x = Range::of(&self.x, height, points.iter().map(|point| point.0));
        let y = Range::of(&self.y, height, points.iter().map(|point| point.1));
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\">"
        );
        self.draw_x(&x, &mut svg);
        self.draw_y(&y, &mut svg);
        let lines = self.lines.iter();
        let lines: Vec<_> = lines
            .filter(|line| line.places().any(|it| shown(&it)))
            .collect();
        for (index, line) in lines.iter().enumerate() {
            let places: Vec<(f64, f64)> = (line.points.iter())
                .filter(|point| shown(point))
                .map(|point| (x.place_right(point.0), y.place_up(point.1)))
                .collect();
            draw(line, &places, index, &mut svg);
            let aside = BAR_DISTANCE * (index as f64 - (lines.len() - 1) as f64 / 2.0);
            let ranges = line.ranges.iter();
            for range in ranges.filter(|it| shown(&(it.x, it.low)) && shown(&(it.x, it.high))) {
                let ends = [range.low, range.high].map(|value| y.place_up(value));
                draw_range(x.place_right(range.x) + aside, ends, index, &mut svg);
            }
            if !line.name.is_empty() {
                draw_name(line, index, &mut svg);
            }
        }
        svg.push_str("</svg>");
        svg
    }

    fn draw_x(&self, range: &Range, svg: &mut String) {
        let bottom = range.height - BOTTOM;
        for (value, label) in range.marks(&self.x) {
            let x = range.place_right(value);
            let _ = write!(
                svg,
                "<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 20.0,
                escape(&label)
            );
        }
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            f64::midpoint(LEFT, WIDTH - RIGHT),
            range.height - 8.0,
            escape(&self.x.title)
        );
    }

    fn draw_y(&self, range: &Range, svg: &mut String) {
        for (value, label) in range.marks(&self.y) {
            let y = range.place_up(value);
            let _ = write!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0,
                escape(&label)
            );
        }
        let middle = f64::midpoint(TOP, range.height - BOTTOM);
        let _ = write!(
            svg,
            "<text x=\"14\" y=\"{middle:.1}\" text-anchor=\"middle\" \
             transform=\"rotate(-90 14 {middle:.1})\">{}</text>",
            escape(&self.y.title)
        );
    }
}

fn draw(line: &Line, places: &[(f64, f64)], index: usize, svg: &mut String) {
    let colour = COLOURS[index % COLOURS.len()];
    if line.is_scattered || places.len() == 1 {
        for (x, y) in places {
            let _ = write!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
            );
        }
        return;
    }
    let points: Vec<_> = places
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    let _ = write!(
        svg,
        "<polyline class=\"line\" stroke=\"{colour}\" stroke-dasharray=\"{}\" points=\"{}\"/>",
        STROKES[index % STROKES.len()],
        points.join(" ")
    );
}

/// A bar from one value to another one. Values that are all the same make none.
fn draw_range(x: f64, [low, high]: [f64; 2], index: usize, svg: &mut String) {
    if low - high < 1.0 {
        return;
    }
    let colour = COLOURS[index % COLOURS.len()];
    let _ = write!(
        svg,
        "<path class=\"line\" stroke=\"{colour}\" d=\"M{x:.1} {low:.1}V{high:.1}\"/>"
    );
}

/// Beside the plot, behind a piece of the line.
fn draw_name(line: &Line, index: usize, svg: &mut String) {
    let colour = COLOURS[index % COLOURS.len()];
    let (left, y) = (WIDTH - RIGHT + 10.0, TOP + 14.0 + 18.0 * index as f64);
    let (middle, end) = (y - 4.0, left + SAMPLE_LENGTH);
    let sample = [(left, middle), (end, middle)];
    // Points are shown by one of them.
    let sample = if line.is_scattered {
        &sample[1..]
    } else {
        &sample
    };
    draw(line, sample, index, svg);
    let _ = write!(
        svg,
        "<text x=\"{:.1}\" y=\"{y:.1}\" fill=\"{colour}\">{}</text>",
        end + 6.0,
        short(&line.name)
    );
}

impl Axis {
    /// Whether a value has a place on the axis.
    fn shows(&self, value: f64) -> bool {
        value.is_finite() && (self.scale == Scale::Linear || value > 0.0)
    }
}

/// The part of an axis that is shown.
struct Range {
    scale: Scale,
    /// Of the plot.
    height: f64,
    /// In the axis' own measure: logarithms of a logarithmic one.
    low: f64,
    high: f64,
}

impl Range {
    fn of(axis: &Axis, height: f64, values: impl Iterator<Item = f64>) -> Self {
        let mut range = Range {
            scale: axis.scale,
            height,
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
        };
        for value in values {
            let measure = range.measure(value);
            range.low = range.low.min(measure);
            range.high = range.high.max(measure);
        }
        match axis.scale {
            Scale::Linear => {
                range.low = range.low.min(0.0);
                range.high = range.high.max(axis.end.unwrap_or(range.high));
                range.high = if range.high > range.low {
                    range.high
                } else {
                    range.low + 1.0
                };
            }
            Scale::Logarithmic if axis.marks.is_empty() => {
                range.low = range.low.floor();
                range.high = range.high.ceil().max(range.low + 1.0);
            }
            Scale::Logarithmic => range.high = range.high.max(range.low + 0.1),
        }
        range
    }

    fn measure(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => value.log10(),
        }
    }

    /// Between 0 and 1.
    fn place(&self, value: f64) -> f64 {
        (self.measure(value) - self.low) / (self.high - self.low)
    }

    fn place_right(&self, value: f64) -> f64 {
        LEFT + self.place(value) * (WIDTH - LEFT - RIGHT)
    }

    fn place_up(&self, value: f64) -> f64 {
        self.height - BOTTOM - self.place(value) * (self.height - TOP - BOTTOM)
    }

    /// Values to be marked, with what stands there.
    fn marks(&self, axis: &Axis) -> Vec<(f64, String)> {
        if !axis.marks.is_empty() {
            let within = |value: &f64| (-1e-9..=1.0 + 1e-9).contains(&self.place(*value));
            let marks = axis.marks.iter().filter(|(value, _)| within(value));
            return marks.cloned().collect();
        }
        let mut values = Vec::new();
        match self.scale {
            Scale::Logarithmic => {
                let mut exponent = self.low;
                while exponent <= self.high {
                    values.push(10f64.powf(exponent));
                    exponent += 1.0;
                }
            }
            Scale::Linear => {
                let step = step(self.high - self.low);
                let mut value = (self.low / step).ceil() * step;
                while value <= self.high {
                    values.push(value);
                    value += step;
                }
            }
        }
        let marks = values.into_iter();
        marks.map(|value| (value, number(value))).collect()
    }
}

/// A round distance of marks, of which some five fit.
fn step(length: f64) -> f64 {
    let magnitude = 10f64.powf((length / 5.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * magnitude);
    let wide = steps.into_iter().find(|step| length / step <= 6.0);
    wide.unwrap_or(10.0 * magnitude)
}

/// `50k`, `0.5`.
pub(super) fn number(value: f64) -> String {
    let (value, unit) = match value.abs() {
        large if large >= 1e6 => (value / 1e6, "M"),
        large if large >= 1e3 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{value:.3}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A name as far as there is room for it; a pointer on it shows the rest.
fn short(name: &str) -> String {
    if name.chars().count() <= NAME_LETTERS {
        return escape(name);
    }
    let start: String = name.chars().take(NAME_LETTERS - 1).collect();
    format!("{}…<title>{}</title>", escape(&start), escape(name))
}

/// Text that HTML and SVG take as text.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: &[(f64, f64)], scale: Scale) -> String {
        Plot {
            x: Axis::new("x", Scale::Linear),
            y: Axis::new("y", scale),
            lines: vec![Line::through("a<b", points.to_vec())],
            is_small: false,
        }
        .svg()
    }

    #[test]
    fn the_ends_of_a_line_are_at_the_ends_of_the_axes() {
        let svg = plot(&[(0.0, 0.0), (10.0, 100.0)], Scale::Linear);
        let (left, right) = (LEFT, WIDTH - RIGHT);
        let (bottom, top) = (HEIGHT - BOTTOM, TOP);
        let expected = format!("points=\"{left:.1},{bottom:.1} {right:.1},{top:.1}\"");
        assert!(svg.contains(&expected), "{svg}");
        assert!(svg.contains("a&lt;b"));
    }

    #[test]
    fn a_logarithmic_axis_has_decades_and_no_zero() {
        let svg = plot(
            &[(0.0, 0.0), (1.0, 10.0), (2.0, 1000.0)],
            Scale::Logarithmic,
        );
        assert!(svg.contains(">100<") && svg.contains(">1k<"), "{svg}");
        assert_eq!(
            svg.matches(',').count(),
            4,
            "two points, and a sample: {svg}"
        );
    }

    #[test]
    fn nothing_makes_no_picture() {
        assert_eq!(plot(&[], Scale::Linear), "");
        assert_eq!(plot(&[(1.0, 0.0), (2.0, f64::NAN)], Scale::Logarithmic), "");
        assert!(!plot(&[(5.0, 0.0)], Scale::Linear).contains("NaN"));
    }

    #[test]
    fn an_axis_of_time_ends_with_the_measurement() {
        let mut plot = Plot {
            x: Axis::time(20.0),
            y: Axis::new("y", Scale::Linear),
            lines: vec![Line::through(
                "a name that is too long",
                vec![(0.0, 1.0), (10.0, 1.0)],
            )],
            is_small: true,
        };
        let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
        let svg = plot.svg();
        assert!(svg.contains(&format!(" {middle:.1},{TOP:.1}\"")), "{svg}");
        assert!(svg.contains("a name that is …<title>a name that is too long<"));
        plot.x.end = None;
        assert!(!plot.svg().contains(&format!(" {middle:.1},")));
    }

    #[test]
    fn ranges_are_bars_side_by_side_that_the_axis_has_room_for() {
        let line = |low, high| {
            let range = Span { x: 10.0, low, high };
            Line::through("", vec![(0.0, 5.0), (10.0, 5.0)]).with_ranges(vec![range])
        };
        let svg = Plot {
            x: Axis::load(20.0),
            y: Axis::new("y", Scale::Linear),
            lines: vec![line(5.0, 10.0), line(0.0, 5.0), line(5.0, 5.0)],
            is_small: false,
        }
        .svg();
        let x = f64::midpoint(LEFT, WIDTH - RIGHT);
        let [bottom, top] = [HEIGHT - BOTTOM, TOP];
        let middle = f64::midpoint(bottom, top);
        for (x, low, high) in [(x - BAR_DISTANCE, middle, top), (x, bottom, middle)] {
            let bar = format!("d=\"M{x:.1} {low:.1}V{high:.1}\"");
            assert!(svg.contains(&bar), "{bar} in {svg}");
        }
        assert_eq!(svg.matches("<path class=\"line\"").count(), 2, "{svg}");
    }

    #[test]
    fn marks_are_round() {
        assert_eq!([7.0, 23.0, 100.0, 0.3].map(step), [2.0, 5.0, 20.0, 0.05]);
        assert_eq!(
            [1500.0, 0.25, 2e6, 0.0].map(number),
            ["1.5k", "0.25", "2M", "0"]
        );
    }
}
