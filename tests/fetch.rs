//! `clbench fetch model` with a local hub that implements the real one's endpoints: the list of a
//! model's files, redirects of large files to a store, range requests.

mod hostile;
mod server;

use crate::tables::rows;
use clbench_tests::{Dir, Outcome, Run, root};
use serde_json::json;
use server::{Answer, Body, Request, Server};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const WEIGHTS: &str = "model.safetensors";
/// The files that a backbone reads.
const READ: [&str; 4] = [
    "config.json",
    WEIGHTS,
    "preprocessor_config.json",
    "tokenizer.json",
];

/// A hub with the model `org/small`, which is the small CLIP of the repository.
struct Hub {
    server: Server,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    /// How many more transfers of the weights break off halfway.
    cuts: AtomicUsize,
    /// How many more transfers of the weights deliver wrong bytes.
    damages: AtomicUsize,
}

impl Hub {
    fn start() -> Hub {
        Hub::with(&READ)
    }

    /// A hub with these files; those that the small CLIP does not have must not be read.
    fn with(names: &[&str]) -> Hub {
        let folder = root().join("plugins/clip/weights/small");
        let content = |name: &str| fs::read(folder.join(name)).unwrap_or(b"unread".into());
        let files = names.iter().map(|name| (name.to_string(), content(name)));
        let state = Arc::new(State {
            files: files.collect(),
            ..State::default()
        });
        let answers = state.clone();
        Hub {
            server: Server::start(move |request, address| answers.answer(request, address)),
            state,
        }
    }

    /// The requests since the last call: path, range, token.
    fn asked(&self) -> Vec<String> {
        self.server.asked()
    }

    fn call<'a>(&self, dir: &'a Dir, args: &[&str]) -> Run<'a> {
        call(dir, &self.server.address, args)
    }
}

/// `clbench fetch model`, with nothing but the hub's address in its environment.
fn call<'a>(dir: &'a Dir, address: &str, args: &[&str]) -> Run<'a> {
    let run = dir
        .clbench([&["fetch", "model"], args].concat())
        .env("HF_HOME", dir.path("hf"))
        .env("HF_ENDPOINT", address);
    let others = ["HF_HUB_CACHE", "HF_TOKEN", "HF_HUB_DOWNLOAD_TIMEOUT"].map(String::from);
    let proxies = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"];
    let proxies = proxies
        .iter()
        .flat_map(|name| [name.to_string(), name.to_uppercase()]);
    let names = others.into_iter().chain(proxies);
    names.fold(run, |run, name| run.without_env(&name))
}

/// Git's id of a content.
fn git_id(content: &[u8]) -> String {
    let header = format!("blob {}\0", content.len());
    format!("{:x}", Sha1::digest([header.as_bytes(), content].concat()))
}

fn sha256(content: &[u8]) -> String {
    format!("{:x}", Sha256::digest(content))
}

impl State {
    /// The git id of a small file; the SHA-256 of a large one.
    fn etag(&self, name: &str) -> String {
        match name == WEIGHTS {
            true => sha256(&self.files[name]),
            false => git_id(&self.files[name]),
        }
    }

    fn listing(&self) -> String {
        let files: Vec<_> = self
            .files
            .iter()
            .map(|(name, content)| match name == WEIGHTS {
                true => json!({
                    "rfilename": name, "size": content.len(), "blobId": "f".repeat(40),
                    "lfs": { "sha256": self.etag(name), "size": content.len(), "pointerSize": 134 },
                }),
                false => {
                    json!({ "rfilename": name, "size": content.len(), "blobId": self.etag(name) })
                }
            })
            .collect();
        json!({ "id": "org/small", "sha": COMMIT, "siblings": files }).to_string()
    }

    fn answer(&self, request: &Request, address: &str) -> Answer {
        let path = &request.path;
        if path == "/api/models/org/small/revision/main?blobs=true" {
            return Answer::ok(self.listing());
        }
        if path.starts_with("/api/models/org/private/") {
            return Answer::status("401 Unauthorized");
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        let Some(content) = self.files.get(name) else {
            return Answer::status("404 Not Found");
        };
        let etag = format!("\"{}\"", self.etag(name));
        if path == &format!("/org/small/resolve/{COMMIT}/{name}") && name == WEIGHTS {
            return Answer::redirect(format!("{address}/store/{name}"))
                .with("X-Repo-Commit", COMMIT)
                .with("X-Linked-Etag", etag);
        }
        let (from, to) = request.bytes(content);
        let mut part = content[from..=to].to_vec();
        let takes = |counter: &AtomicUsize| {
            let left = |n: usize| n.checked_sub(1);
            let relaxed = Ordering::Relaxed;
            name == WEIGHTS && counter.fetch_update(relaxed, relaxed, left).is_ok()
        };
        if takes(&self.damages) {
            part[7] ^= 1;
        }
        let half = part.len() / 2;
        let body = match takes(&self.cuts) {
            true => Body::Cut(part, half),
            false => Body::Whole(part),
        };
        let answer = match request.range.is_empty() {
            true => Answer::new("200 OK", body),
            false => Answer::new("206 Partial Content", body).with(
                "Content-Range",
                format!("bytes {from}-{to}/{}", content.len()),
            ),
        };
        answer.with("X-Repo-Commit", COMMIT).with("ETag", etag)
    }
}

fn repository(dir: &Dir) -> PathBuf {
    dir.path("hf/hub/models--org--small")
}

/// The requests for files.
fn files(asked: Vec<String>) -> Vec<String> {
    let mut asked = asked;
    asked.retain(|line| !line.starts_with("/api/"));
    asked
}

fn refused(outcome: &Outcome, hub: &Hub) -> String {
    assert_eq!(outcome.code, 4, "{}", outcome.stderr);
    outcome.stderr.replace(&hub.server.address, "HUB")
}

#[test]
fn a_model_is_downloaded_once_and_used_by_its_name() {
    let hub = Hub::with(
        &[
            &READ[..],
            &["README.md", "pytorch_model.bin", "onnx/model.onnx"],
        ]
        .concat(),
    );
    let dir = Dir::new();
    let first = hub
        .call(&dir, &["org/small"])
        .env("HF_TOKEN", "secret")
        .succeeds();
    let folder = repository(&dir).join("snapshots").join(COMMIT);
    let said = first.stdout.replace(COMMIT, "COMMIT");
    let (place, rest) = said.split_once(": ").unwrap();
    assert_eq!(place, "DIR/hf/hub/models--org--small/snapshots/COMMIT");
    assert!(rest.starts_with("4 files, "), "{rest}");
    assert!(rest.ends_with(
        " MiB, all downloaded\nTo use it in a scenario, add to a backbone's parameters:\n  model: org/small\n  revision: COMMIT\n"
    ), "{rest}");
    assert_eq!(first.stderr.lines().count(), 4, "{}", first.stderr);
    let asked = hub.asked();
    assert!(asked[0].ends_with("Bearer secret"), "{}", asked[0]);
    // Only the files that are read; no pickled or unneeded ones.
    let mut there: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort();
    assert_eq!(there, READ);
    for name in &there {
        assert_eq!(
            fs::read(folder.join(name)).unwrap(),
            hub.state.files[name],
            "{name}"
        );
    }
    // The layout of huggingface_hub, and nothing else.
    assert_eq!(
        fs::read_to_string(repository(&dir).join("refs/main")).unwrap(),
        COMMIT
    );
    assert_eq!(
        fs::read_dir(repository(&dir).join("refs")).unwrap().count(),
        1
    );
    assert_eq!(
        fs::read_dir(repository(&dir).join("blobs"))
            .unwrap()
            .count(),
        4
    );

    let again = hub.call(&dir, &["org/small"]).succeeds();
    assert!(
        again.stdout.contains("already in the cache"),
        "{}",
        again.stdout
    );
    assert_eq!(files(hub.asked()), [""; 0]);
    // A new commit with the same contents: they are linked, not downloaded.
    fs::remove_dir_all(repository(&dir).join("snapshots")).unwrap();
    hub.call(&dir, &["org/small"]).succeeds();
    assert_eq!(files(hub.asked()), [""; 0]);

    dir.write(
        "by-name.yaml",
        "seeds: [1992]\nstream: {tasks: 5, class_order: {numpy: seed}}\ndomains: {digits: {source: digits}}\n\
         backbones: {clip: {parameters: {model: org/small}}}\nstrategies: {zero-shot: {}}\n",
    );
    dir.clbench(["run", "by-name.yaml", "--limit", "3", "--out", "out"])
        .env("HF_HOME", dir.path("hf"))
        .without_env("HF_HUB_CACHE")
        .succeeds();
    assert!(!rows(&dir.path("out/accuracy.csv")).is_empty());
    assert_eq!(hub.asked(), [""; 0]);
}

#[test]
fn an_interrupted_transfer_resumes() {
    let hub = Hub::start();
    let dir = Dir::new();
    let content = &hub.state.files[WEIGHTS];
    // In the same call …
    hub.state.cuts.store(1, Ordering::Relaxed);
    hub.call(&dir, &["org/small"]).succeeds();
    let half = content.len() / 2;
    let resumed = format!("/store/{WEIGHTS} bytes={half}-");
    assert!(hub.asked().contains(&resumed));
    let weights = repository(&dir)
        .join("snapshots")
        .join(COMMIT)
        .join(WEIGHTS);
    assert_eq!(&fs::read(&weights).unwrap(), content);
    // … and in a later one, after the first was killed.
    let blob = fs::canonicalize(&weights).unwrap();
    fs::remove_file(&blob).unwrap();
    fs::write(blob.with_extension("part"), &content[..1000]).unwrap();
    hub.call(&dir, &["org/small"]).succeeds();
    assert!(
        hub.asked()
            .contains(&format!("/store/{WEIGHTS} bytes=1000-"))
    );
    assert_eq!(&fs::read(&weights).unwrap(), content);
}

#[test]
fn damaged_files_are_removed() {
    let hub = Hub::start();
    let dir = Dir::new();
    hub.state.damages.store(1, Ordering::Relaxed);
    let outcome = hub.call(&dir, &["org/small"]).outcome();
    let said = refused(&outcome, &hub);
    assert!(
        said.contains("error: model.safetensors of `org/small` was damaged in transfer (SHA-256 "),
        "{said}"
    );
    assert!(
        said.ends_with(" and has been removed; fetch it again\n"),
        "{said}"
    );
    // No name points to an incomplete model.
    assert!(!repository(&dir).join("refs/main").exists());
    hub.call(&dir, &["org/small"]).succeeds();
    let weights = repository(&dir)
        .join("snapshots")
        .join(COMMIT)
        .join(WEIGHTS);
    assert_eq!(fs::read(weights).unwrap(), hub.state.files[WEIGHTS]);
}

#[test]
fn messages_say_why_a_model_cannot_be_fetched() {
    let mut hub = Hub::start();
    let dir = Dir::new();
    let said = |args: &[&str]| refused(&hub.call(&dir, args).outcome(), &hub);
    assert_eq!(
        said(&["org/none"]),
        "error: model `org/none` at revision `main` not found on HUB; check the name and the revision\n"
    );
    assert_eq!(
        said(&["org/small", "--revision", "v9"]),
        "error: model `org/small` at revision `v9` not found on HUB; check the name and the revision\n"
    );
    assert_eq!(
        said(&["org/private"]),
        "error: HUB denies access to model `org/private` (status 401); check the name, or, if the model is private or gated, set \
         `HF_TOKEN` to the token of an account with access\n"
    );
    let outcome = hub.call(&dir, &["../small"]).outcome();
    assert_eq!(outcome.code, 2, "{}", outcome.stderr);
    // Nothing listens on this port.
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    hub.server.address = format!("http://{free}");
    let said = refused(&hub.call(&dir, &["org/small"]).outcome(), &hub);
    assert!(said.starts_with("error: HUB: "), "{said}");
    assert!(said.contains("`HF_ENDPOINT`"), "{said}");

    let hub = Hub::with(&["config.json", "pytorch_model.bin"]);
    let said = refused(&hub.call(&dir, &["org/small"]).outcome(), &hub);
    assert!(
        said.starts_with(
            "error: `org/small` at revision `main` has only pickled weights (pytorch_model.bin), "
        ),
        "{said}"
    );
}
