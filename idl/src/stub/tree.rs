//! What was read, as lines.

use std::fmt;

use super::json::Content;

/// The most bytes of a value that a line shows.
const BYTES_SHOWN: usize = 8;

/// A value that was read, with its place.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) parent: Option<usize>,
    /// What is added to the path of the parent.
    pub(super) name: String,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) value: String,
    pub(super) content: Content,
}

impl Entry {
    /// One that there were not enough bytes for.
    pub(super) fn unread(parent: Option<usize>, name: String, start: usize) -> Self {
        Entry {
            parent,
            name,
            start,
            end: start,
            value: "…".to_owned(),
            content: Content::Hidden,
        }
    }
}

/// Entries in the order in which they were read; a parent stands before its children.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    entries: Vec<Entry>,
}

impl Tree {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn push(&mut self, entry: Entry) -> usize {
        self.entries.push(entry);
        self.entries.len() - 1
    }

    pub(super) fn end(&mut self, at: usize, end: usize) {
        self.entries[at].end = end;
    }

    pub(super) fn start(&self, at: usize) -> usize {
        self.entries[at].start
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn append(&mut self, at: usize, more: &str) {
        self.entries[at].value.push_str(more);
    }

    pub(super) fn set_content(&mut self, at: usize, content: Content) {
        self.entries[at].content = content;
    }

    /// The names from the outermost entry to this one; those of pointees are written `*path`.
    pub(super) fn path(&self, at: Option<usize>) -> Option<String> {
        let mut chain = Vec::new();
        let mut next = Some(at?);
        while let Some(at) = next {
            chain.push(self.entries[at].name.as_str());
            next = self.entries[at].parent;
        }
        // Each pointee opens its parenthesis in front of the whole path.
        let pointees = chain.iter().filter(|name| name.starts_with('*')).count();
        let mut path = "(*".repeat(pointees);
        for name in chain.iter().rev() {
            match name.strip_prefix('*') {
                Some(rest) => path.extend([")", rest]),
                None => path.push_str(name),
            }
        }
        Some(path)
    }

    /// Writes each entry, then its children.
    pub(super) fn write(&self, stub: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "offset  {:<25}  value", "bytes")?;
        let mut children = vec![Vec::new(); self.entries.len()];
        let mut open = Vec::new();
        for (at, entry) in self.entries.iter().enumerate().rev() {
            match entry.parent {
                Some(parent) => children[parent].push(at),
                None => open.push((at, 0usize)),
            }
        }
        while let Some((at, depth)) = open.pop() {
            let entry = &self.entries[at];
            let is_leaf = children[at]
                .iter()
                .all(|child| self.entries[*child].name.starts_with('*'));
            let bytes = match is_leaf {
                true => shown(stub.get(entry.start..entry.end).unwrap_or_default()),
                false => String::new(),
            };
            let path = self.path(Some(at)).unwrap_or_default();
            let indent = depth * 2;
            let (start, value) = (entry.start, &entry.value);
            writeln!(f, "{start:>6}  {bytes:<25}  {:indent$}{path} = {value}", "")?;
            open.extend(children[at].iter().map(|child| (*child, depth + 1)));
        }
        Ok(())
    }
}

fn shown(bytes: &[u8]) -> String {
    let hex = |byte: &u8| format!("{byte:02x}");
    let first: Vec<_> = bytes.iter().take(BYTES_SHOWN).map(hex).collect();
    let more = if bytes.len() > BYTES_SHOWN {
        " …"
    } else {
        ""
    };
    format!("{}{more}", first.join(" "))
}
