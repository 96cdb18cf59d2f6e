//! What moves on one connection, in numbers.

use annulus_bench_measure::Plan;

/// Bytes of a request in front of its payload: a header of 24, a length and a count.
const REQUEST_HEAD: usize = 24 + 4 + 4;
/// Bytes of an answer in front of its payload: a header of 24, and a count.
const ANSWER_HEAD: usize = 24 + 4;

/// From this length on a message is received for itself, in one piece, into a place of its own.
const BULK_LEN: usize = 16 << 10;

/// The lengths of what one side receives and sends, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Of a message that arrives.
    pub(crate) in_len: usize,
    /// Of a message that leaves.
    pub(crate) out_len: usize,
    /// Messages under way on a connection at most.
    pub(crate) outstanding: usize,
}

impl Shape {
    /// What the server sees of this load.
    pub(crate) fn new(plan: &Plan) -> Self {
        let payload = plan.payload as usize;
        Shape {
            in_len: REQUEST_HEAD + payload,
            out_len: ANSWER_HEAD + payload,
            outstanding: plan.outstanding as usize,
        }
    }

    pub(crate) fn of_server(self) -> Shape {
        self
    }

    pub(crate) fn of_client(self) -> Shape {
        Shape {
            in_len: self.out_len,
            out_len: self.in_len,
            ..self
        }
    }

    /// Whether messages are so long that each is received for itself.
    pub(crate) fn is_bulk(&self) -> bool {
        self.in_len >= BULK_LEN
    }

    /// Bytes that may have to be sent at once.
    pub(crate) fn out_max(&self) -> usize {
        self.out_len * self.outstanding
    }
}

/// How far one connection is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    /// Bytes that arrived of a message whose end has not.
    partial: usize,
    /// Bytes that are to be sent.
    pub(crate) owed: usize,
}

impl Traffic {
    /// Bytes have arrived; how many messages they complete.
    pub(crate) fn received(&mut self, len: usize, shape: &Shape) -> usize {
        self.partial += len;
        let messages = self.partial / shape.in_len;
        self.partial %= shape.in_len;
        messages
    }

    /// Messages are to be sent.
    pub(crate) fn owe(&mut self, messages: usize, shape: &Shape) {
        self.owed += messages * shape.out_len;
    }

    /// Bytes until the message that is arriving is whole.
    pub(crate) fn missing(&self, shape: &Shape) -> usize {
        shape.in_len - self.partial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torn_messages_are_counted_once() {
        let shape = Shape {
            in_len: 64,
            out_len: 60,
            outstanding: 8,
        };
        let mut traffic = Traffic::default();
        assert_eq!(traffic.received(63, &shape), 0);
        assert_eq!(traffic.missing(&shape), 1);
        assert_eq!(traffic.received(1 + 128 + 5, &shape), 3);
        assert_eq!(traffic.missing(&shape), 59);
        traffic.owe(3, &shape);
        assert_eq!(traffic.owed, 180);
    }
}
