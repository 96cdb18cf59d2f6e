//! Layouts of `tests/idl`, as files in `tests/golden`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p annulus-idl --test layout` writes them anew; then read the
//! difference.

use annulus_idl::{Compiler, Definitions};

fn definitions(file: &str) -> Definitions {
    Compiler::new()
        .definitions(format!("tests/idl/{file}.idl"))
        .unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn check(file: &str) {
    let golden = format!("tests/golden/{file}.layout");
    let found = definitions(file).layout(&[]).expect("no name is asked for");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &found).expect("the file can be written");
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(expected == found, "{golden} differs; found\n{found}");
}

#[test]
fn layouts_of_rpcecho() {
    check("rpcecho");
}

#[test]
fn layouts_of_samr() {
    check("samr");
}

#[test]
fn layouts_of_everything() {
    check("everything");
}

/// The lines of a table without the space between columns.
fn lines(of: &Definitions, name: &str) -> Vec<String> {
    let text = of.layout(&[name]).expect("defined");
    let squeeze = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(squeeze).collect()
}

#[track_caller]
fn has(lines: &[String], line: &str) {
    assert!(lines.iter().any(|l| l == line), "no `{line}` in {lines:#?}");
}

#[test]
fn rule_25_conformance_is_in_front_and_the_pointee_behind() {
    let samr = definitions("samr");
    let sid = lines(&samr, "RPC_SID");
    has(
        &sid,
        "front 4 4 │ front 8 8 │ count maximum count of SubAuthority",
    );
    let text = lines(&samr, "RPC_UNICODE_STRING");
    has(&text, "4 4 4 │ 8 8 8 │ unique pointer, referent id Buffer");
    has(&text, "8 4 │ 16 8 │ in all");
    has(&text, "≥8 4 4 │ ≥16 8 8 │ count maximum count of *Buffer");
}

#[test]
fn rule_26_enums_unions_and_tails_differ() {
    let echo = definitions("rpcecho");
    has(&lines(&echo, "Enum2"), "0 2 2 │ 0 4 4 │ enum Enum1 e1");
    has(
        &lines(&echo, "Info"),
        "2 1 1 │ 8 1 1 │ struct Info1 case 1: info1",
    );
}

/// A pointer that may be null has no pointee to count on.
#[test]
fn what_follows_a_pointee_may_follow_its_pointer() {
    let connect = lines(&definitions("samr"), "samr.SamrConnect5");
    has(&connect, "≥4 4 4 │ ≥8 4 4 │ unsigned long DesiredAccess");
}

#[test]
fn an_unknown_name_is_told_with_the_known_ones() {
    let error = definitions("rpcecho")
        .layout(&["Inf"])
        .expect_err("unknown");
    assert_eq!(error.name(), "Inf");
    assert!(error.to_string().contains("Info1"), "{error}");
}

/// Each structure twice the one before it: more bytes than there are numbers for.
#[test]
fn lengths_beyond_64_bits_do_not_overflow() {
    let mut text = String::from("typedef struct { long a[200000000]; } s0;\n");
    for index in 1..100 {
        let before = index - 1;
        text.push_str(&format!(
            "typedef struct {{ s{before} a; s{before} b; }} s{index};\n"
        ));
    }
    let definitions = Compiler::new()
        .source("x.idl", text)
        .definitions("x.idl")
        .expect("legal");
    let table = definitions.layout(&["s99"]).expect("defined");
    assert!(table.contains(&u64::MAX.to_string()), "{table}");
}
