//! Standard output and standard error: whoever closes the pipe has read enough.

use std::io::{IsTerminal, Write};

/// Writes to standard output, a line break behind it.
pub(super) fn say(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Writes to standard error, a line break behind it.
pub(super) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Whether standard error is a terminal: progress moves, colours show.
pub(super) fn is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Whether colours are wanted there.
pub(super) fn colours() -> bool {
    is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
