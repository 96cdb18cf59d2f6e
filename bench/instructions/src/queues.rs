//! What calls and their ends wait in.

use std::hint::black_box;

use annulus::internals::{CallTable, Inbox};
use annulus::{CompletionPacket, CompletionPort};

use crate::Operation;
use crate::count::count;

pub(crate) const OPERATIONS: &[Operation] = &[
    ("call_table/insert_get_remove", call_table),
    ("inbox/push_pop", inbox),
    ("completion_port/post_get", completion_port),
];

/// In a table with others in it, as a core with calls under way has it.
fn call_table() {
    let mut table = CallTable::new(1024);
    for call in 0..64 {
        table.insert(call).expect("there is room");
    }
    count(|| {
        let key = table.insert(black_box(64)).expect("there is room");
        black_box(table.get(black_box(key)));
        black_box(table.remove(black_box(key)));
    });
}

fn inbox() {
    let inbox = Inbox::new(64);
    count(|| {
        inbox.push(black_box(1));
        black_box(inbox.pop());
    });
}

fn completion_port() {
    let port = CompletionPort::new(1);
    count(|| {
        let packet = CompletionPacket::new(0, black_box(1), 0);
        port.post(packet).expect("the port is open");
        black_box(port.get(None)).expect("there is a packet");
    });
}
