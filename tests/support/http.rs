//! As much of HTTP/1.1 as the clients of object stores speak: one request a connection.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(crate) type Headers = Vec<(String, String)>;

#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query, as they were sent.
    pub(crate) target: String,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Without `Content-Length`, unless it is not the body's.
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

/// What comes back over the wire.
pub(crate) enum Answer {
    Whole(Response),
    /// The head and half of the body, then the end.
    Truncated(Response),
    /// The head and half of the body, then silence.
    Stalled(Response),
    /// The head, then the body a byte a second.
    Trickling(Response),
    /// The end at once.
    Dropped,
    /// Silence.
    Hung,
}

/// Answers on a port of this machine as long as it lives.
pub(crate) struct HttpServer {
    pub(crate) port: u16,
    stopped: Arc<AtomicBool>,
}

impl HttpServer {
    pub(crate) fn start(answer: impl Fn(Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let stopped = Arc::new(AtomicBool::new(false));
        let (until, answer) = (Arc::clone(&stopped), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if until.load(Ordering::SeqCst) {
                    return;
                }
                let (answer, until) = (Arc::clone(&answer), Arc::clone(&until));
                // A client that went away is no failure of the test.
                std::thread::spawn(move || converse(stream, &*answer, &until).ok());
            }
        });
        Self { port, stopped }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Request {
    fn read(stream: &TcpStream) -> std::io::Result<Option<Self>> {
        let mut reader = BufReader::new(stream);
        let (first, headers) = read_head(&mut reader)?;
        let mut words = first.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
        let (method, target) = (method.to_owned(), target.to_owned());
        let length = header(&headers, "content-length").and_then(|length| length.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        Ok(Some(Self { method, target, headers, body }))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Asks another server the same; in HTTP/1.0, to which nobody answers in chunks.
    pub(crate) fn forward(&self, port: u16) -> std::io::Result<Response> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        let mut head = format!("{} {} HTTP/1.0\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            if !name.eq_ignore_ascii_case("connection") {
                write!(head, "{name}: {value}\r\n").unwrap();
            }
        }
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        stream.write_all(&self.body)?;
        let mut reader = BufReader::new(&stream);
        let (first, mut headers) = read_head(&mut reader)?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut body = Vec::new();
        reader.read_to_end(&mut body)?;
        let hop = ["connection", "transfer-encoding", "keep-alive"];
        let own_length = self.method != "HEAD";
        headers.retain(|(name, _)| {
            let name = name.to_lowercase();
            !(hop.contains(&name.as_str()) || own_length && name == "content-length")
        });
        Ok(Response { status: status.unwrap_or(502), headers, body })
    }
}

impl Response {
    pub(crate) fn new(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Self { status, headers: headers.collect(), body: body.into() }
    }

    /// What S3 and its kin say when something is wrong.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
        Self::new(status, &[("Content-Type", "application/xml")], body)
    }
}

pub(crate) fn header<'a>(headers: &'a Headers, wanted: &str) -> Option<&'a str> {
    headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, v)| v.as_str())
}

fn read_head(reader: &mut impl BufRead) -> std::io::Result<(String, Headers)> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let first = line.trim_end().to_owned();
    let mut headers = Headers::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok((first, headers))
}

fn converse(
    mut stream: TcpStream,
    answer: &dyn Fn(Request) -> Answer,
    stopped: &AtomicBool,
) -> std::io::Result<()> {
    let Some(request) = Request::read(&stream)? else { return Ok(()) };
    let head_only = request.method == "HEAD";
    let answer = answer(request);
    let trickles = matches!(answer, Answer::Trickling(_));
    let (response, part, silent) = match answer {
        Answer::Whole(response) | Answer::Trickling(response) => (Some(response), false, false),
        Answer::Truncated(response) => (Some(response), true, false),
        Answer::Stalled(response) => (Some(response), true, true),
        Answer::Dropped => (None, false, false),
        Answer::Hung => (None, false, true),
    };
    if let Some(Response { status, headers, body }) = response {
        let mut head = format!("HTTP/1.1 {status} -\r\nConnection: close\r\n");
        for (name, value) in &headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        if header(&headers, "content-length").is_none() && ![204, 304].contains(&status) {
            write!(head, "Content-Length: {}\r\n", body.len()).unwrap();
        }
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        if trickles {
            for byte in &body {
                stream.write_all(&[*byte])?;
                std::thread::sleep(Duration::from_secs(1));
            }
        } else if !head_only {
            stream.write_all(&body[..if part { body.len() / 2 } else { body.len() }])?;
        }
        stream.flush()?;
    }
    while silent && !stopped.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
