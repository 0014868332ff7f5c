//! What the targets share.

use std::path::Path;

use roster::config::Config;
use roster::core::{AsOf, Problem, ProjectFile};

/// Every problem points into its text, at whole characters, and says what to do.
///
/// # Panics
/// Where one does not.
pub fn check_problems(problems: &[Problem]) {
    for problem in problems {
        let pointed = problem.file.text.get(problem.span.clone());
        assert!(pointed.is_some(), "points beside its text: {problem:?}");
        assert!(!problem.message.is_empty() && !problem.help.is_empty(), "{problem:?}");
    }
}

/// Reads a roster.toml; what is wrong with it is checked too.
///
/// # Panics
/// A text that is refused without a reason.
#[must_use]
pub fn read_config(text: &str) -> Option<Config> {
    let problems = std::cell::RefCell::default();
    let file = ProjectFile::new("roster.toml", text);
    let environment = |name: &str| Some(format!("value of {name}"));
    let config = Config::parse(Path::new("/project"), file, &environment, &problems);
    let problems = problems.into_inner();
    check_problems(&problems);
    assert!(config.is_some() || !problems.is_empty(), "refused without a reason");
    config
}

/// A night in a zone with summer time.
///
/// # Panics
/// Never: the night exists.
#[must_use]
pub fn night() -> AsOf {
    let day = chrono::NaiveDate::from_ymd_opt(2026, 3, 29);
    let zone = "Europe/Berlin".parse().ok();
    day.zip(zone).and_then(|(day, zone)| AsOf::new(day, zone)).expect("a night")
}
