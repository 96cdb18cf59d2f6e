//! What peers can make a server keep. The memory of the whole process is measured, so these
//! tests run one after the other, and share their process with no other test.

mod held;
mod raw;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use annulus::{AsyncHandle, BindingOptions, CancelKind, Limits, Notify, Status, rpcecho};
use raw::{RESPONSE, Scene, WHOLE, read_pdu, request, resident_bytes};

fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn rule_13_an_alloc_hint_of_4_gib_reserves_nothing() {
    let _turn = one_at_a_time();
    let scene = Scene::new(Limits::default());
    let before = resident_bytes();
    let mut stream = scene.bound();
    for alloc_hint in [0, 1, u32::MAX] {
        let mut pdu = request(2, rpcecho::ADD_ONE, WHOLE, &41_u32.to_le_bytes());
        pdu[16..20].copy_from_slice(&alloc_hint.to_le_bytes());
        stream.write_all(&pdu).unwrap();
        let answer = read_pdu(&mut stream).unwrap();
        assert_eq!((answer[2], &answer[24..28]), (RESPONSE, &[42, 0, 0, 0][..]));
    }
    assert!(resident_bytes() < before + (64 << 20));
}

#[test]
fn ten_thousand_connections_that_send_nothing_cost_little_and_disturb_nobody() {
    const COUNT: usize = 10_000;
    let _turn = one_at_a_time();
    let open_files = raise_open_files();
    let scene = Scene::new(Limits::default());
    // Over epoll both ends are descriptors of this process, of which it may have too few.
    let count = match scene.runtime.ring_name() {
        "epoll" => COUNT.min(open_files / 2 - 200),
        _ => COUNT,
    };
    let before = resident_bytes();
    let silent: Vec<_> = (0..count)
        .map(|_| TcpStream::connect(scene.address).unwrap())
        .collect();
    scene.neighbour_is_well();
    let each = resident_bytes().saturating_sub(before) / count;
    assert!(each < 8 << 10, "a silent connection costs {each} bytes");
    drop(silent);
}

#[test]
fn idle_connections_keep_no_large_buffers() {
    let _turn = one_at_a_time();
    let scene = Scene::new(Limits::default());
    let idle: Vec<_> = (0..400).map(|_| scene.bound()).collect();
    let before = resident_bytes();
    let mut sink = vec![0; 1 << 20];
    for mut stream in &idle {
        let ask = request(2, rpcecho::SOURCE_DATA, WHOLE, &500_000_u32.to_le_bytes());
        stream.write_all(&ask).unwrap();
        let mut got = 0;
        while got < 500_000 {
            got += stream.read(&mut sink).unwrap();
        }
    }
    let spare = Limits::default().spare_buffers_len_max;
    let kept = resident_bytes()
        .saturating_sub(before)
        .saturating_sub(spare + sink.len());
    assert!(
        kept / idle.len() < 16 << 10,
        "each idle connection keeps {} bytes",
        kept / idle.len()
    );
}

#[test]
fn calls_of_connections_that_are_gone_leave_nothing() {
    let _turn = one_at_a_time();
    let scene = Scene::new(Limits::default());
    let before = resident_bytes();
    for _ in 0..40 {
        let mut stream = scene.bound();
        let sleep = |call| {
            request(
                call,
                rpcecho::TEST_SLEEP,
                WHOLE,
                &4_000_000_000_u32.to_le_bytes(),
            )
        };
        let many: Vec<u8> = (2..8002).flat_map(sleep).collect();
        stream.write_all(&many).unwrap();
        let last = request(9999, rpcecho::ADD_ONE, WHOLE, &1_u32.to_le_bytes());
        stream.write_all(&last).unwrap();
        assert_eq!(read_pdu(&mut stream).unwrap()[2], RESPONSE);
    }
    scene.neighbour_is_well();
    let kept = resident_bytes().saturating_sub(before);
    assert!(
        kept < 16 << 20,
        "{} KiB after 320,000 calls of closed connections",
        kept >> 10
    );
}

const PARKED: usize = 100_000;

#[test]
fn a_hundred_thousand_parked_calls_cost_a_server_core_little() {
    let _turn = one_at_a_time();
    let scene = Scene::new(Limits::default());
    let before = resident_bytes();
    let each = Limits::default().calls_per_connection_max;
    let sleep = 4_000_000_000_u32.to_le_bytes();
    let parked: Vec<_> = (0..PARKED.div_ceil(each))
        .map(|index| {
            let mut stream = scene.bound();
            let count = each.min(PARKED - index * each) as u32;
            let ask = |call| request(call, rpcecho::TEST_SLEEP, WHOLE, &sleep);
            let many: Vec<u8> = (2..2 + count).flat_map(ask).collect();
            stream.write_all(&many).unwrap();
            stream
        })
        .collect();
    while scene.serving.statistics().calls_in < (PARKED + 10) as u64 {
        thread::yield_now();
    }
    scene.neighbour_is_well();
    let each = resident_bytes().saturating_sub(before) / PARKED;
    println!("a parked call costs a server {each} bytes");
    assert!(each <= 512, "a parked call costs a server {each} bytes");
    drop(parked);
}

#[test]
fn a_hundred_thousand_parked_calls_all_complete_and_all_cancel() {
    let _turn = one_at_a_time();
    let scene = held::Scene::new();
    let unique = BindingOptions::new().unique_binding();
    let each = Limits::default().calls_per_connection_max;
    let bindings: Vec<_> = (0..PARKED.div_ceil(each))
        .map(|_| scene.binding_with(unique))
        .collect();
    for is_cancelled in [false, true] {
        let before = resident_bytes();
        let mut handles: Vec<_> = (0..PARKED)
            .map(|_| AsyncHandle::new(Notify::None))
            .collect();
        for (index, handle) in handles.iter_mut().enumerate() {
            held::hold(&bindings[index / each], handle, index as u32).unwrap();
        }
        let held: Vec<_> = (0..PARKED).map(|_| scene.next_held()).collect();
        let cost = resident_bytes().saturating_sub(before) / PARKED;
        println!("a parked call costs client, server and test {cost} bytes");
        assert!(cost <= 2048, "a parked call costs {cost} bytes");
        if is_cancelled {
            for handle in &handles {
                handle.cancel(CancelKind::Abortive).unwrap();
            }
            for handle in &mut handles {
                assert_eq!(handle.wait(), Err(Status::CallCancelled));
            }
        } else {
            held.into_iter().rev().for_each(held::Held::answer);
            for (index, handle) in handles.iter_mut().enumerate() {
                let number = index as u32;
                assert_eq!(handle.wait(), Ok(held::Number { number }));
            }
        }
    }
    assert!(
        bindings
            .iter()
            .all(|binding| held::echo(binding, 1) == Ok(1))
    );
}

/// A client that asks for a million bytes with each 28, and reads only what it is sent first.
#[test]
fn a_client_that_asks_for_more_than_it_reads_is_held_back() {
    let _turn = one_at_a_time();
    let scene = Scene::new(Limits {
        send_backlog_max: 64 << 10,
        ..Limits::default()
    });
    let mut reader = scene.bound();
    let mut writer = reader.try_clone().unwrap();
    writer
        .set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    let asking = thread::spawn(move || {
        let ask = |call| {
            request(
                call,
                rpcecho::SOURCE_DATA,
                WHOLE,
                &1_000_000_u32.to_le_bytes(),
            )
        };
        let many: Vec<u8> = (2..2000).flat_map(ask).collect();
        loop {
            match writer.write(&many) {
                Ok(count) => drop(counter.fetch_add(count as u64, Ordering::Relaxed)),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return,
            }
        }
    });
    let mut sink = vec![0; 1 << 20];
    let (mut got, start) = (0, Instant::now());
    while start.elapsed() < Duration::from_secs(4) {
        got += reader.read(&mut sink).unwrap() as u64;
    }
    scene.neighbour_is_well();
    let ahead = sent
        .load(Ordering::Relaxed)
        .saturating_sub(got / 1_000_000 * 28);
    reader.shutdown(std::net::Shutdown::Both).unwrap();
    asking.join().unwrap();
    // What sockets and receive buffers hold, and then some.
    assert!(
        ahead < 24 << 20,
        "{} KiB were taken in ahead of the answers",
        ahead >> 10
    );
}

/// Returns how many there may be then.
fn raise_open_files() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    limit.maximum.map_or(usize::MAX, |maximum| maximum as usize)
}
