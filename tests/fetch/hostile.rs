//! `clbench fetch model` with hubs that lie, stall, or want the user's files or token.

use super::server::{Answer, Body, Request, Server};
use super::{COMMIT, WEIGHTS, call, git_id, sha256};
use clbench_tests::{Dir, Outcome};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

const CONFIG: &[u8] = b"{\"a\": 1}";
const CONTENT: &[u8] = &[b'W'; 5000];
/// The model's files, in the order in which they are fetched.
const FILES: [&str; 4] = [
    "config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    WEIGHTS,
];

fn content(name: &str) -> &'static [u8] {
    if name == WEIGHTS { CONTENT } else { CONFIG }
}

/// What a sound hub lists.
fn listing() -> Value {
    let files = FILES.map(|name| {
        let content = content(name);
        match name == WEIGHTS {
            true => json!({
                "rfilename": name, "size": content.len(), "lfs": { "sha256": sha256(content) },
            }),
            false => json!({ "rfilename": name, "size": content.len(), "blobId": git_id(content) }),
        }
    });
    json!({ "sha": COMMIT, "siblings": files })
}

/// What a sound hub answers to a request for a file.
fn file(request: &Request) -> Answer {
    let content = content(request.path.rsplit('/').next().unwrap());
    let (from, to) = request.bytes(content);
    match request.range.is_empty() {
        true => Answer::ok(content),
        false => Answer::new(
            "206 Partial Content",
            Body::Whole(content[from..=to].into()),
        )
        .with(
            "Content-Range",
            format!("bytes {from}-{to}/{}", content.len()),
        ),
    }
}

/// A hub with a list of files. Files are as a sound hub has them unless `answer` decides otherwise.
fn hub(
    listing: &Value,
    answer: impl Fn(&Request, &str) -> Option<Answer> + Send + Sync + 'static,
) -> Server {
    let listing = listing.to_string();
    Server::start(move |request, address| {
        let sound = || match request.path.starts_with("/api/") {
            true => Answer::ok(listing.clone()),
            false => file(request),
        };
        answer(request, address).unwrap_or_else(sound)
    })
}

fn sound() -> Server {
    hub(&listing(), |_, _| None)
}

/// A test's folder with files that no hub may touch.
struct Target(Dir);

impl Target {
    fn new() -> Target {
        let dir = Dir::new();
        dir.write("victims/file", "precious");
        dir.write("victims/folder/config.json", "precious");
        Target(dir)
    }

    fn fetch(&self, hub: &Server) -> Outcome {
        call(&self.0, &hub.address, &["org/small"])
            .env("HF_TOKEN", "secret")
            .outcome()
    }

    /// Fetches, which must fail. What the program says, and that it harmed nothing.
    fn refused(&self, hub: &Server) -> String {
        let outcome = self.fetch(hub);
        assert_eq!(outcome.code, 4, "{}", outcome.stderr);
        assert_eq!(outcome.stdout, "");
        assert!(!self.cached("refs").exists());
        self.assert_unharmed();
        outcome.stderr.replace(&hub.address, "HUB")
    }

    fn cached(&self, name: &str) -> PathBuf {
        self.0.path("hf/hub/models--org--small").join(name)
    }

    fn weights(&self) -> PathBuf {
        self.cached("snapshots").join(COMMIT).join(WEIGHTS)
    }

    fn assert_unharmed(&self) {
        let names = |folder: &str| names(&self.0.path(folder));
        let mut top = names(".");
        top.retain(|name| name != "hf");
        assert_eq!(top, ["victims"]);
        assert_eq!(names("victims"), ["file", "folder"]);
        assert_eq!(names("victims/folder"), ["config.json"]);
        for name in ["victims/file", "victims/folder/config.json"] {
            assert_eq!(fs::read_to_string(self.0.path(name)).unwrap(), "precious");
        }
        for folder in ["hf", "hf/hub"].map(|name| self.0.path(name)) {
            assert!(
                !folder.exists() || names_of_one(&folder),
                "{}",
                folder.display()
            );
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

fn names_of_one(folder: &Path) -> bool {
    names(folder).len() == 1
}

/// A message that refuses an answer.
fn faulty(what: &str) -> String {
    format!(
        "error: HUB: {what}; the hub is faulty or hostile, so nothing of this answer is kept; set `HF_ENDPOINT` to \
         another address of the hub\n"
    )
}

#[test]
fn a_list_of_files_that_no_sound_hub_sends_is_refused() {
    let commit = |id: &str| {
        (
            json!({ "sha": id }),
            format!(
                "lists an invalid commit: `{id}` is not a commit, which has 40 lowercase hexadecimal digits"
            ),
        )
    };
    let named = |name: &str| {
        (
            json!({ "siblings": [{ "rfilename": name }] }),
            format!("lists a file `{name}`, which leads out of the model's folder"),
        )
    };
    let id = |key: &str, id: &str, digits: usize| {
        let id_of = match key {
            "lfs" => json!({ "sha256": id }),
            _ => json!(id),
        };
        (
            json!({ "siblings": [{ "rfilename": "config.json" }, { "rfilename": WEIGHTS, key: id_of }] }),
            format!(
                "lists model.safetensors with an invalid id: `{id}` is not a content's id, which has {digits} \
                 lowercase hexadecimal digits"
            ),
        )
    };
    let cases = [
        commit("DIR/victims/folder"),
        commit("DIR/victims/file"),
        commit("../../../../victims/folder"),
        commit("../../../pwned"),
        commit(&COMMIT[1..]),
        commit(&COMMIT.to_uppercase()),
        named("model-/../../../../../../pwned.safetensors"),
        named("../pwned"),
        named("DIR/victims/file"),
        id("lfs", "é", 64),
        id("lfs", "abc", 64),
        id("lfs", "DIR/victims/file", 64),
        id("blobId", "../../../../victims/file", 40),
        (
            json!({ "sha": format!("\u{1b}[31m\r{}", "a".repeat(90)) }),
            format!(
                r"lists an invalid commit: `\u{{1b}}[31m\r{}…` is not a commit, which has 40 lowercase hexadecimal digits",
                "a".repeat(74)
            ),
        ),
        (
            json!({ "siblings": [{ "rfilename": "a" }, { "rfilename": "a" }] }),
            "lists the file `a` twice".into(),
        ),
        (
            json!({ "siblings": "\u{1b}[31m" }),
            r#"its answer is not a list of files: invalid type: string "\u{1b}[31m", expected a sequence at line 1 column 73"#
                .into(),
        ),
    ];
    for (change, what) in cases {
        let target = Target::new();
        let mut listing = listing();
        for (key, value) in change.as_object().unwrap() {
            listing[key] = value.clone();
        }
        let place = target.0.path("").display().to_string();
        let text = listing.to_string().replace("DIR/", &place);
        let hub = hub(&serde_json::from_str(&text).unwrap(), |_, _| None);
        assert_eq!(target.refused(&hub), faulty(&what));
        // Nothing was asked for and nothing written.
        assert_eq!(hub.asked().len(), 1);
        assert!(!target.0.path("hf").exists());
    }
    // Another commit than the one that the user asked for.
    let target = Target::new();
    let hub = sound();
    let other = "f".repeat(40);
    let args = ["org/small", "--revision", &other];
    let outcome = call(&target.0, &hub.address, &args).outcome();
    assert_eq!(
        outcome.stderr.replace(&hub.address, "HUB"),
        faulty(&format!("lists commit {COMMIT} instead of {other}"))
    );
}

#[test]
fn a_hub_that_sends_without_end_or_redirects_in_circles_is_given_up() {
    let target = Target::new();
    let endless = || Some(Answer::new("200 OK", Body::Endless(&[b' '; 1 << 16])));
    let circle = |_: &Request, address: &str| Some(Answer::redirect(format!("{address}/again")));
    assert_eq!(
        target.refused(&hub(&listing(), move |_, _| endless())),
        faulty("its list of files has more than 10000000 bytes")
    );
    assert_eq!(
        target.refused(&hub(&listing(), circle)),
        faulty("redirects more than 5 times")
    );
    assert_eq!(
        target.refused(&hub(&listing(), |_, _| Some(Answer::redirect(
            "file:///etc/passwd"
        )))),
        faulty("redirects to `file:///etc/passwd`, which is not an address")
    );
    assert!(!target.0.path("hf").exists());
    // A file without a listed size.
    let mut unlisted = listing();
    unlisted["siblings"][0] = json!({ "rfilename": "config.json" });
    assert_eq!(
        target.refused(&hub(&unlisted, move |request, _| {
            request
                .path
                .ends_with("/config.json")
                .then(endless)
                .flatten()
        })),
        faulty("config.json: sends more than 67108864 bytes without listing a size")
    );
    // It might be cut off.
    assert_eq!(
        target.refused(&hub(&unlisted, |request, _| {
            let config = request.path.ends_with("/config.json");
            config.then(|| Answer::new("200 OK", Body::Unmeasured(CONFIG.into())))
        })),
        faulty("config.json: neither lists nor sends a size or an id")
    );
    assert_eq!(names(&target.cached("blobs")), [""; 0]);
}

#[test]
fn a_content_other_than_the_listed_one_is_not_kept() {
    let damaged = |name: &str, what: &str| {
        format!(
            "error: {name} of `org/small` was damaged in transfer ({what}) and has been removed; fetch it again\n"
        )
    };
    let wrong = |name: &str| vec![b'x'; content(name).len()];
    let id = |name: &str, id: fn(&[u8]) -> String| {
        let [wrong, right] =
            [&wrong(name), content(name)].map(|content| id(content)[..12].to_owned());
        format!("{wrong}… instead of {right}…")
    };
    let small = FILES[0];
    type Case = (&'static str, fn() -> Answer, String);
    let cases: [Case; 7] = [
        (
            WEIGHTS,
            || Answer::new("200 OK", Body::Endless(b"WWWWWWWW")),
            faulty("model.safetensors: sends more than the 5000 bytes that it lists"),
        ),
        (
            WEIGHTS,
            || Answer::ok([b'W'; 6000]),
            faulty("model.safetensors: lists 5000 bytes, but sends 6000"),
        ),
        (
            WEIGHTS,
            || Answer::ok([b'W'; 4000]),
            faulty("model.safetensors: lists 5000 bytes, but sends 4000"),
        ),
        (
            WEIGHTS,
            || Answer::ok([b'x'; 5000]),
            damaged(WEIGHTS, &format!("SHA-256 {}", id(WEIGHTS, sha256))),
        ),
        (
            small,
            || Answer::ok([b'x'; 8]),
            damaged(small, &format!("git id {}", id(small, git_id))),
        ),
        (
            WEIGHTS,
            || {
                let part = Body::Whole(CONTENT[7..].into());
                Answer::new("206 Partial Content", part).with("Content-Range", "bytes 7-4999/5000")
            },
            faulty("model.safetensors: sends bytes from 7 on instead of 0"),
        ),
        (
            WEIGHTS,
            || Answer::status("204 No Content"),
            faulty("model.safetensors: answers with status 204"),
        ),
    ];
    for (name, answer, said) in cases {
        let target = Target::new();
        let hub = hub(&listing(), move |request, _| {
            request.path.ends_with(&format!("/{name}")).then(answer)
        });
        let stderr = target.refused(&hub);
        assert!(stderr.ends_with(&said), "{stderr}{said}");
        // What came before is complete, and there is nothing else.
        let complete = if name == WEIGHTS {
            vec![git_id(CONFIG)]
        } else {
            vec![]
        };
        assert_eq!(names(&target.cached("blobs")), complete);
        assert!(!target.weights().exists());
        // The same folder, and a sound hub.
        assert_eq!(target.fetch(&sound()).code, 0);
        assert_eq!(fs::read(target.weights()).unwrap(), CONTENT);
    }
}

#[test]
fn headers_never_become_paths_and_unlisted_ids_are_computed() {
    let target = Target::new();
    let mut bare = listing();
    for file in bare["siblings"].as_array_mut().unwrap() {
        *file = json!({ "rfilename": file["rfilename"] });
    }
    let victim = target.0.path("victims/file").display().to_string();
    let hub = hub(&bare, move |request, _| {
        let headers = ["ETag", "X-Linked-Etag"].map(|name| (name, format!("\"{victim}\"")));
        let commit = ("X-Repo-Commit", victim.clone());
        let evil = headers.into_iter().chain([commit]);
        let file = || {
            evil.fold(file(request), |answer, (name, value)| {
                answer.with(name, value)
            })
        };
        (!request.path.starts_with("/api/")).then(file)
    });
    assert_eq!(target.fetch(&hub).code, 0);
    target.assert_unharmed();
    let mut blobs = [sha256(CONFIG), sha256(CONTENT)];
    blobs.sort();
    assert_eq!(names(&target.cached("blobs")), blobs);
    assert_eq!(fs::read(target.weights()).unwrap(), CONTENT);
    // The ids of another hub are those of the same contents.
    let sound = sound();
    assert!(target.fetch(&sound).stdout.contains("already in the cache"));
    assert_eq!(sound.asked().len(), 1);
}

#[test]
fn a_file_outside_the_cache_is_not_deleted_through_a_link() {
    for name in ["victims/file", "victims/folder"] {
        let target = Target::new();
        fs::create_dir_all(target.weights().parent().unwrap()).unwrap();
        symlink(target.0.path(name), target.weights()).unwrap();
        // Also not by a transfer that fails.
        let cut = hub(&listing(), |request, _| {
            let weights = request.path.ends_with(WEIGHTS);
            weights.then(|| Answer::ok([b'x'; 5000]))
        });
        assert!(target.refused(&cut).contains("was damaged in transfer"));
        assert_eq!(target.fetch(&sound()).code, 0);
        target.assert_unharmed();
        assert_eq!(fs::read(target.weights()).unwrap(), CONTENT);
    }
}

#[test]
fn a_silent_hub_is_given_up_and_the_next_call_resumes() {
    let target = Target::new();
    let silent = hub(&listing(), |_, _| {
        Some(Answer::new("200 OK", Body::Silent(vec![b' '; 100], 10)))
    });
    let resume =
        "run the same command again to resume, or set `HF_ENDPOINT` to another address of the hub";
    let fetch = |hub: &Server| {
        let call = call(&target.0, &hub.address, &["org/small"]);
        let outcome = call.env("HF_HUB_DOWNLOAD_TIMEOUT", "1").outcome();
        assert_eq!(outcome.code, 4, "{}", outcome.stderr);
        outcome.stderr.replace(&hub.address, "HUB")
    };
    assert_eq!(
        fetch(&silent),
        format!("error: HUB: silent for 1 s; {resume}\n")
    );
    assert!(!target.0.path("hf").exists());

    let silent = hub(&listing(), |request, _| {
        let (from, _) = request.bytes(CONTENT);
        let body = Body::Silent(CONTENT[from..].into(), if from == 0 { 100 } else { 0 });
        let part = match from {
            0 => Answer::new("200 OK", body),
            from => Answer::new("206 Partial Content", body)
                .with("Content-Range", format!("bytes {from}-4999/5000")),
        };
        request.path.ends_with(WEIGHTS).then_some(part)
    });
    let said = fetch(&silent);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(
        lines[1..],
        [
            "warning: model.safetensors: silent for 1 s; retry 1 of 4",
            "warning: model.safetensors: silent for 1 s; retry 2 of 4",
            "warning: model.safetensors: silent for 1 s; retry 3 of 4",
            "warning: model.safetensors: silent for 1 s; retry 4 of 4",
            &format!("error: HUB: model.safetensors: silent for 1 s; {resume}"),
        ]
    );
    let sound = sound();
    assert_eq!(target.fetch(&sound).code, 0);
    let resumed = format!("/org/small/resolve/{COMMIT}/{WEIGHTS} bytes=100- Bearer secret");
    assert_eq!(sound.asked().last(), Some(&resumed));
    assert_eq!(fs::read(target.weights()).unwrap(), CONTENT);
    assert_eq!(names(&target.cached("blobs")).len(), 2);
}

#[test]
fn a_resumed_transfer_is_checked_as_a_whole() {
    let target = Target::new();
    let part = target
        .cached("blobs")
        .join(sha256(CONTENT))
        .with_extension("part");
    let plant = |bytes: &[u8]| {
        fs::create_dir_all(part.parent().unwrap()).unwrap();
        fs::write(&part, bytes).unwrap();
    };
    // Foreign bytes, and all of them.
    for len in [1000, 5000] {
        plant(&vec![b'x'; len]);
        let said = target.refused(&sound());
        assert!(
            said.contains("model.safetensors of `org/small` was damaged in transfer (SHA-256 ")
        );
        assert!(!part.exists());
    }
    // Longer than the file.
    plant(&[b'x'; 6000]);
    assert_eq!(target.fetch(&sound()).code, 0);
    // A hub that cannot resume sends the whole file.
    fs::remove_dir_all(target.0.path("hf")).unwrap();
    plant(&CONTENT[..1000]);
    let whole = hub(&listing(), |request, _| {
        request.path.ends_with(WEIGHTS).then(|| Answer::ok(CONTENT))
    });
    assert_eq!(target.fetch(&whole).code, 0);
    assert_eq!(fs::read(target.weights()).unwrap(), CONTENT);
}

#[test]
fn the_token_goes_to_the_hubs_own_address_only() {
    let target = Target::new();
    let store = Server::start(|request, _| match request.path.starts_with("/api/") {
        true => Answer::ok(listing().to_string()),
        false => file(request),
    });
    let elsewhere = store.address.clone();
    // A model that was renamed, and one whose files are elsewhere.
    let hub = Server::start(move |request, _| match request.path.as_str() {
        "/api/models/org/small/revision/main?blobs=true" => Answer::redirect("/api/models/org/new"),
        "/api/models/org/new" => Answer::ok(listing().to_string()),
        path => Answer::redirect(format!("{elsewhere}{path}")),
    });
    assert_eq!(target.fetch(&hub).code, 0);
    let own = hub.asked();
    // Two lists, and two contents, one of which three files have.
    assert_eq!(own.len(), 4);
    assert!(
        own.iter().all(|line| line.ends_with(" Bearer secret")),
        "{own:?}"
    );
    let others = store.asked();
    assert_eq!(others.len(), 2);
    assert!(!others.concat().contains("secret"), "{others:?}");
}

#[test]
fn the_token_is_not_sent_where_others_can_read_it() {
    // As a proxy, the server stands for every address.
    let proxy = sound();
    let target = Target::new();
    let fetch = |endpoint: &str| {
        call(&target.0, endpoint, &["org/small"])
            .env("HF_TOKEN", "secret")
            .env("http_proxy", &proxy.address)
            .succeeds()
    };
    let outcome = fetch("http://hub.example");
    assert!(
        outcome.stderr.starts_with(
            "warning: your token is not sent to http://hub.example, because the connection is not encrypted; set \
             `HF_ENDPOINT` to an address with https\nconfig.json  8 B\n"
        ),
        "{}",
        outcome.stderr
    );
    let asked = proxy.asked();
    assert!(asked[0].starts_with("CONNECT hub.example:80 "), "{asked:?}");
    assert!(!asked.concat().contains("secret"), "{asked:?}");
    // On this machine it is sent, and not by way of a proxy.
    let hub = sound();
    fetch(&hub.address);
    assert!(hub.asked()[0].ends_with(" Bearer secret"));
    assert_eq!(proxy.asked(), [""; 0]);
}

#[test]
fn variables_with_unusable_values_are_errors() {
    let dir = Dir::new();
    for (name, value, said) in [
        (
            "HF_ENDPOINT",
            "hub.example",
            "`HF_ENDPOINT` is `hub.example`, which is not an address of a hub; write it like `https://huggingface.co`",
        ),
        (
            "HF_HUB_DOWNLOAD_TIMEOUT",
            "0",
            "`HF_HUB_DOWNLOAD_TIMEOUT` must be a number of whole seconds from 1 to 86400",
        ),
        (
            "HF_TOKEN",
            "two words",
            "`HF_TOKEN` or the token file has characters that a token cannot have; copy the token again",
        ),
    ] {
        let run = call(&dir, "http://127.0.0.1:9", &["org/small"]);
        let outcome = run.env(name, value).outcome();
        assert_eq!(outcome.code, 2);
        assert_eq!(outcome.stderr, format!("error: {said}\n"));
    }
}

#[test]
fn weights_that_the_disk_cannot_hold_are_refused_before_they_come() {
    let target = Target::new();
    let mut large = listing();
    large["siblings"][3]["size"] = json!(1_u64 << 62);
    let hub = hub(&large, |_, _| None);
    let said = target.refused(&hub);
    let line = said.lines().last().unwrap();
    assert!(
        line.starts_with("error: model.safetensors of `org/small` needs 4611686018427387904 bytes more, but only ")
            && line.ends_with(
                " are free in DIR/hf/hub/models--org--small/blobs; free some space, or set `HF_HUB_CACHE` to a folder on \
                 another disk"
            ),
        "{line}"
    );
    assert!(!hub.asked().concat().contains(WEIGHTS));
}

#[test]
fn two_processes_fetch_each_file_once() {
    let target = Target::new();
    let hub = sound();
    let start = || call(&target.0, &hub.address, &["org/small"]).start();
    for child in [start(), start(), start()] {
        let output = child.wait_with_output().unwrap();
        let outcome = target.0.outcome(&output);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    }
    let mut asked = hub.asked();
    asked.retain(|line| line.contains(WEIGHTS));
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(fs::read(target.weights()).unwrap(), CONTENT);
    assert_eq!(names(&target.cached("blobs")).len(), 2);
}
