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
fn a_text_is_looked_up_as_written_before_it_is_read_as_a_number() {
    let padded = [
        entry("cat", text("001")),
        entry("dog", text("002")),
        entry("eel", text("010")),
    ];
    let differ_in_zeros = [
        entry("cat", text("1")),
        entry("dog", text("01")),
        entry("eel", text("2")),
    ];
    let numbers = [1, 2, 10].map(ClassKey::Number);
    let [one, two, ten] = numbers;
    let numbers = [entry("cat", one), entry("dog", two), entry("eel", ten)];
    let names = [entry("010", None), entry("001", None), entry("0", None)];
    for parsed in [Tag::parse, |word: &str| Tag::text(word)] {
        let found_all = |entries, words: [&str; 3]| words.map(|word| found(entries, &parsed(word)));
        let in_order = [Some(0), Some(1), Some(2)];
        assert_eq!(found_all(&padded, ["001", "002", "010"]), in_order);
        assert_eq!(found_all(&padded, ["1", "0010", "10"]), [None; 3]);
        assert_eq!(found_all(&differ_in_zeros, ["1", "01", "2"]), in_order);
        // If nothing is called `001`, it is 1.
        assert_eq!(found_all(&numbers, ["001", "2", "010"]), in_order);
        assert_eq!(found_all(&names, ["010", "001", "0"]), in_order);
    }
    // A number in a text file that is no name is a place in the list.
    let words = [entry("cat", None), entry("dog", None)];
    assert_eq!(found(&words, &Tag::parse("1")), Some(1));
    assert_eq!(found(&words, &Tag::text("1")), None);
}

#[test]
fn without_a_list_padded_numbers_are_names() {
    let derived = |tags: Vec<Tag>| {
        let list = ClassList::derived(Path::new("SOURCE"), None, tags.iter().cloned()).unwrap();
        let labels: Vec<u32> = tags.iter().map(|tag| list.find(tag).unwrap().0).collect();
        (list.into_names(), labels)
    };
    let words = ["002", "010", "001"];
    let expected = (
        ["001", "002", "010"].map(String::from).to_vec(),
        vec![1, 2, 0],
    );
    assert_eq!(derived(words.map(Tag::parse).to_vec()), expected);
    assert_eq!(derived(words.map(Tag::text).to_vec()), expected);
    // `10` needs no padding, and YAML reads it as a number.
    let words = ["09", "10", "1", "01"];
    let expected = (
        ["01", "1", "09", "10"].map(String::from).to_vec(),
        vec![2, 3, 1, 0],
    );
    assert_eq!(derived(words.map(Tag::parse).to_vec()), expected);
    let mut tags = words.map(Tag::text).to_vec();
    tags[1] = Tag::number(10);
    assert_eq!(derived(tags), expected);
}

#[test]
fn without_a_list_cubs_numbers_are_no_part_of_the_names() {
    let tags = ["002.Dusk_sky", "001.Dawn_sky"].map(Tag::text);
    let list = ClassList::derived(Path::new("SOURCE"), None, tags.iter().cloned()).unwrap();
    assert_eq!(list.find(&tags[0]).unwrap().0, 1);
    assert_eq!(list.into_names(), ["Dawn sky", "Dusk sky"]);
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
