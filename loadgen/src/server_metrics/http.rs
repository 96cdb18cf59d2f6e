//! A GET over plain HTTP, for the text of metrics: bounded in size and in time, whatever answers.

use std::fmt;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::str::FromStr;
use std::time::{Duration, Instant};

use super::lookup::Lookup;

/// How long an answer may take, from the lookup of the host's name to its last byte.
pub(super) const TIME_MAX: Duration = Duration::from_secs(2);

/// How long an answer may be: a busy exporter's is some hundred kilobytes.
pub(super) const BODY_MAX: usize = 8 << 20;

/// How long its status line and headers may be.
const HEAD_MAX: usize = 16 << 10;

/// Bytes that are read at once.
const READ_LEN: usize = 16 << 10;

/// `http://HOST[:PORT][/PATH]`. The port is 80 and the path `/metrics` unless they are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    path: String,
}

/// Gets what is there.
///
/// # Errors
///
/// In words: nobody answers, not in time, not with status 200, or not in plain HTTP.
pub(super) fn get(url: &Url, lookup: &mut Lookup) -> Result<Vec<u8>, String> {
    let deadline = Instant::now() + TIME_MAX;
    let mut stream = connect(url, lookup, deadline)?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: annulus-loadgen\r\n\
         Accept: text/plain; version=0.0.4\r\nConnection: close\r\n\r\n",
        url.path,
        url.authority()
    );
    let failed = |error: std::io::Error| format!("the request cannot be sent: {error}");
    stream
        .set_write_timeout(Some(left(deadline)?))
        .map_err(failed)?;
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = Answer {
        stream,
        deadline,
        received: Vec::new(),
        is_over: false,
    };
    answer.body()
}

/// To the first of the host's addresses that takes a connection.
fn connect(url: &Url, lookup: &mut Lookup, deadline: Instant) -> Result<TcpStream, String> {
    let addresses = lookup.addresses(&url.host, url.port, left(deadline)?)?;
    let mut failure = format!("{} has no address", url.host);
    for address in addresses {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = format!("{address} cannot be reached: {error}"),
        }
    }
    Err(failure)
}

/// The time that is left.
fn left(deadline: Instant) -> Result<Duration, String> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(format!("no whole answer within {TIME_MAX:?}"));
    }
    Ok(left)
}

/// How long the body is.
enum Framing {
    Length(usize),
    Chunked,
    /// Up to the end of the connection.
    Close,
}

struct Answer {
    stream: TcpStream,
    deadline: Instant,
    /// What was received and not used yet.
    received: Vec<u8>,
    /// Whether the server has said all that it has to say.
    is_over: bool,
}

impl Answer {
    fn body(&mut self) -> Result<Vec<u8>, String> {
        let framing = self.head()?;
        match framing {
            Framing::Length(length) => {
                if length > BODY_MAX {
                    return Err(too_long());
                }
                self.take(length)
            }
            Framing::Chunked => self.chunks(),
            Framing::Close => {
                while self.read_more()? {
                    if self.received.len() > BODY_MAX {
                        return Err(too_long());
                    }
                }
                Ok(std::mem::take(&mut self.received))
            }
        }
    }

    /// Reads past the headers; the status must be 200.
    fn head(&mut self) -> Result<Framing, String> {
        let status = self.line(HEAD_MAX)?;
        let mut words = status.split_whitespace();
        let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
        if !is_http {
            return Err("the answer is not HTTP".to_owned());
        }
        if words.next() != Some("200") {
            return Err(format!("the answer is {status:?}"));
        }
        let mut framing = Framing::Close;
        let mut left = HEAD_MAX;
        loop {
            let line = self.line(left)?;
            left = left.saturating_sub(line.len() + 2);
            if line.is_empty() {
                return Ok(framing);
            }
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let value = value.trim().to_ascii_lowercase();
            match name.to_ascii_lowercase().as_str() {
                "transfer-encoding" if value == "chunked" => framing = Framing::Chunked,
                "content-length" if !matches!(framing, Framing::Chunked) => {
                    let length = value.parse().map_err(|_| too_long())?;
                    framing = Framing::Length(length);
                }
                "content-encoding" if value != "identity" => {
                    return Err(format!("the answer is encoded as {value:?}"));
                }
                _ => {}
            }
        }
    }

    /// The chunks together (RFC 9112 §7.1); trailers are left unread.
    fn chunks(&mut self) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        loop {
            let line = self.line(HEAD_MAX)?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let length = usize::from_str_radix(digits, 16)
                .map_err(|_| "the answer has a chunk without a length".to_owned())?;
            if length == 0 {
                return Ok(body);
            }
            if length > BODY_MAX - body.len() {
                return Err(too_long());
            }
            body.extend(self.take(length)?);
            self.line(HEAD_MAX)?;
        }
    }

    /// The next line, without its end.
    fn line(&mut self, length_max: usize) -> Result<String, String> {
        let mut searched = 0;
        let end = loop {
            if let Some(found) = self.received[searched..].iter().position(|&it| it == b'\n') {
                break searched + found;
            }
            searched = self.received.len();
            if searched > length_max {
                return Err("the answer has a head without an end".to_owned());
            }
            if !self.read_more()? {
                return Err(cut_short());
            }
        };
        let line: Vec<u8> = self.received.drain(..=end).collect();
        let line = line[..end].strip_suffix(b"\r").unwrap_or(&line[..end]);
        Ok(String::from_utf8_lossy(line).into_owned())
    }

    /// The next bytes.
    fn take(&mut self, length: usize) -> Result<Vec<u8>, String> {
        while self.received.len() < length {
            if !self.read_more()? {
                return Err(cut_short());
            }
        }
        let rest = self.received.split_off(length);
        Ok(std::mem::replace(&mut self.received, rest))
    }

    /// Whether there was more.
    fn read_more(&mut self) -> Result<bool, String> {
        if self.is_over {
            return Ok(false);
        }
        let failed = |error: std::io::Error| format!("the answer cannot be read: {error}");
        let timeout = left(self.deadline)?;
        self.stream
            .set_read_timeout(Some(timeout))
            .map_err(failed)?;
        let start = self.received.len();
        self.received.resize(start + READ_LEN, 0);
        let read = self.stream.read(&mut self.received[start..]);
        self.received
            .truncate(start + read.as_ref().copied().unwrap_or(0));
        match read {
            Ok(0) => {
                self.is_over = true;
                Ok(false)
            }
            Ok(_) => Ok(true),
            // The time that is left is told by the next round.
            Err(error) if is_transient(&error) => {
                left(self.deadline)?;
                Ok(true)
            }
            Err(error) => Err(failed(error)),
        }
    }
}

fn is_transient(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

fn too_long() -> String {
    format!("the answer is longer than {BODY_MAX} bytes")
}

fn cut_short() -> String {
    "the answer ends before it is whole".to_owned()
}

impl Url {
    /// Host and port as a URL has them.
    fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text
            .strip_prefix("http://")
            .ok_or("expected http://HOST[:PORT][/PATH]; HTTPS is not spoken")?;
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, "/metrics"),
        };
        if authority.contains('@') || text.chars().any(|it| it.is_whitespace() || it.is_control()) {
            return Err(format!(
                "\"{text}\" has more than a host, a port and a path"
            ));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(bracketed) => bracketed
                .split_once(']')
                .map(|(host, port)| (host, port.strip_prefix(':')))
                .ok_or("an IPv6 address has brackets on both sides")?,
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        if host.is_empty() {
            return Err(format!("\"{text}\" has no host"));
        }
        let port = match port {
            None => 80,
            Some(port) => port
                .parse()
                .map_err(|_| format!("\"{port}\" is not a port"))?,
        };
        Ok(Url {
            host: host.to_owned(),
            port,
            path: path.split('#').next().unwrap_or(path).to_owned(),
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn get_once(url: &str) -> Result<Vec<u8>, String> {
        get(&url.parse().unwrap(), &mut Lookup::default())
    }

    /// Answers one request with these bytes, and then closes the connection, or holds it open.
    fn answered(answer: &'static [u8], closes: bool) -> Result<Vec<u8>, String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let length = stream.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            // A client that has had enough closes first.
            let _ = stream.write_all(answer);
            (request, (!closes).then_some(stream))
        });
        let got = get_once(&format!("http://{address}/x"));
        let (request, _held) = server.join().unwrap();
        assert!(request.starts_with("GET /x HTTP/1.1\r\n"), "{request}");
        assert!(
            request.contains(&format!("Host: {address}\r\n")),
            "{request}"
        );
        got
    }

    #[test]
    fn a_body_ends_by_its_length_its_chunks_or_the_connection() {
        let length = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\na 1\nmore";
        assert_eq!(answered(length, false).unwrap(), b"a 1\n");
        let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\na \r\n2\r\n1\n\r\n0\r\n\r\n";
        assert_eq!(answered(chunks, false).unwrap(), b"a 1\n");
        let close = b"HTTP/1.0 200 OK\nServer: x\n\na 1\n";
        assert_eq!(answered(close, true).unwrap(), b"a 1\n");
    }

    #[test]
    fn what_is_no_good_answer_is_said() {
        for (answer, why) in [
            (&b"HTTP/1.1 404 Not Found\r\n\r\n"[..], "404 Not Found"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na 1\n",
                "before it is whole",
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
                "longer than",
            ),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
                "longer than",
            ),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                "without a length",
            ),
            (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", "gzip"),
            (b"", "before it is whole"),
        ] {
            let error = answered(answer, true).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    /// A server that says a little and then nothing takes no more than the time that it is given.
    #[test]
    fn silence_ends_with_the_time() {
        let start = Instant::now();
        let error = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na", false).unwrap_err();
        assert!(error.contains("no whole answer within 2s"), "{error}");
        assert!(start.elapsed() < TIME_MAX * 5, "{:?}", start.elapsed());
    }

    /// A server that never stops, in its head or in its body.
    #[test]
    fn endless_answers_are_cut_off() {
        for (head, why) in [
            ("HTTP/1.1 200 OK\r\n", "head without an end"),
            ("HTTP/1.1 200 OK\r\n\r\n", "longer than"),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let server = thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.write_all(head.as_bytes());
                let more = [b'x'; 1 << 16];
                while stream.write_all(&more).is_ok() {}
            });
            let error = get_once(&format!("http://{address}")).unwrap_err();
            assert!(error.contains(why), "{error}");
            server.join().unwrap();
        }
    }

    #[test]
    fn urls_have_a_host_a_port_and_a_path() {
        for (text, shown) in [
            ("http://host", "http://host:80/metrics"),
            ("http://host:9100/", "http://host:9100/"),
            ("http://[::1]:9/a/b?c=d#e", "http://[::1]:9/a/b?c=d"),
        ] {
            assert_eq!(text.parse::<Url>().unwrap().to_string(), shown);
        }
        for bad in [
            "https://host",
            "http://",
            "http://:80",
            "http://host:http",
            "http://a@host",
            "http://[::1",
            "http://host/a b",
            "host:9100",
        ] {
            assert!(bad.parse::<Url>().is_err(), "{bad}");
        }
    }
}
