//! What Roster knows before it touches anything: pure, without async, I/O or a clock.

mod dag;
mod depth;
mod duration;
pub(crate) mod ending;
mod fields;
mod fingerprint;
mod front_matter;
mod header;
mod key;
mod mistake;
mod name;
mod problem;
mod protocol;
mod record;
mod segmentation;
mod sql_file;
mod words;

pub use dag::{Cycle, order};
pub use duration::parse_duration;
pub use ending::{ENDINGS, EXITS, Ending, Exit};
pub use fields::{Fields, parse_table};
pub use front_matter::{description, split_front_matter};
pub use header::{OF_AUDITS, OF_SEGMENTS, OF_TABLES};
pub use key::{Key, Keys, Shape};
pub use mistake::{MISTAKES, Mistake};
pub use name::{Layer, Name, TableName, nearest};
pub use problem::{Level, Position, Problem, ProjectFile};
pub use protocol::{
    Ground, Plan, Reach, Refusal, RollbackPlan, Verdict, Wish, forgotten, judge, judge_rollback,
    plan, plan_rollback, plan_vacuum, rolled_back, vacuumed,
};
pub use record::{
    Audit, AuditOutcome, Author, FORMAT, Feed, File, Fingerprint, Forgotten, Input, Kind, Manifest,
    Night, Record, Retained, RunKey, Stale, State, TableFiles,
};
pub use segmentation::{AuditQuery, Group, Limits, MEMBERSHIPS, Segmentation, Severity};
pub use sql_file::{Call, Reference, Role, SqlFile, bytes};
pub use words::{counted, innermost, type_name, type_names, uncapitalised};

pub use datafusion_functions_segmentation::AsOf;
