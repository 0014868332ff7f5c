//! Finds the TOML between `+++` lines in a SQL file's first comment.

use std::ops::Range;

use super::{Problem, ProjectFile};

/// The bytes of the front matter's TOML, none where the file has none.
///
/// # Errors
/// An opening `+++` without its closing one.
pub fn split_front_matter(file: &ProjectFile) -> Result<Option<Range<usize>>, Box<Problem>> {
    let text = &*file.text;
    let start = text.len() - text.trim_start().len();
    let Some(comment) = text[start..].strip_prefix("/*") else { return hidden(file) };
    let comment = &comment[..comment.find("*/").unwrap_or(comment.len())];
    let comment_start = start + "/*".len();

    let mut fences = comment
        .split_inclusive('\n')
        .scan(comment_start, |next, line| {
            let at = *next;
            *next += line.len();
            Some((at, line))
        })
        .filter(|(_, line)| line.trim() == "+++");
    let Some((open, line)) = fences.next() else { return hidden(file) };
    match fences.next() {
        Some((close, _)) => Ok(Some(open + line.len()..close)),
        None => Err(Box::new(
            Problem::error(
                "front_matter",
                file,
                open..open + 3,
                "the front matter opened here is never closed",
            )
            .help("close it with a line +++ before the end of the comment"),
        )),
    }
}

/// What the first comment says behind the front matter: what the query is for.
#[must_use]
pub fn description(file: &ProjectFile) -> &str {
    let Ok(Some(front_matter)) = split_front_matter(file) else { return "" };
    let comment = file.text[front_matter.end..].split("*/").next().unwrap_or_default();
    comment.trim_start().trim_start_matches("+++").trim()
}

/// Front matter that is there, but not in the file's first comment, would be lost without a word.
fn hidden(file: &ProjectFile) -> Result<Option<Range<usize>>, Box<Problem>> {
    let mut start = 0;
    for line in file.text.split_inclusive('\n') {
        if line.trim() == "+++" {
            let message = "front matter counts only at the start of the file's first comment";
            let problem = Problem::error("front_matter", file, start..start + 3, message);
            let help = "move /* +++ ... +++ */ to the top, or take the line out";
            return Err(Box::new(problem.help(help)));
        }
        start += line.len();
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front_matter(text: &str) -> Option<String> {
        let file = ProjectFile::new("a.sql", text);
        split_front_matter(&file).unwrap().map(|range| file.text[range].to_owned())
    }

    #[test]
    fn only_the_first_comment_counts() {
        assert_eq!(
            front_matter("/*\n+++\ntitle = \"A\"\n+++\nWhy.\n*/\nSELECT 1"),
            Some("title = \"A\"\n".into())
        );
        assert_eq!(front_matter("\n\n/* no fence */ SELECT 1"), None);
        let late = ProjectFile::new("a.sql", "-- note\n/*\n+++\n+++\n*/ SELECT 1");
        assert_eq!(split_front_matter(&late).unwrap_err().position().line, 3);
    }

    #[test]
    fn the_description_is_what_stands_between_front_matter_and_query() {
        let of = |text: &str| description(&ProjectFile::new("a.sql", text)).to_owned();
        assert_eq!(
            of("/*\n+++\ntitle = \"1 +++ 2\"\n+++\nWhy,\nand how.\n*/\nSELECT 1"),
            "Why,\nand how."
        );
        assert_eq!(of("/*\n+++\n+++\n*/\nSELECT 1 /* later */"), "");
        assert_eq!(of("SELECT 1"), "");
    }

    #[test]
    fn an_open_fence_is_an_error_even_if_one_closes_it_behind_the_comment() {
        let file = ProjectFile::new("a.sql", "/*\n+++\ntitle = \"A\"\n*/\nSELECT 1 /*\n+++\n*/");
        assert!(split_front_matter(&file).is_err());
    }
}
