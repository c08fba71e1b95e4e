use super::*;
use expect_test::expect;
use std::fs;

/// The message about a project in this folder of a folder of its own.
fn refused(folder: &str, name: Option<&str>, abi: Option<&str>) -> String {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("full")).unwrap();
    fs::write(home.path().join("full/notes.txt"), "mine").unwrap();
    fs::write(home.path().join("file"), "mine").unwrap();
    let abi = abi.map(|abi| home.path().join(abi));
    let error = strategy(&home.path().join(folder), name, abi.as_deref()).unwrap_err();
    let left = fs::read_dir(home.path()).unwrap().count();
    assert_eq!(left, 2, "nothing is created");
    error
        .to_string()
        .replace(home.path().to_str().unwrap(), "DIR")
        + "\n"
}

#[test]
fn mistakes() {
    let messages = [
        refused("MyStrategy", None, None),
        refused("Étude 2", None, None),
        refused("2fast", None, None),
        refused("match", None, None),
        refused("serde", None, None),
        refused("zero-shot", None, None),
        refused("attempt", Some("my_strategy"), None),
        refused("full", None, None),
        refused("file", None, None),
        refused("fine", None, Some("full")),
    ];
    expect![[r#"
        `MyStrategy` cannot name a crate and a strategy: it must begin with a letter and consist of lower-case letters, digits and `-`; name the folder differently, or add `--name my-strategy`
        `Étude 2` cannot name a crate and a strategy: it must begin with a letter and consist of lower-case letters, digits and `-`; name the folder differently, or add `--name tude-2`
        `2fast` cannot name a crate and a strategy: it must begin with a letter and consist of lower-case letters, digits and `-`; name the folder differently, or add `--name my-2fast`
        `match` cannot name a crate and a strategy: it is a keyword of Rust or Cargo; name the folder differently, or add `--name my-match`
        `serde` cannot name a crate and a strategy: the project uses a crate, a type or a strategy of that name itself; name the folder differently, or add `--name my-serde`
        `zero-shot` cannot name a crate and a strategy: the project uses a crate, a type or a strategy of that name itself; name the folder differently, or add `--name my-zero-shot`
        `my_strategy` cannot name a crate and a strategy: it must begin with a letter and consist of lower-case letters, digits and `-`; write `--name my-strategy`, for example
        `DIR/full` already exists and is not empty; choose a new folder
        `DIR/file` is not a folder; choose a new folder
        `DIR/full` is not the crate harness-abi; pass the folder `harness/abi` of a clbench checkout with `--abi DIR`
    "#]].assert_eq(&messages.concat());
    let gone = ProjectError::NoCheckout {
        dir: "/src/clbench".into(),
    };
    expect!["the source code of this clbench is no longer in `/src/clbench`; pass the folder `harness/abi` of a checkout with `--abi DIR`"].assert_eq(&gone.to_string());
}

#[test]
fn suggested_names_are_valid() {
    for name in [
        "MyStrategy",
        "",
        "--",
        "2",
        "fn",
        "my_strategy",
        "LwF",
        "EWC++",
        "Learned",
        "Ok",
    ] {
        let Err(ProjectError::Name { suggestion, .. }) = Name::new(name, None) else {
            panic!("{name} is no name");
        };
        Name::new(&suggestion, None).unwrap();
    }
}

#[test]
fn the_names_are_filled_in_everywhere() {
    let home = tempfile::tempdir().unwrap();
    let project = strategy(&home.path().join("lwf-2"), None, None).unwrap();
    assert_eq!(project.name, "lwf-2");
    for file in project.files {
        let text = fs::read_to_string(home.path().join("lwf-2").join(file)).unwrap();
        for left in [
            "my-strategy",
            "my_strategy",
            "MyStrategy",
            "ABI\"",
            "WEIGHTS",
        ] {
            assert!(!text.contains(left), "{file}: {left}");
        }
    }
}
