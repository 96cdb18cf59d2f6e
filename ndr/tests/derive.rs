//! What the derive macros refuse, and where the compiler points then.
//!
//! `TRYBUILD=overwrite` writes the messages anew. Only the macros' own are here: those of the
//! compiler change with it.

#[test]
fn wrong_definitions_are_refused_where_they_are_wrong() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/derive/good.rs");
    cases.compile_fail("tests/derive/wrong_*.rs");
}
