//! Staging SQL for the extracts of well-known systems, which the program carries: what `roster init --crm salesforce` writes.

use std::path::Path;

use clap::Args;
use clap::builder::PossibleValuesParser;
use include_dir::{Dir, include_dir};

use super::starter::write;
use crate::error::Result;

/// `<kind>/<vendor>/`: sources.toml, and SQL files for sql/staging/. A new folder there is a new vendor here.
static VENDORS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/vendors");

#[derive(Debug, Args)]
#[command(next_help_heading = "Staging SQL for the extracts that you have")]
pub(super) struct VendorArguments {
    /// Accounts, from the CRM
    #[arg(long, value_name = "VENDOR", value_parser = vendors("crm"))]
    crm: Option<String>,
    /// Subscriptions and invoices, from billing
    #[arg(long, value_name = "VENDOR", value_parser = vendors("billing"))]
    billing: Option<String>,
    /// Usage events, from the product's tracker
    #[arg(long, value_name = "VENDOR", value_parser = vendors("usage"))]
    usage: Option<String>,
    /// Tickets, from the help desk
    #[arg(long, value_name = "VENDOR", value_parser = vendors("support"))]
    support: Option<String>,
}

impl VendorArguments {
    /// The reference settings with the sources of the vendors in the place of the contract's own.
    pub(super) fn settings(&self, reference: String) -> String {
        self.chosen().fold(reference, |settings, vendor| {
            let tables: Vec<_> = sql_files(vendor).map(|(stem, _)| stem).collect();
            with_sources(&settings, &tables, sources(vendor))
        })
    }

    /// Writes the vendors' SQL over the project's own.
    pub(super) fn write_sql(&self, directory: &Path) -> Result<()> {
        for (stem, text) in self.chosen().flat_map(sql_files) {
            write(&directory.join(format!("sql/staging/{stem}.sql")), text)?;
        }
        Ok(())
    }

    fn chosen(&self) -> impl Iterator<Item = &'static Dir<'static>> {
        let kinds = [
            ("crm", &self.crm),
            ("billing", &self.billing),
            ("usage", &self.usage),
            ("support", &self.support),
        ];
        kinds
            .into_iter()
            .filter_map(|(kind, vendor)| VENDORS.get_dir(Path::new(kind).join(vendor.as_ref()?)))
    }
}

/// The names of a kind's folders.
fn vendors(kind: &str) -> PossibleValuesParser {
    let folders = VENDORS.get_dir(kind).into_iter().flat_map(Dir::dirs);
    let names: Vec<_> = folders.filter_map(|folder| folder.path().file_name()?.to_str()).collect();
    names.into()
}

fn sources(vendor: &'static Dir<'static>) -> &'static str {
    let file = vendor.get_file(vendor.path().join("sources.toml"));
    file.and_then(|file| file.contents_utf8()).unwrap_or_default()
}

/// Stem and text of a vendor's SQL files.
fn sql_files(vendor: &'static Dir<'static>) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    vendor.files().filter_map(|file| {
        let is_sql = file.path().extension()? == "sql";
        is_sql.then_some((file.path().file_stem()?.to_str()?, file.contents()))
    })
}

/// The settings with a vendor's sources. The sources of the contract that have the name of one of the vendor's staging tables
/// are read by nobody any more and go.
fn with_sources(settings: &str, tables: &[&str], sources: &str) -> String {
    let mut sources = Some(sources.trim_end());
    let sections = settings.split("\n\n").filter_map(|section| {
        let read_no_more =
            |table: &&str| section.lines().any(|line| line == format!("[sources.{table}]"));
        if tables.iter().any(read_no_more) { sources.take() } else { Some(section) }
    });
    sections.collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendors_sources_stand_where_the_first_was_that_it_replaces() {
        let settings = "[project]\n\n# Ours.\n[sources.invoices]\na = 1\n\n[sources.orders]\n\n\
                        [sources.subscriptions]\n\n[output]\n";
        let tables = ["invoices", "minor_units", "subscriptions"];
        let text = with_sources(settings, &tables, "# Theirs.\n\n[sources.stripe_invoice]\n");
        let expected =
            "[project]\n\n# Theirs.\n\n[sources.stripe_invoice]\n\n[sources.orders]\n\n[output]\n";
        assert_eq!(text, expected);
    }
}
