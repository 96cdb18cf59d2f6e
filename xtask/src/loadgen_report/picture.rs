//! A picture of a page, and what is to be seen in it.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::layout::{Place, Plot};

/// How far a colour may be from another one in each of its parts and still be taken for it: lines have
/// smooth edges.
const COLOUR_SLACK: u8 = 60;

/// Of the pixels that a line should have, one for each of its length, so many must be there: lines cross
/// and cover each other.
const LINE_SEEN_MIN: f64 = 0.2;

/// An opaque picture, row after row.
pub(super) struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// # Errors
    ///
    /// If it is no PNG of 8 bits.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let mut decoder = png::Decoder::new(BufReader::new(file));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().context("the picture is no PNG")?;
        let len = reader
            .output_buffer_size()
            .context("the picture is too large")?;
        let mut bytes = vec![0; len];
        let info = reader
            .next_frame(&mut bytes)
            .context("the picture is damaged")?;
        let samples = info.color_type.samples();
        ensure!(samples >= 3, "the picture has no colours");
        let pixels = bytes[..info.buffer_size()].chunks_exact(samples);
        Ok(Picture {
            width: info.width as usize,
            height: info.height as usize,
            pixels: pixels.map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect(),
        })
    }

    /// That each line and point of a plot is to be seen in it.
    ///
    /// # Errors
    ///
    /// What is not.
    pub(super) fn check(&self, plot: &Plot) -> Result<()> {
        ensure!(
            plot.place.bottom <= self.height as f64 && plot.place.right <= self.width as f64,
            "the plot is beyond the edge of the picture"
        );
        for mark in &plot.marks {
            let seen = self.count(mark.place, mark.colour);
            let expected = (mark.length * LINE_SEEN_MIN).max(3.0);
            ensure!(
                seen as f64 >= expected,
                "{seen} pixels have the colour {:?}, and not {expected:.0}",
                mark.colour
            );
        }
        Ok(())
    }

    /// How many pixels of this place have a colour, about. A line that is level is two pixels high.
    fn count(&self, place: Place, colour: [u8; 3]) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place on a page is not negative, and far below 2^32"
        )]
        let range = |low: f64, high: f64, end: usize| {
            ((low - 2.0).max(0.0) as usize).min(end)..((high + 3.0).max(0.0) as usize).min(end)
        };
        let is_alike = |pixel: &&[u8; 3]| {
            let parts = pixel.iter().zip(colour);
            parts
                .into_iter()
                .all(|(a, b)| a.abs_diff(b) <= COLOUR_SLACK)
        };
        range(place.top, place.bottom, self.height)
            .map(|row| {
                let columns = range(place.left, place.right, self.width);
                let row = &self.pixels[row * self.width..][columns];
                row.iter().filter(is_alike).count()
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_drawn_is_seen_and_a_white_page_is_not() {
        let blue = [0, 114, 178];
        let mut picture = Picture {
            width: 100,
            height: 50,
            pixels: vec![[255; 3]; 5000],
        };
        let place = Place {
            left: 10.0,
            top: 20.5,
            right: 90.0,
            bottom: 20.5,
        };
        assert_eq!(picture.count(place, blue), 0);
        picture.pixels[20 * 100 + 10..20 * 100 + 90].fill([10, 120, 190]);
        assert_eq!(picture.count(place, blue), 80);
    }
}
