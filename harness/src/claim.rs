//! Claims: files that say which process works on something, so that no other process does the same
//! work at the same time.
//!
//! A claim saves work and never decides a result. Whatever it protects is written to a file of its
//! own and then renamed, so two processes that both believe they have the claim waste time and do
//! no harm. That allows claims to be plain files, which work on every file system: locks are
//! missing on some clusters' file systems, and seen by one node only on others.
//!
//! A claim is the file `<name>.claim`. It appears whole (written under another name, then linked),
//! says who its owner is, and is deleted when the owner is done. The owner touches it every ten
//! seconds. It no longer counts once its owner is
//!
//! - dead: on this machine, and its process has ended, or
//! - silent: not touched for two minutes, by the clock of the file system, so that the clocks of
//!   machines need not agree.
//!
//! Taking over such a claim renames it first, which only one process can do.

use crate::atomic;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, Permissions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};
use std::{env, fmt, process};

/// The suffix of a claim, after its name.
pub const SUFFIX: &str = ".claim";

/// How often an owner touches its claim.
const BEAT: Duration = Duration::from_secs(10);

/// After this time without a touch, a claim no longer counts. Much longer than [`BEAT`], since
/// clients of a network file system may see a touch a minute late.
const SILENT: Duration = Duration::from_secs(120);

/// The longest pause between two attempts to get a claim.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// The claims in a folder.
#[derive(Debug, Clone)]
pub struct Claims {
    folder: PathBuf,
}

/// A claim of this process. Dropping it gives it up.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    owner: Owner,
    /// Dropping the sender ends the thread that touches the claim.
    beat: Option<(Sender<()>, JoinHandle<()>)>,
}

/// The outcome of an attempt to get a claim.
#[derive(Debug)]
pub enum Attempt {
    /// It is this process's.
    Ours(Claim),
    /// It is another's, who is alive.
    Theirs(Owner),
}

/// Who has a claim: the content of its file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The machine's name, for people.
    host: String,
    /// Identifies the machine since it was last started.
    boot: Option<String>,
    /// Which of the machine's processes see each other; containers have their own.
    pid_namespace: Option<String>,
    pid: u32,
    /// When the process was started, in ticks since the machine was.
    started: Option<u64>,
    /// The job of a cluster, for people.
    job: Option<String>,
    /// Distinguishes claims of one process.
    token: String,
}

/// What is at a claim's path.
enum Seen {
    Nothing,
    Living(Owner),
    /// The content of a claim that no longer counts.
    Dead(Vec<u8>),
}

impl Claims {
    /// The claims in this folder, which must exist before the first attempt.
    pub fn new(folder: impl Into<PathBuf>) -> Claims {
        Claims {
            folder: folder.into(),
        }
    }

    /// Tries to get the claim with this name, from an owner that is dead or silent if need be.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written to.
    pub fn attempt(&self, name: &str) -> io::Result<Attempt> {
        let path = self.path(name);
        let owner = Owner::this_process();
        loop {
            match self.look(&path)? {
                Seen::Nothing => {}
                // A network file system may do what it was asked and report that it did not.
                Seen::Living(other) if other == owner => {
                    let file = File::options().write(true).open(&path)?;
                    return Ok(Attempt::Ours(Claim::begin(path, owner, file)));
                }
                Seen::Living(other) => return Ok(Attempt::Theirs(other)),
                Seen::Dead(content) => self.remove(&path, &content)?,
            }
            match self.create(name, &path, &owner) {
                Ok(file) => return Ok(Attempt::Ours(Claim::begin(path, owner, file))),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                // A run that found itself alone took the temporary file for a left-over one.
                Err(error) if error.kind() == ErrorKind::NotFound && self.folder.is_dir() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until the claim with this name is this process's, as long as `go_on` returns true.
    /// `waiting` is called once, with the owner, if it has to wait.
    ///
    /// # Errors
    ///
    /// As for [`attempt`](Self::attempt).
    pub fn wait(
        &self,
        name: &str,
        go_on: &dyn Fn() -> bool,
        waiting: &mut dyn FnMut(&Owner),
    ) -> io::Result<Option<Claim>> {
        // Claims may be short; the first attempts follow each other quickly.
        let mut pause = Duration::from_millis(10);
        let mut told = false;
        while go_on() {
            match self.attempt(name)? {
                Attempt::Ours(claim) => return Ok(Some(claim)),
                Attempt::Theirs(owner) => {
                    if !std::mem::replace(&mut told, true) {
                        waiting(&owner);
                    }
                    thread::sleep(pause);
                    pause = PATIENCE.min(pause * 2);
                }
            }
        }
        Ok(None)
    }

    /// A claim that is only a sign of life, under a name that begins with `name` and is used only
    /// once.
    ///
    /// # Errors
    ///
    /// As for [`attempt`](Self::attempt).
    pub fn sign_of_life(&self, name: &str) -> io::Result<Claim> {
        loop {
            if let Attempt::Ours(claim) = self.attempt(&format!("{name}-{}", token()))? {
                return Ok(claim);
            }
        }
    }

    /// The claims whose owners are alive, as paths. Deletes the others.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read or written to.
    pub fn living(&self) -> io::Result<Vec<PathBuf>> {
        let mut living = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if !path.to_string_lossy().ends_with(SUFFIX) {
                continue;
            }
            match self.look(&path)? {
                Seen::Nothing => {}
                Seen::Living(_) => living.push(path),
                Seen::Dead(content) => self.remove(&path, &content)?,
            }
        }
        Ok(living)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}{SUFFIX}"))
    }

    /// Creates the claim unless there is one. It appears whole.
    fn create(&self, name: &str, path: &Path, owner: &Owner) -> io::Result<File> {
        let json = serde_json::to_vec(owner).expect("plain data");
        let mut file = self.temporary(name)?;
        file.write_all(&json)?;
        match file.persist_noclobber(path) {
            Ok(file) => Ok(file),
            Err(error)
                if matches!(
                    error.error.kind(),
                    ErrorKind::AlreadyExists | ErrorKind::NotFound
                ) =>
            {
                Err(error.error)
            }
            // The file system has no hard links. A reader may find half of the content now, which
            // counts as an unknown owner who is alive.
            Err(_) => {
                let mut file = File::options().write(true).create_new(true).open(path)?;
                file.write_all(&json)?;
                Ok(file)
            }
        }
    }

    fn temporary(&self, name: &str) -> io::Result<tempfile::NamedTempFile> {
        tempfile::Builder::new()
            .prefix(&format!("{name}{SUFFIX}."))
            .suffix(atomic::SUFFIX)
            // Others who share the folder must be able to read it.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(&self.folder)
    }

    fn look(&self, path: &Path) -> io::Result<Seen> {
        let mut content = Vec::new();
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Seen::Nothing),
            Err(error) => return Err(error),
        };
        (&file).take(1 << 16).read_to_end(&mut content)?;
        let owner: Option<Owner> = serde_json::from_slice(&content).ok();
        let dead = owner.as_ref().is_some_and(Owner::has_ended) || self.is_silent(&file)?;
        Ok(match dead {
            true => Seen::Dead(content),
            false => Seen::Living(owner.unwrap_or_default()),
        })
    }

    fn is_silent(&self, claim: &File) -> io::Result<bool> {
        let touched = claim.metadata()?.modified()?;
        let since = |now: SystemTime| now.duration_since(touched);
        // Usually this machine's clock is enough to see that all is well.
        if since(SystemTime::now()).is_ok_and(|age| age < SILENT) {
            return Ok(false);
        }
        let now = self.temporary("now")?.as_file().metadata()?.modified()?;
        Ok(since(now).is_ok_and(|age| age >= SILENT))
    }

    /// Deletes a claim that no longer counts. Only one of several processes that try can rename it.
    fn remove(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut aside = path.as_os_str().to_owned();
        aside.push(format!(".{}{}", token(), atomic::SUFFIX));
        match fs::rename(path, &aside) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        if fs::read(&aside).is_ok_and(|found| found != content) {
            // Another process took it over in between. It gets its claim back, unless a third one
            // has a claim there already.
            let _ = fs::hard_link(&aside, path);
        }
        // The next run deletes what is left.
        let _ = fs::remove_file(&aside);
        Ok(())
    }
}

impl Claim {
    fn begin(path: PathBuf, owner: Owner, file: File) -> Claim {
        let (stop, stopped) = channel();
        let touch = move || {
            while stopped.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
                let now = Timespec {
                    tv_sec: 0,
                    tv_nsec: UTIME_NOW,
                };
                let now = Timestamps {
                    last_access: now,
                    last_modification: now,
                };
                // If it fails, the worst that can happen is that another process does the same
                // work.
                let _ = futimens(&file, &now);
            }
        };
        let thread = thread::Builder::new().name("claim".into()).spawn(touch);
        Claim {
            path,
            owner,
            beat: thread.ok().map(|thread| (stop, thread)),
        }
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.beat.take() {
            drop(stop);
            let _ = thread.join();
        }
        // After a long silence, it may be another's.
        let found = fs::read(&self.path).ok();
        let found = found.and_then(|content| serde_json::from_slice(&content).ok());
        if found.as_ref() == Some(&self.owner) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Owner {
    fn this_process() -> Owner {
        let read = |path: &str| fs::read_to_string(path).ok().map(|t| t.trim().to_owned());
        let pid = process::id();
        Owner {
            host: read("/proc/sys/kernel/hostname").unwrap_or_default(),
            boot: read("/proc/sys/kernel/random/boot_id"),
            pid_namespace: fs::read_link("/proc/self/ns/pid")
                .ok()
                .map(|name| name.display().to_string()),
            pid,
            started: Process::of(pid).map(|process| process.started),
            job: ["SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID"]
                .iter()
                .find_map(|name| env::var(name).ok()),
            token: token(),
        }
    }

    /// Whether its process is one of this machine's that has ended. Of other machines' processes
    /// nothing is known.
    fn has_ended(&self) -> bool {
        let here = Owner::this_process();
        let is_here = self.boot.is_some()
            && self.pid_namespace.is_some()
            && (&self.boot, &self.pid_namespace) == (&here.boot, &here.pid_namespace);
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else {
            return false;
        };
        if !is_here {
            return false;
        }
        if test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
            return true;
        }
        // Some systems hide other users' processes; then only silence tells.
        Process::of(self.pid).is_some_and(|process| {
            process.is_zombie
                || self
                    .started
                    .is_some_and(|started| started != process.started)
        })
    }
}

/// For people: `process 4711 on node7 (job 12)`.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pid == 0 {
            return f.write_str("an unknown process");
        }
        write!(f, "process {} on {}", self.pid, self.host)?;
        match &self.job {
            Some(job) => write!(f, " (job {job})"),
            None => Ok(()),
        }
    }
}

/// What the system knows about a process.
struct Process {
    /// It has ended, but its parent has not taken notice yet.
    is_zombie: bool,
    started: u64,
}

impl Process {
    fn of(pid: u32) -> Option<Process> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field, the name in parentheses, may contain anything.
        let (_, rest) = stat.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        Some(Process {
            is_zombie: matches!(fields.next()?, "Z" | "X"),
            // Field 22 of all, and the state was field 3.
            started: fields.nth(18)?.parse().ok()?,
        })
    }
}

/// Sixteen random hex digits.
fn token() -> String {
    format!("{:016x}", RandomState::new().hash_one(process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn ours(claims: &Claims, name: &str) -> Option<Claim> {
        match claims.attempt(name).unwrap() {
            Attempt::Ours(claim) => Some(claim),
            Attempt::Theirs(_) => None,
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    /// A claim of someone who last touched it this long ago.
    fn plant(folder: &Path, owner: &Owner, ago: Duration) {
        let file = File::create(folder.join("x.claim")).unwrap();
        serde_json::to_writer(&file, owner).unwrap();
        file.set_modified(SystemTime::now() - ago).unwrap();
    }

    fn elsewhere() -> Owner {
        Owner {
            host: "node7".into(),
            boot: Some("another".into()),
            pid: 4711,
            job: Some("12".into()),
            ..Owner::this_process()
        }
    }

    #[test]
    fn one_has_it_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let claims = Claims::new(dir.path());
        let first = ours(&claims, "x").unwrap();
        assert!(ours(&claims, "x").is_none());
        assert!(ours(&claims, "y").is_some(), "another name");
        assert_eq!(claims.living().unwrap(), [first.path()]);
        drop(first);
        assert!(ours(&claims, "x").is_some());
        assert_eq!(names(dir.path()), [""; 0]);
    }

    #[test]
    fn many_take_turns() {
        let dir = tempfile::tempdir().unwrap();
        let claims = Claims::new(dir.path());
        let inside = std::sync::atomic::AtomicU32::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let claim = claims.wait("x", &|| true, &mut |_| {}).unwrap();
                    use std::sync::atomic::Ordering::SeqCst;
                    assert_eq!(inside.fetch_add(1, SeqCst), 0);
                    thread::sleep(Duration::from_millis(2));
                    inside.fetch_sub(1, SeqCst);
                    drop(claim);
                });
            }
        });
        assert_eq!(names(dir.path()), [""; 0]);
        // Nobody waits against his will.
        let _first = ours(&claims, "x").unwrap();
        let stopped = claims.wait("x", &|| false, &mut |_| {}).unwrap();
        assert!(stopped.is_none());
    }

    #[test]
    fn a_dead_owners_claim_is_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let claims = Claims::new(dir.path());
        let mut process = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let owner = Owner {
            pid: process.id(),
            started: Process::of(process.id()).map(|process| process.started),
            ..Owner::this_process()
        };
        plant(dir.path(), &owner, Duration::ZERO);
        assert!(ours(&claims, "x").is_none(), "it lives");
        assert_eq!(claims.living().unwrap().len(), 1);
        process.kill().unwrap();
        // Also while it is a zombie.
        while !Process::of(process.id()).is_some_and(|process| process.is_zombie) {
            thread::yield_now();
        }
        assert!(ours(&claims, "x").is_some());
        process.wait().unwrap();
        plant(dir.path(), &owner, Duration::ZERO);
        assert!(ours(&claims, "x").is_some());
        // Its number may be another process's by now.
        let reused = Owner {
            pid: process::id(),
            started: Some(1),
            ..owner
        };
        plant(dir.path(), &reused, Duration::ZERO);
        assert_eq!(claims.living().unwrap(), [""; 0].map(PathBuf::from));
        assert_eq!(names(dir.path()), [""; 0]);
    }

    #[test]
    fn a_silent_owners_claim_is_taken_over_and_stays_the_new_owners() {
        let dir = tempfile::tempdir().unwrap();
        let claims = Claims::new(dir.path());
        plant(dir.path(), &elsewhere(), Duration::from_secs(60));
        match claims.attempt("x").unwrap() {
            Attempt::Theirs(owner) => {
                assert_eq!(owner.to_string(), "process 4711 on node7 (job 12)");
            }
            Attempt::Ours(_) => panic!("its owner is alive"),
        }
        plant(dir.path(), &elsewhere(), Duration::from_secs(180));
        let taken = ours(&claims, "x").unwrap();
        assert_eq!(names(dir.path()), ["x.claim"]);

        // An owner that was taken for dead does not delete the claim of its successor.
        let silent = Claim::begin(
            taken.path().to_owned(),
            elsewhere(),
            File::open(taken.path()).unwrap(),
        );
        drop(silent);
        assert!(ours(&claims, "x").is_none());
    }

    #[test]
    fn a_claim_that_is_being_written_counts_until_it_is_old() {
        let dir = tempfile::tempdir().unwrap();
        let claims = Claims::new(dir.path());
        let file = File::create(dir.path().join("x.claim")).unwrap();
        assert!(ours(&claims, "x").is_none());
        file.set_modified(SystemTime::now() - SILENT * 2).unwrap();
        assert!(ours(&claims, "x").is_some());
    }

    #[test]
    fn a_claim_that_was_taken_over_meanwhile_is_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let claims = Claims::new(dir.path());
        let living = ours(&claims, "x").unwrap();
        // Judged by what was there before.
        claims.remove(living.path(), b"a dead one").unwrap();
        assert_eq!(names(dir.path()), ["x.claim"]);
        assert!(ours(&claims, "x").is_none());
    }
}
