//! What is measured beside W1 to W5: marshalling, and what scale costs.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::in_one_line;
use super::sample::{Samples, median};
use super::subject::{self, Workload};
use crate::cargo;
use crate::session::Session;

/// W4 with more connections.
pub(crate) const WIDE: Workload = Workload {
    name: "W4 wide",
    connections: 1000,
    outstanding: 16,
    payload: 32,
};

/// Nanoseconds for the structure {u32, u64, 64 bytes, 1024 × u32}, in one run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NdrTimes {
    pub(crate) memcpy: f64,
    pub(crate) encode: f64,
    pub(crate) decode_borrowed: f64,
    pub(crate) decode_owned: f64,
    pub(crate) decode_big_endian: f64,
}

/// One of the times, or a ratio of two.
pub(crate) type OfTimes = fn(&NdrTimes) -> f64;

/// What connections without a call cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Idle {
    pub(crate) connections: f64,
    pub(crate) server_bytes_each: f64,
    pub(crate) client_bytes_each: f64,
    /// Of one core, in percent, for all of them.
    pub(crate) server_cpu_percent: f64,
}

/// What calls cost a server that will answer them later.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Parked {
    pub(crate) calls: f64,
    pub(crate) server_bytes_each: f64,
}

/// All of it, as far as it could be measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extras {
    /// By round.
    pub(crate) ndr: Vec<NdrTimes>,
    /// Annulus under W4 and under [`WIDE`], by round.
    pub(crate) usual: Samples,
    pub(crate) wide: Samples,
    pub(crate) idle: Option<Idle>,
    pub(crate) parked: Option<Parked>,
    /// Per call of both sides.
    pub(crate) locked_instructions: Option<f64>,
}

/// The programs that measure it.
pub(crate) struct Programs {
    ndr: PathBuf,
    scale: PathBuf,
}

impl Programs {
    /// Builds them.
    ///
    /// # Errors
    ///
    /// If one does not build.
    pub(crate) fn build(session: &Session<'_>) -> Result<Self> {
        let build = |name| cargo::build_program(session, subject::ECHO_PACKAGE, name);
        Ok(Programs {
            ndr: build("annulus-ndr")?,
            scale: build("annulus-scale")?,
        })
    }

    /// Times marshalling once.
    ///
    /// # Errors
    ///
    /// If the program does not run to its end, or does not say what it measured.
    pub(crate) fn ndr(&self, session: &Session<'_>) -> Result<NdrTimes> {
        NdrTimes::parse(&said(session, &mut Command::new(&self.ndr))?)
    }

    /// Measures idle connections.
    ///
    /// # Errors
    ///
    /// Likewise, or this process may not have as many descriptors.
    pub(crate) fn idle(&self, session: &Session<'_>) -> Result<Idle> {
        Idle::parse(&said(session, Command::new(&self.scale).arg("idle"))?)
    }

    /// Measures parked calls.
    ///
    /// # Errors
    ///
    /// If the program does not run to its end, or does not say what it measured.
    pub(crate) fn parked(&self, session: &Session<'_>) -> Result<Parked> {
        Parked::parse(&said(session, Command::new(&self.scale).arg("parked"))?)
    }
}

fn said(session: &Session<'_>, command: &mut Command) -> Result<Value> {
    let said = session.capture(command)?;
    ensure!(said.status.success(), "{}", in_one_line(&said.stderr));
    serde_json::from_str(&said.stdout).context("a report is not JSON")
}

fn number(report: &Value, path: &str) -> Result<f64> {
    let value = report.pointer(path).and_then(Value::as_f64);
    value.with_context(|| format!("a report has no number {path}"))
}

impl NdrTimes {
    fn parse(report: &Value) -> Result<Self> {
        let number = |path| number(report, path);
        Ok(NdrTimes {
            memcpy: number("/ns/memcpy")?,
            encode: number("/ns/encode")?,
            decode_borrowed: number("/ns/decode_borrowed")?,
            decode_owned: number("/ns/decode_owned")?,
            decode_big_endian: number("/ns/decode_big_endian")?,
        })
    }
}

impl Idle {
    fn parse(report: &Value) -> Result<Self> {
        let number = |path| number(report, path);
        Ok(Idle {
            connections: number("/connections")?,
            server_bytes_each: number("/server_bytes_each")?,
            client_bytes_each: number("/client_bytes_each")?,
            server_cpu_percent: number("/server_cpu_percent")?,
        })
    }
}

impl Parked {
    fn parse(report: &Value) -> Result<Self> {
        Ok(Parked {
            calls: number(report, "/calls")?,
            server_bytes_each: number(report, "/server_bytes_each")?,
        })
    }
}

impl Extras {
    /// The median over the rounds of what `of` takes from the times of one; `None` without any.
    pub(crate) fn ndr(&self, of: impl Fn(&NdrTimes) -> f64) -> Option<f64> {
        let median = median(self.ndr.iter().map(of).collect());
        median.is_finite().then_some(median)
    }

    pub(crate) fn to_json(&self) -> Value {
        let ndr = self.ndr.iter().map(|it| {
            json!({
                "memcpy": it.memcpy,
                "encode": it.encode,
                "decode_borrowed": it.decode_borrowed,
                "decode_owned": it.decode_owned,
                "decode_big_endian": it.decode_big_endian,
            })
        });
        let idle = self.idle.map(|it| {
            json!({
                "connections": it.connections,
                "server_bytes_each": it.server_bytes_each,
                "client_bytes_each": it.client_bytes_each,
                "server_cpu_percent": it.server_cpu_percent,
            })
        });
        let parked = self
            .parked
            .map(|it| json!({ "calls": it.calls, "server_bytes_each": it.server_bytes_each }));
        json!({
            "ndr_ns": ndr.collect::<Vec<_>>(),
            "w4": self.usual.to_json(),
            "w4_with_1000_connections": self.wide.to_json(),
            "idle": idle,
            "parked": parked,
            "locked_instructions_per_call": self.locked_instructions,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::sample::tests::samples;
    use super::*;

    /// 40 ns for memcpy, encode 50, the decoders 3, 70 and 90; 10,000 connections, 100,000 calls.
    pub(crate) fn extras() -> Extras {
        let times = json!({ "ns": { "memcpy": 40.0, "encode": 50.0, "decode_borrowed": 3.0,
            "decode_owned": 70.0, "decode_big_endian": 90.0 } });
        let idle = json!({ "connections": 10000, "server_bytes_each": 5000,
            "client_bytes_each": 6000, "server_cpu_percent": 0.0 });
        let parked = json!({ "calls": 100000, "server_bytes_each": 327 });
        Extras {
            ndr: vec![NdrTimes::parse(&times).unwrap(); 2],
            usual: samples(&[500.0, 510.0]),
            wide: samples(&[450.0, 459.0]),
            idle: Some(Idle::parse(&idle).unwrap()),
            parked: Some(Parked::parse(&parked).unwrap()),
            locked_instructions: Some(0.5),
        }
    }

    #[test]
    fn the_times_of_each_operation_are_those_of_the_middle_round() {
        let extras = extras();
        assert_eq!(extras.ndr(|it| it.encode / it.memcpy), Some(1.25));
        assert_eq!(Extras::default().ndr(|it| it.encode), None);
        let json = extras.to_json();
        assert_eq!(json["idle"]["server_bytes_each"], 5000.0);
        assert_eq!(json["ndr_ns"][1]["decode_owned"], 70.0);
        assert!(NdrTimes::parse(&json!({ "ns": {} })).is_err());
    }
}
