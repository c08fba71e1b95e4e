//! Requests to the hub: where the token goes, how redirects are followed, and how long to wait.

use super::endpoint::{Endpoint, is_local};
use super::error::HubError;
use harness_hub::escaped;
use std::io::{self, Read};
use std::time::Duration;
use std::{env, fs};
use ureq::http::header::{AUTHORIZATION, LOCATION, RANGE};
use ureq::http::{Response, Uri};
use ureq::{Agent, Body};

/// How many redirects of a request are followed.
const REDIRECTS: usize = 5;
/// How long looking up a host and connecting to it may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the hub may be silent, unless `HF_HUB_DOWNLOAD_TIMEOUT` says so.
const SILENCE: u64 = 10;

/// Why a request failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The hub itself answered with an HTTP status that a retry does not change.
    Status(u16),
    /// The network failed, or the hub for the moment, so that a retry may succeed.
    Network(String),
    /// The answer is not one of a sound hub.
    Refused(String),
    /// The hub has no bytes from there on.
    Range,
}

/// A connection to the hub that the environment names.
pub(super) struct Client {
    agent: Agent,
    endpoint: Endpoint,
    token: Option<String>,
    silence: u64,
}

impl Client {
    /// Reads `HF_ENDPOINT`, `HF_HUB_DOWNLOAD_TIMEOUT`, and `HF_TOKEN` or the token file that
    /// logging in writes. The second value is a warning: why the token is not sent.
    pub(super) fn from_environment() -> Result<(Client, Option<String>), HubError> {
        let endpoint = Endpoint::new(variable("HF_ENDPOINT")?.as_deref())?;
        let silence = match variable("HF_HUB_DOWNLOAD_TIMEOUT")? {
            Some(text) => seconds(&text)?,
            None => SILENCE,
        };
        let mut token = token()?;
        let mut warning = None;
        if token.is_some() && !endpoint.is_private() {
            token = None;
            warning = Some(format!(
                "your token is not sent to {}, because the connection is not encrypted; set `HF_ENDPOINT` to an \
                 address with https",
                endpoint.as_str()
            ));
        }
        let wait = Some(Duration::from_secs(silence));
        let config = Agent::config_builder()
            // `Client::get` follows redirects itself.
            .max_redirects(0)
            .user_agent(concat!("clbench/", env!("CARGO_PKG_VERSION")))
            // The sizes in the list are those of the files as they are.
            .accept_encoding("identity")
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(wait)
            .timeout_per_read(wait)
            .timeout_per_write(wait)
            .build();
        let client = Client {
            agent: config.into(),
            endpoint,
            token,
            silence,
        };
        Ok((client, warning))
    }

    /// The hub's address.
    pub(super) fn endpoint(&self) -> &str {
        self.endpoint.as_str()
    }

    /// Gets a path of the hub, from byte `from` on.
    pub(super) fn get(&self, path: &str, from: u64) -> Result<Response<Body>, Failure> {
        let mut uri = self
            .endpoint
            .at(path)
            .ok_or_else(|| Failure::Network("the address is too long".into()))?;
        for _ in 0..=REDIRECTS {
            let response = self.request(&uri, from)?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let location = response.headers().get(LOCATION);
            let location =
                location.map_or("".into(), |text| String::from_utf8_lossy(text.as_bytes()));
            let next = self.endpoint.redirect(&uri, &location);
            uri = next.map_err(Failure::Refused)?;
        }
        Err(Failure::Refused(format!(
            "redirects more than {REDIRECTS} times"
        )))
    }

    /// A single request. The token goes to the hub's own address only.
    fn request(&self, uri: &Uri, from: u64) -> Result<Response<Body>, Failure> {
        let mut request = self.agent.get(uri);
        let own = self.endpoint.owns(uri);
        if let Some(token) = self.token.as_ref().filter(|_| own) {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        if is_local(uri) {
            // A proxy would carry it, and the token, away from this machine.
            request = request.config().proxy(None).build();
        }
        request.call().map_err(|error| match error {
            ureq::Error::StatusCode(416) => Failure::Range,
            ureq::Error::StatusCode(status) if status >= 500 || matches!(status, 408 | 429) => {
                Failure::Network(format!("status {status}"))
            }
            ureq::Error::StatusCode(status) if own => Failure::Status(status),
            ureq::Error::StatusCode(status) => {
                Failure::Network(format!("status {status} after a redirect"))
            }
            error => Failure::Network(self.said(error)),
        })
    }

    /// Reads some of an answer.
    pub(super) fn read(&self, body: &mut impl Read, buffer: &mut [u8]) -> Result<usize, Failure> {
        loop {
            match body.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read.map_err(|error| Failure::Network(self.said(error.into()))),
            }
        }
    }

    fn said(&self, error: ureq::Error) -> String {
        match error {
            ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => {
                format!("cannot be reached within {} seconds", CONNECT.as_secs())
            }
            ureq::Error::Timeout(_) => format!("silent for {} s", self.silence),
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                "the connection broke off".into()
            }
            ureq::Error::Io(error) => escaped(&error.to_string()),
            error => escaped(&error.to_string()),
        }
    }
}

/// A variable that is set and not empty.
fn variable(name: &'static str) -> Result<Option<String>, HubError> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(HubError::Variable {
            variable: name,
            what: "is not UTF-8 text; set it again".into(),
        }),
    }
}

fn seconds(text: &str) -> Result<u64, HubError> {
    let number = text.trim().parse().ok();
    let valid = number.filter(|number| (1..=86400).contains(number));
    valid.ok_or_else(|| HubError::Variable {
        variable: "HF_HUB_DOWNLOAD_TIMEOUT",
        what: "must be a number of whole seconds from 1 to 86400".into(),
    })
}

/// The user's token. No message shows it.
fn token() -> Result<Option<String>, HubError> {
    let left = || fs::read_to_string(harness_hub::home()?.join("token")).ok();
    let token = variable("HF_TOKEN")?.or_else(left).unwrap_or_default();
    match token.trim() {
        "" => Ok(None),
        token if token.chars().all(|c| c.is_ascii_graphic()) => Ok(Some(token.into())),
        _ => Err(HubError::Variable {
            variable: "HF_TOKEN",
            what: "or the token file has characters that a token cannot have; copy the token again"
                .into(),
        }),
    }
}
