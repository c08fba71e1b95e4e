//! The log of a child process: what it and its plugins print.
//!
//! A process may print for days, so a log is capped: its beginning and its end are kept, with a
//! line between them that says how much is missing. The process writes to a pipe that a thread of
//! the parent reads, so it never learns that a disk is full, and its log can be shown in messages.
//! The file on disk is never far behind, for `tail -f` and in case the parent is killed.

mod kept;
mod on_disk;

use crate::atomic::PendingFile;
use kept::Kept;
use on_disk::OnDisk;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long the rest of the output is waited for after the process has ended. Another process that
/// it started may hold the pipe.
const LINGER: Duration = Duration::from_secs(1);

/// How often a reader looks whether the process has ended.
const LOOK: Duration = Duration::from_millis(100);

/// How many of the last lines of a log are part of a message.
const LINES: usize = 10;

/// A log, which several processes may write. Clones are the same log.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Text>>);

#[derive(Debug, Default)]
struct Text {
    kept: Kept,
    disk: Option<OnDisk>,
    /// Why there is no file.
    failed: Option<io::Error>,
    /// Where people find it.
    path: Option<PathBuf>,
}

/// The end of a log, for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEnd {
    /// The log's file; `None` if it has none.
    pub path: Option<PathBuf>,
    /// Its last lines.
    pub lines: Vec<String>,
}

/// A log whose file appears when it is complete, because another run may be writing one too.
pub struct PendingLog {
    log: Log,
    /// `None` if it could not be created.
    file: Option<PendingFile>,
}

impl PendingLog {
    /// Starts the log that will be at `path`.
    pub fn create(path: &Path) -> PendingLog {
        let (file, handle) = match PendingFile::create(path) {
            Ok(file) => {
                let handle = file.handle();
                (Some(file), handle)
            }
            Err(error) => (None, Err(error)),
        };
        let log = Log::on(handle, path);
        PendingLog { log, file }
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Completes the file, and moves it to its place.
    ///
    /// # Errors
    ///
    /// If it cannot be written. What could be written is in its place all the same.
    pub fn commit(self) -> io::Result<()> {
        let finished = self.log.finish();
        let moved = self.file.map_or(Ok(()), PendingFile::commit);
        finished.and(moved)
    }
}

/// The reader of a process's output.
pub(super) struct Reader {
    log: Log,
    /// What this process has written, as others may write to the same log.
    own: Arc<Mutex<Kept>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Log {
    /// A log that is kept in memory only.
    pub fn in_memory() -> Log {
        Log::default()
    }

    /// A log in an empty file, or in memory if that could not be created. `path` is where people
    /// find it.
    pub fn on(file: io::Result<File>, path: &Path) -> Log {
        let mut text = Text::default();
        match file {
            Ok(file) => {
                text.disk = Some(OnDisk::new(file));
                text.path = Some(path.to_owned());
            }
            Err(error) => text.failed = Some(error),
        }
        Log(Arc::new(Mutex::new(text)))
    }

    /// Starts to read the output of a process.
    pub(super) fn read(&self, output: impl Read + AsFd + Send + 'static) -> Reader {
        let ended = Arc::new(AtomicBool::new(false));
        let own = Arc::<Mutex<Kept>>::default();
        let (log, end, of_process) = (self.clone(), ended.clone(), own.clone());
        let read = move || {
            log.drain(output, &end, &mut |bytes| {
                let _ = locked(&of_process).push(bytes);
            });
        };
        Reader {
            log: self.clone(),
            own,
            ended,
            // Without a thread, the output is lost and the process goes on.
            thread: thread::Builder::new().name("log".into()).spawn(read).ok(),
        }
    }

    /// Everything that is kept.
    pub fn text(&self) -> Vec<u8> {
        self.lock().kept.text()
    }

    /// Its end.
    pub fn end(&self) -> LogEnd {
        let text = self.lock();
        LogEnd {
            path: text.path.clone(),
            lines: text.kept.last_lines(LINES),
        }
    }

    /// Completes the file, once nothing is written any more.
    ///
    /// # Errors
    ///
    /// If the file could not be created, or lacks something.
    pub fn finish(self) -> io::Result<()> {
        let mut text = self.lock();
        let Text { kept, disk, .. } = &mut *text;
        let change = kept.shorten();
        if let Some(disk) = disk {
            disk.update(kept, change);
        }
        let failed = disk.take().and_then(|mut disk| disk.failure());
        failed.or(text.failed.take()).map_or(Ok(()), Err)
    }

    /// Reads until the pipe is closed, or for a moment after the process has ended. `also` gets all
    /// that is read, too.
    fn drain(&self, mut output: impl Read + AsFd, ended: &AtomicBool, also: &mut dyn FnMut(&[u8])) {
        let mut buffer = vec![0; 1 << 16];
        let mut until = None;
        loop {
            if ended.load(Ordering::SeqCst) {
                let until = until.get_or_insert_with(|| Instant::now() + LINGER);
                if Instant::now() >= *until {
                    return;
                }
            }
            let pause = Timespec::try_from(LOOK).expect("a short time");
            let mut pipes = [PollFd::new(&output, PollFlags::IN)];
            if let Ok(0) = poll(&mut pipes, Some(&pause)) {
                continue;
            }
            match output.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => {
                    self.push(&buffer[..length]);
                    also(&buffer[..length]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    fn push(&self, bytes: &[u8]) {
        let mut text = self.lock();
        let Text { kept, disk, .. } = &mut *text;
        let change = kept.push(bytes);
        if let Some(disk) = disk {
            disk.update(kept, change);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Text> {
        locked(&self.0)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reader {
    /// The end of the log, as far as this process wrote it. Call this when the process has ended.
    pub(super) fn end(mut self) -> LogEnd {
        self.stop();
        LogEnd {
            path: self.log.lock().path.clone(),
            lines: locked(&self.own).last_lines(LINES),
        }
    }

    fn stop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Lines to append to a message; nothing if there is nothing to show.
impl fmt::Display for LogEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "\n    log: {}", path.display())?;
        }
        for line in &self.lines {
            write!(f, "\n    | {line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::process::{Command, Stdio};

    /// The log of a shell's standard error, and the time that it took to get it.
    fn logged(log: &Log, script: &str) -> (LogEnd, Duration) {
        let mut process = Command::new("sh")
            .args(["-c", script])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let reader = log.read(process.stderr.take().unwrap());
        process.wait().unwrap();
        let clock = Instant::now();
        (reader.end(), clock.elapsed())
    }

    #[test]
    fn a_flood_is_capped_on_disk_and_ends_with_its_last_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let log = Log::on(File::create(&path), &path);
        let flood = "yes useless | head -c 20000000 >&2; echo the end >&2";
        let (end, _) = logged(&log, flood);
        assert_eq!(end.lines.last().unwrap(), "the end");
        log.finish().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.len() < (2 << 20) + 100, "{}", text.len());
        assert!(text.starts_with("useless\n") && text.ends_with("useless\nthe end\n"));
        assert!(text.contains("\n… 17.1 MiB left out …\nuseless\n"));
    }

    #[test]
    fn a_process_that_stays_behind_is_not_waited_for() {
        let (log, clock) = (Log::in_memory(), Instant::now());
        let (end, _) = logged(&log, "echo started >&2; sleep 60 & exit 3");
        assert_eq!(end.lines, ["started"]);
        assert!(clock.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn the_end_of_a_shared_log_is_that_of_the_process() {
        let log = Log::in_memory();
        let (first, _) = logged(&log, "echo one >&2");
        let (second, _) = logged(&log, "echo two >&2");
        assert_eq!(
            (&*first.lines, &*second.lines),
            (&["one".into()][..], &["two".into()][..])
        );
        assert_eq!(log.text(), b"one\ntwo\n");
    }

    #[test]
    fn a_log_that_cannot_be_written_still_has_an_end_and_says_why() {
        let path = Path::new("/dev/full");
        let log = Log::on(File::options().write(true).open(path), path);
        let (end, _) = logged(&log, "echo lost on disk >&2");
        assert_eq!(end.to_string(), "\n    log: /dev/full\n    | lost on disk");
        let error = log.finish().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);

        let missing = Path::new("/nowhere/log");
        let log = Log::on(File::create(missing), missing);
        assert_eq!(logged(&log, "echo lost >&2").0.to_string(), "\n    | lost");
        assert_eq!(log.finish().unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
