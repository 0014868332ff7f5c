//! What `roster check` warns of: SQL that is sound and seldom meant, and its sound variants.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::path::Path;

use crate::support::data::{float, int, table, text};
use crate::support::{Ended, Project};

/// A project without a warning. `id` and `n` are never NULL; `plan`, `amount` and `share` may be.
fn sound() -> Project {
    let project = Project::new(
        r#"[sources.people]
location = "in/people/"
unique = ["id"]
columns = { id = "text!", n = "int!", plan = "text", amount = "int", share = "float" }
"#,
    );
    let rows = table(&[
        ("id", text(&["a"])),
        ("n", int(&[1])),
        ("plan", text(&["free"])),
        ("amount", int(&[1])),
        ("share", float(&[0.5])),
    ]);
    project.parquet("in/people/part.parquet", &rows);
    project.sql("features/account", "SELECT * FROM raw.people");
    project.sql("segments/everyone", "SELECT id FROM feature.account");
    project
}

#[track_caller]
fn check(project: &Project, code: i32) -> Ended {
    let arguments = ["check", "--as-of", "2026-06-01", "--warnings-as-errors"];
    let ended = project.roster(&arguments);
    assert_eq!(ended.code, Some(code), "{}{}", ended.out, ended.err);
    ended
}

/// This segment is warned of by `code`, once, with the caret under `caret`.
#[track_caller]
fn warns(sql: &str, code: &str, caret: &str) -> Ended {
    let project = sound();
    project.sql("segments/bad", sql);
    let ended = check(&project, 2);
    let column = sql.find(caret).unwrap() + 1;
    ended.says(&[&format!("warning[{code}]"), &format!("sql/segments/bad.sql:1:{column}\n")]);
    assert_eq!(ended.err.matches("warning[").count(), 1, "{}", ended.err);
    ended
}

/// This segment is not warned of.
#[track_caller]
fn passes(sql: &str) {
    let project = sound();
    project.sql("segments/good", sql);
    check(&project, 0);
}

/// Those for whom `condition` is true.
fn of(condition: &str) -> String {
    format!("SELECT id FROM feature.account WHERE {condition}")
}

#[test]
fn the_projects_that_come_along_have_no_warnings() {
    check(&Project::demo(50), 0);
    let cdnow = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/cdnow");
    let project = sound();
    let mut command = project.command(&["check", "--as-of", "1998-06-30", "--warnings-as-errors"]);
    let ended = Ended::of(command.arg("--project").arg(cdnow).output().unwrap());
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{}", ended.out);
}

#[test]
fn a_negation_that_passes_over_rows_of_null_is_warned_of() {
    for negation in [
        "plan <> 'free'",
        "plan != 'free'",
        "lower(plan) <> 'free'",
        "plan NOT IN ('free', 'pro')",
        "plan NOT LIKE 'f%'",
        "amount NOT BETWEEN 1 AND 3",
        "id <> plan",
    ] {
        warns(&of(negation), "null_logic", negation).says(&["is NULL", "to keep it"]);
    }
    warns(&of("NOT (plan = 'free')"), "null_logic", "plan = ").says(&["OR plan IS NULL"]);
}

#[test]
fn a_negation_is_warned_of_wherever_rows_are_chosen() {
    for sql in [
        "SELECT id FROM feature.account GROUP BY id, plan HAVING plan <> 'free'",
        "SELECT a.id FROM feature.account AS a JOIN segment.everyone AS e ON e.id = a.id AND a.plan <> 'free'",
        "SELECT id, count(*) FILTER (WHERE plan <> 'free') AS score FROM feature.account GROUP BY id",
        "SELECT id, CASE WHEN plan <> 'free' THEN 'pays' ELSE 'free' END AS segment FROM feature.account",
        "WITH x AS (SELECT id FROM feature.account WHERE plan <> 'free') SELECT id FROM x",
    ] {
        let caret = if sql.contains("a.plan") { "a.plan" } else { "plan <> 'free'" };
        warns(sql, "null_logic", caret);
    }
}

#[test]
fn a_negation_that_says_what_null_means_is_sound() {
    for condition in [
        "plan IS NULL OR plan <> 'free'",
        "plan IS NOT NULL AND plan <> 'free'",
        "coalesce(plan, 'free') <> 'free'",
        "plan IS DISTINCT FROM 'free'",
        "(plan <> 'free') IS NOT FALSE",
        // A value is asked for beside it.
        "amount > 5 AND amount <> 7",
        // Never NULL.
        "id <> 'a' AND NOT (n = 3)",
        "NOT (plan IS NULL)",
        "NOT EXISTS (SELECT 1 FROM segment.everyone AS e WHERE e.id = account.id)",
    ] {
        passes(&of(condition));
    }
    passes(
        "SELECT id, CASE WHEN plan IS NULL THEN 'none' WHEN plan <> 'free' THEN 'pays' ELSE 'free' END \
         AS segment FROM feature.account",
    );
    passes("SELECT id, plan <> 'free' AS pays FROM feature.account");
}

#[test]
fn an_outer_join_makes_a_column_nullable_and_an_inner_join_does_not() {
    let sql = |join: &str| {
        format!(
            "SELECT a.id FROM feature.account AS a {join} raw.people AS p ON p.id = a.id WHERE p.n <> 3"
        )
    };
    warns(&sql("LEFT JOIN"), "null_logic", "p.n").says(&["`p.n` is NULL"]);
    passes(&sql("JOIN"));
}

#[test]
fn a_comparison_with_null_is_never_true() {
    for condition in ["plan = NULL", "plan <> NULL", "id NOT IN ('a', NULL)"] {
        warns(&of(condition), "null_logic", condition).says(&["is never true", "IS NULL"]);
    }
}

#[test]
fn not_in_a_query_that_may_return_null_is_warned_of() {
    let of = |of_plan: &str| of(&format!("id NOT IN (SELECT {of_plan})"));
    let caret = "plan FROM";
    warns(&of("plan FROM raw.people"), "null_logic", caret).says(&["plan IS NOT NULL"]);
    passes(&of("plan FROM raw.people WHERE plan IS NOT NULL"));
    passes(&of("id FROM raw.people"));
}

#[test]
fn a_warning_is_allowed_by_its_code_with_a_reason() {
    let project = sound();
    let sql = |allow: &str| format!("/*\n+++\nallow = {allow}\n+++\n*/\n{}", of("plan <> 'free'"));
    project.sql("segments/known", &sql("{ null_logic = \"no plan, no customer\" }"));
    check(&project, 0);
    let told = project.night("2026-06-01")["warnings"].to_string();
    assert!(!told.contains("known.sql"), "{told}");

    project.sql("segments/known", &sql("{ null_logik = \"no plan, no customer\" }"));
    check(&project, 2).says(&[
        "error[unknown_warning]",
        "known.sql:3:11",
        "did you mean `null_logic`?",
        "warning[null_logic]",
    ]);
    project.sql("segments/known", &sql("{ null_logic = \" \" }"));
    check(&project, 2).says(&["error[empty_reason]", "known.sql:3:24"]);
    project.sql("segments/known", &sql("[\"null_logic\"]"));
    check(&project, 2).says(&["error[wrong_type]", "known.sql:3:9"]);
}

#[test]
fn every_layer_allows_and_what_is_allowed_for_nothing_is_told() {
    let allow = "/*\n+++\nallow = { null_logic = \"why\" }\n+++\n*/\n";
    for file in ["staging/x", "features/x", "segments/x", "audits/x"] {
        let project = sound();
        let bad = format!("{allow}SELECT id FROM raw.people WHERE plan <> 'free'");
        project.sql(file, &bad);
        check(&project, 0);
        project.sql(file, &bad.replace("<>", "="));
        let place = format!("sql/{file}.sql:3:11");
        check(&project, 2).says(&["warning[unused_allow]", &place, "allows nothing any more"]);
    }
}

#[test]
fn a_float_compared_with_a_literal_by_equality_is_warned_of() {
    for (sql, caret) in [
        (of("share = 0.3"), "share = "),
        (of("0.3 = share"), "0.3 = "),
        (of("share IN (0.1, 0.2)"), "share IN"),
        (of("share IS NOT DISTINCT FROM -1"), "share IS"),
        (of("share IS NOT NULL AND share <> 1"), "share <> "),
    ] {
        warns(&sql, "float_equality", caret).says(&["`share` is a float", "round(share, 6)"]);
    }
    let case = "SELECT id, CASE share WHEN 0.5 THEN 'half' END AS segment FROM feature.account";
    warns(case, "float_equality", "CASE");
}

#[test]
fn floats_are_compared_by_order_rounded_or_with_zero_and_whole_numbers_by_equality() {
    for condition in
        ["share >= 0.3", "round(share, 6) = 0.3", "share = 0", "n = 3", "amount IN (1, 2)"]
    {
        passes(&of(condition));
    }
    passes("SELECT id, share / NULLIF(n, 0) AS score FROM feature.account WHERE n <> 0");
}

#[test]
fn a_division_or_cast_that_only_and_guards_is_warned_of_and_would_fail_the_night() {
    warns(&of("n <> 0 AND 10 / n > 1"), "guarded_by_and", "10 / n").says(&["10 / NULLIF(n, 0)"]);
    warns(&of("n = 0 OR 10 % n > 1"), "guarded_by_and", "10 % n").says(&["10 % NULLIF(n, 0)"]);
    warns(&of("plan LIKE '1%' AND CAST(plan AS INT) > 1"), "guarded_by_and", "plan AS INT")
        .says(&["TRY_CAST(plan AS INT)"]);
    let case =
        "SELECT id, CASE WHEN n > 0 AND (10 / n) > 1 THEN 'few' END AS segment FROM raw.people";
    warns(case, "guarded_by_and", "10 / n");

    let project = sound();
    let ids: Vec<_> = ["a", "b", "c", "d"].into();
    let rows = table(&[
        ("id", text(&ids)),
        ("n", int(&[1, 2, 0, 3])),
        ("plan", text(&ids)),
        ("amount", int(&[1; 4])),
        ("share", float(&[1.0; 4])),
    ]);
    project.parquet("in/people/part.parquet", &rows);
    project.sql("segments/bad", &of("n <> 0 AND 10 / n > 1"));
    let report = project.run("2026-06-01").report();
    assert!(report["stale"].to_string().contains("division by zero"), "{report}");
}

#[test]
fn a_division_or_cast_that_can_not_fail_is_sound() {
    for condition in [
        "n <> 0 AND 10 / NULLIF(n, 0) > 1",
        "plan LIKE '1%' AND TRY_CAST(plan AS INT) > 1",
        "CASE WHEN n <> 0 THEN 10 / n > 1 ELSE false END AND n <> 0",
        // Infinite, not a failure.
        "n <> 0 AND CAST(amount AS DOUBLE) / n > 1",
        // Nothing to fail on.
        "n > 3 AND n / 2 > 1",
        "n <> 0 AND CAST(n AS TEXT) > '1'",
        // Another column's condition is no guard.
        "id <> 'a' AND 10 / n > 1",
    ] {
        passes(&of(condition));
    }
}

/// A segmentation by one CASE.
fn case(branches: &str) -> String {
    format!("SELECT id, CASE {branches} END AS segment FROM feature.account")
}

#[test]
fn a_gap_between_two_bands_is_warned_of() {
    let gap = |branches: &str, caret: &str, words: &str| {
        warns(&case(branches), "band_edges", caret).says(&[words]);
    };
    let low_high = "WHEN share < 10 THEN 'low' WHEN share > 10 THEN 'high'";
    gap(low_high, "share > 10", "`share` of exactly 10 is in no band and gets NULL");
    gap(
        &format!("{low_high} ELSE 'x'"),
        "share > 10",
        "of exactly 10 is in no band and falls to the ELSE",
    );
    let whole =
        "WHEN share BETWEEN 0 AND 9 THEN 'a' WHEN share BETWEEN 10 AND 19 THEN 'b' ELSE 'c'";
    gap(whole, "share BETWEEN 10", "between 9 and 10 is in no band");
    gap("WHEN n < 10 THEN 'a' WHEN n >= 20 THEN 'b'", "n >= 20", "`n` between 10 and 20");
    gap(
        "WHEN 10 > n THEN 'a' WHEN n >= 11 AND n < 20 THEN 'b' ELSE 'c'",
        "n >= 11",
        "between 10 and 11",
    );
}

#[test]
fn an_overlap_of_two_bands_is_warned_of() {
    for (branches, caret, words) in [
        ("WHEN n <= 10 THEN 'a' WHEN n >= 10 THEN 'b'", "n >= 10", "of exactly 10 is in this band"),
        (
            "WHEN n BETWEEN 0 AND 15 THEN 'a' WHEN n BETWEEN 10 AND 20 THEN 'b' ELSE 'c'",
            "n BETWEEN 10",
            "between 10 and 15 is in this band",
        ),
    ] {
        warns(&case(branches), "band_edges", caret).says(&[words]);
    }
}

#[test]
fn a_when_that_is_never_reached_is_warned_of() {
    for (branches, caret) in [
        ("WHEN n >= 50 THEN 'mid' WHEN n >= 90 THEN 'high' ELSE 'low'", "n >= 90"),
        ("WHEN n < 5 THEN 'a' WHEN n >= 5 THEN 'b' WHEN n = 7 THEN 'c'", "n = 7"),
        ("plan WHEN 'a' THEN 'x' WHEN 'a' THEN 'y'", "'a' THEN 'y'"),
    ] {
        warns(&case(branches), "band_edges", caret).says(&["never reached"]);
    }
}

#[test]
fn bands_that_meet_are_sound_and_so_are_gaps_that_are_meant() {
    for branches in [
        "WHEN n < 10 THEN 'low' WHEN n < 20 THEN 'mid' ELSE 'high'",
        "WHEN n >= 90 THEN 'high' WHEN n >= 50 THEN 'mid' ELSE 'low'",
        "WHEN share IS NULL THEN 'none' WHEN share < 0.5 THEN 'low' WHEN share >= 0.5 THEN 'high'",
        "WHEN n BETWEEN 0 AND 9 THEN 'a' WHEN n BETWEEN 10 AND 19 THEN 'b' ELSE 'c'",
        "WHEN n < 5 THEN 'low' WHEN n > 4 THEN 'high'",
        // The sign, the middle, and nothing on purpose.
        "WHEN share < 0 THEN 'down' WHEN share > 0 THEN 'up' ELSE 'flat'",
        "WHEN share < 0.3 THEN 'low' WHEN share > 0.7 THEN 'high' ELSE 'mid'",
        "WHEN n < 10 THEN 'low' WHEN n > 20 THEN 'high' ELSE NULL",
        // Another condition may take the gap.
        "WHEN n < 10 THEN 'low' WHEN plan = 'x' THEN 'x' WHEN n > 10 THEN 'high'",
        "WHEN share = 0.0 THEN 'a' WHEN share > 5 THEN 'b'",
    ] {
        passes(&case(branches));
    }
}

/// A segment file with `labels` declared.
fn labelled(labels: &str, sql: &str) -> String {
    format!("/*\n+++\nlabels = {labels}\n+++\n*/ {sql}")
}

/// The labels of this query are warned of at `place` with these words.
#[track_caller]
fn warns_of_labels(labels: &str, sql: &str, place: &str, words: &[&str]) {
    let project = sound();
    project.sql("segments/bad", &labelled(labels, sql));
    let ended = check(&project, 2);
    ended.says(&["warning[labels]", &format!("bad.sql:{place}\n")]).says(words);
    assert_eq!(ended.err.matches("warning[").count(), 1, "{}", ended.err);
}

#[test]
fn a_label_that_is_declared_and_never_given_is_warned_of() {
    let sql = case("WHEN n < 5 THEN 'small' ELSE 'large'");
    let words = ["no row can have the label `smal`", "the query gives `small`"];
    warns_of_labels(r#"["small", "large", "smal"]"#, &sql, "3:29", &words);
    let sql = "SELECT id, tier(n, [5], ['small', 'large']) AS segment FROM feature.account";
    warns_of_labels(r#"["small", "large", "huge"]"#, sql, "3:29", &["label `huge`"]);
    let sql = "SELECT id FROM feature.account";
    warns_of_labels(r#"["bad", "worse"]"#, sql, "3:18", &["label `worse`"]);
}

#[test]
fn a_label_that_is_given_and_not_declared_is_warned_of() {
    let open = case("WHEN n < 5 THEN 'small' ELSE plan");
    warns_of_labels(
        r#"["smal"]"#,
        &open,
        "5:36",
        &["`small` is not declared", "did you mean `smal`?"],
    );
    let health = "SELECT id, health_band(share) AS segment FROM feature.account";
    let labels = r#"["poor", "average", "good"]"#;
    warns_of_labels(labels, health, "5:15", &["label `unknown` is not declared"]);
    let due = "SELECT id, renewal_window(DATE '2026-07-01', as_of(), days => [30, 90]) AS segment FROM raw.people";
    warns_of_labels(r#"["overdue", "due_30"]"#, due, "5:15", &["label `due_90`"]);
    let rfm = "SELECT id, rfm_segment(n, n, n, 'r_rfm') AS segment FROM feature.account";
    let labels = r#"["Champions", "Potential Loyalist", "Loyal Customers", "Promising", "New Customers", "Can't Lose Them", "At Risk", "Need Attention", "About To Sleep", "Lost"]"#;
    warns_of_labels(labels, rfm, "5:15", &["label `Others`"]);
}

#[test]
fn labels_that_only_rows_can_tell_are_not_judged() {
    for (labels, sql) in [
        (r#"["any"]"#, "SELECT id, plan AS segment FROM feature.account".to_owned()),
        (r#"["a", "b"]"#, case("WHEN n < 5 THEN 'a' WHEN n < 9 THEN 'b' ELSE NULL")),
        (
            r#"["a"]"#,
            format!(
                "SELECT * FROM ({}) WHERE segment <> 'b'",
                case("WHEN n < 5 THEN 'a' ELSE 'b'")
            ),
        ),
        (
            r#"["x"]"#,
            "SELECT id, split(id, 's', ['x'], [1]) AS segment FROM feature.account".to_owned(),
        ),
    ] {
        passes(&labelled(labels, &sql));
    }
}

/// This feature is warned of, or not where there is nothing to say.
#[track_caller]
fn feature(sql: &str, says: Option<&str>) {
    let project = sound();
    project.set(
        r#"[sources.orders]
optional = true
unique = ["order_id"]
columns = { order_id = "text!", id = "text!", amount = "decimal(18,2)" }
[sources.notes]
optional = true
columns = { id = "text!", note = "text!" }"#,
    );
    project.sql("staging/notes", "SELECT id, note FROM raw.notes");
    project.sql("staging/orders", "SELECT id, amount FROM raw.orders");
    project.sql("features/more", sql);
    match says {
        Some(words) => {
            check(&project, 2).says(&["warning[grain]", "more.sql:1:1", words]);
        }
        None => {
            check(&project, 0);
        }
    }
}

#[test]
fn a_feature_that_can_have_several_rows_of_a_key_is_warned_of() {
    for (sql, why) in [
        ("SELECT id, amount FROM staging.orders", "raw.orders has one row per order_id"),
        (
            "SELECT id, note FROM staging.notes WHERE note > 'a'",
            "raw.notes promises no unique columns",
        ),
        (
            "SELECT id, n FROM raw.people UNION ALL SELECT id, 1 FROM raw.notes",
            "raw.notes promises",
        ),
        (
            "SELECT a.id, o.amount FROM feature.account AS a LEFT JOIN staging.orders AS o ON o.id = a.id",
            "raw.orders has one row per order_id",
        ),
        (
            "SELECT id, note FROM feature.account JOIN staging.notes USING (id)",
            "raw.notes promises no unique columns",
        ),
    ] {
        feature(sql, Some(why));
    }
}

#[test]
fn a_feature_that_has_one_row_per_key_or_may_have_is_not_warned_of() {
    for sql in [
        "SELECT id, sum(amount) AS amount FROM staging.orders GROUP BY id",
        "SELECT DISTINCT id FROM staging.orders",
        "SELECT p.id, a.n FROM raw.people AS p JOIN feature.account AS a ON a.id = p.id",
        "SELECT id, amount FROM (SELECT id, amount, row_number() OVER (PARTITION BY id ORDER BY amount) AS nth \
         FROM staging.orders) WHERE nth = 1",
        "SELECT a.id, total FROM feature.account AS a CROSS JOIN (SELECT sum(amount) AS total FROM staging.orders)",
        "SELECT id FROM raw.people WHERE id IN (SELECT id FROM staging.notes)",
    ] {
        feature(sql, None);
    }
}

#[test]
fn warnings_that_count_as_errors_are_counted_as_warnings() {
    let project = sound();
    project.sql("segments/paying", "SELECT id FROM raw.people WHERE plan <> 'free'");
    let check = ["check", "--as-of", "2026-06-01", "--warnings-as-errors"];
    let ended = project.roster(&check);
    assert_eq!(ended.code, Some(2));
    ended.says(&["warning[null_logic]", "the project has 1 warning"]);
}
