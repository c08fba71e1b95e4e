use super::*;
use crate::domain::classes::{ClassEntry, ClassKey, Classes, LeaveOut};
use crate::domain::split_list::{SplitFile, SplitList};
use crate::domain::written::Folder;
use harness_pictures::Style;

#[test]
fn a_source_round_trips_as_json() {
    let folder = || Folder("/d".into());
    let entry = |name: &str, key| ClassEntry {
        name: name.to_owned(),
        key,
    };
    let classes = Classes::Listed(vec![
        entry("ladybug", Some(ClassKey::Text("n02165456".into()))),
        entry("jeep", Some(ClassKey::Number(7))),
        entry("kite", None),
    ]);
    for (source, json) in [
        (Source::from(Digits {}), r#"{"digits":{}}"#),
        (
            Pictures {
                style: Style::Sketch,
            }
            .into(),
            r#"{"pictures":{"style":"sketch"}}"#,
        ),
        (
            ImageFolder {
                path: folder(),
                split: Some(SplitList::One(SplitFile {
                    file: "/d/s.json".into(),
                    val: None,
                })),
                classes: Some(classes),
                leave_out: Some(LeaveOut(vec![ClassKey::Number(3)])),
            }
            .into(),
            r#"{"image-folder":{"path":"/d","split":{"file":"/d/s.json","val":null},"classes":[{"name":"ladybug","key":"n02165456"},{"name":"jeep","key":7},"kite"],"leave_out":[3]}}"#,
        ),
        (
            Idx {
                path: folder(),
                classes: None,
            }
            .into(),
            r#"{"idx":{"path":"/d","classes":null}}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&source).unwrap(), json);
        assert_eq!(serde_json::from_str::<Source>(json).unwrap(), source);
    }
}
