//! Benchmarks of annulus.
