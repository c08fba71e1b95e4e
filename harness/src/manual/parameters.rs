//! The parameters of a strategy or a backbone as a table.

use super::markdown::table;
use crate::plugin::Parameter;

/// The parameters, one line each: key, value, default, meaning. A set of parameters has no line of
/// its own: the paths of those in it name it, as in `vae.epochs`.
pub fn parameters(parameters: &[Parameter]) -> String {
    let rows: Vec<[String; 4]> = parameters
        .iter()
        .filter(|parameter| !parameter.is_set)
        .map(row)
        .collect();
    match rows.is_empty() {
        true => "There are no parameters.\n".to_owned(),
        false => table(["parameter", "value", "default", "meaning"], &rows),
    }
}

fn row(parameter: &Parameter) -> [String; 4] {
    let names = parameter.choices.iter();
    let names: Vec<_> = names.map(|choice| format!("`{}`", choice.name)).collect();
    let values = match names.is_empty() {
        true => parameter.values.clone(),
        false => names.join(", "),
    };
    let default = match parameter.default_text() {
        Some(default) => format!("`{default}`"),
        None if parameter.required => "required".to_owned(),
        None => "–".to_owned(),
    };
    let mut meaning = parameter.description.clone();
    for choice in &parameter.choices {
        meaning += &format!("<br>`{}`: {}", choice.name, choice.description);
    }
    [format!("`{}`", parameter.path), values, default, meaning]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::Choice;
    use expect_test::expect;
    use serde_json::json;

    #[test]
    fn nested_parameters_are_dotted_and_choices_explained() {
        let parameter = |path: &str, values: &str, default| Parameter {
            path: path.into(),
            values: values.into(),
            choices: Vec::new(),
            default,
            required: false,
            is_set: false,
            description: "What it does.".into(),
        };
        let choice = |name: &str| Choice {
            name: name.into(),
            description: format!("That is {name}."),
        };
        let listed = [
            Parameter {
                choices: vec![choice("vae"), choice("gaussian")],
                ..parameter("generator", "choice", Some(json!("vae")))
            },
            Parameter {
                is_set: true,
                ..parameter("vae", "set of parameters", None)
            },
            parameter("vae.lr", "number, above 0", Some(json!(0.0002))),
            Parameter {
                required: true,
                description: "A folder a|b.".into(),
                ..parameter("path", "string", None)
            },
            parameter("clip", "number", None),
        ];
        expect![[r#"
            | parameter | value | default | meaning |
            | --- | --- | --- | --- |
            | `generator` | `vae`, `gaussian` | `vae` | What it does.<br>`vae`: That is vae.<br>`gaussian`: That is gaussian. |
            | `vae.lr` | number, above 0 | `2e-4` | What it does. |
            | `path` | string | required | A folder a\|b. |
            | `clip` | number | – | What it does. |
        "#]]
        .assert_eq(&parameters(&listed));
        assert_eq!(parameters(&[]), "There are no parameters.\n");
    }
}
