//! Runs a target: damages its files, again and again, and watches what happens.
//!
//! - `CLBENCH_MUTATIONS_SECONDS=600` runs each target for that long, not for [`CASES`] cases.
//! - `CLBENCH_MUTATIONS_CASE=123` runs only that case, to look at a failure.

use super::memory;
use super::mutate::Mutator;
use std::env;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The number of cases of a target in a usual run.
const CASES: u64 = 300;

/// A case that takes longer hangs.
const LONGEST: Duration = Duration::from_secs(60);

/// Only one target runs at a time, so that memory is that of its case.
static TURN: Mutex<()> = Mutex::new(());

/// The case that is running, for those who can only abort.
static TARGET: Mutex<&str> = Mutex::new("");
static CASE: AtomicU64 = AtomicU64::new(0);

/// Reads a file, and tells whether it was good.
type Read<'a> = Box<dyn FnMut(&[u8]) -> bool + 'a>;

/// Something that reads a file.
pub struct Target<'a> {
    /// Its name, which is that of its test.
    pub name: &'static str,
    /// Good files.
    pub seeds: Vec<Vec<u8>>,
    /// The most memory that a damaged file may take, in bytes, and how many for each of its bytes.
    pub most: (usize, usize),
    /// Repairs what would hide all other damage, such as a checksum. Every other case is repaired.
    pub repair: Option<fn(&mut Vec<u8>)>,
    /// What reads it.
    pub read: Read<'a>,
}

/// Says which case is running. Nothing here allocates or waits.
pub fn name_the_case() {
    let target = TARGET.try_lock().map_or("", |target| *target);
    let case = CASE.load(Ordering::Relaxed);
    let _ = writeln!(
        std::io::stderr(),
        "target {target}, case {case}: run it alone with CLBENCH_MUTATIONS_CASE={case}"
    );
}

impl Target<'_> {
    /// Runs the cases.
    ///
    /// # Panics
    ///
    /// If a good file is refused, or reading a damaged one panics or takes too much memory. One
    /// that hangs ends the process.
    pub fn run(mut self) {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        *TARGET.lock().unwrap_or_else(PoisonError::into_inner) = self.name;
        for (number, seed) in self.seeds.iter().enumerate() {
            assert!((self.read)(seed), "{}: seed {number} is refused", self.name);
        }
        let variable = |name| env::var(name).ok()?.parse::<u64>().ok();
        let only = variable("CLBENCH_MUTATIONS_CASE");
        let seconds = variable("CLBENCH_MUTATIONS_SECONDS").map(Duration::from_secs);
        let _watch = Watch::begin();
        let (began, mut accepted, mut most, mut slowest) = (Instant::now(), 0, 0, Duration::ZERO);
        let mut case = only.unwrap_or(0);
        loop {
            CASE.store(case, Ordering::Relaxed);
            TICKS.store(0, Ordering::Relaxed);
            let clock = Instant::now();
            let (good, peak) = self.case(case);
            accepted += u64::from(good);
            most = most.max(peak);
            slowest = slowest.max(clock.elapsed());
            case += 1;
            let enough = match (only, seconds) {
                (Some(_), _) => true,
                (None, Some(seconds)) => began.elapsed() >= seconds,
                (None, None) => case >= CASES,
            };
            if enough {
                break;
            }
        }
        println!(
            "{}: {case} cases, {accepted} of them read as good, at most {} KiB, {} ms",
            self.name,
            most >> 10,
            slowest.as_millis()
        );
    }

    /// Runs a case. Returns whether the file was read as good, and how much memory that took.
    fn case(&mut self, case: u64) -> (bool, usize) {
        let mut mutator = Mutator::new(self.name, case);
        let seed = mutator.below(self.seeds.len());
        let mut bytes = mutator.damage(&self.seeds[seed]);
        if let Some(repair) = self.repair.filter(|_| case.is_multiple_of(2)) {
            repair(&mut bytes);
        }
        let begin = memory::begin();
        let result = catch_unwind(AssertUnwindSafe(|| (self.read)(&bytes)));
        let peak = memory::peak_since(begin);
        let (fixed, each) = self.most;
        let good = result.unwrap_or_else(|_| {
            name_the_case();
            panic!("{}, case {case}: reading it panics", self.name)
        });
        assert!(
            peak <= fixed + each * bytes.len(),
            "{}, case {case}: {} bytes take {peak} bytes of memory",
            self.name,
            bytes.len()
        );
        (good, peak)
    }
}

/// Seconds since the case began.
static TICKS: AtomicUsize = AtomicUsize::new(0);

/// A thread that ends the process if a case hangs.
struct Watch(Arc<AtomicBool>);

impl Watch {
    fn begin() -> Watch {
        let over = Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_secs(1));
                if TICKS.fetch_add(1, Ordering::Relaxed) as u64 > LONGEST.as_secs() {
                    let _ = writeln!(std::io::stderr(), "it hangs");
                    name_the_case();
                    std::process::abort();
                }
            }
        });
        Watch(over)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
