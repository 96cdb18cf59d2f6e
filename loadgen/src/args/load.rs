//! The options that say what is called, where, and by how many.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use annulus::{CancelKind, IdlePolicy, SyntaxId, Uuid, mgmt, rpcecho};
use anyhow::{Context, bail};
use clap::ValueEnum;

use super::values::{self, duration, share};
use crate::definition::Definition;
use crate::mix::{Mix, weights};
use crate::operation::{Operation, Request, Stub};
use crate::payload::Payload;
use crate::warm_up::WarmUp;
use crate::worker::cancels::Cancelling;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LoadArgs {
    /// The server, as a string binding: `ncacn_ip_tcp:host[port]`, `ncalrpc:[name]`, or `host`,
    /// whose endpoint mapper is asked for the port. Without it a server is started in this process
    pub(crate) target: Option<String>,

    /// Connections, spread over the client's threads
    #[arg(long, short, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) connections: u32,

    /// Calls in flight on each connection
    #[arg(long, short, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=16_384))]
    pub(crate) outstanding: u32,

    /// Bytes that each call carries (Echo both ways, Sink there, Source back): 32, 4KiB, one of
    /// 16,64,4KiB, uniform:16..4KiB, or lognormal:MEDIAN,SIGMA
    #[arg(
        long,
        short,
        value_name = "SIZE",
        default_value = "32",
        help_heading = "Calls"
    )]
    pub(crate) payload: Payload,

    /// Operations and their weights, such as Echo=80,Add=20: of rpcecho (Echo, Add, Sink, Source; without
    /// this it is Echo), or of the --idl file, also of several of its interfaces: Cart.Add=80,Stock.Count=20
    #[arg(
        long,
        value_name = "MIX",
        help_heading = "Calls",
        conflicts_with = "uuid"
    )]
    pub(crate) mix: Option<String>,

    /// Another interface: its definition, with the ACF beside it if there is one
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "uuid",
        help_heading = "Calls"
    )]
    pub(crate) idl: Option<PathBuf>,

    /// A folder in which files that the definition imports are looked for
    #[arg(
        short = 'I',
        value_name = "DIR",
        requires = "idl",
        help_heading = "Calls"
    )]
    pub(crate) include: Vec<PathBuf>,

    /// The operation of the --idl file that is called: Interface.Operation
    #[arg(
        long,
        value_name = "OPERATION",
        requires = "idl",
        conflicts_with = "mix",
        help_heading = "Calls"
    )]
    pub(crate) call: Option<String>,

    /// The in-parameters of each of those calls: a JSON object by their names, or a file of one; with
    /// --mix once for each operation, as OPERATION=FILE. `loadgen call` shows what comes of them
    #[arg(
        long,
        value_name = "FILE|JSON",
        requires = "idl",
        help_heading = "Calls"
    )]
    pub(crate) args: Vec<String>,

    /// Another interface: its UUID, and its version if that is not 1.0, as in UUID:2.0
    #[arg(long, value_parser = syntax, requires = "opnum", help_heading = "Calls")]
    pub(crate) uuid: Option<SyntaxId>,

    /// The number of the operation that is called there
    #[arg(long, requires = "uuid", help_heading = "Calls")]
    pub(crate) opnum: Option<u16>,

    /// The stub data of each of those calls, in NDR: hex digits, or @FILE
    #[arg(
        long,
        value_name = "HEX|@FILE",
        requires = "opnum",
        help_heading = "Calls"
    )]
    pub(crate) stub: Option<String>,

    /// Give a call up after so long; it counts in the latencies with that time
    #[arg(long, value_parser = duration, help_heading = "Calls")]
    pub(crate) timeout: Option<Duration>,

    /// Cancel this share of the calls, such as 5%; they count as errors of the class `cancelled`, and not
    /// in the latencies
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share, help_heading = "Calls")]
    pub(crate) cancel_rate: f64,

    /// How long after it was sent a call is cancelled, unless it has ended by then
    #[arg(long, value_name = "DURATION", default_value = "1ms", value_parser = duration, requires = "cancel_rate", help_heading = "Calls")]
    pub(crate) cancel_after: Duration,

    /// How those calls are cancelled
    #[arg(
        long,
        value_enum,
        default_value_t = CancelMode::Abortive,
        requires = "cancel_rate",
        help_heading = "Calls"
    )]
    pub(crate) cancel_mode: CancelMode,

    /// In a closed loop: the time between the end of a call and the next one
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = duration, help_heading = "Calls")]
    pub(crate) think_time: Duration,

    /// How long to measure: 10s, 500ms, 5m
    #[arg(long, short, default_value = "5s", value_parser = duration)]
    pub(crate) duration: Duration,

    /// How long to run before measuring; `auto` is until rate and latency no longer change, but not
    /// longer than 30s, or than the time in `auto:TIME`
    #[arg(
        long,
        short,
        value_name = "DURATION|auto",
        default_value = "1s",
        value_parser = warm_up
    )]
    pub(crate) warmup: WarmUp,

    /// The client's cores, one pinned thread each, such as 1,2 (default: the last core)
    #[arg(long, value_delimiter = ',')]
    pub(crate) cores: Vec<usize>,

    /// What client and embedded server do when idle
    #[arg(long, value_enum, default_value_t = Idle::Adaptive)]
    pub(crate) idle: Idle,

    /// Where random choices begin; the same seed makes the same calls
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// The embedded server's cores (default: the first core)
    #[arg(
        long,
        value_delimiter = ',',
        conflicts_with = "target",
        help_heading = "Embedded server"
    )]
    pub(crate) server_cores: Vec<usize>,

    /// Where the embedded server listens; `ncalrpc:` is a Unix socket
    #[arg(
        long,
        value_name = "BINDING",
        default_value = "ncacn_ip_tcp:127.0.0.1[0]",
        conflicts_with = "target",
        help_heading = "Embedded server"
    )]
    pub(crate) listen: String,
}

impl LoadArgs {
    /// What is to be called.
    pub(crate) fn mix(&self) -> anyhow::Result<Mix> {
        let mix = match (&self.idl, self.uuid.zip(self.opnum)) {
            (Some(file), _) => self.defined(file)?,
            (None, Some((interface, opnum))) => self.numbered(interface, opnum)?,
            (None, None) => {
                let mix = self.mix.as_deref().unwrap_or("Echo");
                Mix::rpcecho(mix).context("--mix")?
            }
        };
        let mut interfaces = mix.interfaces().iter();
        let is_embedded = |it: &SyntaxId| [rpcecho::INTERFACE, mgmt::INTERFACE].contains(it);
        if self.target.is_none() && !interfaces.all(is_embedded) {
            bail!(
                "another interface needs a target: the embedded server has rpcecho and mgmt only"
            );
        }
        Ok(mix)
    }

    /// Which calls are cancelled, if any are.
    pub(crate) fn cancelling(&self) -> Option<Cancelling> {
        let cancelling = Cancelling {
            share: self.cancel_rate,
            after: self.cancel_after,
            kind: match self.cancel_mode {
                CancelMode::Abortive => CancelKind::Abortive,
                CancelMode::NonAbortive => CancelKind::NonAbortive,
            },
        };
        (cancelling.share > 0.0).then_some(cancelling)
    }

    /// Operations of a definition.
    fn defined(&self, file: &Path) -> anyhow::Result<Mix> {
        let names = match (&self.call, &self.mix) {
            (Some(name), _) => vec![(name.as_str(), 1.0)],
            (None, Some(mix)) => weights(mix).context("--mix")?,
            (None, None) => bail!("--idl: say what is called, with --call Interface.Operation"),
        };
        let definition = Definition::read(file, &self.include)?;
        let mut arguments = Arguments::new(&self.args, &names)?;
        let operations = names.iter().map(|(name, weight)| {
            let operation = definition.operation(name, arguments.take(name))?;
            Ok((operation, *weight))
        });
        Ok(Mix::new(operations.collect::<anyhow::Result<_>>()?))
    }

    /// One operation by its number.
    fn numbered(&self, interface: SyntaxId, opnum: u16) -> anyhow::Result<Mix> {
        let stub = match &self.stub {
            None => Vec::new(),
            Some(text) => stub_bytes(text)?,
        };
        let stub: Arc<[u8]> = stub.into();
        let operation = Operation {
            name: format!("opnum {opnum}"),
            opnum,
            request: Request::Stub(Stub {
                ndr: Arc::clone(&stub),
                ndr64: stub,
            }),
        };
        Ok(Mix::only(interface, operation))
    }
}

/// The values of `--args`, each for one operation.
#[derive(Debug, Default)]
struct Arguments<'a>(HashMap<&'a str, &'a str>);

impl<'a> Arguments<'a> {
    /// `names` are the operations. What names none of them is for the only one.
    fn new(args: &'a [String], names: &[(&'a str, f64)]) -> anyhow::Result<Self> {
        let mut arguments = HashMap::new();
        for text in args {
            let named = text.split_once('=');
            let named = named.filter(|(name, _)| names.iter().any(|(known, _)| known == name));
            let (name, value) = match (named, names) {
                (Some(named), _) => named,
                (None, [(only, _)]) => (*only, text.as_str()),
                (None, _) => bail!("--args {text}: say of which operation, as OPERATION=FILE"),
            };
            if arguments.insert(name, value).is_some() {
                bail!("--args: {name} has arguments twice");
            }
        }
        Ok(Arguments(arguments))
    }

    fn take(&mut self, name: &str) -> Option<&'a str> {
        self.0.remove(name)
    }
}

/// The ways to cancel by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CancelMode {
    /// The call ends at once, and the server is told
    Abortive,
    /// The server is told, and ends the call as it likes: a call that it answers all the same has completed
    NonAbortive,
}

/// The idle policies by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Idle {
    /// Sleep at once
    Block,
    /// Look for work for 50 µs, then sleep
    Adaptive,
    /// Never sleep
    Spin,
}

impl Idle {
    pub(crate) fn policy(self) -> IdlePolicy {
        match self {
            Idle::Block => IdlePolicy::Block,
            Idle::Adaptive => IdlePolicy::default(),
            Idle::Spin => IdlePolicy::Spin,
        }
    }
}

/// The longest warm-up until steady, unless another is given.
const WARM_UP_MAX: Duration = Duration::from_secs(30);

fn warm_up(text: &str) -> Result<WarmUp, String> {
    match text.strip_prefix("auto") {
        Some("") => Ok(WarmUp::UntilSteady { max: WARM_UP_MAX }),
        Some(rest) => Ok(WarmUp::UntilSteady {
            max: duration(rest.strip_prefix(':').unwrap_or(rest))?,
        }),
        None => Ok(WarmUp::Fixed(duration(text)?)),
    }
}

/// `UUID` or `UUID:MAJOR.MINOR`.
fn syntax(text: &str) -> Result<SyntaxId, String> {
    let (uuid, version) = text.split_once(':').unwrap_or((text, "1.0"));
    let uuid = Uuid::parse_str(uuid).map_err(|error| error.to_string())?;
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    let number = |text: &str| {
        text.parse::<u16>()
            .map_err(|_| format!("\"{version}\" is not a version such as 1.0"))
    };
    Ok(SyntaxId::new(uuid, number(major)?, number(minor)?))
}

fn stub_bytes(text: &str) -> anyhow::Result<Vec<u8>> {
    let bytes = match text.strip_prefix('@') {
        Some(path) => std::fs::read(path).with_context(|| format!("--stub: {path}"))?,
        None => hex(text).context("--stub: expected an even number of hex digits, or @FILE")?,
    };
    if bytes.len() > values::SIZE_MAX as usize {
        bail!(
            "--stub: {} bytes are more than {}",
            bytes.len(),
            values::SIZE_MAX
        );
    }
    Ok(bytes)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|digit| !digit.is_whitespace())
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    pairs
        .remainder()
        .is_empty()
        .then(|| pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stub_data_is_hex() {
        assert_eq!(hex("29 00 0a fF"), Some(vec![0x29, 0, 0x0a, 0xff]));
        assert_eq!(hex(""), Some(vec![]));
        for bad in ["2", "0x29", "zz"] {
            assert_eq!(hex(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_interface_has_version_one_unless_another_is_said() {
        let uuid = "60a15ec5-4de8-11d7-a637-005056a20182";
        assert_eq!(syntax(uuid), Ok(annulus::rpcecho::INTERFACE));
        let other = syntax(&format!("{uuid}:3.7")).unwrap();
        assert_eq!(other, SyntaxId::new(annulus::rpcecho::INTERFACE.uuid, 3, 7));
        assert!(syntax("60a15ec5").is_err());
        assert!(syntax(&format!("{uuid}:x")).is_err());
    }

    #[test]
    fn a_warm_up_is_a_time_or_a_test() {
        let seconds = Duration::from_secs;
        assert_eq!(warm_up("2s"), Ok(WarmUp::Fixed(seconds(2))));
        assert_eq!(
            warm_up("auto"),
            Ok(WarmUp::UntilSteady { max: WARM_UP_MAX })
        );
        assert_eq!(
            warm_up("auto:5"),
            Ok(WarmUp::UntilSteady { max: seconds(5) })
        );
        assert!(warm_up("automatic").is_err());
    }
}
