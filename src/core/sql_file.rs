//! One SQL file: a single SELECT, what it reads, and what its front matter says.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};

use datafusion::common::TableReference;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::{
    Expr, ObjectName, ObjectNamePart, Query, SelectItem, SetExpr, Spanned as _,
    Statement as SqlStatement, TableFactor, Value, Visit, Visitor,
};
use datafusion::sql::sqlparser::tokenizer::Span;
use toml::Spanned;

use super::depth::{MOST, too_deep};
use super::segmentation::describe;
use super::{
    AuditQuery, Fields, Layer, Name, OF_AUDITS, OF_SEGMENTS, OF_TABLES, Problem, ProjectFile,
    Segmentation, TableName, description, innermost, nearest, parse_table, split_front_matter,
    uncapitalised,
};

/// A table that the SQL reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The table.
    pub table: TableName,
    /// Where its name stands first.
    pub span: Range<usize>,
}

/// A function that the SQL calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// In lower case.
    pub function: String,
    /// Where it stands.
    pub span: Range<usize>,
}

/// What the front matter makes of a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Role {
    /// A staging or feature table.
    Table,
    /// A segmentation.
    Segmentation(Box<Segmentation>),
    /// An audit.
    Audit(AuditQuery),
}

/// A file of `sql/`, read and understood as far as text alone allows.
#[derive(Debug, Clone)]
pub struct SqlFile {
    /// The table it makes.
    pub table: TableName,
    /// Its text.
    pub file: ProjectFile,
    /// The one SELECT.
    pub statement: Statement,
    /// What it reads, by name.
    pub references: Vec<Reference>,
    /// Whether all that it reads and says has a meaning: where not, that is told, and planning would tell it again.
    pub resolved: bool,
    /// What it calls, in the order of the text.
    pub calls: Vec<Call>,
    /// What it is for.
    pub role: Role,
    /// Codes of the warnings that its author knows of and has given a reason for.
    pub allow: Vec<Spanned<String>>,
}

impl SqlFile {
    /// Reads a file; none where its SQL is beyond use. All mistakes go to `problems`.
    pub fn parse(
        table: TableName,
        file: ProjectFile,
        problems: &RefCell<Vec<Problem>>,
    ) -> Option<Self> {
        let (role, allow) = read_front_matter(&table, &file, problems);
        let statement = match parse_select(&file) {
            Ok(statement) => statement,
            Err(problem) => {
                problems.borrow_mut().push(*problem);
                return None;
            }
        };
        let mut names = Names::default();
        if let Statement::Statement(statement) = &statement {
            let _ = statement.visit(&mut names);
        }
        let told = problems.borrow().len();
        let references = read_references(&statement, &names, &file, problems);
        for (words, span) in &names.refused {
            let message = format!("`{words}` has no meaning in a night");
            // The parser does not know where a clause stands, only the query that has it.
            let clause = file.text.rfind(words).map(|start| start..start + words.len());
            let span = clause.unwrap_or_else(|| bytes(&file, *span));
            let problem = Problem::error("sql_syntax", &file, span, message);
            problems.borrow_mut().push(
                problem.help("leave it out: a night reads all rows, once, without parameters"),
            );
        }
        let resolved = problems.borrow().len() == told;
        let calls = names.calls.into_iter().map(|(function, at)| {
            let span = bytes(&file, at);
            Call { function, span }
        });
        let calls = calls.collect();
        Some(Self { table, file, statement, references, resolved, calls, role, allow })
    }

    /// What it promises, if it is a segmentation.
    #[must_use]
    pub fn segmentation(&self) -> Option<&Segmentation> {
        match &self.role {
            Role::Segmentation(segmentation) => Some(segmentation),
            Role::Table | Role::Audit(_) => None,
        }
    }

    /// What its first comment says it is for.
    #[must_use]
    pub fn description(&self) -> &str {
        description(&self.file)
    }

    /// Where `table` is first read here.
    #[must_use]
    pub fn span_of(&self, table: &TableName) -> Range<usize> {
        self.references
            .iter()
            .find(|reference| reference.table == *table)
            .map_or(0..0, |reference| reference.span.clone())
    }

    /// Where the SELECT list names the column `name`, if it does.
    #[must_use]
    pub fn span_of_column(&self, name: &str) -> Option<Range<usize>> {
        let Statement::Statement(statement) = &self.statement else { return None };
        let SqlStatement::Query(query) = &**statement else { return None };
        let SetExpr::Select(select) = &*query.body else { return None };
        let item = select.projection.iter().find(|item| returns(item, name))?;
        Some(bytes(&self.file, item.span())).filter(|span| !span.is_empty())
    }
}

/// Whether a column of a SELECT list has this name.
fn returns(item: &SelectItem, name: &str) -> bool {
    let ident = match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias),
        SelectItem::UnnamedExpr(Expr::Identifier(ident)) => Some(ident),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(idents)) => idents.last(),
        _ => None,
    };
    ident.is_some_and(|ident| match ident.quote_style {
        Some(_) => ident.value == name,
        None => ident.value.eq_ignore_ascii_case(name),
    })
}

/// The bytes of a span of the parser; empty at the start where it knows none.
#[must_use]
pub fn bytes(file: &ProjectFile, span: Span) -> Range<usize> {
    if span.start.line == 0 {
        return 0..0;
    }
    file.bytes_between((span.start.line, span.start.column), (span.end.line, span.end.column))
}

fn read_front_matter(
    table: &TableName,
    file: &ProjectFile,
    problems: &RefCell<Vec<Problem>>,
) -> (Role, Vec<Spanned<String>>) {
    let range = match split_front_matter(file) {
        Ok(range) => range.unwrap_or(0..0),
        Err(problem) => {
            problems.borrow_mut().push(*problem);
            0..0
        }
    };
    // All around the front matter becomes blank, so that positions in the TOML are positions in the file.
    let blank = |text: &str| -> String {
        text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
    };
    let toml = blank(&file.text[..range.start]) + &file.text[range.clone()];
    let toml_table = parse_table(file, &toml, problems);
    let keys = match table.layer {
        // A question may be the text of any file, and a segmentation has all keys that there are.
        Layer::Segment | Layer::Question => &OF_SEGMENTS,
        Layer::Audit => &OF_AUDITS,
        _ => &OF_TABLES,
    };
    let fields = Fields::new(keys, file, &toml_table, range, problems);
    let name = table.name.clone();
    let role = match table.layer {
        Layer::Segment => Role::Segmentation(Box::new(Segmentation::read(name, &fields))),
        Layer::Audit => Role::Audit(AuditQuery::read(name, &fields)),
        _ => {
            describe(&fields);
            Role::Table
        }
    };
    let allow = read_allow(&fields);
    fields.finish();
    (role, allow)
}

/// Which codes there are is the planner's to say.
fn read_allow(fields: &Fields<'_>) -> Vec<Spanned<String>> {
    let allowed = fields.texts_by_key("allow").into_iter().map(|(code, reason)| {
        if reason.get_ref().trim().is_empty() {
            let message = format!("`{}` is allowed without a reason", code.get_ref());
            let help = "say why the warning is wrong here, for whoever reads it next";
            fields.report("empty_reason", reason.span(), message, help);
        }
        code
    });
    allowed.collect()
}

fn parse_select(file: &ProjectFile) -> Result<Statement, Box<Problem>> {
    let problem = |span, message: String, help: &str| {
        Box::new(Problem::error("sql_syntax", file, span, message).help(help))
    };
    let syntax = |error: datafusion::error::DataFusionError| {
        let (message, at) = split_position(innermost(&error.strip_backtrace()));
        // Without a place the text ended too early.
        let end = file.text.trim_end().len();
        let span = at.map_or(end.saturating_sub(1)..end, |(line, column)| {
            let start = file.byte_at(line, column);
            let rest = &file.text[start..];
            let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            start..start + word.max(rest.chars().next().map_or(0, char::len_utf8))
        });
        problem(span, message, "the SQL stops making sense here; look at what stands just before")
    };
    let mut statements = DFParserBuilder::new(&*file.text)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(syntax)?;
    let Some(statement) = statements.pop_front() else {
        return Err(problem(0..0, "the file holds no SQL".into(), "write one SELECT"));
    };
    if let Statement::Statement(inner) = &statement
        && let Some(place) = too_deep(&**inner)
    {
        let span = bytes(file, place);
        std::mem::forget(statement); // to take it apart is as deep as it is
        let message = format!("more than {MOST} operators in a row");
        let help = "write IN (...) for OR, join a list of VALUES, or split the query";
        return Err(problem(span, message, help));
    }
    if let Some(second) = statements.front() {
        let span = match second {
            Statement::Statement(second) => bytes(file, second.span()),
            _ => 0..0,
        };
        let message = format!("the file holds {} statements", statements.len() + 1);
        return Err(problem(span, message, "keep one SELECT; others go into files of their own"));
    }
    match &statement {
        Statement::Statement(inner) if matches!(&**inner, SqlStatement::Query(_)) => Ok(statement),
        other => {
            let text = other.to_string();
            let verb = text.split_whitespace().next().unwrap_or_default().to_owned();
            let start = file.text.to_ascii_uppercase().find(&verb).unwrap_or(0);
            let message = format!("{verb} is not a SELECT; a project's SQL only reads");
            let help = "write one SELECT (WITH is fine); Roster itself writes the results";
            Err(problem(start..start + verb.len(), message, help))
        }
    }
}

/// The parser tells its place at the end of the text only: `... at Line: 7, Column: 3`.
fn split_position(text: &str) -> (String, Option<(u64, u64)>) {
    let clean = |message: &str| {
        let message = message
            .trim_start_matches("ParserError(\"")
            .trim_start_matches("TokenizerError(\"")
            .trim_end_matches("\")");
        let message = innermost(message).replace("Expected: ", "expected ");
        let message = message.replace(", found: EOF", ", found the end of the file");
        uncapitalised(&message.replace(", found: ", ", found "))
    };
    let place = text.rfind(" at Line: ").and_then(|at| {
        let (line, column) = text[at + " at Line: ".len()..].split_once(", Column: ")?;
        let column = column.trim_end_matches(|c: char| !c.is_ascii_digit());
        Some((at, (line.parse().ok()?, column.parse().ok()?)))
    });
    match place {
        Some((at, place)) => (clean(&text[..at]), Some(place)),
        None => (clean(text), None),
    }
}

/// Where names stand in the SQL.
#[derive(Default)]
struct Names {
    relations: Vec<(ObjectName, Span)>,
    table_functions: BTreeSet<String>,
    calls: Vec<(String, Span)>,
    /// What parses and has no meaning in a night.
    refused: Vec<(String, Span)>,
}

/// A function's name as the planner looks it up: folded to lower case unless it stands in quotes.
fn function_name(name: &ObjectName) -> String {
    let last = name.0.last().and_then(ObjectNamePart::as_ident);
    match last {
        Some(ident) if ident.quote_style.is_some() => ident.value.clone(),
        Some(ident) => ident.value.to_lowercase(),
        None => name.to_string().to_lowercase(),
    }
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.refused.extend(query.locks.iter().map(|lock| (lock.to_string(), query.span())));
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        self.relations.push((name.clone(), name.span()));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: Some(_), .. } = factor {
            self.table_functions.insert(name.to_string().to_lowercase());
            self.calls.push((function_name(name), name.span()));
        }
        if let TableFactor::Table { sample: Some(_), name, .. } = factor {
            self.refused.push(("TABLESAMPLE".to_owned(), name.span()));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            self.calls.push((function_name(&function.name), function.name.span()));
        }
        if let Expr::Value(value) = expr
            && let Value::Placeholder(name) = &value.value
        {
            self.refused.push((name.clone(), value.span));
        }
        ControlFlow::Continue(())
    }
}

fn read_references(
    statement: &Statement,
    names: &Names,
    file: &ProjectFile,
    problems: &RefCell<Vec<Problem>>,
) -> Vec<Reference> {
    // The engine's own reading says which names are tables and not WITH queries.
    let Ok((relations, _)) = resolve_table_references(statement, true) else {
        return Vec::new();
    };
    let mut references = Vec::new();
    for relation in relations {
        if names.table_functions.contains(&relation.to_string()) {
            continue;
        }
        let span = names
            .relations
            .iter()
            .find(|(name, _)| {
                object_name_to_table_reference(name.clone(), true)
                    .is_ok_and(|name| name == relation)
            })
            .map(|(_, span)| bytes(file, *span))
            .filter(|span| !span.is_empty())
            .or_else(|| {
                // The parser forgets where a name in single quotes stands.
                let quoted = format!("'{}'", relation.table());
                file.text.find(&quoted).map(|start| start..start + quoted.len())
            })
            .unwrap_or(0..0);
        let table = match (relation.catalog(), relation.schema()) {
            (None, Some(schema)) => Layer::of_schema(schema).zip(Name::new(relation.table())),
            _ => None,
        };
        match table.map(|(layer, name)| TableName::new(layer, name)) {
            Some(table) => references.push(Reference { table, span }),
            None => problems.borrow_mut().push(not_a_table(&relation, file, span)),
        }
    }
    references
}

fn not_a_table(relation: &TableReference, file: &ProjectFile, span: Range<usize>) -> Problem {
    let schemas = Layer::READABLE.map(Layer::schema);
    let help = match (relation.schema(), relation.catalog()) {
        (None, _) => "tables are named with their layer: raw.x, staging.x, feature.x, segment.x, \
                      previous.x, published.x; files and URLs can not be read from SQL"
            .to_owned(),
        (Some(schema), None) => nearest(schema, schemas).map_or_else(
            || format!("the layers are: {}", schemas.join(", ")),
            |near| format!("did you mean `{near}.{}`?", relation.table()),
        ),
        (Some(_), Some(_)) => "leave out the part before the layer".to_owned(),
    };
    let message = format!("`{relation}` is not a table of the project");
    Problem::error("unknown_table", file, span, message).help(help)
}

#[cfg(test)]
mod tests {
    use super::super::header::OF_LIMITS;
    use super::*;

    fn parse(layer: Layer, sql: &str) -> (Option<SqlFile>, Vec<Problem>) {
        let table = TableName::new(layer, Name::new("t").unwrap());
        let problems = RefCell::default();
        let file = SqlFile::parse(table, ProjectFile::new("t.sql", sql), &problems);
        (file, problems.into_inner())
    }

    fn first_problem(sql: &str) -> (String, &'static str, usize, usize) {
        let (_, problems) = parse(Layer::Segment, sql);
        let position = problems[0].position();
        (problems[0].message.clone(), problems[0].code, position.line, position.column)
    }

    #[test]
    fn it_knows_what_is_read_and_where_but_not_with_queries_or_table_functions() {
        let (file, problems) = parse(
            Layer::Feature,
            "WITH x AS (SELECT * FROM raw.a)\nSELECT * FROM x, Staging.B, generate_series(1, 2)",
        );
        assert!(problems.is_empty(), "{problems:?}");
        let file = file.unwrap();
        let read: Vec<_> = file
            .references
            .iter()
            .map(|r| (r.table.to_string(), &file.file.text[r.span.clone()]))
            .collect();
        assert_eq!(read, [("raw.a".into(), "raw.a"), ("staging.b".into(), "Staging.B")]);
    }

    #[test]
    fn mistakes_say_their_line_and_column() {
        assert_eq!(
            first_problem("SELECT 1\nFORM x y"),
            ("expected end of statement, found x".into(), "sql_syntax", 2, 6)
        );
        assert_eq!(first_problem("SELECT 'x").1, "sql_syntax");
        assert_eq!(first_problem("SELECT 1;\n  SELECT 2").2, 2);
        assert_eq!(
            first_problem("/* x */\nDROP TABLE raw.x").0,
            "DROP is not a SELECT; a project's SQL only reads"
        );
        assert_eq!(first_problem("SELECT 1\n  drop€").2, 2);
        assert_eq!(first_problem("/* € */\n drop table raw.x").2, 2);
        assert_eq!(first_problem("SELECT *\nFROM '/etc/passwd'").1, "unknown_table");
        assert_eq!(first_problem("SELECT *\nFROM 'http://169.254.169.254/'").2, 2);
        assert_eq!(first_problem("").0, "the file holds no SQL");
    }

    #[test]
    fn front_matter_is_checked_where_it_stands() {
        let sql = "/*\n+++\ntitle = \"ü\"\nlables = [\"a\"]\n+++\n*/\nSELECT 1";
        let (message, code, line, column) = first_problem(sql);
        assert_eq!(
            (message.as_str(), code, line, column),
            ("unknown key `lables` in the front matter", "unknown_key", 4, 1)
        );
        let (_, problems) = parse(Layer::Segment, sql);
        assert_eq!(problems[0].help, "did you mean `labels`?");
        let (_, problems) = parse(Layer::Staging, "/*\n+++\nlabels = [\"a\"]\n+++\n*/\nSELECT 1");
        assert_eq!(problems[0].code, "unknown_key");
    }

    #[test]
    fn every_key_of_the_front_matter_is_read_and_its_type_is_judged() {
        for (layer, keys) in [
            (Layer::Staging, &OF_TABLES),
            (Layer::Segment, &OF_SEGMENTS),
            (Layer::Audit, &OF_AUDITS),
        ] {
            for name in keys.names() {
                let sql = format!("/*\n+++\n{name} = 1979-05-27\n+++\n*/\nSELECT 1");
                let told =
                    format!("`{name}` of the front matter has to be {}", keys.expected(name));
                let (_, problems) = parse(layer, &sql);
                assert!(problems.iter().any(|p| p.message == told), "{told}: {problems:?}");
            }
            let examples = keys.keys.iter().map(|key| format!("{} = {}\n", key.name, key.example));
            let sql = format!("/*\n+++\n{}+++\n*/\nSELECT 1", examples.collect::<String>());
            let (_, problems) = parse(layer, &sql);
            assert!(problems.is_empty(), "{problems:?}");
        }
        for name in OF_LIMITS.names() {
            let sql = format!("/*\n+++\nlimits.{name} = 1979-05-27\n+++\n*/\nSELECT 1");
            let told = format!("`{name}` of limits has to be {}", OF_LIMITS.expected(name));
            let (_, problems) = parse(Layer::Segment, &sql);
            assert!(problems.iter().any(|p| p.message == told), "{told}: {problems:?}");
        }
    }
}
