//! Numbers with units, as people write them on a command line.

use std::time::Duration;

/// A duration: `10s`, `500ms`, `1.5m`, `2h`; a number alone is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let seconds = match unit {
        "" | "s" => 1.0,
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => {
            return Err(format!(
                "\"{unit}\" is no unit of time; use ns, us, ms, s, m or h"
            ));
        }
    };
    let seconds = number_of(number, text, "a duration")? * seconds;
    if !(0.0..=86_400.0 * 30.0).contains(&seconds) {
        return Err("a duration is at most 720h, and not negative".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Calls a second: `50000`, `50k`, `1.5M`, `200/s`.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let (number, unit) = split(text.strip_suffix("/s").unwrap_or(text));
    let factor = match unit {
        "" => 1.0,
        "k" | "K" => 1e3,
        "m" | "M" => 1e6,
        "g" | "G" => 1e9,
        _ => return Err(format!("\"{unit}\" is no unit of a rate; use k or M")),
    };
    let rate = number_of(number, text, "a number of calls a second")? * factor;
    if !(0.001..=1e9).contains(&rate) {
        return Err("the rate must be between 0.001 and 1e9 calls a second".to_owned());
    }
    Ok(rate)
}

/// The size of what a call carries; as [`bytes`], and at most [`SIZE_MAX`].
pub(crate) fn size(text: &str) -> Result<u32, String> {
    match u32::try_from(bytes(text)?) {
        Ok(size) if size <= SIZE_MAX => Ok(size),
        _ => Err(format!(
            "a size is a whole number of bytes up to {SIZE_MAX}"
        )),
    }
}

/// A number of bytes: `32`, `4KiB`, `64k`, `1MB`, `2GiB`. `KiB` and `k` are 1024, `KB` is 1000.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let factor = match unit {
        "" | "B" => 1.0,
        "k" | "K" | "KiB" => 1024.0,
        "KB" | "kB" => 1e3,
        "M" | "MiB" => 1024.0 * 1024.0,
        "MB" => 1e6,
        "G" | "GiB" => 1024.0 * 1024.0 * 1024.0,
        "GB" => 1e9,
        _ => {
            return Err(format!(
                "\"{unit}\" is no unit of size; use B, KiB, KB, MiB, MB, GiB or GB"
            ));
        }
    };
    let bytes = number_of(number, text, "a number of bytes")? * factor;
    if !(0.0..=BYTES_MAX).contains(&bytes) || bytes.fract() != 0.0 {
        return Err("a size is a whole number of bytes up to 1 PiB".to_owned());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked just above"
    )]
    Ok(bytes as u64)
}

/// 1 PiB, which a double still counts exactly.
const BYTES_MAX: f64 = (1u64 << 50) as f64;

/// The largest payload: what a server takes by default (`Limits::request_len_max`), less its count.
pub(crate) const SIZE_MAX: u32 = 4_000_000;

/// A share: `1%`, `0.01`.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let share = match text.strip_suffix('%') {
        Some(percent) => number_of(percent, text, "a share")? / 100.0,
        None => number_of(text, text, "a share")?,
    };
    if !(0.0..=1.0).contains(&share) {
        return Err("a share is between 0 and 1, or 0% and 100%".to_owned());
    }
    Ok(share)
}

/// A number of calls a second, as it reads best.
pub(crate) fn show_rate(rate: f64) -> String {
    match rate {
        rate if rate >= 1e6 => format!("{}M", trimmed(rate / 1e6)),
        rate if rate >= 1e4 => format!("{}k", trimmed(rate / 1e3)),
        rate => trimmed(rate),
    }
}

fn trimmed(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Where the number ends and the unit begins. `1e5` is a number.
fn split(text: &str) -> (&str, &str) {
    let mut end = 0;
    let bytes = text.as_bytes();
    while let Some(&byte) = bytes.get(end) {
        let is_exponent = matches!(byte, b'e' | b'E')
            && end > 0
            && bytes
                .get(end + 1)
                .is_some_and(|next| next.is_ascii_digit() || matches!(next, b'-' | b'+'));
        let is_sign =
            matches!(byte, b'-' | b'+') && (end == 0 || matches!(bytes[end - 1], b'e' | b'E'));
        if !(byte.is_ascii_digit() || byte == b'.' || is_exponent || is_sign) {
            break;
        }
        end += 1;
    }
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

fn number_of(number: &str, text: &str, what: &str) -> Result<f64, String> {
    number
        .trim()
        .parse()
        .map_err(|_| format!("\"{text}\" is not {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_seconds_are_the_default() {
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("0.3"), Ok(Duration::from_millis(300)));
        assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("250us"), Ok(Duration::from_micros(250)));
        for bad in ["-1", "10d", "s", "", "1e99"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates_have_multiples() {
        assert_eq!(rate("50k"), Ok(50_000.0));
        assert_eq!(rate("1e5"), Ok(1e5));
        assert_eq!(rate("1.5M"), Ok(1.5e6));
        assert_eq!(rate("200/s"), Ok(200.0));
        for bad in ["0", "inf", "k", "-5", "5x", "1e12"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
        assert_eq!(show_rate(50_000.0), "50k");
        assert_eq!(show_rate(1_500_000.0), "1.5M");
        assert_eq!(show_rate(0.5), "0.5");
    }

    #[test]
    fn sizes_are_whole_bytes() {
        assert_eq!(size("4KiB"), Ok(4096));
        assert_eq!(size("64k"), Ok(65_536));
        assert_eq!(size("1KB"), Ok(1000));
        assert_eq!(size("32"), Ok(32));
        for bad in ["1.5", "-1", "1GiB", "5000000"] {
            assert!(size(bad).is_err(), "{bad}");
        }
        assert_eq!(bytes("1.5GiB"), Ok(3 << 29));
        assert_eq!(bytes("2GB"), Ok(2_000_000_000));
        assert!(bytes("1e16").is_err());
    }

    #[test]
    fn shares_are_fractions_or_percents() {
        assert_eq!(share("1%"), Ok(0.01));
        assert_eq!(share("0.25"), Ok(0.25));
        assert!(share("101%").is_err());
        assert!(share("x").is_err());
    }
}
