//! What users say to sbatch.

use std::fmt;
use std::str::FromStr;

/// Options of sbatch, as they stand in a script after `#SBATCH`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlurmOptions(String);

/// The options that clbench sets itself, with what to do instead.
const OURS: [(&[&str], &str); 6] = [
    (
        &["--array", "-a"],
        "use `-j` to limit how many tasks run at once",
    ),
    (&["--output", "-o"], "logs go to the run folder"),
    (&["--error", "-e"], "logs go to the run folder"),
    (&["--dependency", "-d"], "the cells wait for their features"),
    (&["--requeue"], "run again to submit what is missing"),
    (&["--wrap"], "clbench writes the scripts"),
];

impl FromStr for SlurmOptions {
    type Err = String;

    fn from_str(text: &str) -> Result<SlurmOptions, String> {
        let text = text.trim();
        if text.contains(['\n', '\r', '\0']) {
            return Err("expected one line of options".into());
        }
        if !text.is_empty() && !text.starts_with('-') {
            return Err(format!(
                "expected options of sbatch, such as \"--partition=gpu --time=4:00:00\", but it begins with `{}`",
                text.split(' ').next().unwrap_or_default()
            ));
        }
        for word in text.split_whitespace() {
            let name = word.split('=').next().unwrap_or(word);
            // A value may follow a short option directly.
            let is_short = |option: &&str| option.len() == 2 && word.starts_with(*option);
            for (names, instead) in OURS {
                if names.contains(&name) || names.iter().any(is_short) {
                    return Err(format!("clbench sets `{}` itself; {instead}", names[0]));
                }
            }
        }
        Ok(SlurmOptions(text.to_owned()))
    }
}

impl SlurmOptions {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for SlurmOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_clbench_sets_itself_are_refused() {
        let parse = |text: &str| text.parse::<SlurmOptions>().map(|options| options.0);
        let good = "--partition=gpu --gres=gpu:1 --time=4:00:00 -A lab --export=ALL,X=1";
        assert_eq!(parse(&format!(" {good} ")), Ok(good.to_owned()));
        assert_eq!(parse(""), Ok(String::new()));
        for bad in ["--array=1-3", "-a 1-3", "-p gpu -a1-3"] {
            let expected =
                "clbench sets `--array` itself; use `-j` to limit how many tasks run at once";
            assert_eq!(parse(bad).unwrap_err(), expected, "{bad}");
        }
        assert!(parse("--array-of=x").is_ok(), "another option");
        assert_eq!(
            parse("partition=gpu").unwrap_err(),
            "expected options of sbatch, such as \"--partition=gpu --time=4:00:00\", but it begins with `partition=gpu`"
        );
        assert_eq!(
            parse("--a\n#SBATCH --b").unwrap_err(),
            "expected one line of options"
        );
    }
}
