//! Wireshark's dissectors over what the foreign clients and the server say to each other.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use crate::packages::{self, Unavailable};
use crate::process::{self, Process};
use crate::server::Server;
use crate::session::{self, Session};
use crate::{impacket, smbtorture};

/// How long the capture may take until it runs, and until it has ended.
const CAPTURE_LIMIT: Duration = Duration::from_secs(15);
/// How often its output is read meanwhile.
const CAPTURE_POLL: Duration = Duration::from_millis(10);
/// Memory for packets that are not written yet, in MiB: enough for everything the clients say.
const CAPTURE_BUFFER_MIB: &str = "64";

/// What a dissector calls an error: a PDU that it cannot make sense of, or worse. It looks at every
/// PDU and at mgmt's stub data; for rpcecho's stub data tshark has no dissector.
const ERRORS: &str = "_ws.malformed or _ws.expert.severity==error";

/// Captures two runs each of smbtorture and impacket and has their packets dissected.
pub(crate) fn step(session: &Session<'_>) -> Result<String> {
    packages::require_programs(session, &["tshark", "dumpcap", "smbtorture"])?;
    let python = impacket::require(session)?;
    let server = Server::start(session)?;
    let port = server.port();
    let capture = Capture::start(session, port)?;
    smbtorture::run(session, port, &[])?;
    smbtorture::run(session, port, &["bigendian"])?;
    impacket::run(session, &python, port, &[])?;
    impacket::run(session, &python, port, &["--frag", "128"])?;
    server.stop()?;
    let file = capture.stop()?;

    let pdus = dissect(session, &file, port, "dcerpc")?.lines().count();
    ensure!(pdus > 0, "the capture holds no DCE/RPC PDU");
    let errors = dissect(session, &file, port, ERRORS)?;
    session.note(&errors)?;
    if let Some(first) = errors.lines().next() {
        bail!(
            "tshark finds fault with {} packets, the first: {}",
            errors.lines().count(),
            first.trim()
        );
    }
    Ok(format!("no error in {pdus} packets with DCE/RPC PDUs"))
}

/// The packets of `file` that pass the display filter `filter`, one a line.
fn dissect(session: &Session<'_>, file: &Path, port: u16, filter: &str) -> Result<String> {
    session
        .query(
            Command::new("tshark")
                .arg("-r")
                .arg(file)
                // The port is a random one, so the dissector is told instead of left to guess.
                .args(["-d", &format!("tcp.port=={port},dcerpc")])
                .args(["-Y", filter]),
        )
        .context("tshark cannot read the capture")
}

/// A running capture of one TCP port on the loopback interface.
///
/// The program is dumpcap, which is what tshark captures with: one process to stop, and it says
/// how many packets it lost.
struct Capture<'a> {
    session: &'a Session<'a>,
    process: Process,
    file: PathBuf,
    output: PathBuf,
}

impl<'a> Capture<'a> {
    fn start(session: &'a Session<'a>, port: u16) -> Result<Capture<'a>> {
        let file = session.scratch().join("clients.pcapng");
        let output = session.scratch().join("dumpcap");
        let mut command = Command::new("dumpcap");
        command
            .args(["-q", "-i", "lo", "-f", &format!("tcp port {port}")])
            .args(["-B", CAPTURE_BUFFER_MIB, "-w"])
            .arg(&file)
            .stdout(session::create(&session.scratch().join("dumpcap.stdout"))?)
            .stderr(session::create(&output)?);
        session.note(&format!("$ {} &", process::command_line(&command)))?;
        let capture = Capture {
            session,
            process: Process::spawn(&mut command)?,
            file,
            output,
        };
        capture.wait_until_it_runs()?;
        Ok(capture)
    }

    fn wait_until_it_runs(&self) -> Result<()> {
        let deadline = Instant::now() + CAPTURE_LIMIT;
        loop {
            let ended = self.process.has_ended()?;
            let said = session::read_lossy(&self.output)?;
            // It names the file once the capture is open.
            if said.lines().any(|line| line.starts_with("File: ")) {
                return Ok(());
            }
            if ended && is_forbidden(&said) {
                return Err(Unavailable {
                    what: "this user may not capture packets".to_owned(),
                    remedy: "run as root, or join the group wireshark after \
                             `dpkg-reconfigure wireshark-common`"
                        .to_owned(),
                }
                .into());
            }
            ensure!(!ended, "dumpcap ended before it captured anything: {said}");
            ensure!(
                Instant::now() < deadline,
                "dumpcap does not start to capture"
            );
            if process::interrupted() {
                bail!("interrupted");
            }
            thread::sleep(CAPTURE_POLL);
        }
    }

    /// Ends the capture and returns its file.
    ///
    /// # Errors
    ///
    /// If dumpcap does not end well or lost packets: then an error that tshark finds would say
    /// nothing about the server.
    fn stop(mut self) -> Result<PathBuf> {
        self.process.send(Signal::INT)?;
        let status = self.process.wait(Instant::now() + CAPTURE_LIMIT)?;
        let said = session::read_lossy(&self.output)?;
        self.session.note(&said)?;
        ensure!(status.success(), "dumpcap ended with {status}");
        let (received, dropped) =
            packet_counts(&said).context("dumpcap does not say how many packets it lost")?;
        ensure!(
            dropped == 0,
            "dumpcap lost {dropped} packets and has {received}"
        );
        Ok(self.file)
    }
}

/// Whether dumpcap ended because its user lacks the right to capture.
fn is_forbidden(said: &str) -> bool {
    said.to_lowercase().contains("permission")
}

/// Received and dropped, from dumpcap's last line
/// `Packets received/dropped on interface 'Loopback: lo': 12/0 (pcap:0/…)`.
fn packet_counts(said: &str) -> Option<(u64, u64)> {
    let (_, line) = said.split_once("Packets received/dropped on interface ")?;
    let (_, counts) = line.lines().next()?.split_once("': ")?;
    let (received, dropped) = counts.split_whitespace().next()?.split_once('/')?;
    Some((received.parse().ok()?, dropped.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What dumpcap 4.0 says, on standard error.
    const SAID: &str = "\
Capturing on 'Loopback: lo'
File: clients.pcapng
Packets captured: 612
Packets received/dropped on interface 'Loopback: lo': 612/3 (pcap:0/dumpcap:0/flushed:0/ps_ifdrop:0) (99.5%)
";

    #[test]
    fn lost_packets_are_counted() {
        assert_eq!(packet_counts(SAID), Some((612, 3)));
        assert_eq!(packet_counts("Capturing on 'Loopback: lo'\n"), None);
    }

    #[test]
    fn a_lack_of_rights_is_told_from_other_failures() {
        let said = "The capture session could not be initiated on interface 'lo' (You don't have \
                    permission to capture on that device).\n";
        assert!(is_forbidden(said));
        assert!(!is_forbidden(SAID));
    }
}
