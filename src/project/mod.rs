//! A project as a folder of text: everything that can be known of it without opening an extract.

mod part;
mod select;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use part::read_question;
pub use select::Selection;

use crate::config::Config;
use crate::core::{
    Cycle, Layer, Name, Problem, ProjectFile, Reference, Segmentation, SqlFile, TableName, nearest,
    order,
};
use crate::error::{Error, Result};
use crate::store::Root;

/// The published tables that SQL may look back on.
pub const PREVIOUS_TABLES: [&str; 1] = ["membership"];

/// The version of the SQL functions: theirs, not the program's.
const FUNCTIONS: &str = datafusion_functions_segmentation::VERSION;

/// A project, read and checked as far as text goes.
#[derive(Debug)]
pub struct Project {
    /// `roster.toml`.
    pub config: Config,
    /// The files of `sql/`.
    pub files: BTreeMap<TableName, SqlFile>,
    /// All of them, each after what it reads.
    pub order: Vec<TableName>,
    /// What of it a run is about; none is all.
    pub selection: Option<Selection>,
}

impl Project {
    /// Reads the project in `directory`. `environment` answers the variables that roster.toml may name.
    ///
    /// # Errors
    /// All mistakes of the project together.
    pub fn load(directory: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        match Self::read(directory, environment)? {
            (Some(project), problems) if problems.is_empty() => Ok(project),
            (_, problems) => Err(Error::Project(problems)),
        }
    }

    /// Reads the project's settings alone. Mistakes that do not touch where and what it publishes are passed over.
    ///
    /// # Errors
    /// A roster.toml that can not be read, or does not say that.
    pub fn config(
        directory: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Config> {
        let problems = RefCell::default();
        let config = read_config(directory, environment, &problems)?;
        config.ok_or_else(|| Error::Project(problems.into_inner()))
    }

    /// Reads as much of the project as can be understood, to find the mistakes in the rest of it too.
    ///
    /// # Errors
    /// Files that can not be read.
    pub fn read(
        directory: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Option<Self>, Vec<Problem>)> {
        let problems = RefCell::default();
        let config = read_config(directory, environment, &problems)?;
        if let Some(config) = &config {
            check_locations(config, &problems);
        }
        let files = read_files(directory, &problems)?;
        if let Some(config) = &config {
            let known = known_tables(config, &files);
            check_references(files.values(), &known, &problems);
            check_universe(config, &files, &known, &problems);
        }
        let edges = edges(&files, &problems);
        let (order, cycle) = order(&edges);
        problems.borrow_mut().extend(cycle.map(|cycle| describe_cycle(&cycle, &files)));
        let project = config.map(|config| Self { config, files, order, selection: None });
        Ok((project, problems.into_inner()))
    }

    /// Every text that a night depends on, by name.
    #[must_use]
    pub fn texts(&self) -> BTreeMap<String, String> {
        if let Some(selection) = &self.selection {
            return selection.texts.clone();
        }
        let sql = self
            .files
            .values()
            .map(|file| (file.file.path.display().to_string(), file.file.text.to_string()));
        let functions = ("functions".to_owned(), FUNCTIONS.to_owned());
        sql.chain([("roster.toml".to_owned(), self.config.meaning()), functions]).collect()
    }

    /// The segmentations, by name.
    pub fn segmentations(&self) -> impl Iterator<Item = &Segmentation> {
        self.files.values().filter_map(SqlFile::segmentation)
    }

    /// Whether some query reads the night before.
    #[must_use]
    pub fn looks_back(&self) -> bool {
        let mut references = self.files.values().flat_map(|file| &file.references);
        references.any(|read| read.table.layer == Layer::Previous)
    }

    /// Who is counted, if the project says so.
    #[must_use]
    pub fn universe(&self) -> Option<TableName> {
        let default = TableName::parse("feature.account");
        let default = default.filter(|table| self.files.contains_key(table));
        self.config.universe.as_ref().map(|table| table.get_ref().clone()).or(default)
    }

    /// How many files read each table.
    #[must_use]
    pub fn readers(&self, table: &TableName) -> usize {
        let reads = |file: &&SqlFile| file.references.iter().any(|read| read.table == *table);
        self.files.values().filter(reads).count()
            + usize::from(self.universe().as_ref() == Some(table))
    }
}

fn read_config(
    directory: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    problems: &RefCell<Vec<Problem>>,
) -> Result<Option<Config>> {
    let toml = directory.join("roster.toml");
    let text = std::fs::read_to_string(&toml).map_err(|error| Error::Setting {
        message: format!("cannot read {}: {error}", toml.display()),
        help: "a project is a folder with roster.toml and sql/; name it with --project, or see one made \
               by `roster demo`"
            .to_owned(),
    })?;
    let file = ProjectFile::new("roster.toml", text);
    Ok(Config::parse(directory, file, environment, problems))
}

fn check_locations(config: &Config, problems: &RefCell<Vec<Problem>>) {
    let report = |code, span, message: String, help: &str| {
        let problem = Problem::error(code, &config.file, span, message).help(help);
        problems.borrow_mut().push(problem);
    };
    let inputs = config.sources.values().flat_map(|source| &source.locations);
    for location in inputs.chain([&config.output]) {
        let url = location.text.split_once("://").and_then(|(_, rest)| rest.split_once('?'));
        if url.is_some_and(|(_, query)| query.contains('=')) {
            report(
                "bad_location",
                location.span.clone(),
                "a location has no query".to_owned(),
                "what opens the store stands in its environment variables or under [object_store]",
            );
            continue;
        }
        if let Err(error) = Root::open(&location.text, &config.directory, &config.object_store) {
            let text = error.to_string();
            let (message, help) = text.split_once("\n  ").unwrap_or((&text, ""));
            report("bad_location", location.span.clone(), message.to_owned(), help);
        }
    }
    if config.output.text.starts_with("http://") || config.output.text.starts_with("https://") {
        report(
            "bad_location",
            config.output.span.clone(),
            "http(s) locations are for reading only".to_owned(),
            "publish to a path, file://, s3://, gs://, az:// or abfss://",
        );
    }
}

fn read_files(
    directory: &Path,
    problems: &RefCell<Vec<Problem>>,
) -> Result<BTreeMap<TableName, SqlFile>> {
    let cannot_read = |path: &Path, error: &std::io::Error| Error::Setting {
        message: format!("cannot read {}: {error}", path.display()),
        help: "make it readable, and keep SQL files in UTF-8".to_owned(),
    };
    let mut files = BTreeMap::new();
    check_strays(directory, problems);
    for layer in Layer::OF_FILES {
        let folder = directory.join("sql").join(layer.folder());
        let mut paths: Vec<PathBuf> = match std::fs::read_dir(&folder) {
            Ok(entries) => {
                let paths: std::io::Result<_> =
                    entries.map(|entry| entry.map(|entry| entry.path())).collect();
                paths.map_err(|error| cannot_read(&folder, &error))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(cannot_read(&folder, &error)),
        };
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
        paths.sort();
        for path in paths {
            let text =
                std::fs::read_to_string(&path).map_err(|error| cannot_read(&path, &error))?;
            let file = ProjectFile::new(path.strip_prefix(directory).unwrap_or(&path), text);
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let Some(name) = Name::new(stem.clone()) else {
                problems.borrow_mut().push(
                    Problem::error(
                        "bad_name",
                        &file,
                        0..0,
                        format!(
                            "the file's name makes the table `{stem}`, which SQL could not name"
                        ),
                    )
                    .help("use lower-case letters, digits and _, not starting with a digit"),
                );
                continue;
            };
            let table = TableName::new(layer, name);
            if let Some(file) = SqlFile::parse(table.clone(), file, problems) {
                files.insert(table, file);
            }
        }
    }
    if files.keys().all(|table| table.layer != Layer::Segment) && problems.borrow().is_empty() {
        return Err(Error::Setting {
            message: format!("{} has no segment files", directory.join("sql/segments").display()),
            help: "write one SELECT into sql/segments/<name>.sql that returns the entity key"
                .to_owned(),
        });
    }
    Ok(files)
}

/// SQL that nobody would run: in a folder that is no layer, in a folder below one, or with an extension in capitals.
fn check_strays(directory: &Path, problems: &RefCell<Vec<Problem>>) {
    let folders = Layer::OF_FILES.map(Layer::folder);
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        let mut entries: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        entries.sort();
        entries
    };
    let is_sql = |path: &Path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("sql"));
    let report = |path: &Path, help: String| {
        let shown = path.strip_prefix(directory).unwrap_or(path);
        let message = format!("{} is not read", shown.display());
        let problem = Problem::error("stray_file", &ProjectFile::new(shown, ""), 0..0, message);
        problems.borrow_mut().push(problem.help(help));
    };
    let layers =
        || format!("SQL files lie in sql/{}", folders.join("/, sql/")) + "/, each <name>.sql";
    for entry in entries(&directory.join("sql")) {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !entry.is_dir() {
            if is_sql(&entry) {
                report(&entry, layers());
            }
        } else if folders.contains(&name.as_str()) {
            for file in entries(&entry) {
                let stray = is_sql(&file) && file.extension().is_some_and(|e| e != "sql");
                if stray || file.is_dir() {
                    report(&file, layers());
                }
            }
        } else {
            let near = nearest(&name, folders);
            report(&entry, near.map_or_else(layers, |near| format!("did you mean sql/{near}/?")));
        }
    }
}

/// All tables that SQL of the project may name.
fn known_tables(config: &Config, files: &BTreeMap<TableName, SqlFile>) -> BTreeSet<TableName> {
    let raw = config.sources.keys().map(|name| TableName::new(Layer::Raw, name.clone()));
    let previous = PREVIOUS_TABLES.iter().filter_map(|name| Name::new(*name));
    let previous = previous.map(|name| TableName::new(Layer::Previous, name));
    raw.chain(previous).chain(files.keys().cloned()).collect()
}

fn nearest_table(wanted: &TableName, known: &BTreeSet<TableName>) -> Option<String> {
    let names: Vec<_> = known.iter().map(ToString::to_string).collect();
    let near = nearest(&wanted.to_string(), names.iter().map(String::as_str));
    near.map(|near| format!("did you mean `{near}`?"))
}

fn check_references<'a>(
    files: impl IntoIterator<Item = &'a SqlFile>,
    known: &BTreeSet<TableName>,
    problems: &RefCell<Vec<Problem>>,
) {
    for file in files {
        for Reference { table, span } in &file.references {
            let problem = |code, message: String, help: String| {
                let problem = Problem::error(code, &file.file, span.clone(), message);
                problems.borrow_mut().push(problem.help(help));
            };
            if !file.table.layer.may_read(table.layer) {
                problem(
                    "layer",
                    format!("{} must not read {table}", file.table),
                    "staging reads raw, features read staging, segments read features; each may also read its own \
                     and lower layers, only segments and audits may read previous, and only `roster sql` published"
                        .to_owned(),
                );
            } else if !known.contains(table) {
                let help = nearest_table(table, known).unwrap_or_else(|| match table.layer {
                    Layer::Raw => format!("add [sources.{}] to roster.toml", table.name),
                    layer @ (Layer::Previous | Layer::Published) => {
                        let tables = known.iter().filter(|known| known.layer == layer);
                        let tables: Vec<_> = tables.map(ToString::to_string).collect();
                        format!("there are: {}", tables.join(", "))
                    }
                    layer => format!("write sql/{}/{}.sql", layer.folder(), table.name),
                });
                problem("unknown_table", format!("there is no table {table}"), help);
            }
        }
    }
}

fn check_universe(
    config: &Config,
    files: &BTreeMap<TableName, SqlFile>,
    known: &BTreeSet<TableName>,
    problems: &RefCell<Vec<Problem>>,
) {
    let Some(universe) = &config.universe else { return };
    let table = universe.get_ref();
    if !files.contains_key(table) {
        let help = nearest_table(table, known).unwrap_or_default();
        let message = format!("the universe {table} is not a table of the project");
        let problem = Problem::error("unknown_table", &config.file, universe.span(), message);
        problems.borrow_mut().push(problem.help(help));
    }
}

/// Who waits for whom: for what is read, and in a group for those who win over it.
fn edges(
    files: &BTreeMap<TableName, SqlFile>,
    problems: &RefCell<Vec<Problem>>,
) -> BTreeMap<TableName, BTreeSet<TableName>> {
    let mut edges: BTreeMap<_, BTreeSet<_>> = files
        .iter()
        .map(|(table, file)| {
            (table.clone(), file.references.iter().map(|read| read.table.clone()).collect())
        })
        .collect();
    let mut groups: BTreeMap<&str, BTreeMap<u64, &SqlFile>> = BTreeMap::new();
    for file in files.values() {
        let Some(group) = file.segmentation().and_then(|s| s.group.as_ref()) else { continue };
        let members = groups.entry(&group.name).or_default();
        if let Some(other) = members.insert(group.priority, file) {
            let message = format!(
                "{} and {} have the same priority {} in group `{}`",
                file.table, other.table, group.priority, group.name
            );
            let problem = Problem::error("same_priority", &file.file, group.span.clone(), message);
            problems.borrow_mut().push(problem.help("give each its own number; the lowest wins"));
        }
    }
    for members in groups.values() {
        let members: Vec<_> = members.values().collect();
        for pair in members.windows(2) {
            edges.entry(pair[1].table.clone()).or_default().insert(pair[0].table.clone());
        }
    }
    edges
}

fn describe_cycle(Cycle(path): &Cycle, files: &BTreeMap<TableName, SqlFile>) -> Problem {
    let shown = |table: &TableName| match files.get(table) {
        Some(file) => format!("{table} ({})", file.file.path.display()),
        None => table.to_string(),
    };
    let way = path.iter().map(shown).collect::<Vec<_>>().join(" -> ");
    let message = format!("tables read each other in a circle: {way}");
    let help = "take one of these references out; a group's higher priority is computed first and counts too";
    match path.first().and_then(|table| files.get(table)) {
        Some(file) => {
            let span = path.get(1).map_or(0..0, |next| file.span_of(next));
            Problem::error("cycle", &file.file, span, message).help(help)
        }
        None => Problem::error("cycle", &ProjectFile::new("sql", ""), 0..0, message).help(help),
    }
}
