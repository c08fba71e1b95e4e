//! Every command as its `--help` prints it.

use crate::cli::Cli;
use clap::{Command, CommandFactory};

/// All commands that a user calls, with their help.
pub fn command_line() -> String {
    let mut text = String::new();
    let cli = Cli::command();
    section(&cli, &mut vec![cli.get_name().to_owned()], &mut text);
    text
}

fn section(command: &Command, path: &mut Vec<String>, text: &mut String) {
    if !text.is_empty() {
        text.push('\n');
    }
    let name = path.join(" ");
    *text += &format!("## `{name}`\n\n```text\n{}\n```\n", help(path).trim_end());
    for sub in command.get_subcommands() {
        if sub.is_hide_set() || sub.get_name() == "help" {
            continue;
        }
        path.push(sub.get_name().to_owned());
        section(sub, path, text);
        path.pop();
    }
}

/// What the program prints for these words and `--help`.
fn help(path: &[String]) -> String {
    let words = path.iter().map(String::as_str).chain(["--help"]);
    let asked = Cli::command().term_width(100).try_get_matches_from(words);
    let help = asked.expect_err("`--help` is answered instead of run");
    let lines = help.render().to_string();
    let lines: Vec<&str> = lines.lines().map(str::trim_end).collect();
    lines.join("\n")
}
