//! One test binary: the program as users see it.

mod augmentation;
mod cached_outputs;
mod commands;
mod coop_parity;
mod device;
mod digits;
mod domains;
mod fetch;
mod first_steps;
mod golden;
mod l2p_vit;
mod layouts;
mod leaderboard;
mod limits;
mod manual;
mod misbehaviour;
mod parameters;
mod plugins;
mod preprocessing;
mod quickstart;
mod run_options;
mod scenario_errors;
mod tables;
mod verify;
