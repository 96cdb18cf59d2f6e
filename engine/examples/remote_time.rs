//! Asks a Windows or Samba host for its time: `NetrRemoteTOD` of the server service (MS-SRVS
//! 3.1.4.21).
//!
//!     cargo run --release --example remote_time -- 'ncacn_ip_tcp:HOST'
//!
//! The string binding has no port: the host's endpoint mapper tells it.

use annulus::ndr::NdrParams;
use annulus::{Binding, Config, Cores, Runtime, SyntaxId, Uuid};

mod support;

/// srvsvc, version 3.0.
const SERVER_SERVICE: SyntaxId = SyntaxId::new(
    Uuid::from_u128(0x4b32_4fc8_1670_01d3_1278_5a47_bf6e_e188),
    3,
    0,
);
const NETR_REMOTE_TOD: u16 = 28;

#[derive(NdrParams)]
#[ndr(crate = annulus::ndr)]
struct Request {
    /// The server's name, which it knows.
    #[ndr(string)]
    server_name: Option<String>,
}

#[derive(NdrParams)]
#[ndr(crate = annulus::ndr)]
struct Response {
    time: Option<TimeOfDay>,
    result: u32,
}

/// `TIME_OF_DAY_INFO` (MS-SRVS 2.2.4.105).
#[derive(annulus::ndr::Ndr)]
#[ndr(crate = annulus::ndr)]
struct TimeOfDay {
    /// Seconds since 1970.
    elapsed: u32,
    /// Milliseconds since the host was started.
    milliseconds: u32,
    hours: u32,
    minutes: u32,
    seconds: u32,
    hundredths: u32,
    /// Minutes west of Greenwich.
    time_zone: i32,
    tick_interval: u32,
    day: u32,
    month: u32,
    year: u32,
    weekday: u32,
}

fn main() -> std::process::ExitCode {
    support::run(|arguments, _| {
        let [target] = &arguments[..] else {
            return Err("usage: remote_time ncacn_ip_tcp:HOST".into());
        };
        let runtime = Runtime::start(Config::default().cores(Cores::Count(1)))?;
        let binding = Binding::new(&runtime, target, SERVER_SERVICE)?;
        let request = Request { server_name: None };
        let response: Response = binding.call_blocking(NETR_REMOTE_TOD, &request)?;
        match response.time {
            Some(time) => println!(
                "it is {:04}-{:02}-{:02} {:02}:{:02}:{:02} in Greenwich",
                time.year, time.month, time.day, time.hours, time.minutes, time.seconds
            ),
            None => println!("the host does not tell: {}", response.result),
        }
        Ok::<_, support::Failure>(())
    })
}
