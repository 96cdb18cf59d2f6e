//! What moving much data through pipes takes; alone in its process, so that it can be measured.
//!
//! `ANNULUS_PIPE_BYTES=N` sets how much goes each way, for a longer run than the tests make: 10 GiB
//! is `ANNULUS_PIPE_BYTES=10737418240 cargo test --release -p annulus --test pipe_memory`, with
//! `-- --nocapture` for the figures.

mod piping;

use std::thread;
use std::time::Instant;

use annulus::{PullPipe, PushPipe, ServerCall, Status};
use piping::{Manager, Number, World, resident_len};

/// What goes each way where nothing else is said.
const DEFAULT_LEN: u64 = 128 << 20;
/// What is pushed and pulled at a time.
const PART_LEN: usize = 64 << 10;
/// What may become resident meanwhile: the two pipes of both sides, the receive buffers of both
/// cores, and what the allocator keeps of them.
const GROWTH_MAX: usize = 16 << 20;

fn len() -> u64 {
    let Ok(text) = std::env::var("ANNULUS_PIPE_BYTES") else {
        return DEFAULT_LEN;
    };
    let len = text.parse();
    len.unwrap_or_else(|_| panic!("ANNULUS_PIPE_BYTES must be a number, not {text:?}"))
}

/// The byte at this place.
fn byte_at(place: u64) -> u8 {
    (place % 251) as u8
}

/// Pushes so many bytes, and the end; the most that was resident.
fn push_all(pipe: &mut PushPipe<u8>, len: u64) -> Result<usize, Status> {
    let bytes: Vec<u8> = (0..251 + PART_LEN as u64).map(byte_at).collect();
    let (mut pushed, mut peak_len) = (0, 0);
    while pushed < len {
        let start = usize::from(byte_at(pushed));
        let part_len = PART_LEN.min(usize::try_from(len - pushed).unwrap_or(PART_LEN));
        pipe.push_blocking(&bytes[start..start + part_len])?;
        pushed += part_len as u64;
        peak_len = peak_len.max(resident_len());
    }
    pipe.finish()?;
    Ok(peak_len)
}

/// Pulls to the end; how many bytes came, and the most that was resident.
fn pull_all(pipe: &mut PullPipe<u8>) -> Result<(u64, usize), Status> {
    let mut bytes = Vec::with_capacity(PART_LEN);
    let (mut pulled, mut peak_len) = (0, 0);
    while pipe.pull_blocking(&mut bytes, PART_LEN)? > 0 {
        let ends = [0, bytes.len() - 1].map(|place| bytes[place]);
        let last = pulled + bytes.len() as u64 - 1;
        assert_eq!(ends, [pulled, last].map(byte_at), "at {pulled}");
        pulled += bytes.len() as u64;
        bytes.clear();
        peak_len = peak_len.max(resident_len());
    }
    Ok((pulled, peak_len))
}

/// Takes what comes, then gives as much back.
struct GivesBack;

impl Manager for GivesBack {
    fn echo(&self, call: ServerCall<Number>, mut from: PullPipe<u8>, mut to: PushPipe<u8>) {
        thread::spawn(move || {
            let (pulled, _) = pull_all(&mut from).unwrap();
            push_all(&mut to, pulled).unwrap();
            // As many MiB.
            let number = u32::try_from(pulled >> 20).unwrap();
            call.complete(&Number { number }).unwrap();
        });
    }
}

#[test]
fn any_amount_passes_both_ways_in_constant_memory() {
    let len = len();
    let world = World::new(GivesBack, "");
    let (call, mut push, mut pull) = world.client.echo().unwrap();
    let (before, begin) = (resident_len(), Instant::now());
    let up_peak_len = push_all(&mut push, len).unwrap();
    let up = begin.elapsed();
    let (pulled, down_peak_len) = pull_all(&mut pull).unwrap();
    let down = begin.elapsed() - up;
    let number = u32::try_from(len >> 20).unwrap();
    assert_eq!((pulled, call.wait()), (len, Ok(Number { number })));
    let [up_growth, down_growth] =
        [up_peak_len, down_peak_len].map(|peak_len| peak_len.saturating_sub(before));
    println!(
        "{len} bytes each way: up {up:?} with {} KiB more, down {down:?} with {} KiB more",
        up_growth >> 10,
        down_growth >> 10,
    );
    let growth = up_growth.max(down_growth);
    assert!(growth < GROWTH_MAX, "{growth} bytes more are resident");
}
