//! One test binary: the program as its users meet it.

mod commands;
mod coop_parity;
mod digits;
mod domains;
mod golden;
mod leaderboard;
mod misbehaviour;
mod plugins;
mod quickstart;
mod run_options;
mod scenario_errors;
mod tables;
