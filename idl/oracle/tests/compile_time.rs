//! How long the compiler takes over a large definition.

use std::time::{Duration, Instant};

use annulus_idl::Compiler;

/// What 300 operations may take; without optimisation, more.
const LIMIT: Duration = if cfg!(debug_assertions) {
    Duration::from_secs(8)
} else {
    Duration::from_secs(2)
};
/// How often the definition's operations are repeated: to 300 of them and a few.
const COPIES: usize = 17;
const ATTEMPTS: usize = 3;

/// The file server's types, and its operations over and over under other names.
fn large_definition() -> String {
    let definition = include_str!("../idl/srvsvc.idl");
    let (types, operations) = definition
        .split_once("    // Operations\n")
        .expect("srvsvc.idl has a heading over its operations");
    let operations = operations.trim_end().trim_end_matches('}');
    let mut large = types.to_owned();
    for copy in 0..COPIES {
        large.push_str(&operations.replace("NET_API_STATUS ", &format!("NET_API_STATUS C{copy}")));
    }
    large.push_str("}\n");
    large
}

#[test]
fn three_hundred_operations_compile_in_two_seconds() {
    let compiler = Compiler::new().source("large.idl", large_definition());
    // The quickest of a few, as the machine may be busy with something else.
    let quickest = (0..ATTEMPTS)
        .map(|_| {
            let start = Instant::now();
            let generated = compiler.generate("large.idl").expect("it compiles");
            let elapsed = start.elapsed();
            assert!(generated.code().contains("OPERATION_COUNT: u16 = 306;"));
            elapsed
        })
        .min()
        .expect("there are attempts");
    println!("306 operations in {quickest:?}");
    assert!(quickest < LIMIT, "{quickest:?}, {LIMIT:?} are allowed");
}
