//! How many bytes a call carries.

use std::fmt;
use std::str::FromStr;

use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use crate::args::values::{SIZE_MAX, size};

/// A distribution of payload sizes, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Payload {
    /// Always the same.
    Fixed(u32),
    /// Any size of this range, ends included, equally likely.
    Uniform { min: u32, max: u32 },
    /// The logarithm is normally distributed: half of the sizes are below `median`, and two
    /// thirds within a factor of e^`sigma` of it. Larger ones than `SIZE_MAX` count as that.
    LogNormal { median: u32, sigma: f64 },
    /// One of these, equally likely. One that stands twice is twice as likely.
    List(Vec<u32>),
}

impl Payload {
    /// The size of the next call.
    pub(crate) fn sample(&self, random: &mut StdRng) -> u32 {
        match self {
            Payload::Fixed(len) => *len,
            Payload::Uniform { min, max } => random.random_range(*min..=*max),
            Payload::LogNormal { median, sigma } => {
                let len = f64::from(*median) * (sigma * normal(random)).exp();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "not negative, and bounded"
                )]
                let len = len.min(f64::from(SIZE_MAX)).round() as u32;
                len
            }
            Payload::List(sizes) => sizes[random.random_range(0..sizes.len())],
        }
    }

    /// The largest size that can come.
    pub(crate) fn max(&self) -> u32 {
        match self {
            Payload::Fixed(len) => *len,
            Payload::Uniform { max, .. } => *max,
            Payload::LogNormal { sigma, median } if *sigma == 0.0 => *median,
            Payload::LogNormal { .. } => SIZE_MAX,
            Payload::List(sizes) => sizes.iter().copied().max().unwrap_or(0),
        }
    }
}

/// A number of the standard normal distribution (Box and Muller).
fn normal(random: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.random::<f64>()).cos()
}

impl FromStr for Payload {
    type Err = String;

    /// `32`, `4KiB`, `16,64,4KiB`, `uniform:16..4KiB`, `lognormal:1KiB,0.8`.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(range) = text.strip_prefix("uniform:") {
            let (min, max) = range
                .split_once("..")
                .ok_or("expected uniform:MIN..MAX, such as uniform:16..4KiB")?;
            let (min, max) = (size(min)?, size(max)?);
            if min > max {
                return Err(format!("{min} is more than {max}"));
            }
            return Ok(Payload::Uniform { min, max });
        }
        if let Some(shape) = text.strip_prefix("lognormal:") {
            let (median, sigma) = shape
                .split_once(',')
                .ok_or("expected lognormal:MEDIAN,SIGMA, such as lognormal:1KiB,0.8")?;
            let sigma: f64 = sigma
                .parse()
                .map_err(|_| format!("\"{sigma}\" is not a number"))?;
            if !(0.0..=10.0).contains(&sigma) {
                return Err("sigma is between 0 and 10".to_owned());
            }
            let median = size(median)?;
            return Ok(Payload::LogNormal { median, sigma });
        }
        if text.contains(',') {
            return Ok(Payload::List(
                text.split(',').map(size).collect::<Result<_, _>>()?,
            ));
        }
        Ok(Payload::Fixed(size(text)?))
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Payload::Fixed(len) => write!(f, "{len} B"),
            Payload::Uniform { min, max } => write!(f, "{min} to {max} B"),
            Payload::LogNormal { median, sigma } => {
                write!(f, "lognormal, median {median} B, sigma {sigma}")
            }
            Payload::List(sizes) => {
                let sizes: Vec<_> = sizes.iter().map(u32::to_string).collect();
                write!(f, "one of {} B", sizes.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn samples(text: &str) -> Vec<u32> {
        let payload: Payload = text.parse().unwrap();
        let mut random = StdRng::seed_from_u64(7);
        let mut samples: Vec<_> = (0..10_000).map(|_| payload.sample(&mut random)).collect();
        samples.sort_unstable();
        assert!(samples.last() <= Some(&payload.max()));
        samples
    }

    #[test]
    fn each_distribution_is_what_its_name_says() {
        assert_eq!(samples("4KiB")[0], 4096);
        let uniform = samples("uniform:100..200");
        assert_eq!((uniform[0], uniform[9_999]), (100, 200));
        assert!(
            (uniform[5_000] as i32 - 150).abs() < 5,
            "{}",
            uniform[5_000]
        );
        let list = samples("16,64,64,1KiB");
        assert_eq!((list[0], list[5_000], list[9_999]), (16, 64, 1024));
        let lognormal = samples("lognormal:1000,0.5");
        assert!(
            (970..1030).contains(&lognormal[5_000]),
            "{}",
            lognormal[5_000]
        );
        // One standard deviation above the median: e^0.5 as much.
        assert!(
            (1580..1720).contains(&lognormal[8_413]),
            "{}",
            lognormal[8_413]
        );
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        for bad in [
            "",
            "x",
            "uniform:5..1",
            "uniform:5",
            "lognormal:5",
            "lognormal:5,-1",
            "1,,2",
        ] {
            assert!(bad.parse::<Payload>().is_err(), "{bad}");
        }
    }
}
