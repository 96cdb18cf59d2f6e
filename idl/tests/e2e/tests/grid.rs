//! Whatever `idlc` takes compiles, and whatever it takes without a word is checked: see `grid.rs`.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "the code is there to be compiled"
)]
#![allow(
    clippy::just_underscores_and_digits,
    reason = "the grid has such a name, as a definition may"
)]

#[path = "../grid.rs"]
mod cells;

use cells::Outcome;

// The code of all cells that are not refused.
include!(concat!(env!("OUT_DIR"), "/grid.rs"));

/// The attributes of the generated code that tell something.
fn correlations(code: &str) -> Vec<&str> {
    let attributes = ["size_is = ", "length_is = ", "first_is = ", "switch_is = "];
    attributes
        .iter()
        .flat_map(|attribute| code.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').nth(1))
        .collect()
}

#[test]
fn what_is_taken_without_a_warning_is_checked() {
    let (mut taken, mut refused) = (0, 0);
    for cell in cells::cells() {
        let code = match cell.compile() {
            Outcome::Code(code) => code,
            Outcome::Refused(error) => {
                refused += 1;
                println!("{error}\n");
                continue;
            }
        };
        taken += 1;
        if let Some(source) = cell.source.filter(|_| code.warnings == 0) {
            let told = correlations(&code.text);
            let is_checked = told.iter().any(|told| told.contains(source));
            assert!(is_checked, "{}\n{}", cell.content, code.text);
        }
    }
    println!("{taken} cells are code, {refused} are refused");
    assert!(
        taken > refused,
        "{taken} cells are code, {refused} are refused"
    );
}
