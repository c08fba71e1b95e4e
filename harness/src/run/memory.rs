//! The memory of a process group: anonymous and shared memory of all its processes together.
//!
//! A limit on the address space would end what uses CUDA or maps large files, so memory in use is
//! sampled instead. Pages of files do not count: the system takes them back when it needs them.

use std::fs;

/// Whether the system tells how much memory processes use.
pub fn is_known() -> bool {
    of_process("self").is_some()
}

/// The memory of the group with this leader, in bytes; nothing where the system does not tell.
///
/// What several processes share is counted for each of them first, which is quick. Only if that is
/// more than `limit` are they asked for their shares, which takes long for large processes.
pub(super) fn of_group(leader: u32, limit: u64) -> Option<u64> {
    let processes: Vec<String> = fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|process| group_of(process) == Some(leader))
        .collect();
    let total = |of: fn(&str) -> Option<u64>| -> u64 {
        // A process may have ended since.
        processes.iter().filter_map(|process| of(process)).sum()
    };
    let most = total(of_process);
    if most <= limit || processes.len() < 2 {
        return Some(most);
    }
    Some(total(|process| {
        share_of(process).or_else(|| of_process(process))
    }))
}

/// The process group of a process.
fn group_of(process: &str) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    group_in(&stat)
}

/// The group in a line of `/proc/PID/stat`. The second field is the program's name in brackets,
/// which may contain anything.
fn group_in(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(2)?.parse().ok()
}

/// All memory of a process, including what it shares. What is swapped out counts, too.
fn of_process(process: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    sum(&status, &["RssAnon:", "RssShmem:", "VmSwap:"])
}

/// The memory of a process, with its share of what it shares.
fn share_of(process: &str) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    sum(&rollup, &["Pss_Anon:", "Pss_Shmem:", "SwapPss:"])
}

/// The sum of these lines, in bytes; nothing if the first is not there.
fn sum(text: &str, names: &[&str]) -> Option<u64> {
    let value = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kilobytes * 1024)
    };
    let first = value(names[0])?;
    let others = names[1..].iter().filter_map(|name| value(name));
    Some(first + others.sum::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Pid, Signal, kill_process_group};
    use std::os::unix::process::CommandExt;
    use std::process::Command;
    use std::thread;
    use std::time::{Duration, Instant};

    #[test]
    fn the_fields_of_proc_are_read() {
        assert_eq!(group_in("12 (a) S (b 3) R 1 77 12 0 -1 4194304"), Some(77));
        let status = "VmRSS:\t9 kB\nRssAnon:\t  100 kB\nRssFile:\t7 kB\nRssShmem:\t 20 kB\n";
        assert_eq!(
            sum(status, &["RssAnon:", "RssShmem:", "VmSwap:"]),
            Some(120 * 1024)
        );
        assert_eq!(sum(status, &["Pss_Anon:", "RssShmem:"]), None);
    }

    #[test]
    fn the_memory_of_all_processes_of_a_group_counts() {
        const SIZE: u64 = 64 << 20;
        // `tail` keeps everything until it can write it, and nobody reads it.
        let script = format!("head -c {SIZE} /dev/zero | tail -c {SIZE} | sleep 60");
        let mut shell = Command::new("sh")
            .args(["-c", &script])
            .process_group(0)
            .spawn()
            .unwrap();
        let group = shell.id();
        let start = Instant::now();
        while of_group(group, u64::MAX).unwrap() < SIZE {
            assert!(start.elapsed() < Duration::from_secs(60), "it has 64 MiB");
            thread::sleep(Duration::from_millis(10));
        }
        for limit in [0, u64::MAX] {
            let used = of_group(group, limit).unwrap();
            assert!((SIZE..2 * SIZE).contains(&used), "{used}");
        }
        let leader = Pid::from_raw(group as i32).unwrap();
        kill_process_group(leader, Signal::KILL).unwrap();
        shell.wait().unwrap();
    }
}
