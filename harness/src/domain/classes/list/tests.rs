use super::*;
use crate::domain::classes::entry::check;

fn entry(name: &str, key: impl Into<Option<ClassKey>>) -> ClassEntry {
    ClassEntry {
        name: name.to_owned(),
        key: key.into(),
    }
}

fn text(key: &str) -> ClassKey {
    ClassKey::Text(key.to_owned())
}

fn found(entries: &[ClassEntry], tag: &Tag) -> Option<u32> {
    ClassList::new(entries).find(tag).map(|label| label.0)
}

#[test]
fn names_are_looked_up_and_bare_numbers_are_indices() {
    let list = [
        entry("ladybug", text("n02165456")),
        entry("jeep", None),
        entry("7", None),
    ];
    assert_eq!(found(&list, &Tag::text("n02165456")), Some(0));
    // Published lists use names where sources use keys.
    assert_eq!(found(&list, &Tag::text("ladybug")), Some(0));
    assert_eq!(found(&list, &Tag::text("jeep")), Some(1));
    assert_eq!(found(&list, &Tag::number(1)), Some(1));
    assert_eq!(found(&list, &Tag::number(3)), None);
    // A name takes precedence over the number that the source gives it.
    assert_eq!(found(&list, &Tag::numbered(0, "jeep")), Some(1));
    assert_eq!(found(&list, &Tag::numbered(0, "car")), None);
}

#[test]
fn number_keys_replace_indices() {
    let list = [
        entry("ladybug", ClassKey::Number(1)),
        entry("jeep", ClassKey::Number(0)),
        entry("kite", text("2")),
    ];
    for tag in [Tag::number(1), Tag::text("1"), Tag::numbered(1, "beetle")] {
        assert_eq!(found(&list, &tag), Some(0));
    }
    assert_eq!(found(&list, &Tag::number(2)), Some(2));
    assert_eq!(found(&list[..2], &Tag::number(2)), None);
}

#[test]
fn without_a_list_numbers_order_names() {
    let derived = |tags: &[Tag]| {
        ClassList::derived(Path::new("SOURCE"), None, tags.iter().cloned())
            .map(ClassList::into_names)
            .map_err(|error| error.to_string())
    };
    let names = |names: &[&str]| Ok(names.iter().copied().map(String::from).collect());
    let tag = Tag::numbered;
    assert_eq!(
        derived(&[tag(2, "b"), tag(0, "c"), tag(1, "a")]),
        names(&["c", "a", "b"])
    );
    assert_eq!(
        derived(&["100", "9", "b"].map(Tag::text)),
        names(&["9", "100", "b"])
    );
    assert_eq!(derived(&[1, 0].map(Tag::number)), names(&["0", "1"]));
    for (tags, message) in [
        (
            vec![tag(3, "crane"), tag(7, "crane")],
            "SOURCE: class name `crane` is used twice (for 3 and 7); give every class one unique name",
        ),
        (
            vec![tag(3, "crane"), tag(3, "kite")],
            "SOURCE: class 3 has two names, `crane` and `kite`; give every class one unique name",
        ),
        (
            [0, 2].map(Tag::number).to_vec(),
            "SOURCE: class `1` has no train samples; add some, or remove the class",
        ),
        (
            vec![Tag::number(0), Tag::text("a")],
            "SOURCE: label 0 has no class name; give every class one unique name",
        ),
    ] {
        assert_eq!(derived(&tags), Err(message.to_owned()));
    }
}

#[test]
fn duplicate_names_and_keys_are_refused() {
    let message = |entries: &[ClassEntry]| check(entries).unwrap_err();
    assert_eq!(
        message(&[
            entry("crane", text("bird")),
            entry("crane", text("machine"))
        ]),
        (1, "classes 1 and 2 are both named `crane`".to_owned())
    );
    assert_eq!(
        message(&[entry("crane", None), entry("bird", text("crane"))]),
        (
            0,
            "`crane` is both a class name and the key of class `bird`".to_owned()
        )
    );
    assert_eq!(
        message(&[entry("crane", text("c")), entry("bird", text("c"))]),
        (1, "classes `crane` and `bird` share the key `c`".to_owned())
    );
}
