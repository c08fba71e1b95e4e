//! What a host passes to a strategy besides its parameters.

use crate::NoParameters;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::state::State;
use crate::strategy::{Batch, Declaration, Learned, Outline, Setting, SettingJson, Strategy, Task};
use crate::tensor::Tensor;
use crate::testkit::{json, linked, strategy};
use std::path::{Path, PathBuf};

/// Its state is the folder that it was created with.
struct Located(PathBuf);

impl Strategy for Located {
    type Parameters = NoParameters;

    fn check(_: &NoParameters, outline: &Outline) -> Result<Declaration> {
        match outline.folder.is_dir() {
            true => Ok(Declaration::default()),
            false => Err(Error::data(format!(
                "{} is missing",
                outline.folder.display()
            ))),
        }
    }

    fn create(_: NoParameters, setting: Setting) -> Result<Self> {
        Ok(Located(setting.folder))
    }

    fn learn(&mut self, _: &Task<'_>) -> Result<Learned> {
        match self.0.join("src/lib.rs").is_file() {
            true => Ok(Learned::default()),
            false => Err(Error::data(format!("{} has no `src`", self.0.display()))),
        }
    }

    fn predict(&mut self, batch: &Batch<'_>) -> Result<Tensor> {
        let shape = [batch.len(), batch.classes().len()];
        Tensor::from_vec(vec![0.0_f32; shape[0] * shape[1]], &shape.map(|n| n as i64))
    }

    fn state(&self) -> Result<State> {
        let mut state = State::default();
        state.write(&self.0)?;
        Ok(state)
    }

    fn restore(&mut self, state: State) -> Result<()> {
        match state.read::<PathBuf>()? == self.0 {
            true => Ok(()),
            false => Err(Error::failed("created with another folder")),
        }
    }
}

#[test]
fn the_folder_of_the_scenario_reaches_check_and_create() {
    let plugin = linked::strategy_plugin::<Located>();
    let check = |folder: &str| {
        let outline = Outline {
            tasks: 1,
            classes: 2,
            device: "cpu".into(),
            folder: folder.into(),
            ..Outline::default()
        };
        plugin.check(linked::NAME, &json!({}), &outline)
    };
    check(env!("CARGO_MANIFEST_DIR")).unwrap();
    assert_eq!(
        check("/no/such/folder").unwrap_err().message(),
        "/no/such/folder is missing"
    );
    let setting = Setting {
        seed: 1,
        tasks: 1,
        classes: 2,
        device: "cpu".into(),
        threads: 1,
        folder: "/a folder/näme".into(),
        backbones: Vec::new(),
        host: Host::silent(),
    };
    let created = plugin.strategy(linked::NAME, &json!({}), &setting).unwrap();
    let folder = created.state().unwrap().read::<PathBuf>().unwrap();
    assert_eq!(folder, Path::new("/a folder/näme"));

    strategy::<Located>()
        .folder(env!("CARGO_MANIFEST_DIR"))
        .check();
    let report = strategy::<Located>().folder("/tmp").report();
    assert!(report.to_string().contains("/tmp has no `src`"), "{report}");
}

#[test]
fn a_plugin_reads_what_a_host_without_the_folder_writes() {
    let setting = json!({ "seed": 1, "tasks": 1, "classes": 2, "device": "cpu", "threads": 1 });
    let setting: SettingJson = serde_json::from_value(setting).unwrap();
    assert_eq!(setting.folder, Path::new(""));
    let outline = json!({ "tasks": 1, "classes": 2, "device": "cpu", "backbones": [] });
    let outline: Outline = serde_json::from_value(outline).unwrap();
    assert_eq!(outline.folder, Path::new(""));
}
