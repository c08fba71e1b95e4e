//! The command line: one word, and what follows it is handed on as it stands.

use std::ffi::OsString;

/// What `cargo xtask help` prints.
pub const HELP: &str = "\
Usage: cargo xtask COMMAND [ARGUMENTS]

Commands:
  run SCENARIO [ARGUMENTS]  build everything in release, then `clbench run SCENARIO [ARGUMENTS]`
  test [ARGUMENTS]          formatting, lints, tests and docs; ARGUMENTS go to `cargo test`, such as a test's name
  bench [ARGUMENTS]         the benchmarks; ARGUMENTS go to `cargo bench`, such as a benchmark's name
  pretrain [ARGUMENTS]      train the small CLIP that ships again, from nothing; `--help` lists the ARGUMENTS
  build                     build everything in release: the harness, its plugins, and the stand-alone plugins of the tests
  setup                     only fetch libtorch, and make the link that plain cargo and editors find it by

The first use fetches libtorch 2.11.0 (544 MB) with pip into CLBENCH_CACHE, else XDG_CACHE_HOME/clbench, else ~/.cache/clbench.
Set LIBTORCH to a libtorch folder, or LIBTORCH_USE_PYTORCH=1 for the PyTorch that `python3` imports, to use your own instead.
";

/// A command line, read.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Run(Vec<OsString>),
    Test(Vec<OsString>),
    Bench(Vec<OsString>),
    Pretrain(Vec<OsString>),
    Build,
    Setup,
    Help,
}

impl Command {
    /// Reads the arguments after the program's name. The error is one sentence.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut arguments = arguments.into_iter();
        let Some(word) = arguments.next() else {
            return Err("no command was given".to_owned());
        };
        let rest: Vec<OsString> = arguments.collect();
        let command = match word.to_str() {
            Some("run") => return Ok(Self::Run(rest)),
            Some("test") => return Ok(Self::Test(rest)),
            Some("bench") => return Ok(Self::Bench(rest)),
            Some("pretrain") => return Ok(Self::Pretrain(rest)),
            Some("build") => Self::Build,
            Some("setup") => Self::Setup,
            Some("help" | "--help" | "-h") => return Ok(Self::Help),
            _ => return Err(format!("there is no command `{}`", word.display())),
        };
        match rest.first() {
            None => Ok(command),
            Some(extra) => Err(format!(
                "`{}` takes no arguments, but was given `{}`",
                word.display(),
                extra.display()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn arguments_are_handed_on_untouched() {
        let rest = ["s.yaml", "--seed", "1", "--help"]
            .map(OsString::from)
            .to_vec();
        assert_eq!(parse("run s.yaml --seed 1 --help"), Ok(Command::Run(rest)));
        assert_eq!(parse("test"), Ok(Command::Test(Vec::new())));
    }

    #[test]
    fn a_wrong_command_line_is_one_sentence() {
        assert_eq!(parse(""), Err("no command was given".to_owned()));
        assert_eq!(parse("tset"), Err("there is no command `tset`".to_owned()));
        assert_eq!(
            parse("setup --force"),
            Err("`setup` takes no arguments, but was given `--force`".to_owned())
        );
    }

    #[test]
    fn the_help_tells_version_and_size_of_what_is_fetched() {
        let fetched = crate::libtorch::description();
        assert!(HELP.contains(&format!("fetches {fetched}")), "{fetched}");
    }
}
