//! A roster.toml is read, or refused at a place in it; and what it declares of sources without files can be planned.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use roster::source::{absent, as_of_night};
use roster_fuzz::{check_problems, night, read_config};

fuzz_target!(|text: &str| {
    let Some(config) = read_config(text) else { return };
    let _ = config.meaning();
    for source in config.sources.values() {
        let files = Arc::clone(&absent(source).table) as _;
        if let Err(problems) = as_of_night(source, &config, night(), &files) {
            check_problems(&problems);
        }
    }
});
