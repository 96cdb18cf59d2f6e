//! What the compiler writes, as files: the code of `tests/idl` in `tests/golden`, and the
//! diagnostics of `tests/diagnostics` beside each definition.
//!
//! `UPDATE_GOLDEN=1 cargo test -p annulus-idl --test golden` writes them anew; then read the
//! difference.

use std::fs;
use std::path::{Path, PathBuf};

use annulus_idl::Compiler;

/// The definitions in a folder of the tests, by name.
fn definitions(folder: &str) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "idl"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{folder} has no definition");
    paths
}

/// Compares with a file, or writes it.
fn check(golden: &Path, found: &str, differing: &mut Vec<String>) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(golden, found).expect("the file can be written");
    }
    let expected = fs::read_to_string(golden).unwrap_or_default();
    if expected != found {
        let line = expected
            .lines()
            .zip(found.lines())
            .take_while(|(expected, found)| expected == found)
            .count();
        let shown = |text: &str| {
            text.lines()
                .skip(line)
                .take(12)
                .collect::<Vec<_>>()
                .join("\n")
        };
        differing.push(format!(
            "{}, from line {}\n--- expected\n{}\n--- found\n{}",
            golden.display(),
            line + 1,
            shown(&expected),
            shown(found)
        ));
    }
}

#[test]
fn the_code_is_as_it_was() {
    let mut differing = Vec::new();
    for path in definitions("tests/idl") {
        let generated = Compiler::new()
            .generate(&path)
            .unwrap_or_else(|error| panic!("{}\n{error}", path.display()));
        // `shapes` has counts in an array, which are not checked.
        let warnings = usize::from(path.ends_with("shapes.idl"));
        assert_eq!(generated.warnings().len(), warnings, "{}", path.display());
        let name = path.with_extension("rs");
        let golden = Path::new("tests/golden").join(name.file_name().expect("a name"));
        check(&golden, &generated.file(), &mut differing);
    }
    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
}

#[test]
fn the_code_of_async_managers_is_as_it_was() {
    let mut differing = Vec::new();
    for name in ["counts", "pipes", "rules", "sessions"] {
        let generated = Compiler::new()
            .client(false)
            .async_managers(true)
            .generate(format!("tests/idl/{name}.idl"))
            .unwrap_or_else(|error| panic!("{name}\n{error}"));
        let golden = format!("tests/golden/async_{name}.rs");
        check(Path::new(&golden), &generated.file(), &mut differing);
    }
    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
}

#[test]
fn the_code_of_shared_arrays_is_as_it_was() {
    let mut differing = Vec::new();
    let generated = Compiler::new()
        .shared_arrays(true)
        .generate("tests/idl/recordings.idl")
        .unwrap_or_else(|error| panic!("{error}"));
    let golden = Path::new("tests/golden/shared_recordings.rs");
    check(golden, &generated.file(), &mut differing);
    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
}

#[test]
fn every_error_is_shown_at_its_place() {
    let mut differing = Vec::new();
    for path in definitions("tests/diagnostics") {
        let found = match Compiler::new().generate(&path) {
            Err(error) => error.to_string(),
            Ok(generated) => {
                let warnings = generated.warnings();
                assert!(
                    !warnings.is_empty(),
                    "nothing is wrong in {}",
                    path.display()
                );
                warnings.iter().map(ToString::to_string).collect()
            }
        };
        check(&path.with_extension("txt"), &found, &mut differing);
    }
    assert!(differing.is_empty(), "{}", differing.join("\n\n"));
}
