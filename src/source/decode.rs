//! Decoders of broken metadata: arrow-ipc 59 panics over a type that it does not know, which a newer writer may well know.

use std::any::Any;
use std::cell::Cell;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread decodes a file, whose fault a panic is then: it is told as an error of the file.
#[must_use]
pub fn is_decoding() -> bool {
    DECODING.get()
}

/// What a decoder answers; why it failed, also where it panicked.
pub(super) fn decoded<T, E: Display>(decode: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    DECODING.set(true);
    let ended = catch_unwind(AssertUnwindSafe(decode));
    DECODING.set(false);
    match ended {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(panic) => Err(reason(&*panic).to_owned()),
    }
}

fn reason(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("its decoder gave up")
}
