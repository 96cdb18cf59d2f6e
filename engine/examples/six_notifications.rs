//! Calls a server's management interface and endpoint mapper asynchronously, with each of the six
//! notifications, and checks what comes back. For servers that are not this project's, too.
//!
//!     cargo run --release --example six_notifications -- 'ncacn_ip_tcp:HOST[PORT]' [--mgmt-only]

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use annulus::epmapper::{self, EptClient, EptLookupResponse};
use annulus::mgmt::{self, InqStatsResponse, MgmtClient};
use annulus::ndr::{ContextHandle, Full};
use annulus::{
    AsyncHandle, Binding, CompletionPort, Config, Cores, Event, HandleRef, Message, Notification,
    NotificationEvent, Notify, Outputs, Runtime, Status, WaitResult, sleep_ex,
};
use support::Failure;

mod support;

/// How long any call may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// What comes with the notifications that carry numbers of the caller's.
const USER_INFO: u64 = 0x5eed;
const MESSAGE_NUMBER: u32 = 0x8001;
const PORT_NUMBERS: (u32, u64, u64) = (512, 1, 0xfeed);

/// The notifications; their numbers are those of Windows.
#[derive(Clone, Copy, Debug)]
enum Kind {
    None,
    Event,
    Apc,
    CompletionPort,
    Window,
    Callback,
}

impl Kind {
    const ALL: [Kind; 6] = [
        Kind::None,
        Kind::Event,
        Kind::Apc,
        Kind::CompletionPort,
        Kind::Window,
        Kind::Callback,
    ];
}

fn main() -> std::process::ExitCode {
    support::run(|arguments, _| {
        let (target, is_mgmt_only) = match &arguments[..] {
            [target] => (target, false),
            [target, option] if option == "--mgmt-only" => (target, true),
            _ => {
                return Err(
                    "usage: six_notifications ncacn_ip_tcp:HOST[PORT] [--mgmt-only]".into(),
                );
            }
        };
        let runtime = Runtime::start(Config::default().cores(Cores::Unpinned(1)))?;
        let bind = |interface| Binding::new(&runtime, target, interface);

        let management = MgmtClient::new(bind(mgmt::INTERFACE)?);
        let mut summary = try_each("mgmt", |kind| ask_management(&management, kind))?;
        if !is_mgmt_only {
            let mapper = EptClient::new(bind(epmapper::INTERFACE)?);
            let of_mapper = try_each("epmapper", |kind| ask_mapper(&mapper, kind))?;
            summary = format!("{summary} and {of_mapper}");
        }
        println!("notifications: {summary}");
        Ok::<_, Failure>(())
    })
}

/// Runs `ask` with each notification and says how it went.
fn try_each(
    interface: &str,
    mut ask: impl FnMut(Kind) -> Result<String, Failure>,
) -> Result<String, Failure> {
    for kind in Kind::ALL {
        let answer = ask(kind).map_err(|error| format!("{interface}, {kind:?}: {error}"))?;
        println!("{interface:8} {:14} {answer}", format!("{kind:?}"));
    }
    let count = Kind::ALL.len();
    Ok(format!("{count} of {count} for {interface}"))
}

/// Three operations of the management interface.
fn ask_management(management: &MgmtClient, kind: Kind) -> Result<String, Failure> {
    let found = notified(kind, |handle| management.inq_if_ids_async(handle))?;
    let listening = notified(kind, |handle| management.is_server_listening_async(handle))?;
    let told = notified(kind, |handle| management.inq_stats_async(handle, 4));

    let interfaces = found.interfaces.ok_or("no vector of interfaces")?;
    let count = interfaces.ids.len();
    check("inq_if_ids", found.status, count > 0, &interfaces)?;
    let is_right = listening.result == 1;
    check(
        "is_server_listening",
        listening.status,
        is_right,
        &listening,
    )?;
    let statistics = match told {
        Ok(InqStatsResponse {
            statistics, status, ..
        }) => {
            check("inq_stats", status, statistics.len() == 4, &statistics)?;
            format!("statistics {statistics:?}")
        }
        // Samba wants one parameter more than C706 has. The fault, too, was notified.
        Err(error) if error.downcast_ref() == Some(&Status::BadStubData) => {
            "no statistics by C706".to_owned()
        }
        Err(error) => return Err(error),
    };
    Ok(format!("{count} interface(s), listening, {statistics}"))
}

/// All endpoints of the machine, some at a time.
fn ask_mapper(mapper: &EptClient, kind: Kind) -> Result<String, Failure> {
    const ALL_ENDPOINTS: u32 = 0;
    const ALL_VERSIONS: u32 = 1;
    const AT_A_TIME: u32 = 5;
    /// `EPT_S_NOT_REGISTERED` of C706: there are no more.
    const NO_MORE: u32 = 0x16c9_a0d6;

    let mut place = ContextHandle::NULL;
    let (mut endpoints, mut calls) = (0, 0);
    loop {
        let found: EptLookupResponse = notified(kind, |handle| {
            let (object, interface) = (Full::null(), Full::null());
            mapper.ept_lookup_async(
                handle,
                ALL_ENDPOINTS,
                object,
                interface,
                ALL_VERSIONS,
                place,
                AT_A_TIME,
            )
        })?;
        calls += 1;
        place = found.entry_handle;
        if found.result == NO_MORE {
            break;
        }
        let towers = found.entries.iter().map(|entry| entry.tower.get());
        let are_whole = towers
            .clone()
            .all(|tower| tower.is_some_and(|tower| tower.tower_length > 0));
        check(
            "ept_lookup",
            found.result,
            !found.entries.is_empty() && are_whole,
            &found.entries,
        )?;
        endpoints += found.entries.len();
        if place.is_null() {
            break;
        }
    }
    if !place.is_null() {
        mapper.ept_lookup_handle_free(place)?;
    }
    if endpoints == 0 {
        return Err("ept_lookup finds no endpoint".into());
    }
    Ok(format!("{endpoints} endpoints in {calls} calls"))
}

/// An error if an operation says that it failed, or if its answer is not as it must be.
fn check(operation: &str, status: u32, is_right: bool, answer: &impl Debug) -> Result<(), Failure> {
    if status == 0 && is_right {
        Ok(())
    } else {
        Err(format!(
            "{operation} answers {}: {answer:?}",
            Status::from_code(status)
        )
        .into())
    }
}

/// Makes a call, waits for its notification as the kind has it, and takes the result.
fn notified<O: Outputs>(
    kind: Kind,
    issue: impl FnOnce(&mut AsyncHandle<O>) -> Result<(), Status>,
) -> Result<O, Failure> {
    let (notify, wait) = prepare(kind);
    let mut handle = AsyncHandle::new(notify);
    handle.set_user_info(USER_INFO);
    issue(&mut handle)?;
    let told = wait(&handle.reference())?;
    if let Some(told) = told
        && (told.handle != handle.reference()
            || told.user_info != USER_INFO
            || told.event != NotificationEvent::CallComplete)
    {
        return Err(format!("the wrong notification: {told:?}").into());
    }
    Ok(handle.complete()?)
}

/// Waits for a notification, and returns what it tells, if it tells anything.
type Wait = Box<dyn FnOnce(&HandleRef) -> Result<Option<Notification>, Failure>>;

/// A notification of this kind, and how to wait for it.
fn prepare(kind: Kind) -> (Notify, Wait) {
    match kind {
        Kind::None => (Notify::None, Box::new(poll)),
        Kind::Event => {
            let event = Event::auto_reset();
            (
                Notify::Event(event.clone()),
                Box::new(move |_| match event.wait_timeout(PATIENCE) {
                    true => Ok(None),
                    false => Err("the event is not set".into()),
                }),
            )
        }
        Kind::Apc => prepare_apc(),
        Kind::CompletionPort => prepare_port(),
        Kind::Window => prepare_window(),
        Kind::Callback => {
            let (tell, told) = mpsc::sync_channel(1);
            let notify = Notify::callback(move |notification| {
                // If the receiver is gone, nobody wants to know.
                let _ = tell.try_send(notification);
            });
            (
                notify,
                Box::new(move |_| Ok(Some(told.recv_timeout(PATIENCE)?))),
            )
        }
    }
}

fn poll(call: &HandleRef) -> Result<Option<Notification>, Failure> {
    let start = Instant::now();
    while call.status() == Status::AsyncCallPending {
        if start.elapsed() > PATIENCE {
            return Err("the status stays pending".into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(None)
}

fn prepare_apc() -> (Notify, Wait) {
    let (tell, told) = mpsc::sync_channel(1);
    let notify = Notify::apc(move |notification| {
        // If the receiver is gone, nobody wants to know.
        let _ = tell.try_send(notification);
    });
    let wait: Wait = Box::new(move |_| match sleep_ex(PATIENCE, true) {
        WaitResult::ApcsDelivered => Ok(Some(told.try_recv()?)),
        result => Err(format!("no APC: {result:?}").into()),
    });
    (notify, wait)
}

fn prepare_port() -> (Notify, Wait) {
    let port = CompletionPort::new(1);
    let (bytes, key, overlapped) = PORT_NUMBERS;
    let notify = Notify::CompletionPort {
        port: port.clone(),
        bytes,
        key,
        overlapped,
    };
    let wait: Wait = Box::new(move |_| {
        let packet = port.get(Some(PATIENCE))?;
        if (packet.bytes, packet.key, packet.overlapped) != PORT_NUMBERS {
            return Err(format!("the wrong packet: {packet:?}").into());
        }
        Ok(packet.notification)
    });
    (notify, wait)
}

fn prepare_window() -> (Notify, Wait) {
    let (queue, messages) = mpsc::sync_channel::<Message>(1);
    let notify = Notify::Window {
        queue: Arc::new(queue),
        message: MESSAGE_NUMBER,
    };
    let wait: Wait = Box::new(move |_| {
        let message = messages.recv_timeout(PATIENCE)?;
        if message.number != MESSAGE_NUMBER {
            return Err(format!("the wrong message: {message:?}").into());
        }
        Ok(Some(message.notification))
    });
    (notify, wait)
}
