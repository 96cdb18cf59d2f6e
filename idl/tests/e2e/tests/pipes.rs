//! Pipes, between generated clients and generated servers of each kind.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use annulus::ndr::{Decode, Encode, Utf16Str};
use annulus::{
    AsyncContext, AsyncHandle, Binding, Call, CallContext, Config, Cores, Interface, Notify,
    PullPipe, PushPipe, Runtime, Server, ServerCall, Serving, Status,
};
use annulus_idl_e2e::pipes::*;

/// More than fits into one fragment of a request, and into several.
const LENGTHS: [usize; 4] = [0, 1, 3, 5000];
const PATIENCE: Duration = Duration::from_secs(20);

/// Pulls a pipe to its end.
fn drain<T: for<'a> Decode<'a>>(pipe: &mut PullPipe<T>) -> Result<Vec<T>, Status> {
    let mut elements = Vec::new();
    while pipe.pull_blocking(&mut elements, 1000)? > 0 {}
    Ok(elements)
}

/// Pushes all of a pipe.
fn fill<T: Encode>(pipe: &mut PushPipe<T>, elements: &[T]) -> Result<(), Status> {
    for some in elements.chunks(700) {
        pipe.push_blocking(some)?;
    }
    pipe.finish()
}

async fn drain_future<T: for<'a> Decode<'a>>(pipe: &mut PullPipe<T>) -> Result<Vec<T>, Status> {
    let mut elements = Vec::new();
    while pipe.pull_future(&mut elements, 1000).await? > 0 {}
    Ok(elements)
}

async fn fill_future<T: Encode>(pipe: &mut PushPipe<T>, elements: &[T]) -> Result<(), Status> {
    if !elements.is_empty() {
        pipe.push_future(elements).await?;
    }
    pipe.finish()
}

fn sample(number: usize) -> Sample {
    Sample {
        kind: number as u8,
        value: -(number as i64) << 33,
        side: [Side::LEFT, Side::RIGHT][number % 2],
        corners: [number as i16, 2, -3],
    }
}

fn samples(count: usize) -> Vec<Sample> {
    (0..count).map(sample).collect()
}

fn numbers(count: usize) -> Vec<i32> {
    (0..count).map(|number| 7 - number as i32).collect()
}

/// What the operations compute.
fn total(numbers: &[i32], name: &str) -> i64 {
    let sum: i64 = numbers.iter().copied().map(i64::from).sum();
    sum * name.chars().count() as i64
}

fn counted(upto: i32) -> Vec<i64> {
    (0..i64::from(upto)).map(|number| number << 32).collect()
}

fn turned(mut samples: Vec<Sample>) -> Vec<Sample> {
    samples.reverse();
    samples
}

/// What comes back when `first`, `second` and `data` have gone out beside the numbers.
fn mixed(first: &[u8], second: &[Sample], data: &[u8]) -> (Vec<PairsElement>, Side) {
    let pairs = second.iter().map(|sample| PairsElement {
        of: [sample.corners[0], data.len() as i16],
    });
    (pairs.collect(), Side(first.len() as u32))
}

/// Manager routines that block, and those that keep their calls for a thread; what follows is told.
struct Manager(Sender<bool>);

impl Pipes for Manager {
    fn sum(
        &self,
        context: &mut CallContext<'_>,
        name: Utf16Str<'_>,
        from: &mut PullPipe<i32>,
    ) -> Result<i64, Status> {
        assert_eq!(context.test_cancel(), Status::CallInProgress);
        Ok(total(&drain(from)?, &name.to_string_lossy()))
    }

    fn sum_later(
        &self,
        _: &mut CallContext<'_>,
        call: ServerCall<SumLaterResponse>,
        name: Utf16Str<'_>,
        mut from: PullPipe<i32>,
    ) -> Result<(), Status> {
        let name = name.to_string_lossy().into_owned();
        thread::spawn(move || {
            let result = total(&drain(&mut from)?, &name);
            call.complete(&SumLaterResponse { result })
        });
        Ok(())
    }

    fn count(
        &self,
        _: &mut CallContext<'_>,
        upto: i32,
        to: &mut PushPipe<i64>,
    ) -> Result<CountResponse, Status> {
        fill(to, &counted(upto))?;
        Ok(CountResponse {
            seen: 9,
            result: upto,
        })
    }

    fn count_later(
        &self,
        _: &mut CallContext<'_>,
        call: ServerCall<CountLaterResponse>,
        upto: i32,
        mut to: PushPipe<i64>,
    ) -> Result<(), Status> {
        thread::spawn(move || {
            fill(&mut to, &counted(upto))?;
            call.complete(&CountLaterResponse {
                seen: 9,
                result: upto,
            })
        });
        Ok(())
    }

    fn turn(
        &self,
        _: &mut CallContext<'_>,
        from: &mut PullPipe<Sample>,
        to: &mut PushPipe<Sample>,
    ) -> Result<(), Status> {
        let samples = drain(from)?;
        fill(to, &turned(samples))
    }

    fn turn_later(
        &self,
        _: &mut CallContext<'_>,
        call: ServerCall<()>,
        mut from: PullPipe<Sample>,
        mut to: PushPipe<Sample>,
    ) -> Result<(), Status> {
        thread::spawn(move || {
            let samples = drain(&mut from)?;
            fill(&mut to, &turned(samples))?;
            call.complete(&())
        });
        Ok(())
    }

    fn mix(
        &self,
        _: &mut CallContext<'_>,
        data: &[u8],
        first: &mut PullPipe<u8>,
        numbers_in: &mut PullPipe<i32>,
        numbers_out: &mut PushPipe<i32>,
        second: &mut PullPipe<Sample>,
        pairs: &mut PushPipe<PairsElement>,
    ) -> Result<Side, Status> {
        let (first, numbers, second) = (drain(first)?, drain(numbers_in)?, drain(second)?);
        fill(numbers_out, &numbers)?;
        let (mixed, side) = mixed(&first, &second, data);
        fill(pairs, &mixed)?;
        Ok(side)
    }

    fn mix_later(
        &self,
        _: &mut CallContext<'_>,
        call: ServerCall<MixLaterResponse>,
        data: &[u8],
        mut first: PullPipe<u8>,
        mut numbers_in: PullPipe<i32>,
        mut numbers_out: PushPipe<i32>,
        mut second: PullPipe<Sample>,
        mut pairs: PushPipe<PairsElement>,
    ) -> Result<(), Status> {
        let data = data.to_vec();
        thread::spawn(move || {
            let (first, numbers) = (drain(&mut first)?, drain(&mut numbers_in)?);
            let second = drain(&mut second)?;
            fill(&mut numbers_out, &numbers)?;
            let (mixed, side) = mixed(&first, &second, &data);
            fill(&mut pairs, &mixed)?;
            call.complete(&MixLaterResponse { side })
        });
        Ok(())
    }

    fn forget(&self, _: &mut CallContext<'_>, _: &mut PullPipe<i32>) -> Result<(), Status> {
        Ok(())
    }

    fn follow(
        &self,
        _: &mut CallContext<'_>,
        _: Utf16Str<'_>,
        from: &mut PullPipe<i32>,
    ) -> Result<(), Status> {
        match drain(from)?[..] {
            [] => Err(Status::Other(7)),
            _ => Ok(()),
        }
    }

    fn follow_notify_flag(&self, was_called: bool) {
        self.0.send(was_called).expect("the test listens");
    }

    fn plain(&self, _: &mut CallContext<'_>, number: i32) -> Result<i32, Status> {
        Ok(number + 1)
    }
}

/// The same as futures on their core.
struct OnCore;

impl PipesAsync for OnCore {
    async fn sum(
        &self,
        _: AsyncContext,
        name: String,
        mut from: PullPipe<i32>,
    ) -> Result<i64, Status> {
        Ok(total(&drain_future(&mut from).await?, &name))
    }

    async fn sum_later(
        &self,
        context: AsyncContext,
        name: String,
        from: PullPipe<i32>,
    ) -> Result<i64, Status> {
        self.sum(context, name, from).await
    }

    async fn count(
        &self,
        _: AsyncContext,
        upto: i32,
        mut to: PushPipe<i64>,
    ) -> Result<CountResponse, Status> {
        fill_future(&mut to, &counted(upto)).await?;
        Ok(CountResponse {
            seen: 9,
            result: upto,
        })
    }

    async fn count_later(
        &self,
        context: AsyncContext,
        upto: i32,
        to: PushPipe<i64>,
    ) -> Result<CountLaterResponse, Status> {
        let CountResponse { seen, result } = self.count(context, upto, to).await?;
        Ok(CountLaterResponse { seen, result })
    }

    async fn turn(
        &self,
        _: AsyncContext,
        mut from: PullPipe<Sample>,
        mut to: PushPipe<Sample>,
    ) -> Result<(), Status> {
        let samples = drain_future(&mut from).await?;
        fill_future(&mut to, &turned(samples)).await
    }

    async fn turn_later(
        &self,
        context: AsyncContext,
        from: PullPipe<Sample>,
        to: PushPipe<Sample>,
    ) -> Result<(), Status> {
        self.turn(context, from, to).await
    }

    async fn mix(
        &self,
        _: AsyncContext,
        data: Vec<u8>,
        mut first: PullPipe<u8>,
        mut numbers_in: PullPipe<i32>,
        mut numbers_out: PushPipe<i32>,
        mut second: PullPipe<Sample>,
        mut pairs: PushPipe<PairsElement>,
    ) -> Result<Side, Status> {
        let first = drain_future(&mut first).await?;
        let numbers = drain_future(&mut numbers_in).await?;
        let second = drain_future(&mut second).await?;
        fill_future(&mut numbers_out, &numbers).await?;
        let (mixed, side) = mixed(&first, &second, &data);
        fill_future(&mut pairs, &mixed).await?;
        Ok(side)
    }

    async fn mix_later(
        &self,
        context: AsyncContext,
        data: Vec<u8>,
        first: PullPipe<u8>,
        numbers_in: PullPipe<i32>,
        numbers_out: PushPipe<i32>,
        second: PullPipe<Sample>,
        pairs: PushPipe<PairsElement>,
    ) -> Result<Side, Status> {
        self.mix(context, data, first, numbers_in, numbers_out, second, pairs)
            .await
    }

    async fn forget(&self, _: AsyncContext, _: PullPipe<i32>) -> Result<(), Status> {
        Ok(())
    }

    async fn follow(&self, _: AsyncContext, _: String, _: PullPipe<i32>) -> Result<(), Status> {
        Err(Status::Other(8))
    }

    async fn plain(&self, _: AsyncContext, number: i32) -> Result<i32, Status> {
        Ok(number + 1)
    }
}

/// A server, and clients of it in each transfer syntax.
struct Scene {
    clients: [PipesClient; 2],
    _serving: Serving,
    // Behind what uses it, so that it goes last.
    _runtime: Runtime,
}

impl Scene {
    fn new(interface: impl Interface) -> Self {
        let runtime =
            Runtime::start(Config::default().cores(Cores::Unpinned(2))).expect("a runtime");
        let server = Server::new()
            .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
            .expect("an endpoint")
            .interface(interface);
        let serving = runtime.serve(server).expect("a port");
        let target = serving.bindings()[0].to_string();
        let clients = ["]", ",ndr64]"].map(|end| {
            let target = target.replace(']', end);
            PipesClient::new(Binding::new(&runtime, &target, INTERFACE).expect("a binding"))
        });
        Scene {
            clients,
            _serving: serving,
            _runtime: runtime,
        }
    }
}

/// Servers of each kind.
fn scenes() -> [Scene; 2] {
    let (send, _) = mpsc::channel();
    [
        Scene::new(interface(Manager(send))),
        Scene::new(interface_async(OnCore)),
    ]
}

/// Calls `run` with a client of each server and transfer syntax.
fn for_each_client(run: impl Fn(&PipesClient)) {
    for scene in scenes() {
        scene.clients.iter().for_each(&run);
        assert_eq!(scene.clients[0].plain(1), Ok(2));
    }
}

#[test]
fn rule_51_in_pipes_follow_in_parameters_of_any_length() {
    for_each_client(|client| {
        for (length, name) in LENGTHS
            .into_iter()
            .zip(["n", "nn", "\u{e9}", &"x".repeat(20_000)])
        {
            let numbers = numbers(length);
            let (call, mut pipes) = client.sum(name).unwrap();
            fill(&mut pipes.numbers, &numbers).unwrap();
            let result = total(&numbers, name);
            assert_eq!(call.wait(), Ok(SumResponse { result }));
            let (call, mut pipes) = client.sum_later(name).unwrap();
            fill(&mut pipes.numbers, &numbers).unwrap();
            assert_eq!(call.wait(), Ok(SumLaterResponse { result }));
        }
    });
}

#[test]
fn rule_51_out_pipes_precede_the_other_out_parameters() {
    for_each_client(|client| {
        for length in LENGTHS {
            let upto = length as i32;
            let (call, mut pipes) = client.count(upto).unwrap();
            assert_eq!(drain(&mut pipes.numbers).unwrap(), counted(upto));
            let CountResponse { seen, result } = call.wait().unwrap();
            assert_eq!((seen, result), (9, upto));
            let (call, mut pipes) = client.count_later(upto).unwrap();
            assert_eq!(drain(&mut pipes.numbers).unwrap(), counted(upto));
            let CountLaterResponse { seen, result } = call.wait().unwrap();
            assert_eq!((seen, result), (9, upto));
        }
    });
}

#[test]
fn rule_52_an_in_out_pipe_has_an_end_for_each_direction() {
    fn check(
        call: Call<()>,
        (mut samples_in, mut samples_out): (PushPipe<Sample>, PullPipe<Sample>),
        length: usize,
    ) {
        fill(&mut samples_in, &samples(length)).unwrap();
        assert_eq!(drain(&mut samples_out).unwrap(), turned(samples(length)));
        assert_eq!(call.wait(), Ok(()));
    }
    for_each_client(|client| {
        for length in LENGTHS {
            let (call, pipes) = client.turn().unwrap();
            check(call, (pipes.samples_in, pipes.samples_out), length);
            let (call, pipes) = client.turn_later().unwrap();
            check(call, (pipes.samples_in, pipes.samples_out), length);
        }
    });
}

#[test]
fn several_pipes_go_in_the_order_of_the_parameters() {
    for_each_client(|client| {
        let (bytes, numbers, samples, data) = (vec![1; 77], numbers(999), samples(555), [8; 13]);
        let (expected, side) = mixed(&bytes, &samples, &data);
        let (call, mut pipes) = client.mix(&data).unwrap();
        fill(&mut pipes.first, &bytes).unwrap();
        fill(&mut pipes.numbers_in, &numbers).unwrap();
        fill(&mut pipes.second, &samples).unwrap();
        assert_eq!(drain(&mut pipes.numbers_out).unwrap(), numbers);
        assert_eq!(drain(&mut pipes.pairs).unwrap(), expected);
        assert_eq!(call.wait(), Ok(MixResponse { side }));
        let (call, mut pipes) = client.mix_later(&data).unwrap();
        fill(&mut pipes.first, &bytes).unwrap();
        fill(&mut pipes.numbers_in, &numbers).unwrap();
        fill(&mut pipes.second, &samples).unwrap();
        assert_eq!(drain(&mut pipes.numbers_out).unwrap(), numbers);
        assert_eq!(drain(&mut pipes.pairs).unwrap(), expected);
        assert_eq!(call.wait(), Ok(MixLaterResponse { side }));
    });
}

#[test]
fn a_handle_receives_the_outcome_of_a_call_with_pipes_again_and_again() {
    for_each_client(|client| {
        let mut handle = AsyncHandle::new(Notify::None);
        for length in LENGTHS {
            let mut pipes = client.count_async(&mut handle, length as i32).unwrap();
            assert_eq!(drain(&mut pipes.numbers).unwrap().len(), length);
            assert_eq!(handle.wait().unwrap().result, length as i32);
        }
    });
}

#[test]
fn rule_50_a_routine_that_leaves_its_pipe_breaks_the_discipline() {
    for_each_client(|client| {
        let (call, mut pipes) = client.forget().unwrap();
        // The call may have failed before all is pushed.
        let pushed = fill(&mut pipes.numbers, &[1, 2, 3]);
        assert!(matches!(pushed, Ok(()) | Err(Status::PipeDisciplineError)));
        assert_eq!(call.wait(), Err(Status::PipeDisciplineError));
    });
}

/// The notifications of `Follow`, which come once for each call.
fn followed(seen: &Receiver<bool>) -> bool {
    seen.recv_timeout(PATIENCE).expect("a notification")
}

#[test]
fn a_routine_with_pipes_is_followed_once_however_its_request_comes() {
    let (send, seen) = mpsc::channel();
    let scene = Scene::new(interface(Manager(send)));
    for client in &scene.clients {
        // A name of many fragments is decoded in vain more than once.
        for name in ["short", &"long".repeat(20_000)] {
            let (call, mut pipes) = client.follow(name).unwrap();
            fill(&mut pipes.numbers, &[1]).unwrap();
            assert_eq!(call.wait(), Ok(()));
            assert!(followed(&seen));
            let (call, mut pipes) = client.follow(name).unwrap();
            pipes.numbers.finish().unwrap();
            assert_eq!(call.wait(), Err(Status::Other(7)));
            assert!(followed(&seen));
            assert!(seen.try_recv().is_err(), "followed once");
        }
    }
}
