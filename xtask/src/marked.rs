//! Places in pages of documentation that a command writes.

use anyhow::{Context, Result};

/// The page with `text` in the place that the command marks as its own.
///
/// # Errors
///
/// If the page lacks the marks of that place.
pub(crate) fn replace(page: &str, command: &str, text: &str) -> Result<String> {
    let begin = format!("<!-- cargo xtask {command}: begin -->");
    let end = format!("<!-- cargo xtask {command}: end -->");
    let (before, rest) = page
        .split_once(&begin)
        .with_context(|| format!("the page lacks the line {begin}"))?;
    let (_, after) = rest
        .split_once(&end)
        .with_context(|| format!("the page lacks the line {end}"))?;
    let text = text.trim_end();
    Ok(format!("{before}{begin}\n\n{text}\n\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_between_the_marks_is_replaced() {
        let (begin, end) = (
            "<!-- cargo xtask tune: begin -->",
            "<!-- cargo xtask tune: end -->",
        );
        let page = format!("# Title\n{begin}\nthe last one\n{end}\nrest\n");
        let page = replace(&page, "tune", "| new |\n").unwrap();
        assert_eq!(
            page,
            format!("# Title\n{begin}\n\n| new |\n\n{end}\nrest\n")
        );
        assert_eq!(replace(&page, "tune", "| new |\n").unwrap(), page);
        assert!(replace(&page, "compare", "").is_err());
        assert!(replace("# Title\n", "tune", "").is_err());
    }
}
