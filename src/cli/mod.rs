//! The command line: arguments in, exit codes out. The only place that knows a clock, a terminal and signals.

mod backfill;
mod catalog;
mod changes;
mod check;
mod demo;
mod evaluate;
mod forget;
mod functions;
mod heaps;
mod hold;
mod host;
mod init;
mod log;
mod output;
mod preview;
mod problems;
mod reference;
mod resolve;
mod rollback;
mod run;
mod shell;
mod sql;
mod starter;
mod status;
mod summary;
mod vacuum;
mod vendors;
mod verify;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use clap::{Args, Parser, Subcommand};

use crate::commit::Exclusivity;
use crate::config::Config;
use crate::core::AsOf;
use crate::error::{Error, Result};
use crate::project::Project;
use crate::source::is_decoding;
use crate::store::on_throttling;
use crate::view;

/// The exit code of a bug; see `Error::exit_code`.
const BUG: u8 = 70;

const FIRST: &str = "\
The three commands one needs first:
  roster demo acme                               make a company, a project, and two nights of it
  roster check --project acme                    find all that is wrong, before a row is read
  roster run --project acme --as-of 2026-06-30   compute, audit and publish a night";

const EXIT_CODES: &str = "\
Exit codes: 0 done, 2 wrong input, 3 infrastructure: retry, 4 committed with stale segmentations,
5 committed differently: decide, 6 inputs not ready: retry later, 70 a bug of ours. What they mean,
every setting, table and code: roster reference";

/// The first commands before all others.
const HELP: &str =
    "{about-with-newline}\n{usage-heading} {usage}\n\n{before-help}{all-args}{after-help}";

#[derive(Debug, Parser)]
#[command(name = "roster", version, about, before_help = FIRST, after_help = EXIT_CODES)]
#[command(help_template = HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a project with all segmentations of the reference, to be set to your extracts
    #[command(after_help = init::EXAMPLES)]
    Init(init::InitArguments),
    /// Find all that is wrong with a project, without reading a row
    #[command(after_help = check::EXAMPLES)]
    Check(check::CheckArguments),
    /// Compute, audit and publish a night
    #[command(after_help = run::EXAMPLES)]
    Run(run::RunArguments),
    /// Run all nights between two days that are not committed yet
    #[command(after_help = backfill::EXAMPLES)]
    Backfill(backfill::BackfillArguments),
    /// Show what is committed
    #[command(after_help = log::EXAMPLES)]
    Log(log::LogArguments),
    /// Name the files of a published table
    #[command(after_help = resolve::EXAMPLES)]
    Resolve(resolve::ResolveArguments),
    /// Name the files of changes that lead from one version to the newest
    #[command(after_help = changes::EXAMPLES)]
    Changes(changes::ChangesArguments),
    /// Tell the current night and its age; a health check
    #[command(after_help = status::EXAMPLES)]
    Status(status::StatusArguments),
    /// Look whether all published files are there as they were committed
    #[command(after_help = verify::EXAMPLES)]
    Verify(verify::VerifyArguments),
    /// Delete what nobody may need any more; tells first
    #[command(after_help = vacuum::EXAMPLES)]
    Vacuum(vacuum::VacuumArguments),
    /// Take one entity out of everything that is published
    #[command(after_help = forget::EXAMPLES)]
    Forget(forget::ForgetArguments),
    /// Go back to the night that was current at a version
    #[command(after_help = rollback::EXAMPLES)]
    Rollback(rollback::RollbackArguments),
    /// Stop runs from publishing
    #[command(after_help = hold::EXAMPLES)]
    Hold(hold::HoldArguments),
    /// Let runs publish again
    #[command(after_help = hold::EXAMPLES)]
    Release(hold::ReleaseArguments),
    /// Evaluate one segmentation and show some of its members; publishes nothing
    #[command(after_help = preview::EXAMPLES)]
    Preview(preview::PreviewArguments),
    /// Ask a question in SQL of the project's tables and of what is published
    #[command(after_help = sql::EXAMPLES)]
    Sql(sql::SqlArguments),
    /// Tell what became of segments, and of what scores said, by a later night
    #[command(after_help = evaluate::EXAMPLES)]
    Evaluate(evaluate::EvaluateArguments),
    /// Explain the SQL functions for health, churn and RFM
    #[command(after_help = functions::EXAMPLES)]
    Functions(functions::FunctionsArguments),
    /// Explain roster.toml, front matter, SQL, tables and exit codes
    #[command(after_help = reference::EXAMPLES)]
    Reference(reference::ReferenceArguments),
    /// List the project's segmentations with what they are for
    #[command(after_help = catalog::EXAMPLES)]
    Catalog(catalog::CatalogArguments),
    /// Print what a shell completes
    #[command(after_help = shell::COMPLETIONS)]
    Completions(shell::CompletionsArguments),
    /// Write manual pages
    #[command(after_help = shell::MAN)]
    Man(shell::ManArguments),
    /// Make a company with its extracts, a project over it, and run two nights
    #[command(after_help = demo::EXAMPLES)]
    Demo(demo::DemoArguments),
}

/// Which project a command is about.
#[derive(Debug, Clone, Args)]
struct ProjectArguments {
    /// Folder with roster.toml and sql/
    #[arg(long, value_name = "DIR", default_value = ".", env = "ROSTER_PROJECT")]
    project: PathBuf,
}

impl ProjectArguments {
    fn load(&self) -> Result<Project> {
        Project::load(&self.project, &variable)
    }

    /// What a command needs that only reads or writes what is published: it goes on while somebody edits SQL.
    fn config(&self) -> Result<Config> {
        Project::config(&self.project, &variable)
    }
}

/// How a command writes to the log.
#[derive(Debug, Clone, Copy, Args)]
struct WriterArguments {
    /// Do without create-if-absent: you make sure that never two commands write at once
    #[arg(long)]
    single_writer: bool,
}

impl WriterArguments {
    fn exclusivity(self) -> Exclusivity {
        match self.single_writer {
            true => Exclusivity::SingleWriter,
            false => Exclusivity::Store,
        }
    }
}

/// An environment variable that is set and is text.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A night as the command line names it.
#[derive(Debug, Clone, Copy)]
enum Day {
    Date(NaiveDate),
    Today,
}

impl std::str::FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "today" => Ok(Self::Today),
            // Stricter than chrono, which takes 2026-6-1 too.
            text if text.len() == "2026-06-30".len() => NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .map(Self::Date)
                .map_err(|error| format!("{error}; write YYYY-MM-DD or today")),
            _ => Err("write YYYY-MM-DD or today".to_owned()),
        }
    }
}

impl Day {
    fn as_of(self, zone: Tz) -> Result<AsOf> {
        let day = match self {
            Self::Date(day) => day,
            Self::Today => now().with_timezone(&zone).date_naive(),
        };
        AsOf::new(day, zone).ok_or_else(|| Error::Setting {
            message: format!("there is no night {day} in {zone}"),
            help: "the calendar ends there; choose an earlier one".to_owned(),
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "the command line is where the clock is")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Of each thread: room for SQL as deep as it may be. It is address space; only what is used becomes memory.
const STACK_BYTES: usize = 64 << 20;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    heaps::share();
    // Files are for the job's user and group only.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o027));
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors. A closed pipe is nobody's problem.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        // One more than compute: it hears signals and the network while they do not pause.
        .worker_threads(worker_threads(&arguments) + 1)
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return no_threads(&error),
    };
    std::panic::set_hook(Box::new(|panic| {
        if is_decoding() {
            return;
        }
        output::complain(&format!(
            "error: a bug in Roster: {panic}\n  please report it with this message"
        ));
    }));
    on_throttling(output::complain);
    heaps::give_back();
    // Planning is deep too, and how large the first thread's stack is, is not ours to say.
    let code = std::thread::scope(|scope| {
        let planner = std::thread::Builder::new().stack_size(STACK_BYTES);
        let command = || runtime.block_on(dispatch(arguments.command));
        planner.spawn_scoped(scope, command).map(std::thread::ScopedJoinHandle::join)
    });
    // Blocking reads that nobody waits for any more must not hold the process back.
    runtime.shutdown_background();
    match code {
        Ok(code) => ExitCode::from(code.unwrap_or(BUG)),
        Err(error) => no_threads(&error),
    }
}

fn no_threads(error: &std::io::Error) -> ExitCode {
    output::complain(&format!("error: cannot start threads: {error}"));
    ExitCode::from(3)
}

/// The threads of `[run] threads`, where a project says so: partitions alone would still be computed by all cores.
fn worker_threads(arguments: &Arguments) -> usize {
    let all = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let project = match &arguments.command {
        Command::Run(run) => &run.project,
        Command::Check(check) => &check.project,
        Command::Backfill(backfill) => &backfill.project,
        Command::Sql(sql) => &sql.project,
        Command::Preview(preview) => &preview.project,
        _ => return all,
    };
    match Project::read(&project.project, &variable) {
        Ok((Some(project), _)) => {
            project.config.run.threads.map_or(all, std::num::NonZeroUsize::get)
        }
        _ => all,
    }
}

async fn dispatch(command: Command) -> u8 {
    let ended = match command {
        // What became of a run is told by its report, in the form that was asked for.
        Command::Run(arguments) => return Box::pin(run::run(arguments)).await,
        Command::Backfill(arguments) => Box::pin(backfill::fill(arguments)).await,
        Command::Init(arguments) => init::init(&arguments),
        Command::Check(arguments) => check::check(arguments).await,
        Command::Log(arguments) => log::log(arguments).await,
        Command::Resolve(arguments) => resolve::resolve(arguments).await,
        Command::Changes(arguments) => changes::changes(arguments).await,
        Command::Status(arguments) => status::status(arguments).await,
        Command::Verify(arguments) => verify::verify(arguments).await,
        Command::Rollback(arguments) => Box::pin(rollback::rollback(arguments)).await,
        Command::Vacuum(arguments) => Box::pin(vacuum::vacuum(arguments)).await,
        Command::Forget(arguments) => Box::pin(forget::forget(arguments)).await,
        Command::Hold(arguments) => hold::hold(arguments).await,
        Command::Release(arguments) => hold::release(arguments).await,
        Command::Preview(arguments) => Box::pin(preview::show(arguments)).await,
        Command::Evaluate(arguments) => Box::pin(evaluate::show(arguments)).await,
        Command::Sql(arguments) => Box::pin(sql::sql(arguments)).await,
        Command::Completions(arguments) => Ok(shell::completions(&arguments)),
        Command::Man(arguments) => shell::man(&arguments),
        Command::Functions(arguments) => functions::functions(&arguments),
        Command::Reference(arguments) => reference::reference(&arguments),
        Command::Catalog(arguments) => catalog::catalog(&arguments),
        Command::Demo(arguments) => Box::pin(demo::demo(arguments)).await,
    };
    match ended {
        Ok(code) => code,
        Err(error) => {
            problems::show_error(&error);
            error.exit_code()
        }
    }
}

/// Leads the views to what was just said in the log.
async fn follow(config: &Config, exclusivity: Exclusivity) {
    if let Some(warning) = view::follow(config, exclusivity).await {
        output::complain(&format!("warning: {warning}"));
    }
}

/// Names a project for people.
fn shown(directory: &Path) -> String {
    directory.display().to_string()
}
