//! The signals that a process of clbench handles, and a thread that hears them.

use super::interrupt::{Interrupt, Request};
use signal_hook::consts::signal::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use signal_hook::low_level::raise;
use std::{fs, io, thread};

/// Not among the constants, since no handler can be installed for it.
const SIGSTOP: i32 = rustix::process::Signal::STOP.as_raw();

/// Handles signals in a thread of its own from now on.
pub(super) fn listen(interrupt: Interrupt) -> io::Result<()> {
    let ignored = ignored(&fs::read_to_string("/proc/self/status").unwrap_or_default());
    let heeded = [SIGINT, SIGHUP, SIGTSTP]
        .into_iter()
        .filter(|signal| ignored & (1 << (signal - 1)) == 0)
        .chain([SIGTERM, SIGCONT]);
    let mut signals = Signals::new(heeded)?;
    let hear = move || {
        for signal in signals.forever() {
            match signal {
                SIGINT => interrupt.receive(Request::CtrlC),
                SIGTERM => interrupt.receive(Request::Terminate),
                SIGHUP => interrupt.receive(Request::HangUp),
                SIGTSTP => {
                    interrupt.pause();
                    let _ = raise(SIGSTOP);
                }
                _ => interrupt.resume(),
            }
        }
    };
    thread::Builder::new()
        .name("signals".into())
        .spawn(hear)
        .map(drop)
}

/// The mask of the signals that are ignored, from the text of `/proc/self/status`: `nohup` and
/// shells start programs so. Where there is no such file, none.
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_process_status() {
        let status = "Name:\tclbench\nSigBlk:\t0000000000000004\nSigIgn:\t0000000000001003\n";
        assert_eq!(
            ignored(status),
            1 << 12 | 1 << (SIGINT - 1) | 1 << (SIGHUP - 1)
        );
        assert_eq!(ignored(""), 0);
    }
}
