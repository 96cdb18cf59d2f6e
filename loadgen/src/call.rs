//! `loadgen call`: one call, to see what its arguments come to.

use std::time::{Duration, Instant};

use annulus::{BindingOptions, Config, ExtendedError, LocalReply, LocalRuntime, Status};
use anyhow::anyhow;
use serde::Serialize;
use serde_json::Value;

use crate::args::CallArgs;
use crate::definition::Definition;
use crate::exit::{Exit, Refused};
use crate::operation::Operation;
use crate::output::print_line;
use crate::record::errors::Failure;

/// How long after its time limit the end of a call is waited for.
const GRACE: Duration = Duration::from_secs(5);

/// What came of a call.
#[derive(Debug, Serialize)]
struct Outcome {
    schema: &'static str,
    operation: String,
    /// `RPC_S_OK`, or the name or number of what the call failed with.
    status: String,
    code: u32,
    milliseconds: f64,
    /// The out-parameters by their names, and `result`; `null` if the call failed.
    out: Option<Value>,
    /// What is wrong with the response, by the definition; the values before it are in `out`.
    error: Option<String>,
    /// Why the call failed, if the server said more than the status: the newest record first.
    extended_error: Vec<String>,
}

/// Makes the call, and shows its result.
pub(crate) fn call(args: &CallArgs) -> anyhow::Result<Exit> {
    let definition = Definition::read(&args.idl, &args.include)?;
    let (interface, operation) = definition.operation(&args.call, args.args.as_deref())?;
    let mut runtime = LocalRuntime::new(&Config::default())?;
    let options = BindingOptions::new().call_deadline(args.timeout);
    let binding = runtime.bind_with(&args.target, interface, options)?;
    let start = Instant::now();
    operation
        .call(&mut runtime, binding, 0, &[])
        .map_err(|status| anyhow!("the call cannot be made: {status}"))?;
    let mut ended = None;
    let until = runtime.clock() + args.timeout + GRACE;
    while ended.is_none() && runtime.clock() < until {
        runtime.turn_before(until, &mut |reply| {
            let outcome = Outcome::of(&definition, &operation, start.elapsed(), &reply);
            ended = Some((outcome, reply.result.err()));
        })?;
    }
    let Some((outcome, failure)) = ended else {
        return Err(Refused::new(&args.target, Status::CallCancelled).into());
    };
    print_line(serde_json::to_string_pretty(&outcome?)?)?;
    match failure {
        None => Ok(Exit::Ok),
        Some(status) if Failure::of(status).is_refusal() => {
            Err(Refused::new(&args.target, status).into())
        }
        Some(_) => Ok(Exit::Refused),
    }
}

impl Outcome {
    fn of(
        definition: &Definition,
        operation: &Operation,
        took: Duration,
        reply: &LocalReply<'_>,
    ) -> anyhow::Result<Self> {
        let decoded = match &reply.result {
            Ok(data) => Some(definition.reply(operation, data)?),
            Err(_) => None,
        };
        let status = reply.result.as_ref().err().copied();
        let error = decoded.as_ref().and_then(|decoded| decoded.error());
        Ok(Outcome {
            schema: "annulus-loadgen/call/1",
            operation: operation.name.clone(),
            status: match status {
                None => "RPC_S_OK".to_owned(),
                Some(status) => match status.name() {
                    Some(name) => name.to_owned(),
                    None => format!("{:#010x}", status.code()),
                },
            },
            code: status.map_or(0, Status::code),
            milliseconds: took.as_secs_f64() * 1e3,
            error: error.map(ToString::to_string),
            out: decoded.map(|decoded| decoded.to_json()),
            extended_error: reply
                .extended_error()
                .as_ref()
                .map_or_else(Vec::new, records),
        })
    }
}

fn records(error: &ExtendedError) -> Vec<String> {
    let records = error.records().iter();
    records
        .map(|record| format!("{} {:?}", record.status, record.parameters()))
        .collect()
}
