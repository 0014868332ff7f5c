//! Files that are not what they should be: the night ends with the file's name and the next step, and nothing changes.
#![cfg(test)] // so that clippy takes the helpers for tests too

use arrow::array::RecordBatch;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::support::data::{int, parquet, parquet_with, table, text};
use crate::support::{Ended, Project};

const PEOPLE: &str = r#"[sources.people]
location = "in/people/"
columns = { id = "text!", n = "int!" }
"#;

pub(crate) const FILE: &str = "in/people/part.parquet";

pub(crate) fn people(count: i64) -> RecordBatch {
    let ids: Vec<String> = (0..count).map(|number| format!("a{number:05}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    // Squares: no encoding makes them so small that nothing is left to cut off.
    let numbers: Vec<i64> = (0..count).map(|number| number * number * 7919).collect();
    table(&[("id", text(&ids)), ("n", int(&numbers))])
}

/// A project with one committed night.
pub(crate) fn committed() -> Project {
    let project = Project::new(PEOPLE);
    project.sql("segments/everyone", "SELECT id, n AS score FROM raw.people");
    project.parquet(FILE, &people(500));
    project.night("2026-06-01");
    project
}

#[track_caller]
pub(crate) fn refuses(bytes: &[u8], words: &[&str]) {
    let project = committed();
    project.bytes(FILE, bytes);
    let ended = project.fails("2026-06-02", 2, "bad_extract");
    ended.says(&["raw.people", FILE, "deliver"]).says(words);
}

pub(crate) fn not_ready(project: &Project, words: &[&str]) -> Ended {
    let ended = project.fails("2026-06-02", 6, "inputs_not_ready");
    ended.says(&["raw.people", "run again"]).says(words);
    ended
}

/// A file that is there in part: the rest may still come.
#[track_caller]
fn half_delivered(bytes: &[u8], words: &[&str]) {
    let project = committed();
    project.bytes(FILE, bytes);
    let ended = project.fails("2026-06-02", 6, "inputs_not_ready");
    ended.says(&["raw.people", FILE, "run again"]).says(words);
}

#[test]
fn an_empty_file_is_named() {
    half_delivered(b"", &["empty (0 bytes)"]);
}

#[test]
fn a_file_too_short_for_parquet_is_named() {
    refuses(b"PAR1PAR1", &["not a Parquet file"]);
}

#[test]
fn a_renamed_csv_is_no_parquet_file() {
    refuses(b"id,n\na,1\nb,2\n", &["not a Parquet file"]);
}

#[test]
fn a_file_cut_off_at_its_end_is_named() {
    let whole = parquet(&people(500));
    for lost in [1, 8, 1000] {
        half_delivered(&whole[..whole.len() - lost], &["cut off"]);
    }
}

#[test]
fn a_footer_longer_than_the_file_is_refused() {
    let mut bytes = parquet(&people(500));
    let end = bytes.len();
    for length in [0x7fff_ffff_u32, u32::MAX] {
        bytes[end - 8..end - 4].copy_from_slice(&length.to_le_bytes());
        refuses(&bytes, &["not a Parquet file"]);
    }
}

#[test]
fn a_footer_that_claims_two_billion_columns_ends_the_night_and_not_the_process() {
    // Thrift: version = 1; a list of structs with 2^31 elements.
    let footer = [0x15, 0x02, 0x19, 0xfc, 0x80, 0x80, 0x80, 0x80, 0x08];
    refuses(&file_of(&footer), &["not a Parquet file"]);
}

/// A file of that footer, without data.
fn file_of(footer: &[u8]) -> Vec<u8> {
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    [b"PAR1", footer, &length, b"PAR1"].concat()
}

#[test]
fn an_arrow_type_that_is_not_known_is_the_fault_of_the_file_and_not_ours() {
    let footer = include_bytes!("../../fuzz/seeds/footer/unknown_arrow_type");
    let project = committed();
    project.bytes(FILE, &file_of(footer));
    let ended = project.fails("2026-06-02", 2, "bad_extract");
    ended.says(&["raw.people", FILE, "its schema can not be read", "not supported", "deliver"]);
    assert!(!ended.err.contains("a bug"), "{}", ended.err);
}

/// A file of two row groups with the data of the second's second column broken.
fn with_broken_page(compression: Compression) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_dictionary_enabled(false)
        .set_max_row_group_row_count(Some(250))
        .build();
    let mut bytes = parquet_with(&people(500), properties);
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes.clone())).unwrap();
    let chunk = reader.metadata().row_group(1).column(1).clone();
    let (start, length) = chunk.byte_range();
    let (middle, end) = (start + length / 2, start + length);
    bytes[usize::try_from(middle).unwrap()..usize::try_from(end).unwrap()].fill(0xff);
    bytes
}

#[test]
fn a_broken_data_page_is_found_with_its_row_group() {
    for compression in [Compression::ZSTD(ZstdLevel::default()), Compression::SNAPPY] {
        refuses(&with_broken_page(compression), &["row group 1", "damaged"]);
    }
}

#[test]
fn a_missing_folder_or_file_is_an_extract_still_to_come() {
    for (location, words) in [
        ("/in/nowhere", "/in/nowhere"),
        ("in/people/other.parquet", "in/people/other.parquet"),
        ("in/*/other-*.parquet", "in/*/other-*.parquet"),
    ] {
        let project = committed();
        project.edit_toml("in/people/", location);
        not_ready(&project, &[words]);
    }
}

#[test]
fn one_of_several_locations_that_lists_nothing_is_a_half_delivery() {
    let project = committed();
    project.edit_toml("\"in/people/\"", r#"["in/people/", "/in/more"]"#);
    not_ready(&project, &["/in/more"]);
}

#[test]
fn a_folder_of_other_peoples_files_is_as_good_as_empty() {
    let project = committed();
    std::fs::remove_file(project.path(FILE)).unwrap();
    project.text("in/people/_SUCCESS", "").text("in/people/part.parquet.crc", "x");
    project.bytes("in/people/_temporary/0/part.parquet", b"half");
    project.bytes("in/people/.part.parquet", b"half");
    not_ready(&project, &["no Parquet file in", "/in/people"]);
}

#[test]
fn what_writers_leave_beside_the_data_changes_nothing() {
    let project = committed();
    project.text("in/people/_SUCCESS", "").bytes("in/people/_tmp/x.parquet", b"half");
    let before = project.hashes("2026-06-01");
    let again = project.run("2026-06-01");
    assert_eq!(again.report()["code"], "already_committed", "{}", again.err);
    assert_eq!(before, project.hashes("2026-06-01"));
}

#[test]
fn a_source_without_rows_is_not_ready_unless_it_is_optional() {
    let project = committed();
    project.parquet(FILE, &people(0));
    not_ready(&project, &["holds no row", "optional = true"]);

    project.set("optional = true");
    let report = project.night("2026-06-02");
    assert_eq!(report["segmentations"][0]["left"], 500);
}

#[test]
fn an_optional_source_that_is_configured_must_be_there() {
    let project = committed();
    project.set("optional = true");
    std::fs::remove_dir_all(project.path("in")).unwrap();
    not_ready(&project, &["no Parquet file"]);
}

#[test]
fn the_first_broken_file_in_the_order_of_names_is_told() {
    let project = committed();
    project.bytes("in/people/z.parquet", b"").bytes("in/people/q.parquet", b"");
    let ended = project.fails("2026-06-02", 6, "inputs_not_ready");
    ended.says(&["in/people/q.parquet"]);
    assert!(!ended.err.contains("z.parquet"), "{}", ended.err);
}
