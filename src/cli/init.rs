//! `roster init`.

use std::path::PathBuf;

use clap::Args;

use super::output::say;
use super::starter::{check_empty, settings, write_project};
use super::vendors::VendorArguments;
use super::{shown, variable};
use crate::core::Name;
use crate::error::Result;
use crate::project::Project;

pub(super) const EXAMPLES: &str = "\
Examples:
  roster init acme                                 a project in ./acme: settings, and all segmentations as plain SQL
  roster init acme --crm salesforce --billing stripe --usage segment --support zendesk
                                                   the same, with staging SQL for their extracts
  roster check --project acme                      clean; then set a location in acme/roster.toml and check again

Every source is optional there until its location is set; what rests on it is unknown, not zero. `roster demo` makes the
same project over a made-up company, to look at first.";

/// Sources that the reference project can not do without.
const NEEDED: [&str; 2] = ["accounts", "subscriptions"];

#[derive(Debug, Args)]
pub(super) struct InitArguments {
    /// Where to make it; must be empty or not there yet
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    vendors: VendorArguments,
}

pub(super) fn init(arguments: &InitArguments) -> Result<u8> {
    let directory = &arguments.directory;
    check_empty(directory, "roster init")?;
    let name = directory.file_name().map(|name| name.to_string_lossy().to_lowercase());
    let name = name.unwrap_or_default().replace(['-', ' ', '.'], "_");
    let name = Name::new(name).map_or_else(|| "customers".to_owned(), |name| name.to_string());
    let vendors = &arguments.vendors;
    write_project(directory, &vendors.settings(unset(settings(), &name)))?;
    vendors.write_sql(directory)?;
    // What is written is what can be read.
    let project = Project::load(directory, &variable)?;
    let files = shown(directory);
    say(&format!(
        "made {files}: {} segmentations over {} sources\n\nNext:\n  \
         {files}/roster.toml         set time zone and currency, and the location of each extract that there is\n  \
         {files}/sql/staging/        map your columns to the contract's\n  \
         roster check --project {files}\n  \
         roster run --project {files} --as-of today --dry-run",
        project.segmentations().count(),
        project.config.sources.len(),
    ));
    Ok(0)
}

const HEADER: &str = "\
# A source whose location is not set is an empty table of its columns: what rests on it is unknown, and not zero. Set
# `location` to a file, folder or glob: a path, s3://, gs://, az:// or https://. Credentials come from the store's usual
# environment variables.
";

/// The reference settings for a company whose extracts are not known yet: each location is a suggestion in a comment.
fn unset(reference: &str, name: &str) -> String {
    let mut lines = vec![HEADER.to_owned()];
    let mut source = None;
    for line in reference.lines().skip_while(|line| line.starts_with('#')).skip(1) {
        if let Some(section) = line.strip_prefix('[') {
            source = section.trim_end_matches(']').strip_prefix("sources.");
        }
        let key = line.split('=').next().unwrap_or_default();
        match (source, key.trim()) {
            (None, "name") => lines.push(format!("{key}= \"{name}\"")),
            (Some(source), "location") => {
                lines.push(format!("# location = \"s3://your-lake/{source}/\""));
                if NEEDED.contains(&source) {
                    let until = "take this line out once the location is set";
                    lines.push(format!("optional = true                   # {until}"));
                }
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_become_suggestions_and_needed_sources_optional_until_then() {
        let reference = "# Ours.\n\n[project]\nname = \"demo\"\n\n[sources.accounts]\nlocation = \"x/\"\n\n\
                         [sources.orders]\nlocation = \"y/\"\noptional = true\n\n[output]\nlocation = \"published/\"\n";
        let text = unset(reference, "acme");
        insta::assert_snapshot!(text.trim_start_matches(HEADER), @r#"

        [project]
        name = "acme"

        [sources.accounts]
        # location = "s3://your-lake/accounts/"
        optional = true                   # take this line out once the location is set

        [sources.orders]
        # location = "s3://your-lake/orders/"
        optional = true

        [output]
        location = "published/"
        "#);
    }
}
