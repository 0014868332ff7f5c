//! The memory that the job's container may take.

use std::path::Path;

/// What a night holds beside what queries keep: the program, plans, and tables while they are written.
const BESIDE_QUERIES_BYTES: usize = 128 << 20;

/// What the job's container may take; none where there is no container, or one without a limit.
#[must_use]
pub fn container_bytes() -> Option<usize> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    least(&groups, Path::new("/sys/fs/cgroup"))
}

/// What queries may keep of it, so that the job is not killed for the rest.
pub(super) fn memory_limit() -> Option<usize> {
    container_bytes().map(of_queries)
}

fn of_queries(container_bytes: usize) -> usize {
    // What was freed is not of use at once to all that need some: a quarter, or half of that where `cli::heaps` gives it back.
    let eighths = if cfg!(all(target_os = "linux", target_env = "gnu")) { 7 } else { 6 };
    let beyond = container_bytes.saturating_sub(BESIDE_QUERIES_BYTES);
    (beyond / 8 * eighths).max(container_bytes / 8)
}

/// The least limit of the control groups that a process is in and of those above them. In a container the own one stands where
/// all groups do.
fn least(groups: &str, root: &Path) -> Option<usize> {
    let limits = groups.lines().flat_map(|group| {
        let mut parts = group.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next().unwrap_or_default(), parts.next().unwrap_or("/"));
        let of_group = match controllers {
            "" => Some((root.to_owned(), "memory.max")),
            _ if controllers.split(',').any(|name| name == "memory") => {
                Some((root.join("memory"), "memory.limit_in_bytes"))
            }
            _ => None,
        };
        let above = Path::new(path.trim_start_matches('/')).ancestors();
        of_group.into_iter().flat_map(move |(root, file)| {
            above.filter_map(move |group| limit(&root.join(group).join(file))).collect::<Vec<_>>()
        })
    });
    limits.min()
}

/// "max", or more than a machine can have, is none.
fn limit(file: &Path) -> Option<usize> {
    let bytes: usize = std::fs::read_to_string(file).ok()?.trim().parse().ok()?;
    (bytes < 1 << 50).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn queries_may_keep_seven_eighths_beyond_the_rest_and_an_eighth_of_little() {
        let mib = [1024, 256, 96].map(|mib| of_queries(mib << 20) >> 20);
        assert_eq!(mib, [784, 112, 12]);
    }

    #[test]
    fn the_least_of_a_group_and_those_above_it_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |file: &str, bytes: &str| {
            let file = root.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, bytes).unwrap();
        };
        write("memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(least("4:memory:/jobs/night\n0::/\n", root.path()), None);
        write("memory/jobs/memory.limit_in_bytes", "4000\n");
        write("memory/jobs/night/memory.limit_in_bytes", "5000\n");
        assert_eq!(least("3:cpuset:/\n4:memory:/jobs/night\n", root.path()), Some(4000));
        assert_eq!(least("4:cpu,memory:/not/mounted\n", root.path()), None);
        write("memory.max", "3000\n");
        write("night/memory.max", "max\n");
        assert_eq!(least("0::/night\n", root.path()), Some(3000));
        assert_eq!(least("", root.path()), None);
    }
}
