//! Each band holds its lower edge. The company has a customer on each edge and one just below it; its extracts are written
//! as SQL in place of the staging layer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::support::Project;

const NIGHT: &str = "2026-06-30";

/// A column of a staging table: name, type, and the value of all customers that are not there for it.
type Column = (&'static str, &'static str, &'static str);

const ACCOUNTS: [Column; 13] = [
    ("account_id", "TEXT", "NULL"),
    ("name", "TEXT", "NULL"),
    ("industry", "TEXT", "NULL"),
    ("country", "TEXT", "NULL"),
    ("time_zone", "TEXT", "NULL"),
    ("employees", "BIGINT", "NULL"),
    ("employees_a_year_ago", "BIGINT", "NULL"),
    ("parent_account_id", "TEXT", "NULL"),
    ("csm", "TEXT", "NULL"),
    ("use_case", "TEXT", "NULL"),
    ("desired_outcomes", "TEXT[]", "NULL"),
    ("persona", "TEXT", "NULL"),
    ("created_at", "TIMESTAMP", "NULL"),
];
const SUBSCRIPTIONS: [Column; 11] = [
    ("subscription_id", "TEXT", "NULL"),
    ("account_id", "TEXT", "NULL"),
    ("plan", "TEXT", "'ten'"),
    ("products", "TEXT[]", "NULL"),
    ("arr", "DECIMAL(18, 2)", "100"),
    ("currency", "TEXT", "'EUR'"),
    ("started_on", "DATE", "'2020-01-01'"),
    ("renewal_date", "DATE", "'2027-01-01'"),
    ("renewed_on", "DATE", "NULL"),
    ("cancelled_on", "DATE", "NULL"),
    ("seats", "BIGINT", "NULL"),
];
/// `score` and `expires_on` of an override, an answer's score, a cost, an invoice that is paid: all of one customer.
const FACTS: [Column; 4] = [
    ("account_id", "TEXT", "NULL"),
    ("override", "BIGINT", "NULL"),
    ("nps", "BIGINT", "NULL"),
    ("cost", "DECIMAL(18, 2)", "NULL"),
];

/// A customer by name, with what it has that others do not.
type Customer<'a> = (&'a str, &'a [(&'a str, &'a str)]);

const CUSTOMERS: &[Customer] = &[
    ("49 people", &[("employees", "49")]),
    ("50 people", &[("employees", "50")]),
    ("499 people", &[("employees", "499")]),
    ("500 people", &[("employees", "500")]),
    ("-6 %", &[("employees", "94"), ("employees_a_year_ago", "100")]),
    ("-5 %", &[("employees", "95"), ("employees_a_year_ago", "100")]),
    ("+9 %", &[("employees", "109"), ("employees_a_year_ago", "100")]),
    ("+10 %", &[("employees", "33"), ("employees_a_year_ago", "30")]),
    ("+29 %", &[("employees", "129"), ("employees_a_year_ago", "100")]),
    ("+30 %", &[("employees", "39"), ("employees_a_year_ago", "30")]),
    ("health 49", &[("override", "49")]),
    ("health 50", &[("override", "50")]),
    ("health 74", &[("override", "74")]),
    ("health 75", &[("override", "75")]),
    ("19,999.99", &[("arr", "19999.99")]),
    ("20,000", &[("arr", "20000")]),
    ("99,999.99", &[("arr", "99999.99"), ("override", "10")]),
    ("100,000", &[("arr", "100000"), ("override", "10")]),
    (
        "100,000, due in 30",
        &[("arr", "100000"), ("override", "60"), ("renewal_date", "'2026-07-30'")],
    ),
    (
        "100,000, due in 31",
        &[("arr", "100000"), ("override", "60"), ("renewal_date", "'2026-07-31'")],
    ),
    ("margin 10 %", &[("arr", "333.00"), ("cost", "299.70")]),
    ("margin below 10 %", &[("arr", "333.00"), ("cost", "299.71")]),
    ("margin -10 %", &[("arr", "333.00"), ("cost", "366.30")]),
    ("margin below -10 %", &[("arr", "333.00"), ("cost", "366.31")]),
    ("renewed 13 days ago", &[("renewed_on", "'2026-06-17'")]),
    ("renewed 14 days ago", &[("renewed_on", "'2026-06-16'")]),
    ("renewed 90 days ago", &[("renewed_on", "'2026-04-01'")]),
    ("renewed 91 days ago", &[("renewed_on", "'2026-03-31'")]),
    ("0 points", &[("seats", "49"), ("override", "75")]),
    ("1 point", &[("seats", "50"), ("override", "75")]),
    ("2 points", &[("seats", "199"), ("override", "50")]),
    ("3 points", &[("seats", "200"), ("override", "50")]),
    ("4 points", &[("seats", "200"), ("override", "49")]),
    ("5 points", &[("seats", "200"), ("override", "49"), ("started_on", "'2025-07-01'")]),
    ("a full book", &[("arr", "2000000"), ("csm", "'full'")]),
    ("a cent too much", &[("arr", "2000000.01"), ("csm", "'over'")]),
    ("a full week", &[("seats", "200"), ("override", "50"), ("csm", "'week'")]),
    ("too much for a week", &[("seats", "200"), ("override", "50"), ("csm", "'tired'")]),
    ("its other account", &[("seats", "50"), ("override", "75"), ("csm", "'tired'")]),
    ("promoter for a year", &[("nps", "9"), ("override", "75"), ("started_on", "'2025-06-30'")]),
    ("promoter, new", &[("nps", "9"), ("override", "75"), ("started_on", "'2025-07-01'")]),
    ("no promoter", &[("nps", "8"), ("override", "75")]),
    ("8 of 10 seats", &[("seats", "10"), ("override", "75")]),
    ("9 of 10 seats", &[("seats", "10"), ("override", "75")]),
    ("0 days", &[]),
    ("1 day", &[]),
    ("7 days", &[]),
    ("8 days", &[]),
    ("19 days", &[]),
    ("20 days", &[]),
    ("-30 % usage", &[]),
    ("-31 % usage", &[]),
    ("churn 39", &[]),
    ("churn 40", &[]),
    ("churn 69", &[]),
    ("churn 70", &[]),
    ("never there", &[]),
    ("2 months", &[("started_on", "'2026-04-01'")]),
    ("3 months", &[("started_on", "'2026-03-31'")]),
];

/// Who was there, with how many users on how many days, the last so many days ago, and with which quantity on each.
const USED: &str = "
    ('0 days', 1, 1, 40, 1),
    ('1 day', 1, 1, 0, 1), ('7 days', 1, 7, 0, 1), ('8 days', 1, 8, 0, 1), ('19 days', 1, 19, 0, 1), ('20 days', 1, 20, 0, 1),
    ('-30 % usage', 1, 1, 30, 10), ('-30 % usage', 1, 1, 0, 7),
    ('-31 % usage', 1, 1, 30, 100), ('-31 % usage', 1, 1, 0, 69),
    ('8 of 10 seats', 8, 1, 30, 1), ('8 of 10 seats', 8, 1, 0, 1),
    ('9 of 10 seats', 9, 1, 30, 1), ('9 of 10 seats', 9, 1, 0, 1),
    ('churn 39', 10, 1, 30, 10), ('churn 39', 10, 1, 0, 2),
    ('churn 40', 9, 1, 30, 10), ('churn 40', 9, 1, 0, 2),
    ('churn 69', 8, 1, 45, 1), ('churn 70', 7, 1, 45, 1)";

fn staging(columns: &[Column], rows: &[Vec<String>]) -> String {
    let selected = columns.iter().enumerate();
    let selected =
        selected.map(|(at, (name, kind, _))| format!("CAST(column{} AS {kind}) AS {name}", at + 1));
    let rows = rows.iter().map(|row| format!("({})", row.join(", ")));
    let (selected, rows): (Vec<_>, Vec<_>) = (selected.collect(), rows.collect());
    format!("SELECT {} FROM VALUES {}", selected.join(", "), rows.join(", "))
}

/// The rows of customers in a table: what they have of its columns, and for the rest what all have.
fn rows(columns: &[Column], customers: &[Customer<'_>]) -> Vec<Vec<String>> {
    let row = |(key, has): &Customer<'_>| {
        let value = |(name, _, usual): &Column| match *name {
            "account_id" | "subscription_id" => format!("'{key}'"),
            name => has.iter().find(|(own, _)| *own == name).map_or(*usual, |own| own.1).to_owned(),
        };
        columns.iter().map(value).collect()
    };
    customers.iter().map(row).collect()
}

/// The reference project over these customers.
fn company(customers: &[Customer<'_>]) -> Project {
    let project = Project::reference();
    project.sql("staging/accounts", &staging(&ACCOUNTS, &rows(&ACCOUNTS, customers)));
    project
        .sql("staging/subscriptions", &staging(&SUBSCRIPTIONS, &rows(&SUBSCRIPTIONS, customers)));
    project.sql("staging/facts", &staging(&FACTS, &rows(&FACTS, customers)));
    project.sql(
        "staging/overrides",
        "SELECT account_id, override AS score, CAST(NULL AS TEXT) AS band, 'lea' AS author, 'met them' AS reason, \
         as_of() + 1 AS expires_on, TRUE AS valid FROM staging.facts WHERE override IS NOT NULL",
    );
    project
}

/// The labels of each segmentation and customer, after one night of the company above.
static LABELS: LazyLock<BTreeMap<(String, String), BTreeSet<String>>> = LazyLock::new(|| {
    let project = company(CUSTOMERS);
    project.sql(
        "staging/surveys",
        "SELECT account_id, as_of_end() - INTERVAL '1 day' AS answered_at, 'nps' AS kind, nps AS score \
         FROM staging.facts WHERE nps IS NOT NULL",
    );
    project.sql(
        "staging/costs",
        "SELECT account_id, as_of() AS month, cost AS cost_to_serve FROM staging.facts WHERE cost IS NOT NULL",
    );
    // Somebody who pays in time: billing is known, and no trouble.
    project.sql(
        "staging/invoices",
        "SELECT account_id AS invoice_id, account_id, as_of_end() - INTERVAL '90 days' AS issued_at, as_of() - 60 AS due_on, \
         as_of_end() - INTERVAL '70 days' AS paid_at, CAST(9 AS DECIMAL(18, 2)) AS amount, 'EUR' AS currency, 'paid' AS status \
         FROM staging.facts WHERE account_id LIKE 'churn%'",
    );
    let used = format!(
        "SELECT *, CAST(occurred_on AS TIMESTAMP) + INTERVAL '12 hours' AS occurred_at \
         FROM (SELECT account_id, 'u' || u.value AS user_id, 'f' || u.value AS feature, quantity, \
                      as_of() - CAST(last + d.value AS INT) AS occurred_on \
               FROM (SELECT column1 AS account_id, column2 AS users, column3 AS days, column4 AS last, column5 AS quantity \
                     FROM VALUES {USED}) \
               JOIN generate_series(1, 10) AS u (value) ON u.value <= users \
               JOIN generate_series(0, 29) AS d (value) ON d.value < days)"
    );
    project.sql("staging/usage_events", &used);
    project.sql(
        "staging/plan_features",
        "SELECT 'ten' AS plan, 'f' || value AS feature FROM generate_series(1, 10)",
    );
    project.sql(
        "staging/csms",
        "SELECT column1 AS csm, CAST(NULL AS TEXT) AS region, CAST(NULL AS TEXT[]) AS languages, column2 AS hours_per_week, \
         TRUE AS active FROM VALUES ('full', 40), ('over', 40), ('week', 1), ('tired', 1)",
    );
    project.night(NIGHT);
    let mut labels: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let [segmentations, keys, segments] = ["segmentation", "account_id", "segment"]
        .map(|column| project.rows(NIGHT, "membership", column));
    for ((segmentation, key), segment) in segmentations.into_iter().zip(keys).zip(segments) {
        labels.entry((segmentation, key)).or_default().insert(segment);
    }
    labels
});

/// `labels` of the customers in a segmentation, `-` for none.
#[track_caller]
fn are(segmentation: &str, labels: &[(&str, &str)]) {
    for (customer, expected) in labels {
        let found = LABELS.get(&(segmentation.to_owned(), (*customer).to_owned()));
        let found: Vec<_> = found.into_iter().flatten().map(String::as_str).collect();
        let found = if found.is_empty() { "-".to_owned() } else { found.join(" ") };
        assert_eq!(found, *expected, "{segmentation}: {customer}");
    }
}

#[test]
fn sizes_hold_their_lower_edge() {
    are(
        "company_size",
        &[
            ("49 people", "small"),
            ("50 people", "medium"),
            ("499 people", "medium"),
            ("500 people", "large"),
            ("0 days", "unknown"),
        ],
    );
}

#[test]
fn growth_holds_its_lower_edge_also_where_the_share_is_no_exact_float() {
    are(
        "company_growth",
        &[
            ("-6 %", "shrinking"),
            ("-5 %", "stable"),
            ("+9 %", "stable"),
            ("+10 %", "growing"),
            ("+29 %", "growing"),
            ("+30 %", "growing_fast"),
            ("50 people", "unknown"),
        ],
    );
}

#[test]
fn health_holds_its_lower_edge() {
    are(
        "health",
        &[
            ("health 49", "poor"),
            ("health 50", "average"),
            ("health 74", "average"),
            ("health 75", "good"),
        ],
    );
}

#[test]
fn value_holds_its_lower_edge() {
    are(
        "value_tier",
        &[
            ("19,999.99", "small"),
            ("20,000", "mid"),
            ("99,999.99", "mid"),
            ("100,000", "enterprise"),
        ],
    );
}

#[test]
fn margins_hold_their_lower_edge_also_where_they_are_no_exact_floats() {
    are(
        "profitability",
        &[
            ("margin 10 %", "profitable"),
            ("margin below 10 %", "break_even"),
            ("margin -10 %", "break_even"),
            ("margin below -10 %", "loss_making"),
            ("0 days", "unknown"),
        ],
    );
}

#[test]
fn lifecycle_holds_its_lower_edge() {
    are("lifecycle", &[("2 months", "onboarding"), ("3 months", "adopting")]);
}

#[test]
fn days_of_use_hold_their_lower_edge() {
    are(
        "usage_behaviour",
        &[
            ("0 days", "dormant"),
            ("1 day", "occasional"),
            ("7 days", "occasional"),
            ("8 days", "regular"),
            ("19 days", "regular"),
            ("20 days", "power"),
            ("never there", "never"),
        ],
    );
}

#[test]
fn usage_falls_by_more_than_30_percent() {
    are(
        "usage_falling",
        &[("-30 % usage", "-"), ("-31 % usage", "usage_falling"), ("never there", "-")],
    );
}

#[test]
fn churn_risk_holds_its_lower_edge() {
    are(
        "churn_risk",
        &[
            ("churn 39", "low"),
            ("churn 40", "medium"),
            ("churn 69", "medium"),
            ("churn 70", "high"),
            ("never there", "unknown"),
        ],
    );
}

#[test]
fn care_goes_by_points() {
    are(
        "care_level",
        &[
            ("0 points", "tech_touch"),
            ("1 point", "low_touch"),
            ("2 points", "low_touch"),
            ("3 points", "mid_touch"),
            ("4 points", "mid_touch"),
            ("5 points", "high_touch"),
        ],
    );
}

#[test]
fn a_full_book_is_not_yet_too_much() {
    are(
        "csm_gap",
        &[
            ("a full book", "-"),
            ("a cent too much", "csm_overbooked"),
            ("a full week", "-"),
            ("too much for a week", "csm_overbooked"),
            ("2 points", "-"),
            ("3 points", "no_csm"),
        ],
    );
}

/// Nobody of them did anything since: that is poor, once it is looked at.
#[test]
fn the_after_renewal_view_is_of_days_14_to_90() {
    are(
        "success_group_after_renewal",
        &[
            ("renewed 13 days ago", "low_value"),
            ("renewed 14 days ago", "at_risk"),
            ("renewed 90 days ago", "at_risk"),
            ("renewed 91 days ago", "-"),
        ],
    );
}

#[test]
fn advocates_are_promoters_for_a_year() {
    are(
        "advocates",
        &[("promoter for a year", "advocates"), ("promoter, new", "-"), ("no promoter", "-")],
    );
}

#[test]
fn nine_of_ten_seats_are_ready_for_more() {
    are("expansion_ready", &[("8 of 10 seats", "-"), ("9 of 10 seats", "expansion_ready")]);
}

#[test]
fn executives_hear_of_enterprises_in_danger() {
    are(
        "executive_attention",
        &[
            ("99,999.99", "-"),
            ("100,000", "executive_attention"),
            ("100,000, due in 30", "executive_attention"),
            ("100,000, due in 31", "-"),
        ],
    );
}

/// Members of `top_accounts`, and the quadrant of each customer, all of good health.
fn by_value(values: &[(&str, &str)]) -> String {
    let customers: Vec<_> =
        values.iter().map(|(key, arr)| (*key, [("arr", *arr), ("override", "90")])).collect();
    let customers: Vec<_> = customers.iter().map(|(key, has)| (*key, has.as_slice())).collect();
    let sql = "SELECT (SELECT string_agg(account_id, ' ' ORDER BY account_id) FROM segment.top_accounts) || ': ' \
               || (SELECT string_agg(segment, ' ' ORDER BY account_id) FROM segment.value_health_quadrant) AS found";
    let ask = ["sql", sql, "--as-of", NIGHT, "--format", "csv"];
    let ended = company(&customers).roster(&ask);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    ended.out.lines().nth(1).unwrap().to_owned()
}

#[test]
fn half_of_all_is_enough_for_the_top_and_the_median_is_not_above_itself() {
    let found = by_value(&[("a", "50"), ("b", "20"), ("c", "20"), ("d", "10")]);
    assert_eq!(found, "a: grow automate automate automate");
}

#[test]
fn equals_on_the_line_are_all_in_the_top() {
    let found = by_value(&[("a", "40"), ("b", "20"), ("c", "20"), ("d", "20")]);
    assert_eq!(found, "a b c d: grow automate automate automate");
}
