//! Calls rpcecho in the three ways that there are: blocking, as a future, with a handle.
//!
//!     cargo run --release --example rpcecho_client -- 'ncacn_ip_tcp:127.0.0.1[PORT]'

use std::time::{Duration, Instant};

use annulus::rpcecho::{self, RpcEchoClient};
use annulus::{AsyncHandle, Binding, Config, Cores, Event, Notify, Runtime, Status};

mod support;

fn main() -> std::process::ExitCode {
    support::run(|arguments, _| {
        let [target] = &arguments[..] else {
            return Err("usage: rpcecho_client ncacn_ip_tcp:HOST[PORT]".into());
        };
        let runtime = Runtime::start(Config::default().cores(Cores::Count(1)))?;
        let client = RpcEchoClient::new(Binding::new(&runtime, target, rpcecho::INTERFACE)?);
        blocking(&client)?;
        futures(&runtime, target)?;
        handles(&client)?;
        Ok::<_, Box<dyn std::error::Error>>(())
    })
}

fn blocking(client: &RpcEchoClient) -> Result<(), Status> {
    println!("AddOne(41) = {}", client.add_one(41)?);
    println!(
        "EchoData gives back {} bytes",
        client.echo_data(&[7; 100_000])?.len()
    );
    client.sink_data(&[0; 1000])?;
    println!("SourceData gives {} bytes", client.source_data(1000)?.len());
    println!(
        "TestCall gives back {:?}",
        client.test_call("input string")?
    );
    println!("TestCall2(5) = {:?}", client.test_call2(5)?.info);
    println!(
        "TestDoublePointer(12) = {}",
        client.test_double_pointer(Some(Some(12)))?
    );
    Ok(())
}

/// Two calls at once on the executor that comes with a [`LocalRuntime`](annulus::LocalRuntime).
fn futures(runtime: &Runtime, target: &str) -> Result<(), Box<dyn std::error::Error>> {
    let mut local = annulus::LocalRuntime::new(&Config::default().cores(Cores::Unpinned(1)))?;
    let here = RpcEchoClient::new(Binding::new(&local, target, rpcecho::INTERFACE)?);
    let there = RpcEchoClient::new(Binding::new(runtime, target, rpcecho::INTERFACE)?);
    let (first, second) = (here.add_one_future(1), there.add_one_future(2));
    let sum = local
        .block_on(async { Ok::<_, Status>(first.await?.out_data + second.await?.out_data) })??;
    println!("AddOne(1) + AddOne(2) = {sum}");
    Ok(())
}

/// A slow call with an event, while fast ones go on beside it.
fn handles(client: &RpcEchoClient) -> Result<(), Status> {
    let event = Event::auto_reset();
    let mut handle = AsyncHandle::new(Notify::Event(event.clone()));
    let start = Instant::now();
    client.test_sleep_async(&mut handle, 1)?;
    let mut meanwhile = 0;
    while !event.wait_timeout(Duration::from_millis(100)) {
        meanwhile = client.add_one(meanwhile)?;
    }
    let seconds = handle.complete()?.result;
    println!(
        "TestSleep({seconds}) took {:.1} s, and {meanwhile} calls went on meanwhile",
        start.elapsed().as_secs_f64()
    );
    Ok(())
}
