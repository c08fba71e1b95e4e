//! The hub's address, and the addresses that its answers lead to.

use super::error::HubError;
use harness_hub::Quoted;
use std::net::IpAddr;
use ureq::http::Uri;
use ureq::http::uri::Scheme;

const DEFAULT: &str = "https://huggingface.co";

/// The hub's address.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// As the user wrote it, without a slash at its end.
    text: String,
    uri: Uri,
}

impl Endpoint {
    /// The address in `HF_ENDPOINT`, by default the public hub's.
    pub(super) fn new(text: Option<&str>) -> Result<Endpoint, HubError> {
        let text = text.unwrap_or(DEFAULT).trim_end_matches('/');
        let uri = address(text).filter(|uri| uri.query().is_none());
        let uri = uri.ok_or_else(|| HubError::Variable {
            variable: "HF_ENDPOINT",
            what: match text.contains('@') {
                // It is not shown: it may contain a password.
                true => "must not contain a user name; set `HF_TOKEN` to a token instead".into(),
                false => format!(
                    "is {}, which is not an address of a hub; write it like `{DEFAULT}`",
                    Quoted(text)
                ),
            },
        })?;
        Ok(Endpoint {
            text: text.into(),
            uri,
        })
    }

    /// The address as a string.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The address of something on the hub.
    pub(super) fn at(&self, path: &str) -> Option<Uri> {
        address(&format!("{}{path}", self.text))
    }

    /// Whether nobody between here and the hub can read what is sent: it is encrypted, or stays on
    /// this machine, as it does for tests and local mirrors.
    pub(super) fn is_private(&self) -> bool {
        encrypted(&self.uri) || is_local(&self.uri)
    }

    /// Whether an address is the hub's own: of the same scheme, host and port.
    pub(super) fn owns(&self, uri: &Uri) -> bool {
        origin(uri) == origin(&self.uri)
    }

    /// The address that a redirect leads to.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn redirect(&self, from: &Uri, location: &str) -> Result<Uri, String> {
        let (scheme, host) = (from.scheme_str(), from.authority());
        let (scheme, host) = scheme.zip(host).expect("requests go to whole addresses");
        let text = match location {
            // Another host, under the same scheme.
            text if text.starts_with("//") => format!("{scheme}:{text}"),
            text if text.starts_with('/') => format!("{scheme}://{host}{text}"),
            text => text.into(),
        };
        let leads = format!("redirects to {}", Quoted(location));
        let uri = address(&text).ok_or_else(|| format!("{leads}, which is not an address"))?;
        match encrypted(&self.uri) && !encrypted(&uri) {
            true => Err(format!("{leads}, which is not encrypted")),
            false => Ok(uri),
        }
    }
}

/// A whole address without a user name, which would be sent as a password's.
fn address(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let known = [Scheme::HTTP, Scheme::HTTPS]
        .iter()
        .any(|scheme| uri.scheme() == Some(scheme));
    let host = uri
        .authority()
        .is_some_and(|host| !host.host().is_empty() && !host.as_str().contains('@'));
    (known && host).then_some(uri)
}

fn encrypted(uri: &Uri) -> bool {
    uri.scheme() == Some(&Scheme::HTTPS)
}

/// Whether an address is on this machine.
pub(super) fn is_local(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse();
    host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn origin(uri: &Uri) -> (bool, String, u16) {
    let encrypted = encrypted(uri);
    let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
    let host = uri.host().unwrap_or_default();
    (encrypted, host.to_ascii_lowercase(), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        Endpoint::new(Some(text)).unwrap()
    }

    #[test]
    fn an_endpoint_is_an_http_address_without_a_password() {
        assert_eq!(Endpoint::new(None).unwrap().as_str(), DEFAULT);
        let mirror = endpoint("https://mirror.example/hub/");
        let uri = mirror.at("/api/models/gpt2").unwrap();
        assert_eq!(
            uri.to_string(),
            "https://mirror.example/hub/api/models/gpt2"
        );
        for text in [
            "",
            "mirror.example",
            "/hub",
            "ftp://mirror.example",
            "file:///etc",
            "https://",
            "https://user:password@mirror.example",
            "https://mirror.example?x",
            "https://mirror example",
            "https://mirror.example/\u{1b}[31m",
        ] {
            assert!(Endpoint::new(Some(text)).is_err(), "{text}");
        }
        assert_eq!(
            Endpoint::new(Some("mirror.example"))
                .unwrap_err()
                .to_string(),
            "`HF_ENDPOINT` is `mirror.example`, which is not an address of a hub; write it like `https://huggingface.co`"
        );
        assert_eq!(
            Endpoint::new(Some("https://user:password@mirror.example"))
                .unwrap_err()
                .to_string(),
            "`HF_ENDPOINT` must not contain a user name; set `HF_TOKEN` to a token instead"
        );
    }

    #[test]
    fn a_token_can_be_sent_over_https_and_on_this_machine() {
        for (text, private) in [
            ("https://mirror.example", true),
            ("http://mirror.example", false),
            ("http://127.0.0.1:80", true),
            ("http://localhost:8080", true),
            ("http://[::1]:8080", true),
            ("http://localhost.example", false),
            ("http://127.0.0.1.example", false),
            ("http://10.0.0.1", false),
            ("http://0.0.0.0", false),
        ] {
            assert_eq!(endpoint(text).is_private(), private, "{text}");
        }
    }

    #[test]
    fn only_addresses_of_the_same_scheme_host_and_port_are_the_hubs_own() {
        let hub = endpoint("https://hub.example/path");
        for (text, own) in [
            ("https://hub.example/other", true),
            ("https://HUB.example:443/", true),
            ("http://hub.example/", false),
            ("https://hub.example:8443/", false),
            ("https://cdn.hub.example/", false),
            ("https://hub.example.evil.example/", false),
        ] {
            assert_eq!(hub.owns(&text.parse().unwrap()), own, "{text}");
        }
    }

    #[test]
    fn a_redirect_leads_to_a_whole_address_and_stays_encrypted() {
        let follow = |hub: &str, location: &str| {
            let hub = endpoint(hub);
            let uri = hub.redirect(&hub.at("/a/b").unwrap(), location);
            uri.map(|uri| uri.to_string())
        };
        let hub = "https://hub.example";
        for (location, found) in [
            ("/c?d", "https://hub.example/c?d"),
            ("//cdn.example/c", "https://cdn.example/c"),
            ("https://cdn.example/c", "https://cdn.example/c"),
        ] {
            assert_eq!(follow(hub, location).unwrap(), found);
        }
        assert_eq!(
            follow(hub, "http://hub.example/c").unwrap_err(),
            "redirects to `http://hub.example/c`, which is not encrypted"
        );
        for location in [
            "",
            "c",
            "ftp://hub.example/",
            "file:///etc/passwd",
            "https://hub.example@evil.example/",
            "https://evil.example/\u{1b}[31m",
        ] {
            let said = follow(hub, location).unwrap_err();
            assert!(said.ends_with(", which is not an address"), "{said}");
            assert!(!said.contains('\u{1b}'));
        }
        assert!(follow("http://localhost:1", "http://localhost:2/c").is_ok());
    }
}
