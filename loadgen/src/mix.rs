//! Which operations are called how often.

use std::fmt;

use annulus::{SyntaxId, rpcecho};
use anyhow::{Context, bail};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::operation::{Operation, Request};
use crate::transfer::{Transfer, stub};

/// Operations of one interface or several, each with its share of the calls. Each connection carries them all.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mix {
    /// Each once.
    interfaces: Vec<SyntaxId>,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    /// Which of the interfaces it is of.
    interface: usize,
    operation: Operation,
    share: f64,
    /// Of this and all before it.
    share_until: f64,
}

impl Mix {
    /// Only this operation.
    pub(crate) fn only(interface: SyntaxId, operation: Operation) -> Self {
        Mix::new(vec![((interface, operation), 1.0)])
    }

    /// Only whole transfers through pipes.
    pub(crate) fn transfers(transfer: Transfer) -> Self {
        Mix::only(stub::INTERFACE, Operation::pipes(transfer))
    }

    /// What goes through pipes, if that is what is measured.
    pub(crate) fn transfer(&self) -> Option<Transfer> {
        self.entries
            .iter()
            .find_map(|entry| match entry.operation.request {
                Request::Pipes(transfer) => Some(transfer),
                _ => None,
            })
    }

    /// Operations of rpcecho with weights: `Echo=80,Add=20`, or one name alone.
    pub(crate) fn rpcecho(text: &str) -> anyhow::Result<Self> {
        let weighted = weights(text)?.into_iter().map(|(name, weight)| {
            let operation = Operation::rpcecho(name).with_context(|| {
                format!("\"{name}\" is no operation of rpcecho; use Echo, Add, Sink or Source")
            })?;
            Ok(((rpcecho::INTERFACE, operation), weight))
        });
        Ok(Mix::new(weighted.collect::<anyhow::Result<_>>()?))
    }

    /// Operations with the interfaces that they are of, and weights.
    pub(crate) fn new(weighted: Vec<((SyntaxId, Operation), f64)>) -> Self {
        let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
        let mut interfaces = Vec::new();
        let mut share_until = 0.0;
        let entries = weighted
            .into_iter()
            .map(|((interface, operation), weight)| {
                share_until += weight / total;
                let known = interfaces.iter().position(|it| *it == interface);
                let interface = known.unwrap_or_else(|| {
                    interfaces.push(interface);
                    interfaces.len() - 1
                });
                Entry {
                    interface,
                    operation,
                    share: weight / total,
                    share_until,
                }
            });
        let entries = entries.collect();
        Mix {
            interfaces,
            entries,
        }
    }

    /// Those of its operations, each once.
    pub(crate) fn interfaces(&self) -> &[SyntaxId] {
        &self.interfaces
    }

    /// An operation of one of its interfaces: the first one.
    pub(crate) fn operation_of(&self, interface: usize) -> usize {
        let mut entries = self.entries.iter();
        let found = entries.position(|entry| entry.interface == interface);
        found.unwrap_or_default()
    }

    /// Which of its interfaces an operation is of.
    pub(crate) fn interface_of(&self, operation: usize) -> usize {
        self.entries[operation].interface
    }

    /// The operation of the next call.
    pub(crate) fn choose(&self, random: &mut StdRng) -> usize {
        if self.entries.len() == 1 {
            return 0;
        }
        let point: f64 = random.random();
        let before = self.entries.iter();
        before
            .take(self.entries.len() - 1)
            .take_while(|entry| entry.share_until <= point)
            .count()
    }

    pub(crate) fn operation(&self, index: usize) -> &Operation {
        &self.entries[index].operation
    }

    /// Names and shares.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (&str, f64)> {
        let entries = self.entries.iter();
        entries.map(|entry| (entry.operation.name.as_str(), entry.share))
    }

    /// Whether some call carries the payload.
    pub(crate) fn has_payload(&self) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.operation.has_payload())
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = &self.entries[..] {
            return f.write_str(&only.operation.name);
        }
        for (index, (name, share)) in self.shares().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{name} {:.0} %", share * 100.0)?;
        }
        Ok(())
    }
}

/// The names and weights of `A=80,B=20`. A name alone has the weight 1.
pub(crate) fn weights(text: &str) -> anyhow::Result<Vec<(&str, f64)>> {
    let weighted = text.split(',').map(|part| {
        let (name, weight) = part.split_once('=').unwrap_or((part, "1"));
        match weight.trim().parse::<f64>() {
            Ok(weight) if weight > 0.0 && weight.is_finite() => Ok((name.trim(), weight)),
            _ => bail!("\"{weight}\" is not a weight above 0"),
        }
    });
    weighted.collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn operations_come_as_often_as_their_weights_say() {
        let mix = Mix::rpcecho("Echo=70,Add=20,sink=10").unwrap();
        let mut random = StdRng::seed_from_u64(3);
        let mut counts = [0u32; 3];
        for _ in 0..10_000 {
            counts[mix.choose(&mut random)] += 1;
        }
        for (count, expected) in counts.into_iter().zip([7_000, 2_000, 1_000]) {
            assert!(count.abs_diff(expected) < 150, "{counts:?}");
        }
        assert_eq!(mix.to_string(), "EchoData 70 %, AddOne 20 %, SinkData 10 %");
    }

    #[test]
    fn each_interface_is_there_once() {
        let of = |interface: SyntaxId, opnum: u16| {
            let mut operation = Operation::rpcecho("Add").unwrap();
            operation.opnum = opnum;
            ((interface, operation), 1.0)
        };
        let (echo, other) = (rpcecho::INTERFACE, annulus::mgmt::INTERFACE);
        let mix = Mix::new(vec![of(echo, 0), of(other, 1), of(echo, 2)]);
        assert_eq!(mix.interfaces(), [echo, other]);
        assert_eq!([0, 1, 2].map(|index| mix.interface_of(index)), [0, 1, 0]);
        assert_eq!([0, 1].map(|index| mix.operation_of(index)), [0, 1]);
    }

    #[test]
    fn what_is_no_mix_is_refused() {
        for bad in ["", "Ping", "Echo=0", "Echo=-1", "Echo=x", "Echo=80,,Add=20"] {
            assert!(Mix::rpcecho(bad).is_err(), "{bad}");
        }
        assert_eq!(Mix::rpcecho("AddOne").unwrap().to_string(), "AddOne");
    }
}
