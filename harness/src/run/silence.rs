//! When to say that a process says nothing: after a minute, and again each time that its silence
//! has doubled.

use std::fmt;
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(60);

/// What to tell about a process that has said nothing for this long.
pub fn silent(what: impl fmt::Display, length: Duration) -> String {
    let minutes = length.as_secs() / 60;
    format!("{what} has said nothing for {minutes} min; still running")
}

/// How long a process has said nothing. Times are those since its start.
#[derive(Debug)]
pub(super) struct Silence {
    since: Duration,
    /// The next length that is worth a notice.
    notable: Duration,
}

impl Silence {
    /// Begins at the start of the process.
    pub(super) fn new() -> Silence {
        Silence {
            since: Duration::ZERO,
            notable: FIRST,
        }
    }

    /// The process has said something.
    pub(super) fn broken(&mut self, now: Duration) {
        *self = Silence {
            since: now,
            notable: FIRST,
        };
    }

    /// When the next notice is due.
    pub(super) fn due(&self) -> Duration {
        self.since + self.notable
    }

    /// The length of the silence, if a notice is due.
    pub(super) fn notice(&mut self, now: Duration) -> Option<Duration> {
        if now < self.due() {
            return None;
        }
        let length = self.notable;
        self.notable *= 2;
        Some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_become_rarer_until_the_process_says_something() {
        let minutes = |number: u64| Duration::from_secs(60 * number);
        let mut silence = Silence::new();
        let noticed = |silence: &mut Silence, from: u64, to: u64| -> Vec<u64> {
            let times = (from..=to).filter(|&now| silence.notice(minutes(now)).is_some());
            times.collect()
        };
        assert_eq!(noticed(&mut silence, 0, 20), [1, 2, 4, 8, 16]);
        silence.broken(minutes(20));
        assert_eq!(silence.due(), minutes(21));
        assert_eq!(noticed(&mut silence, 20, 23), [21, 22]);
    }
}
