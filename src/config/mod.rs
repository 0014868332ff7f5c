//! `roster.toml`: sources, output, entity key, time zone.

mod column;
mod keys;
mod location;
mod source;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use chrono_tz::Tz;
use datafusion::arrow::datatypes::{DataType, Field};
use object_store::ClientConfigKey;
use object_store::aws::AmazonS3ConfigKey;
use object_store::azure::AzureConfigKey;
use object_store::gcp::GoogleConfigKey;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::core::{
    Fields, Layer, Name, Problem, ProjectFile, TableName, nearest, parse_duration, parse_table,
};

pub use column::{Column, TYPES, timestamp_in};
pub use keys::FILE;
pub use location::Location;
pub use source::{Mask, Source};

use keys::{EVALUATE, OUTPUT, PROJECT, RUN};
use location::{Environment, fill_in};
use source::read_sources;

/// A project's settings, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The project's folder: relative locations start here.
    pub directory: PathBuf,
    /// The file they were read from.
    pub file: ProjectFile,
    /// Names the project in its log.
    pub name: Name,
    /// The entity key's column.
    pub key: String,
    /// Whose day `as_of` is.
    pub time_zone: Tz,
    /// What amounts of money are in.
    pub currency: Option<String>,
    /// Who is counted.
    pub universe: Option<Spanned<TableName>>,
    /// By name.
    pub sources: BTreeMap<Name, Source>,
    /// The output root, as written.
    pub output: Location,
    /// How long attempts that are no longer live are kept.
    pub retain: TimeDelta,
    /// Whether published tables are Delta tables too.
    pub delta: bool,
    /// Machine, not meaning: not part of a night's fingerprint.
    pub run: RunSettings,
    /// What an evaluation goes by: not part of it either.
    pub evaluate: EvaluateSettings,
    /// Options of object stores, beside their environment variables.
    pub object_store: BTreeMap<String, String>,
}

/// How many resources a run may take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunSettings {
    /// In bytes; none = as much as there is.
    pub memory_limit: Option<usize>,
    /// Worker threads and partitions; none = one per core.
    pub threads: Option<NonZeroUsize>,
    /// Queries are left to `DataFusion`, as they are.
    pub plain: bool,
}

impl RunSettings {
    /// Threads that compute.
    #[must_use]
    pub fn threads(&self) -> usize {
        let threads = self.threads.or_else(|| std::thread::available_parallelism().ok());
        threads.map_or(1, NonZeroUsize::get)
    }
}

/// Columns of the universe by what an evaluation takes them for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluateSettings {
    /// Recurring revenue.
    pub revenue: String,
    /// End of the current term.
    pub renewal_date: String,
    /// How content an account is.
    pub satisfaction: String,
    /// High where it is likely to stay.
    pub health_scores: Vec<String>,
    /// High where it is likely to leave.
    pub churn_scores: Vec<String>,
}

/// The columns of the reference project.
impl Default for EvaluateSettings {
    fn default() -> Self {
        Self {
            revenue: "arr".to_owned(),
            renewal_date: "renewal_date".to_owned(),
            satisfaction: "satisfaction".to_owned(),
            health_scores: vec!["health_score".to_owned()],
            churn_scores: vec!["churn_score".to_owned()],
        }
    }
}

impl Config {
    /// Reads `roster.toml`; mistakes go to `problems`, and what can be read is.
    /// `environment` answers the variables that the project may name.
    pub fn parse(
        directory: &Path,
        file: ProjectFile,
        environment: &dyn Fn(&str) -> Option<String>,
        problems: &RefCell<Vec<Problem>>,
    ) -> Option<Self> {
        let text = file.text.clone();
        let table = parse_table(&file, &text, problems);
        let root = Fields::new(&FILE, &file, &table, 0..0, problems);
        let missing = |key: &'static str, what: &str| {
            if root.any(key).is_some() {
                return; // told as what it is
            }
            root.report(
                "missing_key",
                0..0,
                format!("roster.toml has no [{what}]"),
                format!("add a line [{what}]; `roster demo` writes a project to look at"),
            );
        };

        let project = root.table("project", &PROJECT);
        if project.is_none() {
            missing("project", "project");
        }
        let project = project.map(|fields| Project::read(fields, environment));
        let env = project.as_ref().map(|project| project.env.clone()).unwrap_or_default();

        let output = root.table("output", &OUTPUT);
        if output.is_none() {
            missing("output", "output");
        }
        let output = output.and_then(|fields| read_output(fields, &env));
        let run = root.table("run", &RUN).map(read_run).unwrap_or_default();
        let evaluate = root.table("evaluate", &EVALUATE).map(read_evaluate).unwrap_or_default();
        let object_store = root.any("object_store").map(|value| read_options(&root, value));
        let object_store = object_store.unwrap_or_default();

        let sources = root.any("sources").map(|value| match table_of(value) {
            Some(sources) => read_sources(&root, sources, &file, &env, problems),
            None => {
                root.wrong_type("sources", value, FILE.expected("sources"));
                BTreeMap::new()
            }
        });
        if sources.is_none() {
            missing("sources", "sources.<name>");
        }
        root.finish();

        let (project, (output, retain, delta)) = (project?, output?);
        Some(Self {
            name: project.name?,
            key: project.key?,
            time_zone: project.time_zone?,
            currency: project.currency,
            universe: project.universe,
            sources: sources?,
            output,
            retain,
            delta,
            run,
            evaluate,
            object_store,
            directory: directory.to_owned(),
            file,
        })
    }

    /// What of the file changes the outcome of a night, in one form for all ways to write it: not where things lie, nor how
    /// many threads compute them.
    #[must_use]
    pub fn meaning(&self) -> String {
        let Ok(mut table) = self.file.text.parse::<toml::Table>() else { return String::new() };
        // A table's keys are sorted; columns have an order that SELECT * shows.
        let mut columns = serde_json::Map::new();
        for (name, source) in &self.sources {
            let names = source.columns.iter().flatten().map(|column| column.name.clone());
            columns.insert(name.to_string(), names.collect());
        }
        for machine in ["run", "evaluate", "object_store", "output"] {
            table.remove(machine);
        }
        if let Some(toml::Value::Table(project)) = table.get_mut("project") {
            project.remove("env");
        }
        if let Some(toml::Value::Table(sources)) = table.get_mut("sources") {
            for source in sources.iter_mut().filter_map(|(_, source)| source.as_table_mut()) {
                source.remove("location");
            }
        }
        serde_json::json!([table, columns]).to_string()
    }

    /// The declared type of timestamps: microseconds in the project's zone.
    #[must_use]
    pub fn timestamp(&self) -> DataType {
        timestamp_in(self.time_zone.name())
    }

    /// A declared type as SQL sees it: timestamps, in lists too, in the project's zone.
    #[must_use]
    pub fn seen_type(&self, data_type: &DataType) -> DataType {
        match data_type {
            DataType::Timestamp(..) => self.timestamp(),
            DataType::List(item) => DataType::List(
                Field::new(item.name(), self.seen_type(item.data_type()), true).into(),
            ),
            other => other.clone(),
        }
    }
}

/// Columns that published tables have beside the entity key.
const RESERVED: [&str; 10] = [
    "as_of",
    "segmentation",
    "segment",
    "score",
    "since",
    "evidence",
    "change",
    "previous_segment",
    "previous_score",
    "previous_as_of",
];

struct Project {
    name: Option<Name>,
    key: Option<String>,
    time_zone: Option<Tz>,
    currency: Option<String>,
    universe: Option<Spanned<TableName>>,
    env: Environment,
}

impl Project {
    fn read(fields: Fields<'_>, environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let name = fields.required_text("name").and_then(|text| {
            let name = Name::new(text.get_ref().clone());
            if name.is_none() {
                fields.report(
                    "bad_name",
                    text.span(),
                    format!("`{}` is not a project name", text.get_ref()),
                    "use lower-case letters, digits and _, not starting with a digit",
                );
            }
            name
        });
        let key = fields.required_text("key").and_then(|text| {
            let key = text.get_ref().as_str();
            if key.is_empty() || RESERVED.contains(&key) {
                fields.report(
                    "reserved_key",
                    text.span(),
                    format!("`{key}` can not be the entity key"),
                    "published tables have columns of that name; rename it in staging: account_id",
                );
                return None;
            }
            Some(text.into_inner())
        });
        let time_zone = fields.required_text("time_zone").and_then(|text| {
            let zone = text.get_ref().parse::<Tz>().ok();
            if zone.is_none() {
                let near =
                    nearest(text.get_ref(), chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
                fields.report(
                    "unknown_time_zone",
                    text.span(),
                    format!("unknown time zone `{}`", text.get_ref()),
                    near.map_or_else(
                        || "use a name of the IANA database, like Europe/Berlin or UTC".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    ),
                );
            }
            zone
        });
        let universe = fields.text("universe").and_then(|text| {
            let table = TableName::parse(text.get_ref());
            if !matches!(&table, Some(TableName { layer: Layer::Staging | Layer::Feature, .. })) {
                fields.report(
                    "bad_universe",
                    text.span(),
                    format!("`{}` can not be the universe", text.get_ref()),
                    "name a table with one row per entity: feature.account or staging.accounts",
                );
                return None;
            }
            table.map(|table| Spanned::new(text.span(), table))
        });
        let env = fields.texts("env", false).unwrap_or_default();
        let env = env.into_iter().map(|name| (name.get_ref().clone(), environment(name.get_ref())));
        let env = Environment(env.collect());
        let currency = fields.text("currency").map(Spanned::into_inner);
        fields.finish();
        Self { name, key, time_zone, currency, universe, env }
    }
}

fn table_of<'a>(value: &'a Spanned<DeValue<'a>>) -> Option<&'a DeTable<'a>> {
    value.get_ref().as_table()
}

fn read_output(fields: Fields<'_>, env: &Environment) -> Option<(Location, TimeDelta, bool)> {
    let location = fields.required_text("location").and_then(|text| fill_in(&fields, &text, env));
    let retain = read_duration(&fields, "retain");
    let delta = fields.flag("delta").unwrap_or_default();
    if delta && !cfg!(feature = "delta") {
        let span = fields.any("delta").map_or(0..0, Spanned::span);
        let message = "this roster writes no Delta tables";
        fields.report("no_delta", span, message, "build it with `--features delta`");
    }
    fields.finish();
    // 90 days: a quarter's nights stay at hand.
    Some((location?, retain.unwrap_or(TimeDelta::days(90)), delta))
}

fn read_run(fields: Fields<'_>) -> RunSettings {
    let memory_limit = fields.text("memory_limit").and_then(|text| {
        let bytes = parse_bytes(text.get_ref());
        if bytes.is_none() {
            fields.report(
                "bad_size",
                text.span(),
                format!("`{}` is not a size", text.get_ref()),
                "write a whole number and KiB, MiB or GiB: \"4GiB\"",
            );
        }
        bytes
    });
    let threads = fields.count("threads").and_then(|count| {
        let threads = usize::try_from(*count.get_ref())
            .ok()
            .filter(|n| *n <= 1024)
            .and_then(NonZeroUsize::new);
        if threads.is_none() {
            let help = "leave it out for one per core";
            fields.report("bad_threads", count.span(), "`threads` has to be 1 to 1024", help);
        }
        threads
    });
    let plain = fields.word("engine", &keys::ENGINES, "unknown_engine") == Some("plain");
    fields.finish();
    RunSettings { memory_limit, threads, plain }
}

fn read_evaluate(fields: Fields<'_>) -> EvaluateSettings {
    let column = |key| fields.text(key).map(Spanned::into_inner);
    let columns = |key| {
        let named = fields.texts(key, false)?;
        Some(named.into_iter().map(Spanned::into_inner).collect())
    };
    let usual = EvaluateSettings::default();
    let settings = EvaluateSettings {
        revenue: column("revenue").unwrap_or(usual.revenue),
        renewal_date: column("renewal_date").unwrap_or(usual.renewal_date),
        satisfaction: column("satisfaction").unwrap_or(usual.satisfaction),
        health_scores: columns("health_scores").unwrap_or(usual.health_scores),
        churn_scores: columns("churn_scores").unwrap_or(usual.churn_scores),
    };
    fields.finish();
    settings
}

/// Reads `4GiB`: powers of 1024 only, so that nobody has to guess what "4GB" is.
fn parse_bytes(text: &str) -> Option<usize> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];
    let (unit, shift) = units.into_iter().find(|(unit, _)| text.ends_with(unit))?;
    let number: usize = text.strip_suffix(unit)?.trim_end().parse().ok()?;
    number.checked_mul(1 << shift).filter(|bytes| *bytes > 0)
}

/// The option of `[object_store]` that is ours: how long a store may ask to slow down before it counts as failed.
pub(crate) const RETRY_TIMEOUT: &str = "retry_timeout";

/// Whether some store knows this option of `[object_store]`.
pub(crate) fn option_is_known(key: &str) -> bool {
    key == RETRY_TIMEOUT
        || key.parse::<AmazonS3ConfigKey>().is_ok()
        || key.parse::<AzureConfigKey>().is_ok()
        || key.parse::<GoogleConfigKey>().is_ok()
        || key.parse::<ClientConfigKey>().is_ok()
}

fn read_options(root: &Fields<'_>, value: &Spanned<DeValue<'_>>) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    let Some(table) = value.get_ref().as_table() else {
        root.wrong_type("object_store", value, FILE.expected("object_store"));
        return options;
    };
    for (key, value) in table {
        if !option_is_known(key.get_ref()) {
            root.report(
                "unknown_option",
                key.span(),
                format!("no object store knows the option `{}`", key.get_ref()),
                "options are named as in object_store: endpoint, region, allow_http, access_key_id, timeout, retry_timeout ...",
            );
        }
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Integer(number) => number.as_str().to_owned(),
            _ => {
                root.wrong_type(key.get_ref(), value, "text, a number, true or false");
                continue;
            }
        };
        options.insert(key.get_ref().to_string(), text);
    }
    options
}

fn read_duration(fields: &Fields<'_>, key: &'static str) -> Option<TimeDelta> {
    let text = fields.text(key)?;
    let duration = parse_duration(text.get_ref());
    if duration.is_none() {
        fields.report(
            "bad_duration",
            text.span(),
            format!("`{}` is not a duration", text.get_ref()),
            "write a whole number and m, h or d, at most a hundred years: \"26h\", \"90d\"",
        );
    }
    duration
}

#[cfg(test)]
mod tests {
    use super::keys::SOURCE;
    use super::*;
    use crate::core::Keys;

    const GOOD: &str = r#"
[project]
name = "acme"
key = "account_id"
time_zone = "Europe/Berlin"
env = ["LAKE"]

[sources.orders]
location = "${LAKE}/orders/"
event_time = "ordered_at"
masks = ["refunded_at", { status = "refunded_at" }]
freshness = "26h"
columns = { order_id = "text!", ordered_at = "timestamp!", refunded_at = "timestamp", status = "text", amount = "decimal(18,2)!", tags = "list<text>" }

[output]
location = "segments/"

[run]
memory_limit = "4GiB"
"#;

    fn parse(text: &str) -> (Option<Config>, Vec<Problem>) {
        let problems = RefCell::default();
        let environment = |name: &str| (name == "LAKE").then(|| "s3://lake".to_owned());
        let file = ProjectFile::new("roster.toml", text);
        let config = Config::parse(Path::new(""), file, &environment, &problems);
        (config, problems.into_inner())
    }

    #[test]
    fn a_project_is_read_with_variables_filled_in_and_columns_in_their_order() {
        let (config, problems) = parse(GOOD);
        assert!(problems.is_empty(), "{problems:?}");
        let config = config.unwrap();
        let orders = &config.sources[&Name::new("orders").unwrap()];
        assert_eq!(orders.locations[0].text, "s3://lake/orders/");
        assert_eq!(orders.masks[1], Mask { column: "status".into(), date: "refunded_at".into() });
        let columns: Vec<_> = orders.columns.iter().flatten().map(|c| c.name.as_str()).collect();
        assert_eq!(columns, ["order_id", "ordered_at", "refunded_at", "status", "amount", "tags"]);
        assert_eq!(config.run.memory_limit, Some(4 << 30));
    }

    #[test]
    fn every_mistake_is_told_at_once_where_it_stands_and_with_the_next_step() {
        let bad = GOOD
            .replace("time_zone = \"Europe/Berlin\"", "time_zone = \"Europe/Berlim\"")
            .replace("event_time = \"ordered_at\"", "event_time = \"orderd_at\"")
            .replace("freshness", "freshnes")
            .replace("decimal(18,2)!", "decimal(2,18)")
            .replace("4GiB", "4GB")
            .replace("${LAKE}", "${HOME}");
        let (_, problems) = parse(&bad);
        let told: Vec<_> =
            problems.iter().map(|p| (p.code, p.position().line, p.help.as_str())).collect();
        assert_eq!(
            told,
            [
                ("unknown_time_zone", 5, "did you mean `Europe/Berlin`?"),
                ("bad_size", 19, "write a whole number and KiB, MiB or GiB: \"4GiB\""),
                ("unknown_variable", 9, "allow it under [project]: env = [\"HOME\"]"),
                (
                    "unknown_type",
                    13,
                    "types: text, int, float, bool, date, timestamp, decimal(p,s), list<..>; ! = not null, ? = may be missing in a file"
                ),
                ("unknown_column", 10, "did you mean `ordered_at`?"),
                ("unknown_key", 12, "did you mean `freshness`?"),
            ]
        );
    }

    #[test]
    fn threads_and_places_do_not_change_what_a_night_means_but_masks_do() {
        let meaning = |text: &str| parse(text).0.unwrap().meaning();
        let moved = GOOD.replace("segments/", "elsewhere/").replace("4GiB", "1GiB");
        assert_eq!(meaning(GOOD), meaning(&moved.replace("${LAKE}/orders/", "orders/")));
        assert_ne!(meaning(GOOD), meaning(&GOOD.replace("\"refunded_at\", {", "{")));
    }

    /// Every table of the file, below its heading.
    fn tables() -> [(&'static str, &'static Keys); 6] {
        let [project, source, output, run] = ["[project]", "[sources.x]", "[output]", "[run]"];
        let evaluate = ("[evaluate]", &EVALUATE);
        [
            ("", &FILE),
            (project, &PROJECT),
            (source, &SOURCE),
            (output, &OUTPUT),
            (run, &RUN),
            evaluate,
        ]
    }

    #[test]
    fn every_key_of_the_reference_is_read_and_its_type_is_judged() {
        for (heading, keys) in tables() {
            for name in keys.names() {
                let (_, problems) = parse(&format!("{heading}\n{name} = 1979-05-27\n"));
                let told = format!("`{name}` of {} has to be {}", keys.name, keys.expected(name));
                assert!(problems.iter().any(|p| p.message == told), "{told}: {problems:?}");
            }
        }
    }

    #[test]
    fn the_examples_of_the_reference_make_a_sound_project() {
        let lines = |keys: &Keys, without: &[&str]| {
            let keys = keys.keys.iter().filter(|key| !without.contains(&key.name));
            keys.map(|key| format!("{} = {}", key.name, key.example)).collect::<Vec<_>>().join("\n")
        };
        let (_, problems) = parse(&lines(&FILE, &[]));
        assert!(problems.is_empty(), "{problems:?}");
        // A source is a snapshot or has an event time.
        for without in [&["snapshot"][..], &["event_time", "freshness"]] {
            let tables = tables().into_iter().skip(1);
            let tables =
                tables.map(|(heading, keys)| format!("{heading}\n{}", lines(keys, without)));
            let (_, problems) = parse(&tables.collect::<Vec<_>>().join("\n"));
            assert!(problems.is_empty(), "{problems:?}");
        }
    }

    #[test]
    fn toml_that_does_not_parse_names_its_line() {
        let (_, problems) = parse("[project]\nname = acme\n");
        assert!(problems.iter().any(|p| p.code == "toml_syntax" && p.position().line == 2));
    }
}
