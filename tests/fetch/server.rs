//! A local HTTP server, whose answers a test decides.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request for a path.
pub struct Request {
    pub path: String,
    /// The header `Range`.
    pub range: String,
    /// The header `Authorization`.
    pub token: String,
}

impl Request {
    /// The first and the last byte that are asked for, of a content.
    pub fn bytes(&self, content: &[u8]) -> (usize, usize) {
        let range = self.range.strip_prefix("bytes=");
        let (from, to) = range
            .and_then(|range| range.split_once('-'))
            .unwrap_or(("0", ""));
        let last = content.len().saturating_sub(1);
        (from.parse().unwrap(), to.parse().unwrap_or(last))
    }
}

/// An answer.
pub struct Answer {
    pub status: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
}

/// The body of an answer.
pub enum Body {
    Whole(Vec<u8>),
    /// Breaks off after so many bytes.
    Cut(Vec<u8>, usize),
    /// Sends nothing more after so many bytes, and does not break off.
    Silent(Vec<u8>, usize),
    /// Does not say how long it is, and ends with the connection.
    Unmeasured(Vec<u8>),
    /// Repeats these bytes without end.
    Endless(&'static [u8]),
}

impl Answer {
    pub fn ok(body: impl Into<Vec<u8>>) -> Answer {
        Answer::new("200 OK", Body::Whole(body.into()))
    }

    pub fn status(status: &'static str) -> Answer {
        Answer::new(status, Body::Whole(Vec::new()))
    }

    pub fn redirect(address: impl Into<String>) -> Answer {
        Answer::status("302 Found").with("Location", address)
    }

    pub fn new(status: &'static str, body: Body) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            body,
        }
    }

    pub fn with(mut self, header: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((header, value.into()));
        self
    }

    fn send(self, mut stream: TcpStream) -> io::Result<()> {
        write!(stream, "HTTP/1.1 {}\r\nConnection: close\r\n", self.status)?;
        for (name, value) in &self.headers {
            write!(stream, "{name}: {value}\r\n")?;
        }
        let (bytes, count) = match &self.body {
            Body::Whole(bytes) => (bytes, bytes.len()),
            Body::Cut(bytes, count) | Body::Silent(bytes, count) => (bytes, *count),
            Body::Unmeasured(bytes) => {
                write!(stream, "\r\n")?;
                return stream.write_all(bytes);
            }
            Body::Endless(bytes) => {
                write!(stream, "Transfer-Encoding: chunked\r\n\r\n")?;
                loop {
                    write!(stream, "{:x}\r\n", bytes.len())?;
                    stream.write_all(bytes)?;
                    write!(stream, "\r\n")?;
                }
            }
        };
        write!(stream, "Content-Length: {}\r\n\r\n", bytes.len())?;
        stream.write_all(&bytes[..count])?;
        if let Body::Silent(..) = self.body {
            // Until the other side gives up.
            stream.read_to_end(&mut Vec::new())?;
        }
        Ok(())
    }
}

/// A server on a free port of this machine.
pub struct Server {
    /// Such as `http://127.0.0.1:1234`.
    pub address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a server. `answer` gets each request and the server's address.
    pub fn start(answer: impl Fn(&Request, &str) -> Answer + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server {
            address: format!("http://{}", listener.local_addr().unwrap()),
            asked: Arc::default(),
        };
        let (address, asked) = (server.address.clone(), server.asked.clone());
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (address, asked, answer) = (address.clone(), asked.clone(), answer.clone());
                thread::spawn(move || -> io::Result<()> {
                    // Some tests close the connection early.
                    let request = read(&stream, &asked)?;
                    answer(&request, &address).send(stream)
                });
            }
        });
        server
    }

    /// The requests since the last call: path, range, token.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// Reads a request. As a proxy, the server lets everything through to itself.
fn read(stream: &TcpStream, asked: &Mutex<Vec<String>>) -> io::Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    loop {
        let first = lines.next().unwrap_or(Ok(String::new()))?;
        let mut headers = BTreeMap::new();
        for line in &mut lines {
            match line?.split_once(": ") {
                Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
                None => break,
            };
        }
        let mut header = |name: &str| headers.remove(name).unwrap_or_default();
        let mut words = first.split(' ');
        let (verb, path) = (words.next(), words.next().unwrap_or_default());
        let request = Request {
            path: path.into(),
            range: header("range"),
            token: header("authorization"),
        };
        let line = match verb {
            Some("CONNECT") => first.clone(),
            _ => format!("{path} {} {}", request.range, request.token),
        };
        asked.lock().unwrap().push(line.trim_end().to_owned());
        match verb {
            Some("CONNECT") => (&mut &*stream).write_all(b"HTTP/1.1 200 OK\r\n\r\n")?,
            _ => return Ok(request),
        }
    }
}
