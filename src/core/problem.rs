//! A mistake in a project, with all that a person needs to mend it.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::mistake::is_known;

/// A text file of the project, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFile {
    /// Relative to the project.
    pub path: PathBuf,
    /// The whole text.
    pub text: Arc<str>,
}

impl ProjectFile {
    /// A file by its path relative to the project.
    pub fn new(path: impl AsRef<Path>, text: impl AsRef<str>) -> Self {
        // Some editors begin with a byte order mark, which neither SQL nor TOML know.
        let text = text.as_ref();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { path: path.as_ref().to_owned(), text: text.into() }
    }

    /// Where a byte of the text lies; lines and columns count from 1, columns in characters.
    #[must_use]
    pub fn position(&self, byte: usize) -> Position {
        let before = &self.text[..self.text.floor_char_boundary(byte)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// The bytes from one line and column to another.
    #[must_use]
    pub fn bytes_between(&self, start: (u64, u64), end: (u64, u64)) -> Range<usize> {
        let start = self.byte_at(start.0, start.1);
        start..self.byte_at(end.0, end.1).max(start)
    }

    /// The byte at a line and column, both from 1, columns in characters; the end of the text where there is none.
    #[must_use]
    pub fn byte_at(&self, line: u64, column: u64) -> usize {
        let line = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
        let column = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1);
        let Some(start) = (if line == 0 {
            Some(0)
        } else {
            self.text.match_indices('\n').nth(line - 1).map(|(newline, _)| newline + 1)
        }) else {
            return self.text.len();
        };
        let rest = &self.text[start..];
        start + rest.char_indices().nth(column).map_or(rest.len(), |(byte, _)| byte)
    }
}

/// A place in a text, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// How much a problem matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// No night can be computed.
    Error,
    /// Worth a look; the night goes on.
    Warning,
}

/// What is wrong, where, and the next thing to do.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Error or warning.
    pub level: Level,
    /// A stable name, for scripts.
    pub code: &'static str,
    /// What a command answers that fails for it.
    pub exit_code: u8,
    /// The file to open.
    pub file: ProjectFile,
    /// Bytes of the file that the caret points at.
    pub span: Range<usize>,
    /// One sentence: what is wrong.
    pub message: String,
    /// The next step.
    pub help: String,
}

impl Problem {
    /// An error at `span` of `file`, as far as it lies in the text; wide characters belong to it whole.
    pub fn error(
        code: &'static str,
        file: &ProjectFile,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        debug_assert!(is_known(code), "`{code}` is not listed");
        let (message, help) = (message.into(), String::new());
        let end = file.text.ceil_char_boundary(span.end);
        let span = file.text.floor_char_boundary(span.start.min(end))..end;
        Self { level: Level::Error, code, exit_code: 2, file: file.clone(), span, message, help }
    }

    /// The same as a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.level = Level::Warning;
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// Line and column of the caret.
    #[must_use]
    pub fn position(&self) -> Position {
        self.file.position(self.span.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_positions_are_each_others_inverse_where_characters_are_wide() {
        let file = ProjectFile::new("a.sql", "SELECT 'é',\n  ü FROM x\n");
        for (byte, _) in file.text.char_indices() {
            let Position { line, column } = file.position(byte);
            assert_eq!(file.byte_at(line as u64, column as u64), byte);
        }
        assert_eq!(file.byte_at(99, 1), file.text.len());
    }

    #[test]
    fn a_problem_points_at_whole_characters_of_its_text() {
        let file = ProjectFile::new("a.sql", "1 €");
        for (span, pointed) in [(2..3, "€"), (3..4, "€"), (4..9, "€"), (5..6, ""), (8..9, "")]
        {
            let problem = Problem::error("sql_syntax", &file, span, "");
            assert_eq!(&file.text[problem.span], pointed);
        }
    }
}
