//! How the C library keeps what was freed.

pub(super) use c_library::{give_back, share};

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod c_library {
    use std::time::Duration;

    use crate::session::container_bytes;

    /// Lets threads share heaps, one for each core. glibc gives each thread a heap of its own otherwise, up to eight for each
    /// core, and what was freed in one is of no use in another: a quarter of a night's memory.
    ///
    /// It takes the number from the environment alone, when a program starts. So the program starts once more, as the same
    /// process, unless somebody has set it; where it can not, it goes on as it is.
    pub(in super::super) fn share() {
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

    /// How often it is asked what the program takes: a table of a million accounts needs some tenths of a second.
    const PAUSE: Duration = Duration::from_millis(100);

    /// Where the container has a limit: gives freed memory back to the system before the program grows towards it. glibc gives
    /// back only what is free at the end of a heap; the rest stays with it, a sixth of a large night's memory.
    ///
    /// What others take of the container, a `TMPDIR` in memory or another process, is not looked at, nor what comes faster than
    /// it looks. Where there is no thread for that, nothing is given back.
    pub(in super::super) fn give_back() {
        let Some(limit_bytes) = container_bytes() else { return };
        let _ = std::thread::Builder::new().name("heaps".to_owned()).spawn(move || {
            let mut growth = Growth::within(limit_bytes);
            while let Some(own) = own_bytes() {
                if growth.is_due(own) {
                    trim();
                    growth.after_last = own_bytes().unwrap_or(own);
                }
                std::thread::sleep(PAUSE);
            }
        });
    }

    /// When memory is to be given back. It is soon wanted again, and costs a twentieth of the time where it is done all along
    /// a night that has room enough: so only from half of the limit on, when there is more than there ever was, and a
    /// sixteenth of the limit more than after the last time.
    struct Growth {
        step: usize,
        most: usize,
        after_last: usize,
    }

    impl Growth {
        fn within(limit_bytes: usize) -> Self {
            Self { step: limit_bytes / 16, most: limit_bytes / 2, after_last: 0 }
        }

        fn is_due(&mut self, own_bytes: usize) -> bool {
            let due = own_bytes > self.most && own_bytes >= self.after_last + self.step;
            self.most = self.most.max(own_bytes);
            due
        }
    }

    #[expect(unsafe_code, reason = "there is no other way to ask for it")]
    fn trim() {
        // SAFETY: it takes no pointer, takes the locks that `malloc` takes, and touches only what is free.
        unsafe { libc::malloc_trim(0) };
    }

    /// Memory that is the program's own: not its file, and not shared.
    fn own_bytes() -> Option<usize> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let own = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        let kib: usize = own.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
        Some(kib << 10)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_was_freed_within_a_heap_is_given_back() {
            const BYTES: usize = 256 << 20;
            // Smaller than what has pages of its own. Every eighth stays, so that no end of a heap is free.
            const PIECE_BYTES: usize = 64 << 10;
            let mut pieces: Vec<_> =
                (0..BYTES / PIECE_BYTES).map(|_| Some(vec![1_u8; PIECE_BYTES])).collect();
            for (at, piece) in pieces.iter_mut().enumerate() {
                if at % 8 > 0 {
                    *piece = None;
                }
            }
            let held = own_bytes().unwrap();
            trim();
            let left = own_bytes().unwrap();
            assert!(left + BYTES / 2 < held, "{left} of {held} bytes are left");
            assert_eq!(
                std::hint::black_box(pieces).iter().flatten().count(),
                BYTES / PIECE_BYTES / 8
            );
        }

        #[test]
        fn it_is_given_back_when_the_program_grows_towards_the_limit() {
            let mut growth = Growth::within(160);
            let due = [50, 80, 81, 85, 84].map(|own| growth.is_due(own));
            assert_eq!(due, [false, false, true, true, false]);
            growth.after_last = 80;
            let due = [85, 89, 90, 90, 91].map(|own| growth.is_due(own));
            assert_eq!(due, [false, false, true, false, true]);
        }
    }
}

/// Of other C libraries nothing is known.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod c_library {
    pub(in super::super) fn share() {}

    pub(in super::super) fn give_back() {}
}
