//! Shows mistakes where they stand, with a caret.

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

use super::output::{colours, complain};
use crate::core::{Level as Severity, Problem};
use crate::error::Error;
use crate::store::mask;

/// Shows an error on standard error.
pub(super) fn show_error(error: &Error) {
    if let Error::Project(problems) = error {
        complain(&render(problems, colours()));
    }
    complain(&format!("error: {error}"));
}

/// All problems, one below the other, errors last: they are what stays on the screen.
pub(super) fn render(problems: &[Problem], colours: bool) -> String {
    let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
    let mut problems: Vec<_> = problems.iter().collect();
    problems.sort_by_key(|problem| {
        (std::cmp::Reverse(problem.level), problem.file.path.clone(), problem.span.start)
    });
    problems.into_iter().map(|problem| render_one(&renderer, problem) + "\n").collect()
}

fn render_one(renderer: &Renderer, problem: &Problem) -> String {
    let level = match problem.level {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let text = mask(&problem.file.text);
    let end = problem.span.end.min(text.len());
    let span = problem.span.start.min(end)..end;
    let caret = AnnotationKind::Primary.span(span);
    let path = problem.file.path.display().to_string();
    let title = level.primary_title(problem.message.as_str()).id(problem.code);
    // Of a file that nobody read there is no line to show.
    let mut group = match text.is_empty() {
        true => title.element(Origin::path(path)),
        false => title.element(Snippet::source(text.as_str()).path(path).annotation(caret)),
    };
    if !problem.help.is_empty() {
        group = group.element(Level::HELP.message(problem.help.as_str()));
    }
    renderer.render(&[group])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ProjectFile;

    #[test]
    fn a_problem_shows_its_line_with_a_caret_and_the_next_step() {
        let file =
            ProjectFile::new("sql/segments/a.sql", "SELECT account_id,\n       arrr\nFROM x");
        let problem =
            Problem::error("unknown_column", &file, 26..30, "there is no column `arrr` here")
                .help("did you mean `arr`?");
        insta::assert_snapshot!(render(&[problem], false), @r"
        error[unknown_column]: there is no column `arrr` here
         --> sql/segments/a.sql:2:8
          |
        2 |        arrr
          |        ^^^^
          |
          = help: did you mean `arr`?
        ");
    }
}
