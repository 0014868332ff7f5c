//! What must hold before a night is published.

mod keys;
mod members;
mod queries;
mod sources;
mod universe;
mod verdict;

pub use members::audit_members;
pub use queries::audit_queries;
pub use sources::{audit_row_drop, audit_sources};
pub use universe::audit_universe;
pub use verdict::{accept, hold_back, stops};

use crate::core::{Audit, AuditOutcome, Severity};

fn found(of: &dyn std::fmt::Display, rule: &str, severity: Severity, message: String) -> Audit {
    let outcome = match severity {
        Severity::Warn => AuditOutcome::Warned,
        Severity::Block | Severity::Abort => AuditOutcome::Failed,
    };
    let (of, rule, named_keys) = (of.to_string(), rule.to_owned(), String::new());
    Audit { of, rule, severity, outcome, message, named_keys }
}
