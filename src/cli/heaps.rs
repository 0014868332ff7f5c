//! How the C library keeps what was freed.

/// Lets threads share heaps, one for each core. glibc gives each thread a heap of its own otherwise, up to eight for each
/// core, and what was freed in one is of no use in another: a quarter of a night's memory.
///
/// It takes the number from the environment alone, when a program starts. So the program starts once more, as the same
/// process, unless somebody has set it; where it can not, it goes on as it is.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn share() {
    use std::os::unix::process::CommandExt;

    const HEAPS: &str = "MALLOC_ARENA_MAX";
    if let (None, Ok(program)) = (std::env::var_os(HEAPS), std::env::current_exe()) {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let mut arguments = std::env::args_os();
        let mut again = std::process::Command::new(program);
        again.arg0(arguments.next().unwrap_or_default()).args(arguments);
        let _ = again.env(HEAPS, cores.to_string()).exec();
    }
}

/// Other C libraries do so by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn share() {}
