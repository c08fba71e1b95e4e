//! The command line: one command, and arguments that are passed on unchanged.

use std::ffi::OsString;

/// What `cargo xtask help` prints.
pub const HELP: &str = "\
Usage: cargo xtask COMMAND [ARGUMENTS]

Commands:
  run SCENARIO [ARGUMENTS]  Build in release mode, then call `clbench run SCENARIO [ARGUMENTS]`
  test [ARGUMENTS]          Check formatting, lints, tests and API docs; ARGUMENTS, such as the
                            name of a test, go to `cargo test`
  book [ARGUMENTS]          Build the manual with mdBook and check its links; ARGUMENTS, such as
                            --open, go to `mdbook build`
  bench [ARGUMENTS]         Run the benchmarks; ARGUMENTS, such as the name of a benchmark, go to
                            `cargo bench`
  soak                      Kill running cells 200 times at random moments, and check that nothing
                            is lost
  pretrain [ARGUMENTS]      Train the small CLIP from scratch; `--help` lists the ARGUMENTS
  build                     Build the program, its plugins and the tests' stand-alone plugins in
                            release mode
  wheel [--out DIR]         Build, and pack a wheel for `pip install` into DIR, by default
                            target/wheel
  setup                     Set up libtorch for plain cargo and editors, and build nothing

The first command that needs libtorch fetches libtorch 2.11.0 (544 MB) with pip. It is kept in
CLBENCH_CACHE, else XDG_CACHE_HOME/clbench, else ~/.cache/clbench. To use your own, set LIBTORCH to
its folder, or set LIBTORCH_USE_PYTORCH=1 to use the PyTorch that `python3` imports.
";

/// A parsed command line.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Run(Vec<OsString>),
    Test(Vec<OsString>),
    Bench(Vec<OsString>),
    Book(Vec<OsString>),
    Pretrain(Vec<OsString>),
    Wheel(Vec<OsString>),
    Soak,
    Build,
    Setup,
    Help,
}

impl Command {
    /// Parses the arguments after the program's name. The error is one sentence.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut arguments = arguments.into_iter();
        let Some(word) = arguments.next() else {
            return Err("a command is missing".to_owned());
        };
        let rest: Vec<OsString> = arguments.collect();
        let command = match word.to_str() {
            Some("run") => return Ok(Self::Run(rest)),
            Some("test") => return Ok(Self::Test(rest)),
            Some("bench") => return Ok(Self::Bench(rest)),
            Some("book") => return Ok(Self::Book(rest)),
            Some("pretrain") => return Ok(Self::Pretrain(rest)),
            Some("wheel") => return Ok(Self::Wheel(rest)),
            Some("soak") => Self::Soak,
            Some("build") => Self::Build,
            Some("setup") => Self::Setup,
            Some("help" | "--help" | "-h") => return Ok(Self::Help),
            _ => return Err(format!("unknown command `{}`", word.display())),
        };
        match rest.first() {
            None => Ok(command),
            Some(extra) => Err(format!(
                "`{}` takes no arguments, but got `{}`",
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
    fn arguments_are_passed_on_unchanged() {
        let rest = ["s.yaml", "--seed", "1", "--help"]
            .map(OsString::from)
            .to_vec();
        assert_eq!(parse("run s.yaml --seed 1 --help"), Ok(Command::Run(rest)));
        assert_eq!(parse("test"), Ok(Command::Test(Vec::new())));
    }

    #[test]
    fn a_wrong_command_line_is_one_sentence() {
        assert_eq!(parse(""), Err("a command is missing".to_owned()));
        assert_eq!(parse("tset"), Err("unknown command `tset`".to_owned()));
        assert_eq!(
            parse("setup --force"),
            Err("`setup` takes no arguments, but got `--force`".to_owned())
        );
    }

    #[test]
    fn the_help_states_the_version_and_size_of_libtorch() {
        let fetched = crate::libtorch::description();
        assert!(HELP.contains(&format!("fetches {fetched}")), "{fetched}");
    }
}
