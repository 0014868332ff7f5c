//! A sync job: keeps a copy of who is in which segment. It reads the current night whole once, later only what is new.
//!
//! `cargo run --example read_latest -- s3://lake/segments copy.txt`, with the store's usual environment variables.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::Write;
use std::path::Path;

use arrow::util::display::array_value_to_string;
use futures::TryStreamExt;
use roster::reader::{Next, ReadError, Reader, Table};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().collect();
    let [_, location, copy] = &arguments[..] else { return Err("usage: LOCATION COPY".into()) };
    let told = sync(location, Path::new(copy)).await?;
    Ok(writeln!(std::io::stdout(), "{}", told.join("\n"))?)
}

/// The copy is one file, its first line the token: rows and token change together, or not at all.
pub(crate) async fn sync(location: &str, copy: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let reader = Reader::open(location, &BTreeMap::new())?;
    let text = std::fs::read_to_string(copy).unwrap_or_default();
    let (token, members) = text.split_once('\n').unwrap_or_default();
    let mut members = members.lines().map(str::to_owned).collect();
    let mut told = Vec::new();
    let token = match token.parse() {
        Err(_) => read_whole(&reader, &mut members, &mut told).await?, // the first call
        Ok(token) => match follow(&reader, token, &mut members, &mut told).await {
            // A gap in the feed, or a file that was deleted while it was read.
            Err(error) if error.next() == Next::ResolveAgain => {
                read_whole(&reader, &mut members, &mut told).await?
            }
            followed => followed?,
        },
    };
    let mut counts = BTreeMap::<_, u64>::new();
    for member in &members {
        *counts.entry(member.split('\t').next().unwrap_or_default()).or_default() += 1;
    }
    told.extend(
        counts.iter().map(|(segmentation, count)| format!("  {count:6} in {segmentation}")),
    );
    let new = copy.with_extension("new");
    let lines: Vec<_> = [token.to_string()].into_iter().chain(members.iter().cloned()).collect();
    std::fs::write(&new, lines.join("\n") + "\n")?;
    std::fs::rename(new, copy)?;
    Ok(told)
}

async fn read_whole(
    reader: &Reader,
    members: &mut BTreeSet<String>,
    told: &mut Vec<String>,
) -> Result<u64, ReadError> {
    let snapshot = reader.latest().await?;
    let membership = snapshot.table("membership")?;
    told.push(format!("version {}: the night of {}", snapshot.version, snapshot.as_of));
    told.extend(membership.files.iter().map(|file| format!("  {}", file.url)));
    // as_of, segmentation, segment, <key>, ...
    *members = rows(&membership).await?.iter().map(|row| member(row, 3, 2)).collect();
    Ok(snapshot.version)
}

async fn follow(
    reader: &Reader,
    token: u64,
    members: &mut BTreeSet<String>,
    told: &mut Vec<String>,
) -> Result<u64, ReadError> {
    let changes = reader.changes(token).await?;
    for set in &changes.sets {
        let (count, night) = (set.table.rows(), set.as_of.unwrap_or_default());
        told.push(format!("version {}: {count} changes to the night of {night}", set.version));
        // as_of, segmentation, <key>, change, segment, previous_segment, ... Exits first: the same member may enter.
        let rows = rows(&set.table).await?;
        for row in rows.iter().filter(|row| row[3] != "entered") {
            members.remove(&member(row, 2, 5));
        }
        members.extend(rows.iter().filter(|row| row[3] != "left").map(|row| member(row, 2, 4)));
    }
    Ok(changes.token)
}

fn member(row: &[String], key: usize, segment: usize) -> String {
    [row[1].as_str(), &row[key], &row[segment]].join("\t")
}

/// The rows as text; a real job hands batch after batch to its target.
async fn rows(table: &Table) -> Result<Vec<Vec<String>>, ReadError> {
    let mut rows = Vec::new();
    let mut batches = std::pin::pin!(table.batches());
    while let Some(batch) = batches.try_next().await? {
        rows.extend((0..batch.num_rows()).map(|row| {
            let columns = batch.columns().iter();
            columns.map(|column| array_value_to_string(column, row).unwrap_or_default()).collect()
        }));
    }
    Ok(rows)
}
