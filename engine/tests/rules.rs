//! The table of rules and their tests tells what there is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Numbers that no rule has.
const UNUSED: [u32; 5] = [28, 37, 43, 45, 46];
const LAST: u32 = 57;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// What stands between two marks, again and again.
fn between<'t>(text: &'t str, open: &'t str, close: &'t str) -> impl Iterator<Item = &'t str> {
    text.split(open)
        .skip(1)
        .filter_map(move |rest| rest.split_once(close).map(|(inner, _)| inner))
}

/// The rows of the table: for each rule the files with its tests, and their names.
fn table() -> BTreeMap<u32, Vec<(String, Vec<String>)>> {
    let text = fs::read_to_string(root().join("docs/ASYNC-RULES.md")).unwrap();
    let rows = text.lines().filter_map(|line| {
        let (number, rest) = line.strip_prefix("| ")?.split_once(" | ")?;
        let tests = rest.split_once(" | ")?.1.trim_end_matches(" |");
        let files = tests.split("; ").map(|entry| {
            let file = between(entry, "(../", ")")
                .next()
                .expect("a link to a file");
            let names = entry.split_once("): ").expect("names of tests").1;
            let names = names
                .split(", ")
                .map(|name| name.trim_matches('`').to_owned());
            (file.to_owned(), names.collect())
        });
        Some((number.parse().ok()?, files.collect()))
    });
    rows.collect()
}

#[test]
fn each_rule_has_a_test() {
    let table = table();
    let rules: Vec<_> = table.keys().copied().collect();
    let expected = (1..=LAST).filter(|number| !UNUSED.contains(number));
    assert_eq!(rules, expected.collect::<Vec<_>>());
    for (rule, files) in &table {
        for (file, names) in files {
            for name in names {
                let numbers = name.strip_prefix("rule_").expect("a test of a rule");
                let mut numbers = numbers.split('_').map_while(|word| match word {
                    "and" => Some(None),
                    number => number.parse().ok().map(Some),
                });
                let is_named = numbers.any(|number| number == Some(*rule));
                assert!(is_named, "{name} of {file} is not a test of rule {rule}");
            }
        }
    }
}

/// The names of the tests of a rule in a file, and of the modules of such tests.
fn tests_in(source: &str, rule: u32) -> Vec<String> {
    let starts = ["fn ", "machine! { "].map(|start| format!("{start}rule_{rule:02}_"));
    let lines = source.lines().map(str::trim_start);
    let names = lines.filter(|line| starts.iter().any(|start| line.starts_with(start)));
    let names = names.filter_map(|line| {
        between(line, "rule_", "(")
            .chain(between(line, "rule_", ","))
            .next()
    });
    names.map(|name| format!("rule_{name}")).collect()
}

fn read(file: &str, rule: u32) -> String {
    fs::read_to_string(root().join(file))
        .unwrap_or_else(|error| panic!("rule {rule}: {file}: {error}"))
}

#[test]
fn each_test_in_the_table_exists() {
    for (rule, files) in table() {
        for (file, names) in files {
            let source = read(&file, rule);
            for name in names {
                let found = ["fn ", "machine! { "].map(|start| format!("{start}{name}"));
                let found = found.iter().any(|found| source.contains(found));
                assert!(found, "rule {rule}: {file} has no {name}");
            }
        }
    }
}

#[test]
fn each_test_of_a_rule_in_its_files_is_in_the_table() {
    for (rule, files) in table() {
        for (file, names) in files {
            for name in tests_in(&read(&file, rule), rule) {
                assert!(names.contains(&name), "rule {rule}: {file} has {name}, too");
            }
        }
    }
}
