//! Whether the user asked to stop, and the process groups that have to hear of it.
//!
//! A request sets a flag that is checked between two steps, so nothing is left half-written. Child
//! processes lead process groups of their own, which the terminal's signals do not reach: they are
//! passed on from here. The first request asks the groups to end, the second kills them. Ctrl-Z
//! stops them with this process, and they continue with it.

use super::child::Work;
use super::signals;
use crate::error::Error;
use crate::terminal;
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Whether the user asked to stop. Clones share the same flag.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    requests: AtomicU32,
    groups: Mutex<HashMap<u32, Work>>,
    pauses: Mutex<Pauses>,
    voice: Mutex<Voice>,
}

/// Who asks to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// Ctrl-C, which is SIGINT.
    CtrlC,
    /// SIGTERM, from another program.
    Terminate,
    /// SIGHUP: the terminal is gone.
    HangUp,
}

/// A process group, registered until dropped. Whatever is left of it then is killed.
pub(super) struct Running(Interrupt, u32);

/// Replaces the voice until dropped.
pub(super) struct Speaking<'a>(&'a Interrupt);

/// Where the reply to a request is printed.
#[derive(Default)]
enum Voice {
    /// Nowhere: the standard error of a child process is a log.
    #[default]
    Silent,
    Plain,
    Through(Box<dyn Fn(&str) + Send>),
}

/// The time during which the process was stopped.
#[derive(Debug, Default)]
struct Pauses {
    past: Duration,
    since: Option<Instant>,
}

impl Interrupt {
    /// From now on, Ctrl-C, SIGTERM and SIGHUP set the flag instead of ending the process. A signal
    /// that is ignored, as SIGINT is in a background job of a script and SIGHUP under `nohup`, stays
    /// ignored; SIGTERM never is.
    ///
    /// # Errors
    ///
    /// If the signal handlers cannot be installed.
    pub fn on_ctrl_c() -> Result<Interrupt, Error> {
        Interrupt::speaking(Voice::Plain)
    }

    /// The same for a child process: its parent replies to the user.
    ///
    /// # Errors
    ///
    /// If the signal handlers cannot be installed.
    pub fn of_child() -> Result<Interrupt, Error> {
        Interrupt::speaking(Voice::Silent)
    }

    fn speaking(voice: Voice) -> Result<Interrupt, Error> {
        let interrupt = Interrupt::default();
        *locked(&interrupt.0.voice) = voice;
        signals::listen(interrupt.clone())
            .map_err(|error| Error::Internal(format!("cannot listen to signals: {error}")))?;
        Ok(interrupt)
    }

    /// Whether the flag is set.
    pub fn requested(&self) -> bool {
        self.0.requests.load(Ordering::SeqCst) > 0
    }

    /// For use with `?` between two steps.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] if the flag is set.
    pub fn check(&self) -> Result<(), Error> {
        if self.requested() {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    }

    /// Sets the flag, tells the process groups, and replies.
    pub(super) fn receive(&self, request: Request) {
        let groups = locked(&self.0.groups);
        // A terminal that closes may send several.
        if request == Request::HangUp && self.requested() {
            return;
        }
        let before = self.0.requests.fetch_add(1, Ordering::SeqCst);
        for &group in groups.keys() {
            self.pass_on(group);
        }
        let reply = match before {
            0 => waiting(&groups, request),
            _ if groups.is_empty() => return,
            _ => format!("killed {}", listed(&groups)),
        };
        drop(groups);
        match &*locked(&self.0.voice) {
            Voice::Silent => {}
            Voice::Plain => terminal::say(reply),
            Voice::Through(say) => say(&reply),
        }
    }

    /// Stops the process groups; this process is about to be stopped, too.
    pub(super) fn pause(&self) {
        let groups = locked(&self.0.groups);
        locked(&self.0.pauses)
            .since
            .get_or_insert_with(Instant::now);
        for &group in groups.keys() {
            send(group, Signal::STOP);
        }
    }

    /// Continues the process groups; this process has been continued.
    pub(super) fn resume(&self) {
        let mut pauses = locked(&self.0.pauses);
        if let Some(since) = pauses.since.take() {
            pauses.past += since.elapsed();
        }
        drop(pauses);
        for &group in locked(&self.0.groups).keys() {
            send(group, Signal::CONT);
        }
    }

    /// The time since a moment, without that during which the process was stopped with Ctrl-Z.
    pub(super) fn elapsed(&self, since: &Moment) -> Duration {
        let paused = self.paused().saturating_sub(since.paused);
        since.instant.elapsed().saturating_sub(paused)
    }

    /// This moment.
    pub(super) fn moment(&self) -> Moment {
        Moment {
            instant: Instant::now(),
            paused: self.paused(),
        }
    }

    fn paused(&self) -> Duration {
        let pauses = locked(&self.0.pauses);
        // After Ctrl-Z, any thread may be the first to continue.
        pauses.past + pauses.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Prints replies with this function until the result is dropped.
    pub(super) fn speak_through(&self, say: impl Fn(&str) + Send + 'static) -> Speaking<'_> {
        *locked(&self.0.voice) = Voice::Through(Box::new(say));
        Speaking(self)
    }

    /// Registers the group that this process leads.
    pub(super) fn started(&self, leader: u32, work: Work) -> Running {
        locked(&self.0.groups).insert(leader, work);
        // A request between the start of the process and this line did not reach it.
        self.pass_on(leader);
        Running(self.clone(), leader)
    }

    fn pass_on(&self, group: u32) {
        match self.0.requests.load(Ordering::SeqCst) {
            0 => {}
            // A child process may have inherited that SIGINT is ignored.
            1 => send(group, Signal::TERM),
            _ => send(group, Signal::KILL),
        }
    }
}

/// A moment of [`Interrupt`]'s clock.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    instant: Instant,
    paused: Duration,
}

impl Running {
    /// Kills the group.
    pub(super) fn kill(&self) {
        send(self.1, Signal::KILL);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Its leader has not been waited for, so the number is not another group's.
        let mut groups = locked(&self.0.0.groups);
        groups.remove(&self.1);
        self.kill();
    }
}

impl Drop for Speaking<'_> {
    fn drop(&mut self) {
        *locked(&self.0.0.voice) = Voice::Plain;
    }
}

impl fmt::Debug for Voice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Voice::Silent => "Silent",
            Voice::Plain => "Plain",
            Voice::Through(_) => "Through",
        })
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn send(group: u32, signal: Signal) {
    if let Some(leader) = i32::try_from(group).ok().and_then(Pid::from_raw) {
        // A group that has just ended needs no signal.
        let _ = kill_process_group(leader, signal);
    }
}

/// The reply to the first request.
fn waiting(groups: &HashMap<u32, Work>, request: Request) -> String {
    if groups.is_empty() {
        return "interrupted; ending after the current step".into();
    }
    let again = match request {
        Request::CtrlC => "press Ctrl-C again",
        Request::Terminate | Request::HangUp => "send SIGTERM again",
    };
    let [their, them] = match (cells(groups), others(groups).count()) {
        (1, 0) | (0, 1) => ["its", "it"],
        _ => ["their", "them"],
    };
    let groups = listed(groups);
    format!(
        "interrupted; waiting for {groups} to end after {their} current step; {again} to kill {them}"
    )
}

/// For people: `2 cells`, `the computation of features`.
fn listed(groups: &HashMap<u32, Work>) -> String {
    let cells = cells(groups);
    let cells = (cells > 0).then(|| format!("{cells} cell{}", if cells == 1 { "" } else { "s" }));
    let others = others(groups).map(|work| work.to_string());
    let listed: Vec<String> = cells.into_iter().chain(others).collect();
    listed.join(" and ")
}

fn cells(groups: &HashMap<u32, Work>) -> usize {
    groups.values().filter(|&&work| work == Work::Cell).count()
}

/// The work that is not about a cell. Several processes may share it.
fn others(groups: &HashMap<u32, Work>) -> impl Iterator<Item = Work> {
    let works = [Work::Check, Work::Features, Work::Tables];
    works
        .into_iter()
        .filter(|work| groups.values().any(|w| w == work))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, Command};
    use std::thread;

    fn sleeper() -> Child {
        let mut sleep = Command::new("sleep");
        sleep.arg("60").process_group(0).spawn().unwrap()
    }

    #[test]
    fn a_process_that_was_being_started_is_told_too() {
        for (requests, signal) in [(1, 15), (2, 9)] {
            let interrupt = Interrupt::default();
            let mut process = sleeper();
            (0..requests).for_each(|_| interrupt.receive(Request::CtrlC));
            let running = interrupt.started(process.id(), Work::Cell);
            assert_eq!(process.wait().unwrap().signal(), Some(signal));
            // Waited for, so the number may be another process's.
            std::mem::forget(running);
        }
    }

    #[test]
    fn a_terminal_that_closes_kills_nothing() {
        let interrupt = Interrupt::default();
        let mut process = sleeper();
        let running = interrupt.started(process.id(), Work::Cell);
        (0..3).for_each(|_| interrupt.receive(Request::HangUp));
        assert_eq!(process.wait().unwrap().signal(), Some(15));
        std::mem::forget(running);
    }

    #[test]
    fn the_clock_stands_while_the_process_is_stopped() {
        let interrupt = Interrupt::default();
        let start = interrupt.moment();
        interrupt.pause();
        thread::sleep(Duration::from_millis(50));
        assert!(interrupt.elapsed(&start) < Duration::from_millis(50));
        interrupt.resume();
        assert!(interrupt.elapsed(&start) < Duration::from_millis(50));
        assert!(start.instant.elapsed() >= Duration::from_millis(50));
    }

    #[test]
    fn the_reply_says_what_is_waited_for() {
        let reply = |works: &[Work], request| {
            let groups = (1..).zip(works.iter().copied()).collect();
            waiting(&groups, request)
        };
        assert_eq!(
            reply(&[Work::Cell, Work::Cell], Request::CtrlC),
            "interrupted; waiting for 2 cells to end after their current step; press Ctrl-C again to kill them"
        );
        assert_eq!(
            reply(&[Work::Features, Work::Features], Request::Terminate),
            "interrupted; waiting for the computation of features to end after its current step; send SIGTERM again to kill it"
        );
        assert_eq!(
            reply(&[], Request::CtrlC),
            "interrupted; ending after the current step"
        );
    }
}
