//! Warnings about strategies that expect to need more memory than there is, before anything is
//! computed.

use crate::byte_size::ByteSize;
use std::fs;
use std::path::Path;

/// What the cells of a strategy on a stream expect to need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryNeed {
    /// The strategy's row.
    pub row: String,
    /// The stream.
    pub stream: String,
    /// The memory, in bytes.
    pub bytes: u64,
}

/// At most one warning about what is available, and one about the limit on a cell's memory. Each
/// names the strategy with the largest need.
pub fn memory_warnings(
    needs: &[MemoryNeed],
    limit: Option<ByteSize>,
    available: Option<u64>,
) -> Vec<String> {
    let above = |bound: Option<u64>, what: &str, then: &str| {
        let bound = bound?;
        let above = needs.iter().filter(|need| need.bytes > bound);
        let largest = above.clone().max_by_key(|need| need.bytes)?;
        let others = match above.count() - 1 {
            0 => String::new(),
            1 => " (and 1 other row)".to_owned(),
            others => format!(" (and {others} other rows)"),
        };
        let MemoryNeed { row, stream, bytes } = largest;
        Some(format!(
            "strategy `{row}` on `{stream}`{others} expects to need {} of memory, but {what} {}{then}",
            ByteSize(*bytes).rounded(),
            ByteSize(bound).rounded()
        ))
    };
    let limited = above(
        limit.map(|limit| limit.0),
        "the limit is",
        " (`limits.memory`, `--memory-limit`); its cells will be ended unless you raise it",
    );
    let short = above(
        available,
        "this machine has only",
        " to spare; its cells may be killed",
    );
    limited.into_iter().chain(short).collect()
}

/// The memory that this process and its children can still get, in bytes, as far as Linux tells:
/// what the machine has available, or the limit of a container if that is smaller.
pub fn available_memory() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let cgroup = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let of_container = container_limit(&cgroup, Path::new("/sys/fs/cgroup"));
    [mem_available(&meminfo), of_container]
        .into_iter()
        .flatten()
        .min()
}

fn mem_available(meminfo: &str) -> Option<u64> {
    let mut lines = meminfo.lines();
    let line = lines.find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// The smallest limit of the control groups of a process, whose `/proc/self/cgroup` is given.
/// `root` is where control groups are mounted.
fn container_limit(cgroup: &str, root: &Path) -> Option<u64> {
    let limits = cgroup.lines().flat_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, group) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
        let (mount, file) = match controllers {
            // Version 2 has one hierarchy for all controllers.
            "" => (root.to_owned(), "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                (root.join("memory"), "memory.limit_in_bytes")
            }
            _ => return Vec::new(),
        };
        let group = mount.join(group.trim_start_matches('/'));
        let groups = group
            .ancestors()
            .take_while(|group| group.starts_with(&mount));
        groups
            .filter_map(|group| {
                let limit = fs::read_to_string(group.join(file)).ok()?;
                // `max` is no number; version 1 says a very large one.
                limit.trim().parse().ok()
            })
            .collect::<Vec<u64>>()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_warning_names_the_largest_need_and_both_figures() {
        let need = |row: &str, gib: u64| MemoryNeed {
            row: row.into(),
            stream: "cub".into(),
            bytes: gib << 30,
        };
        let needs = [need("small", 1), need("ranpac", 20), need("cgil", 12)];
        let warned = |limit: Option<u64>, available: Option<u64>| {
            let warnings = memory_warnings(
                &needs,
                limit.map(|n| ByteSize(n << 30)),
                available.map(|n| n << 30),
            );
            warnings
                .iter()
                .map(|line| format!("{line}\n"))
                .collect::<String>()
        };
        expect![[r#"
            strategy `ranpac` on `cub` (and 1 other row) expects to need 20.0 GiB of memory, but the limit is 8.0 GiB (`limits.memory`, `--memory-limit`); its cells will be ended unless you raise it
            strategy `ranpac` on `cub` expects to need 20.0 GiB of memory, but this machine has only 16.0 GiB to spare; its cells may be killed
        "#]].assert_eq(&warned(Some(8), Some(16)));
        assert_eq!(warned(None, None), "");
        assert_eq!(warned(Some(20), Some(20)), "");
    }

    #[test]
    fn the_smallest_limit_of_the_control_groups_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("job/memory.max", "4096\n");
        write("job/step/memory.max", "max\n");
        write("memory/slurm/memory.limit_in_bytes", "2048\n");
        let limit = |cgroup: &str| container_limit(cgroup, root.path());
        assert_eq!(limit("0::/job/step\n"), Some(4096));
        assert_eq!(limit("4:memory:/slurm/uid_1\n3:cpu:/x\n0::/\n"), Some(2048));
        assert_eq!(limit("0::/elsewhere\n"), None);
        assert_eq!(limit(""), None);
        assert_eq!(
            mem_available("MemTotal: 9 kB\nMemAvailable:   8 kB\n"),
            Some(8192)
        );
    }
}
