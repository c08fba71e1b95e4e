//! A child process ends with its parent, even if the parent was killed and could not end it.
//!
//! The system can send a signal at the death of a parent, but only to the child and not to what the
//! child has started; and it takes the end of the thread that started the child for that of the
//! process. So a thread watches the parent instead.

use rustix::process::{
    Pid, Signal, getpgrp, getpid, getppid, kill_current_process_group, kill_process,
};
use std::time::Duration;
use std::{env, thread};

/// The variable in which a parent tells its child its number: it may be gone before the child asks
/// the system.
pub(super) const PARENT: &str = "CLBENCH_PARENT";

const PAUSE: Duration = Duration::from_millis(250);

/// From now on, this process and its group are killed soon after its parent has ended.
pub fn end_with_parent() {
    let told = env::var(PARENT).ok().and_then(|parent| parent.parse().ok());
    let parent = told.and_then(Pid::from_raw).or_else(getppid);
    let watch = move || {
        while getppid() == parent {
            thread::sleep(PAUSE);
        }
        // Started by hand, it would not lead the group that it is in.
        let _ = match getpgrp() == getpid() {
            true => kill_current_process_group(Signal::KILL),
            false => kill_process(getpid(), Signal::KILL),
        };
    };
    // Without the thread, the process merely lives longer than it should.
    let _ = thread::Builder::new().name("orphan".into()).spawn(watch);
}
