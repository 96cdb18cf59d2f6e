//! What moving much data through pipes takes; alone in its process, so that it can be measured.

mod piping;

use std::thread;

use annulus::{PullPipe, PushPipe, ServerCall};
use piping::{Manager, Number, World};

#[test]
fn a_quarter_of_a_gibibyte_passes_in_constant_memory() {
    struct Discard;
    impl Manager for Discard {
        fn echo(&self, call: ServerCall<Number>, mut from: PullPipe<u8>, mut to: PushPipe<u8>) {
            thread::spawn(move || {
                let (mut bytes, mut sum) = (Vec::new(), 0);
                while from.pull_blocking(&mut bytes, 1 << 16).unwrap() > 0 {
                    sum += bytes.len() as u32;
                    bytes.clear();
                }
                to.finish().unwrap();
                call.complete(&Number { number: sum }).unwrap();
            });
        }
    }
    let world = World::new(Discard, "");
    let (call, mut push, mut pull) = world.client.echo().unwrap();
    let before = piping::resident_len();
    let chunk = vec![5; 1 << 16];
    for _ in 0..4096 {
        push.push_blocking(&chunk).unwrap();
    }
    push.finish().unwrap();
    let grown = piping::resident_len().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more are resident");
    assert_eq!(pull.pull_blocking(&mut Vec::new(), 1), Ok(0));
    assert_eq!(call.wait(), Ok(Number { number: 1 << 28 }));
}
