//! The house holds together: modules import downwards, and each thing that only one of them may do is done there only.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

/// Lowest first; modules of a line may import each other as long as there is no circle.
const LAYERS: [&[&str]; 12] = [
    &["core", "statistics"],
    &["error"],
    &["config"],
    &["store"],
    &["project", "source", "runs", "spool", "session", "commit"],
    &["catalog", "reader"],
    &["feature", "segment", "universe", "membership", "audit", "output"],
    &["report", "view"],
    &["inputs"],
    &["run", "foresee", "backfill", "operate", "check", "question", "evaluate", "demo"],
    &["cli"],
    &["lib", "main"],
];

/// Rust files below a folder of the workspace, with their code: no comments, no unit tests.
fn code(folder: &str) -> BTreeMap<PathBuf, String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    // A module of tests is a file of tests.
    paths.retain(|path| path.file_stem().is_none_or(|stem| stem != "tests"));
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.strip_prefix(&root).unwrap().to_owned(), without_tests_and_comments(&text))
    };
    paths.into_iter().map(read).collect()
}

fn without_tests_and_comments(text: &str) -> String {
    let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| line.to_owned() + "\n").collect()
}

/// `src/commit/log.rs` is of `commit`.
fn module(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The modules of the crate that a text names: `crate::x`, `crate::{x, y::z}`.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for named in Regex::new(r"\bcrate::([a-z_]+)").unwrap().captures_iter(code) {
        found.insert(named[1].to_owned());
    }
    for listed in Regex::new(r"\bcrate::\{([^;]*)\};").unwrap().captures_iter(code) {
        // Names at the first level of the braces.
        let mut depth = 0;
        let mut name = String::new();
        for c in listed[1].chars().chain([',']) {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    let first = name.trim().split("::").next().unwrap().to_owned();
                    name.clear();
                    found.extend((!first.is_empty()).then_some(first));
                }
                _ if depth == 0 => name.push(c),
                _ => {}
            }
        }
    }
    found
}

fn edges() -> BTreeMap<String, BTreeSet<String>> {
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, code) in code("src") {
        let mine = module(&path);
        let others = imports(&code).into_iter().filter(|other| *other != mine);
        edges.entry(mine.clone()).or_default().extend(others);
    }
    edges
}

fn layer(module: &str) -> usize {
    let found = LAYERS.iter().position(|layer| layer.contains(&module));
    found.unwrap_or_else(|| panic!("`{module}` stands on no layer: add it to LAYERS"))
}

#[test]
fn the_reader_of_imports_sees_all_ways_to_write_them() {
    let code = "use crate::run;\nuse crate::{feature, segment::{a, b}};\nlet x = crate::error::Error::Bug;\n\
        // crate::comment\nfn f() {}\n\n#[cfg(test)]\nmod tests {\n use crate::test_only;\n}\n";
    let found = imports(&without_tests_and_comments(code));
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["error", "feature", "run", "segment"]);
}

#[test]
fn no_module_imports_upwards() {
    let edges = edges();
    assert!(edges.len() >= 18 && edges["run"].len() > 8, "{edges:?}");
    for (module, others) in &edges {
        for other in others {
            assert!(
                layer(other) <= layer(module),
                "{module} imports {other}, which stands above it"
            );
        }
    }
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let mut edges = edges();
    let free = |edges: &BTreeMap<String, BTreeSet<String>>| {
        edges.iter().find(|(_, others)| others.is_empty()).map(|(module, _)| module.clone())
    };
    while let Some(free) = free(&edges) {
        edges.remove(&free);
        for others in edges.values_mut() {
            others.remove(&free);
        }
    }
    assert!(edges.is_empty(), "in a circle, or waiting for one: {edges:?}");
}

/// Files below `folder` whose code matches.
fn files_with(folder: &str, pattern: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).unwrap();
    let files = code(folder).into_iter().filter(|(_, code)| pattern.is_match(code));
    files.map(|(path, _)| path.display().to_string()).collect()
}

#[test]
fn one_place_builds_a_session() {
    let builders = files_with("src", r"SessionContext::(new|default)|SessionStateBuilder");
    assert_eq!(builders, ["session/mod.rs"]);
}

#[test]
fn the_command_line_alone_reads_clocks_and_the_environment() {
    let clocks = files_with("src", r"(Utc|Local|SystemTime|Instant)::now|now_v7");
    assert!(!clocks.is_empty() && clocks.iter().all(|file| file.starts_with("cli/")), "{clocks:?}");
    // What must not be shown of the stores' credentials is looked up beside the clients that use them.
    let environment = files_with("src", r"env::vars?(_os)?\b");
    let allowed = |file: &String| file.starts_with("cli/") || file == "store/root.rs";
    assert!(!environment.is_empty() && environment.iter().all(allowed), "{environment:?}");
}

#[test]
fn the_commit_alone_writes_to_stores_and_knows_where_the_log_is() {
    let in_commit = |files: Vec<String>| {
        assert!(
            !files.is_empty() && files.iter().all(|file| file.starts_with("commit/")),
            "{files:?}"
        );
    };
    in_commit(files_with("src", r"\.(put|put_opts|put_multipart|put_multipart_opts)\("));
    in_commit(files_with("src", r#""log(/|")"#));
}

#[test]
fn nothing_is_copied_or_renamed_in_a_store() {
    let found = files_with("src", r"\.(copy|rename)(_if_not_exists|_opts)?\(");
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_core_is_pure() {
    let impure =
        r"\.await|\basync\b|std::(fs|env|net|process)|tokio|object_store|SystemTime|Utc::now";
    assert_eq!(files_with("src/core", impure), Vec::<String>::new());
    // The pattern finds what it is for.
    assert!(files_with("src/commit", impure).len() > 3);
}

#[test]
fn the_functions_know_nothing_of_roster() {
    assert_eq!(files_with("udfs/src", r"(?i)roster"), Vec::<String>::new());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("udfs/Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    assert!(!manifest.to_lowercase().contains("roster"), "{manifest}");
}
