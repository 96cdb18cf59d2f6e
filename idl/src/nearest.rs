//! The name that somebody meant.

/// The known name that differs from `name` by the fewest characters, if it is near enough to be a
/// slip. Case does not count, nor does the interface in front of an operation.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let wanted = name.to_lowercase();
    let slips_max = wanted.chars().count() / 3 + 1;
    known
        .into_iter()
        .map(|known| {
            let whole = known.to_lowercase();
            let last = whole.rsplit('.').next().unwrap_or_default();
            (
                distance(&wanted, &whole).min(distance(&wanted, last)),
                known,
            )
        })
        .filter(|(slips, _)| *slips <= slips_max)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, known)| known)
}

/// How many characters must be added, left out or changed (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, of_one) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, of_other) in other.iter().enumerate() {
            let changed = diagonal + usize::from(of_one != *of_other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_another_word_is_not() {
        let known = [
            "mgmt.inq_if_ids",
            "mgmt.inq_stats",
            "mgmt.is_server_listening",
        ];
        assert_eq!(nearest("mgmt.inq_stat", known), Some("mgmt.inq_stats"));
        assert_eq!(nearest("inq_ifids", known), Some("mgmt.inq_if_ids"));
        assert_eq!(nearest("Inq_Stats", known), Some("mgmt.inq_stats"));
        assert_eq!(nearest("lookup", known), None);
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn the_distance_counts_characters() {
        for (one, other, expected) in [
            ("", "", 0),
            ("", "ab", 2),
            ("abc", "axcd", 2),
            ("ä", "a", 1),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }
}
