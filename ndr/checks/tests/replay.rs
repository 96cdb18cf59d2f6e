//! The seeds that fuzzing left, once through the checks.

use std::fs;
use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/seeds")
        .join(target);
    let mut count = 0;
    for seed in fs::read_dir(&seeds).expect("the seeds are a part of the source") {
        let path = seed.expect("the folder can be listed").path();
        println!("{}", path.display());
        check(&fs::read(&path).expect("a seed can be read"));
        count += 1;
    }
    assert!(count > 20, "{count} seeds in {}", seeds.display());
}

#[test]
fn seeds_of_decode_hold() {
    replay("ndr_decode", annulus_ndr_checks::decode);
}

#[test]
fn seeds_of_pipe_hold() {
    replay("ndr_pipe", annulus_ndr_checks::pipe);
}

#[test]
fn seeds_of_text_hold() {
    replay("ndr_text", annulus_ndr_checks::text);
}
