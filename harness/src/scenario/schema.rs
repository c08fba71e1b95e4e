//! The JSON Schema of a scenario, which editors use to complete and check one while it is written.

use super::spec;
use schemars::generate::SchemaSettings;

/// The schema of scenario files, as pretty JSON that ends in a line break.
///
/// It is draft 7, which every YAML language server reads.
pub fn schema() -> String {
    let schema = SchemaSettings::draft07()
        .into_generator()
        .into_root_schema_for::<spec::Scenario>();
    let mut json =
        serde_json::to_string_pretty(&schema).expect("a schema is a JSON value with text keys");
    json.push('\n');
    json
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_committed_schema_is_current() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/scenario.schema.json");
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            committed == super::schema(),
            "scenarios/scenario.schema.json is out of date; refresh it with \
             `cargo run -p harness -- schema > scenarios/scenario.schema.json` \
             (an installed binary: `clbench schema > scenarios/scenario.schema.json`)",
        );
    }
}
