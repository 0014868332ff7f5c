//! The reference project that the program carries: what `roster init` and `roster demo` write.

use std::path::Path;

use include_dir::{Dir, include_dir};

use super::shown;
use crate::error::{Error, Result};

/// SQL and roster.toml.
static REFERENCE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sql");

/// Its settings, over the demo company's extracts.
pub(super) fn settings() -> &'static str {
    REFERENCE.get_file("roster.toml").and_then(|file| file.contents_utf8()).unwrap_or_default()
}

/// Writes the project with these settings.
pub(super) fn write_project(directory: &Path, settings: &str) -> Result<()> {
    write(&directory.join("roster.toml"), settings.as_bytes())?;
    for file in REFERENCE.dirs().flat_map(Dir::files) {
        write(&directory.join("sql").join(file.path()), file.contents())?;
    }
    Ok(())
}

/// Whether there is nothing yet in the folder, which may not be there either.
pub(super) fn check_empty(directory: &Path, command: &str) -> Result<()> {
    if std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::Setting {
            message: format!("{} is not empty", shown(directory)),
            help: format!("name a folder that is not there yet: {command} DIR"),
        });
    }
    Ok(())
}

/// Writes a file, and the folders above it.
pub(super) fn write(path: &Path, contents: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, contents))
        .map_err(|error| cannot_write(path, &error.to_string()))
}

pub(super) fn cannot_write(path: &Path, cause: &str) -> Error {
    Error::Store {
        doing: "write",
        url: path.display().to_string(),
        cause: cause.to_owned(),
        help: "make room or choose another folder",
    }
}
