//! What is watched while a process runs: its time, its memory, and whether it says anything.

use super::memory;
use super::silence::Silence;
use crate::byte_size::ByteSize;
use crate::scenario::{LimitExceeded, Limits};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often to look whether a process is still needed.
const LOOK: Duration = Duration::from_millis(100);

/// How often memory is sampled.
const SAMPLE: Duration = Duration::from_millis(500);

/// A process that has reported the end of its work may take this long to clean up.
const CLEAN_UP: Duration = Duration::from_secs(30);

/// How to watch a process.
#[derive(Clone, Copy, Default)]
pub struct Watch<'a> {
    /// What it may use.
    pub limits: Limits,
    /// Called with the length of its silence.
    pub silent: Option<&'a dyn Fn(Duration)>,
    /// Whether its work is no longer needed, so that it is killed.
    pub unneeded: Option<&'a AtomicBool>,
}

/// A process that is watched. Times are those since its start.
pub(super) struct Watched<'a> {
    watch: Watch<'a>,
    leader: u32,
    silence: Silence,
    /// When memory is sampled next.
    sample: Duration,
    /// The most memory that a sample has found.
    peak: Option<ByteSize>,
    /// By when the process has to be gone, once its work is done.
    gone: Option<Duration>,
}

/// What has to be done about a process.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    GoOn,
    /// Kill it: it has done its work, and does not end.
    Linger,
    /// Kill it: its work is no longer needed.
    Unneeded,
    /// Kill it.
    Exceeded(LimitExceeded),
}

impl<'a> Watched<'a> {
    /// Watches the process group with this leader.
    pub(super) fn new(watch: Watch<'a>, leader: u32) -> Watched<'a> {
        Watched {
            watch,
            leader,
            silence: Silence::new(),
            sample: SAMPLE,
            peak: None,
            gone: None,
        }
    }

    /// The process has said something.
    pub(super) fn heard(&mut self, now: Duration) {
        self.silence.broken(now);
    }

    /// The process has reported that its work is done.
    pub(super) fn done(&mut self, now: Duration) {
        self.gone.get_or_insert(now + CLEAN_UP);
    }

    /// The most memory that it was seen to use.
    pub(super) fn peak(&self) -> Option<ByteSize> {
        self.peak
    }

    /// How long to wait before the next look.
    pub(super) fn pause(&self, now: Duration) -> Duration {
        let Limits { time, memory } = self.watch.limits;
        let times = [
            time.map(Duration::from),
            memory.map(|_| self.sample),
            self.gone,
            self.watch.unneeded.map(|_| now + LOOK),
            Some(self.silence.due()),
        ];
        let next = times.into_iter().flatten().min().unwrap_or(now);
        // Not zero, as the clock is not exact.
        next.saturating_sub(now).max(Duration::from_millis(1))
    }

    /// Looks at the process.
    pub(super) fn look(&mut self, now: Duration) -> Verdict {
        if self.gone.is_some_and(|gone| now >= gone) {
            return Verdict::Linger;
        }
        if self
            .watch
            .unneeded
            .is_some_and(|flag| flag.load(Ordering::SeqCst))
        {
            return Verdict::Unneeded;
        }
        let Limits { time, memory } = self.watch.limits;
        if let Some(limit) = time
            && now >= limit.into()
        {
            return Verdict::Exceeded(LimitExceeded::Time { limit });
        }
        if let Some(limit) = memory
            && now >= self.sample
        {
            self.sample = now + SAMPLE;
            if let Some(used) = memory::of_group(self.leader, limit.0).map(ByteSize) {
                self.peak = self.peak.max(Some(used));
                if used > limit {
                    return Verdict::Exceeded(LimitExceeded::Memory { limit, used });
                }
            }
        }
        if let Some(length) = self.silence.notice(now)
            && let Some(tell) = self.watch.silent
        {
            tell(length);
        }
        Verdict::GoOn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn a_process_is_ended_at_its_limit_or_when_it_lingers() {
        let limits = Limits {
            time: Some("90s".parse().unwrap()),
            memory: None,
        };
        let told = RefCell::new(Vec::new());
        let tell = |length| told.borrow_mut().push(length);
        let watch = Watch {
            limits,
            silent: Some(&tell),
            unneeded: None,
        };
        let mut watched = Watched::new(watch, 1);
        assert_eq!(watched.pause(seconds(0)), seconds(60));
        assert_eq!(watched.look(seconds(60)), Verdict::GoOn);
        assert_eq!(*told.borrow(), [seconds(60)]);
        assert_eq!(watched.pause(seconds(60)), seconds(30));
        let Verdict::Exceeded(exceeded) = watched.look(seconds(90)) else {
            panic!("the limit is 90 s");
        };
        assert_eq!(
            exceeded.to_string(),
            "ended after 1m30s, the limit on its time (`limits.time`, `--timeout`)"
        );
        watched.done(seconds(10));
        assert_eq!(watched.look(seconds(39)), Verdict::GoOn);
        assert_eq!(watched.look(seconds(40)), Verdict::Linger);
    }

    #[test]
    fn the_memory_of_a_group_is_compared_with_the_limit() {
        let limits = Limits {
            time: None,
            memory: Some(ByteSize(4096)),
        };
        let watch = Watch {
            limits,
            ..Watch::default()
        };
        let group = rustix::process::getpgrp().as_raw_nonzero().get() as u32;
        let mut watched = Watched::new(watch, group);
        assert_eq!(watched.look(Duration::ZERO), Verdict::GoOn, "too early");
        let verdict = watched.look(SAMPLE);
        let used = watched.peak().unwrap();
        let limit = ByteSize(4096);
        assert!(used > limit);
        assert_eq!(
            verdict,
            Verdict::Exceeded(LimitExceeded::Memory { limit, used })
        );
    }
}
