//! The load generator's memory does not grow with the number of calls.
//!
//! ```text
//! LOADGEN_MEMORY_SECONDS=600 cargo test --release -p annulus-loadgen --test memory -- --nocapture
//! ```
//!
//! runs for ten minutes at full rate; without the variable it is ten seconds.

use std::process::Command;

use serde_json::Value;

/// What a run of any length may grow by from its middle on: the allocator, and the intervals of the result, of
/// which there are at most 256.
const GROWTH_MAX_MB: f64 = 8.0;

#[test]
fn the_memory_of_a_run_does_not_grow_with_its_calls() {
    let seconds = std::env::var("LOADGEN_MEMORY_SECONDS").unwrap_or_else(|_| "10".to_owned());
    let directory = tempfile::tempdir().unwrap();
    let hlog = directory.path().join("run.hlog");
    // The process samples itself: a program that replaces its shell keeps its number.
    let output = Command::new("sh")
        .args([
            "-c",
            "exec \"$0\" run --server-metrics $$ --duration \"$1\" --hlog \"$2\" --quiet --json --accept-invalid",
            env!("CARGO_BIN_EXE_loadgen"),
            &seconds,
            hlog.to_str().unwrap(),
        ])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let run: Value = serde_json::from_slice(&output.stdout).unwrap();
    let series = run["server_metrics"][0]["series"].as_array().unwrap();
    let resident = series.iter().find(|it| it["name"] == "RSS").unwrap();
    let resident: Vec<f64> = (resident["values"].as_array().unwrap().iter())
        .filter_map(Value::as_f64)
        .collect();
    assert!(resident.len() >= 20, "{resident:?}");
    let second_half = &resident[resident.len() / 2..];
    let highest = second_half.iter().copied().fold(f64::MIN, f64::max);
    let growth = highest - second_half[0];
    println!(
        "{} calls in {seconds} s; {:.1} MB at the start, {:.1} MB in the middle, {:.1} MB at the end, {highest:.1} MB at most",
        run["completed"],
        resident[0],
        second_half[0],
        resident[resident.len() - 1],
    );
    assert!(
        growth < GROWTH_MAX_MB,
        "{growth:.1} MB more from the middle on: {resident:?}"
    );
}
