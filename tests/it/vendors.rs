//! The staging SQL of `roster init --crm salesforce` and so on delivers the contract from the extracts that loaders write.
#![cfg(test)] // so that clippy takes the helpers for tests too

use std::path::Path;

use crate::support::Project;

const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/seeds");
const NIGHT: &str = "2026-06-30";

/// Sources, each with its rows in SQL.
type Extracts = &'static [(&'static str, &'static str)];

/// A new project with these options of `init` and these extracts.
fn project(options: &[&str], extracts: Extracts) -> Project {
    let project = Project::with_vendors(options);
    for (source, rows) in extracts {
        deliver(&project, source, rows);
    }
    project
}

/// Writes a source's rows into a file, and sets its location.
#[track_caller]
fn deliver(project: &Project, source: &str, rows: &str) {
    let location = format!("in/{source}.parquet");
    write(project, &location, rows);
    locate(project, source, &location);
}

/// Writes what a query returns into a file of the project.
#[track_caller]
fn write(project: &Project, path: &str, rows: &str) {
    let file = project.path(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let file = file.to_str().unwrap();
    let query = ["sql", rows, "--as-of", NIGHT, "--format", "parquet", "--output", file];
    let ended = project.roster(&query);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

/// Sets a source's location.
fn locate(project: &Project, source: &str, location: &str) {
    let toml = std::fs::read_to_string(project.path("roster.toml")).unwrap();
    let section = format!("[sources.{source}]\n");
    let (before, after) = toml.split_once(&section).unwrap();
    let (suggestion, after) = after.split_once('\n').unwrap();
    assert!(suggestion.starts_with("# location"), "{suggestion}");
    let toml = format!("{before}{section}location = \"{location}\"\n{after}");
    project.text("roster.toml", &toml);
}

/// The rows of a query as CSV, without the line of names.
#[track_caller]
fn rows(project: &Project, query: &str) -> String {
    rows_of(project, NIGHT, query)
}

#[track_caller]
fn rows_of(project: &Project, night: &str, query: &str) -> String {
    let ended =
        project.roster(&["sql", query, "--as-of", night, "--format", "csv", "--show-values"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    ended.out.split_once('\n').unwrap().1.to_owned()
}

fn vendors(kind: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vendors").join(kind);
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[track_caller]
fn is_sound(options: [(&str, &str); 4]) {
    let options: Vec<_> = options.iter().flat_map(|(kind, vendor)| [*kind, *vendor]).collect();
    let ended = Project::with_vendors(&options).roster(&["check", "--warnings-as-errors"]);
    assert_eq!(ended.code, Some(0), "{options:?}\n{}{}", ended.out, ended.err);
}

#[test]
fn every_vendor_makes_a_sound_project() {
    let kinds = ["crm", "billing", "usage", "support"].map(vendors);
    let most = kinds.iter().map(Vec::len).max().unwrap();
    assert!(most > 1);
    for nth in 0..most {
        let [crm, billing, usage, support] =
            [0, 1, 2, 3].map(|kind: usize| kinds[kind][nth % kinds[kind].len()].as_str());
        is_sound([
            ("--crm", crm),
            ("--billing", billing),
            ("--usage", usage),
            ("--support", support),
        ]);
    }
}

#[test]
#[ignore = "minutes: .ci/full"]
fn every_combination_of_vendors_makes_a_sound_project() {
    let [all_crm, all_billing, all_usage, all_support] =
        ["crm", "billing", "usage", "support"].map(vendors);
    for crm in &all_crm {
        for billing in &all_billing {
            for usage in &all_usage {
                for support in &all_support {
                    is_sound([
                        ("--crm", crm),
                        ("--billing", billing),
                        ("--usage", usage),
                        ("--support", support),
                    ]);
                }
            }
        }
    }
}

#[test]
fn a_vendor_that_is_misspelt_is_told_with_those_that_are_known() {
    let project = Project::new("");
    let ended = project.command(&["init", "new", "--crm", "salesforse"]).output().unwrap();
    let err = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(err.contains("[possible values: hubspot, salesforce]"), "{err}");
    assert!(err.contains("a similar value exists: 'salesforce'"), "{err}");
}

#[test]
fn sources_of_the_contract_that_nobody_reads_any_more_are_gone() {
    let project = Project::with_vendors(&["--billing", "stripe"]);
    let toml = std::fs::read_to_string(project.path("roster.toml")).unwrap();
    assert!(!toml.contains("[sources.subscriptions]") && !toml.contains("[sources.invoices]"));
    assert!(toml.contains("[sources.stripe_invoice]") && toml.contains("[sources.accounts]"));
}

#[test]
fn the_seeds_of_salesforce_are_accounts() {
    let project = Project::with_vendors(&["--crm", "salesforce"]);
    let seed = |name: &str| format!("{SEEDS}/salesforce/{name}.parquet");
    locate(&project, "salesforce_account", &seed("sf_account_data"));
    locate(&project, "salesforce_user", &seed("sf_user_data"));
    // Nine of the ten are deleted, and none has an owner that the other file knows.
    let accounts = "SELECT account_id, name, country, employees, csm FROM staging.accounts ORDER BY account_id";
    assert_eq!(rows(&project, accounts), "0015500000Xyy06AAB,Eric's Test,,,\n");
}

#[test]
fn the_seeds_of_stripe_have_a_price_for_a_year_and_an_account() {
    let project = Project::with_vendors(&["--billing", "stripe"]);
    for table in ["customer", "price", "plan", "product"] {
        let seed = format!("{SEEDS}/stripe/{table}_data.parquet");
        locate(&project, &format!("stripe_{table}"), &seed);
    }
    // The seeds have no packages, and took a column of nothing for text.
    for column in ["transform_quantity_divide_by", "transform_usage_divide_by"] {
        project.edit_toml(&format!("{column} = \"int?\""), &format!("{column} = \"text?\""));
    }
    // 150000 cents a month; 150000 in six months; 8000 in three; and one that is paid once.
    let prices = "SELECT price_id, currency, product, CAST(per_year AS DECIMAL(18, 2)) FROM staging.stripe_prices
                  WHERE price_id IN ('zb1', '5gh', 'price_4', 'price_1') ORDER BY price_id";
    let expected = "5gh,USD,5gh,3000.00\nprice_1,USD,price_1,\nprice_4,EUR,Quarterly Plan,320.00\nzb1,USD,zb1,18000.00\n";
    assert_eq!(rows(&project, prices), expected);
    let accounts = "SELECT DISTINCT account_id FROM staging.stripe_accounts";
    assert_eq!(rows(&project, accounts), "80755622-45b3-40a6-9544-25af39e0e50c\n");
}

#[test]
fn the_seeds_of_zendesk_are_closed_by_their_history_or_their_last_change() {
    let project = Project::with_vendors(&["--support", "zendesk"]);
    for table in ["ticket", "ticket_field_history", "user"] {
        let seed = format!("{SEEDS}/zendesk/{table}_data.parquet");
        locate(&project, &format!("zendesk_{table}"), &seed);
    }
    // The seeds' own organizations are others than those of their tickets.
    let organizations =
        "SELECT DISTINCT organization_id AS id, concat('A', organization_id) AS external_id
                         FROM (SELECT organization_id FROM raw.zendesk_ticket
                               UNION ALL SELECT organization_id FROM raw.zendesk_user)
                         WHERE organization_id IS NOT NULL";
    deliver(&project, "zendesk_organization", organizations);
    let query = "SELECT ticket_id, account_id, CAST(closed_at AS DATE), CAST(escalated_at AS DATE)
                 FROM staging.tickets ORDER BY ticket_id";
    // Two of ten are deleted. 11071 has a history, and the organization of its requester.
    let expected = "\
11071,A370297696174,2020-11-14,2020-11-02
1404,A370295709874,2020-02-28,
14173,A370321120273,2020-11-11,
16988,A370469077513,2021-01-13,
1966,A370295721514,2020-03-25,
4721,A370295719414,2020-05-14,
6171,A370295713034,2020-06-01,
6605,A370295719754,2020-06-10,
";
    assert_eq!(rows(&project, query), expected);
}

const RATES: &str = "SELECT * FROM (VALUES
    ('USD', DATE '2026-06-29', CAST(0.9 AS DECIMAL(18, 6))),
    ('KWD', DATE '2026-06-29', CAST(3 AS DECIMAL(18, 6))),
    ('JPY', DATE '2026-06-29', CAST(0.006 AS DECIMAL(18, 6)))) AS t (currency, \"on\", rate)";

const STRIPE: Extracts = &[
    ("fx_rates", RATES),
    (
        "stripe_customer",
        r#"SELECT * FROM (VALUES
            ('c1', '{"plan": "x", "account_id": "A1"}'), ('c2', 'account_id: A2'), ('c3', '{"external_id":"A3"}'),
            ('c4', '{"account_id": ""}'), ('c5', NULL))
            AS t (id, metadata)"#,
    ),
    (
        "stripe_subscription",
        "SELECT column1 AS id, column2 AS customer_id, column3 AS status,
            CAST(column4 AS TIMESTAMP) AS created, CAST(column4 AS TIMESTAMP) AS start_date,
            CAST(column5 AS TIMESTAMP) AS trial_start, CAST(column6 AS TIMESTAMP) AS trial_end,
            CAST(column7 AS TIMESTAMP) AS current_period_start, CAST(column8 AS TIMESTAMP) AS current_period_end,
            CAST(column9 AS TIMESTAMP) AS ended_at FROM VALUES
            ('ended', 'c1', 'canceled', '2025-01-10', NULL, NULL, '2026-04-10', '2026-05-10', '2026-05-10'),
            ('ends_later', 'c1', 'canceled', '2025-01-10', NULL, NULL, '2026-06-10', '2026-07-10', '2026-07-05'),
            ('monthly', 'c1', 'active', '2025-01-10', NULL, NULL, '2026-06-10', '2026-07-10', NULL),
            ('never_began', 'c1', 'incomplete_expired', '2026-06-01', NULL, NULL, NULL, NULL, NULL),
            ('only_tried', 'c1', 'canceled', '2026-05-01', '2026-05-01', '2026-05-15', NULL, NULL, '2026-05-15'),
            ('quarterly', 'c2', 'active', '2026-05-01', NULL, NULL, '2026-05-01', '2026-08-01', NULL),
            ('owed', 'c2', 'past_due', '2026-05-01', NULL, NULL, '2026-05-01', '2026-06-01', NULL),
            ('paused', 'c1', 'paused', '2026-05-01', '2026-05-01', '2026-05-15', '2026-05-15', '2026-06-15', NULL),
            ('tiered', 'c3', 'active', '2026-05-01', NULL, NULL, '2026-05-01', '2026-06-01', NULL),
            ('trying', 'c3', 'trialing', '2026-06-20', '2026-06-20', '2026-07-15', '2026-06-20', '2026-07-15', NULL),
            ('trying_on', 'c3', 'trialing', '2026-06-20', NULL, NULL, '2026-06-20', '2026-07-15', NULL),
            ('unknown', NULL, NULL, '2026-06-01', NULL, NULL, NULL, NULL, NULL),
            ('yearly', 'c1', 'active', '2026-01-01', NULL, NULL, '2026-01-01', '2027-01-01', NULL)",
    ),
    (
        "stripe_subscription_item",
        "SELECT * FROM (VALUES
            ('i1', 'monthly', 'seat', 5), ('i2', 'monthly', 'metered', NULL), ('i3', 'monthly', 'addon', 1),
            ('i4', 'yearly', 'yen', 1), ('i5', 'quarterly', 'quarter', 1), ('i6', 'tiered', 'tiers', 3),
            ('i7', 'tiered', 'addon', 1), ('i8', 'trying', 'seat', 2), ('i9', 'ended', 'seat', 1),
            ('j1', 'ends_later', 'seat', 1), ('j2', 'owed', 'dinars', 1), ('j3', 'paused', 'seat', 1)) AS t (id, subscription_id, plan_id, quantity)",
    ),
    (
        "stripe_price",
        "SELECT * FROM (VALUES
            ('seat', 'usd', 'prod_seat', 2000, 'month', 1, 'licensed'),
            ('addon', 'usd', 'prod_addon', 500, 'month', 1, 'licensed'),
            ('metered', 'usd', 'prod_calls', 1, 'month', 1, 'metered'),
            ('yen', 'jpy', 'prod_seat', 120000, 'year', 1, 'licensed'),
            ('dinars', 'kwd', 'prod_seat', 2500, 'week', 2, 'licensed'),
            ('quarter', 'eur', 'prod_seat', 30000, 'month', 3, 'licensed'),
            ('tiers', 'usd', 'prod_seat', NULL, 'month', 1, 'licensed'))
            AS t (id, currency, product_id, unit_amount, recurring_interval, recurring_interval_count,
                  recurring_usage_type)",
    ),
    (
        "stripe_product",
        "SELECT * FROM (VALUES ('prod_seat', 'Team'), ('prod_addon', 'Audit log'), ('prod_calls', 'API'))
            AS t (id, name)",
    ),
    (
        "stripe_invoice",
        "SELECT column1 AS id, 'c1' AS customer_id, TIMESTAMP '2026-06-01 00:00:00' AS created,
            CASE WHEN column1 <> 'failed' THEN TIMESTAMP '2026-06-15 00:00:00' END AS due_date,
            column2 AS total, column3 AS currency, column4 AS status, column5 AS is_deleted, CAST(column6 AS TIMESTAMP) AS status_transitions_paid_at,
            CAST(column7 AS TIMESTAMP) AS status_transitions_voided_at,
            CAST(column8 AS TIMESTAMP) AS status_transitions_marked_uncollectible_at FROM VALUES
            ('deleted', 100, 'eur', 'open', true, NULL, NULL, NULL),
            ('draft', 100, 'eur', 'draft', false, NULL, NULL, NULL),
            ('failed', 10050, 'usd', 'uncollectible', false, NULL, NULL, '2026-06-20'),
            ('no_rate', 100, 'chf', 'open', false, NULL, NULL, NULL),
            ('paid', 11000, 'jpy', 'paid', false, '2026-06-02', NULL, NULL),
            ('paid_later', 100, 'eur', 'paid', NULL, '2026-07-02', NULL, NULL),
            ('void', 100, 'eur', 'void', false, NULL, '2026-06-03', NULL)",
    ),
];

#[test]
fn subscriptions_of_stripe_are_arr_in_the_projects_currency() {
    let project = project(&["--billing", "stripe"], STRIPE);
    let query = "SELECT subscription_id, account_id, plan, arr, currency, started_on, renewal_date, renewed_on, cancelled_on, seats
                 FROM staging.subscriptions ORDER BY subscription_id";
    // monthly: (5 x 20 + 1 x 5) x 12 x 0.9; yearly: 120,000 yen x 0.006; owed: 2.5 dinars x 26 x 3; tiered: one price is not
    // known, so the sum is not.
    let expected = "\
ended,A1,Team,216.00,USD,2025-01-10,2026-05-10,2026-04-10,2026-05-10,1
ends_later,A1,Team,216.00,USD,2025-01-10,2026-07-10,2026-06-10,,1
monthly,A1,Team,1134.00,USD,2025-01-10,2026-07-10,2026-06-10,,5
owed,c2,Team,195.00,KWD,2026-05-01,2026-06-01,,,1
quarterly,c2,Team,1200.00,EUR,2026-05-01,2026-08-01,,,1
tiered,A3,Team,,USD,2026-05-01,2026-06-01,,,3
trying,A3,Team,432.00,USD,2026-07-15,2026-07-15,,,2
unknown,,,,,2026-06-01,,,,
yearly,A1,Team,720.00,JPY,2026-01-01,2027-01-01,,,1
";
    assert_eq!(rows(&project, query), expected);
}

#[test]
fn a_customer_of_stripe_without_an_account_keeps_its_id() {
    let project = project(&["--billing", "stripe"], STRIPE);
    let query = "SELECT customer_id, account_id FROM staging.stripe_accounts ORDER BY customer_id";
    assert_eq!(rows(&project, query), "c1,A1\nc2,c2\nc3,A3\nc4,c4\nc5,c5\n");
}

#[test]
fn a_price_of_stripe_for_a_package_is_not_that_of_a_unit() {
    let price = "SELECT 'hundred' AS id, 'eur' AS currency, 'p' AS product_id, 500 AS unit_amount,
                 'month' AS recurring_interval, 1 AS recurring_interval_count, 100 AS transform_quantity_divide_by";
    let project = Project::with_vendors(&["--billing", "stripe"]);
    deliver(&project, "stripe_price", price);
    assert_eq!(
        rows(&project, "SELECT price_id, per_year FROM staging.stripe_prices"),
        "hundred,\n"
    );
}

#[test]
fn older_versions_in_a_history_of_stripe_are_not_read() {
    let versions = "SELECT column1 AS id, 'c1' AS customer_id, column2 AS status, TIMESTAMP '2026-01-01 00:00:00' AS start_date,
                    CAST(column3 AS TIMESTAMP) AS ended_at, column4 AS _fivetran_active FROM VALUES
                    ('s1', 'active', NULL, false), ('s1', 'canceled', '2026-06-01', true)";
    let project = Project::with_vendors(&["--billing", "stripe"]);
    deliver(&project, "stripe_subscription", versions);
    let query = "SELECT subscription_id, cancelled_on FROM staging.subscriptions";
    assert_eq!(rows(&project, query), "s1,2026-06-01\n");
}

#[test]
fn an_amount_of_stripe_that_is_not_known_fails_the_audit_of_rates_which_shows_the_rate() {
    let project = project(&["--billing", "stripe"], STRIPE);
    let audit = std::fs::read_to_string(project.path("sql/audits/currency_without_rate.sql"));
    assert_eq!(rows(&project, &audit.unwrap()), "CHF,invoices,,1\nUSD,subscriptions,0.900000,1\n");
}

#[test]
fn all_that_a_subscription_of_stripe_has_are_products() {
    let project = project(&["--billing", "stripe"], STRIPE);
    let query = "SELECT array_to_string(products, '|') FROM staging.subscriptions WHERE subscription_id = 'monthly'";
    assert_eq!(rows(&project, query), "API|Audit log|Team\n");
}

#[test]
fn what_a_subscription_of_stripe_cost_is_known_of_nights_with_a_copy_of_their_own() {
    let project = project(&["--billing", "stripe"], STRIPE);
    for (night, quantity) in [("2026-05-31", 1), (NIGHT, 2)] {
        let item = format!(
            "SELECT 'i5' AS id, 'quarterly' AS subscription_id, 'quarter' AS plan_id, {quantity} AS quantity"
        );
        write(&project, &format!("in/items/dt={night}/items.parquet"), &item);
    }
    let copies = "location = \"in/items/\"\nsnapshot = \"dt\"";
    project.edit_toml("location = \"in/stripe_subscription_item.parquet\"", copies);
    let arr = "SELECT arr FROM staging.subscriptions WHERE subscription_id = 'quarterly'";
    assert_eq!(rows_of(&project, "2026-05-31", arr), "1200.00\n");
    assert_eq!(rows_of(&project, NIGHT, arr), "2400.00\n");
}

#[test]
fn invoices_of_stripe_have_the_status_of_the_night() {
    let project = project(&["--billing", "stripe"], STRIPE);
    let query = "SELECT invoice_id, account_id, amount, currency, status, due_on FROM staging.invoices ORDER BY invoice_id";
    let expected = "\
failed,A1,90.45,USD,failed,2026-06-01
no_rate,A1,,CHF,open,2026-06-15
paid,A1,66.00,JPY,paid,2026-06-15
paid_later,A1,1.00,EUR,open,2026-06-15
void,A1,1.00,EUR,void,2026-06-15
";
    assert_eq!(rows(&project, query), expected);
}

const CHARGEBEE: Extracts = &[
    ("fx_rates", RATES),
    (
        "chargebee_customer",
        r#"SELECT * FROM (VALUES ('c1', '{"account_id": "A1"}', NULL), ('c2', NULL, 'A2'), ('c3', NULL, ''),
            ('c4', '{"account_id": 44}', NULL)) AS t (id, meta_data, cf_account_id)"#,
    ),
    (
        "chargebee_subscription",
        "SELECT column1 AS id, column2 AS customer_id, column3 AS status, column4 AS currency_code, column5 AS mrr,
            CAST(column6 AS TIMESTAMP) AS started_at, CAST(column7 AS TIMESTAMP) AS trial_end,
            CAST(column8 AS TIMESTAMP) AS current_term_start, CAST(column9 AS TIMESTAMP) AS current_term_end,
            CAST(column10 AS TIMESTAMP) AS cancelled_at, column11 AS deleted FROM VALUES
            ('cancelled', 'c4', 'cancelled', 'EUR', 0, '2025-01-10', NULL, '2026-01-10', '2026-02-10', '2026-02-10', NULL),
            ('deleted', 'c1', 'active', 'EUR', 100, '2026-01-01', NULL, NULL, NULL, NULL, true),
            ('future', 'c1', 'future', 'EUR', 100, NULL, NULL, NULL, NULL, NULL, false),
            ('months', 'c1', 'active', 'USD', 10000, '2025-01-10', NULL, '2026-06-10', '2026-07-10', NULL, false),
            ('no_mrr', 'c3', 'active', 'EUR', NULL, '2026-01-01', NULL, '2026-01-01', '2027-01-01', NULL, false),
            ('over', 'c2', 'non_renewing', 'JPY', 10000, '2025-01-01', '2025-01-15', '2026-01-15', '2026-07-15',
             '2026-07-15', false),
            ('still', 'c4', 'active', 'EUR', 10000, '2025-01-10', NULL, '2026-01-10', '2027-01-10', NULL, false),
            ('tried', 'c1', 'in_trial', 'EUR', 100, '2026-06-20', NULL, NULL, NULL, NULL, false)",
    ),
    (
        "chargebee_subscription_item",
        "SELECT * FROM (VALUES ('months', 'team-USD', 'plan', 5), ('months', 'audit-USD', 'addon', 1))
            AS t (subscription_id, item_price_id, item_type, quantity)",
    ),
    ("chargebee_item_price", "SELECT 'team-USD' AS id, 'team' AS item_id"),
    (
        "chargebee_invoice",
        r#"SELECT column1 AS id, 'c1' AS customer_id, TIMESTAMP '2026-06-01 00:00:00' AS "date",
            TIMESTAMP '2026-06-15 00:00:00' AS due_date, column2 AS total, column3 AS currency_code,
            column4 AS status, CAST(column5 AS TIMESTAMP) AS paid_at FROM VALUES
            ('not_paid', 10000, 'USD', 'not_paid', NULL), ('paid', 10000, 'JPY', 'paid', '2026-06-02'),
            ('paid_later', 10000, 'EUR', 'paid', '2026-07-02'), ('pending', 1, 'EUR', 'pending', NULL)"#,
    ),
];

#[test]
fn subscriptions_of_chargebee_are_arr_in_the_projects_currency() {
    let project = project(&["--billing", "chargebee"], CHARGEBEE);
    let query = "SELECT subscription_id, account_id, plan, arr, started_on, renewal_date, renewed_on, cancelled_on, seats
                 FROM staging.subscriptions ORDER BY subscription_id";
    // 100 dollars x 12 x 0.9; 10,000 yen x 12 x 0.006.
    let expected = "\
cancelled,44,,,2025-01-10,2026-02-10,2026-01-10,2026-02-10,
months,A1,team,1080.00,2025-01-10,2026-07-10,2026-06-10,,5
no_mrr,c3,,,2026-01-01,2027-01-01,,,
over,A2,,720.00,2025-01-15,2026-07-15,2026-01-15,,
still,44,,1200.00,2025-01-10,2027-01-10,2026-01-10,,
";
    assert_eq!(rows(&project, query), expected);
}

#[test]
fn a_year_ago_is_not_known_where_a_subscription_of_chargebee_was_cancelled_since() {
    let project = project(&["--billing", "chargebee"], CHARGEBEE);
    let query = "SELECT account_id, arr_a_year_ago FROM feature.billing ORDER BY account_id";
    assert_eq!(rows(&project, query), "44,\nA1,1080.00\nA2,720.00\nc3,\n");
}

#[test]
fn invoices_of_chargebee_have_the_status_of_the_night() {
    let project = project(&["--billing", "chargebee"], CHARGEBEE);
    let query =
        "SELECT invoice_id, account_id, amount, status FROM staging.invoices ORDER BY invoice_id";
    let expected = "not_paid,A1,90.00,failed\npaid,A1,60.00,paid\npaid_later,A1,100.00,open\n";
    assert_eq!(rows(&project, query), expected);
}

const SALESFORCE: Extracts = &[
    (
        "salesforce_account",
        "SELECT * FROM (VALUES
            ('A1', 'Acme', ' Retail ', 'Germany', 'de', 12, NULL, 'U1', 'false', NULL, 'Save time;Cut costs', true),
            ('A1', 'Acme', '', NULL, NULL, NULL, NULL, 'U1', 'false', NULL, NULL, false),
            ('A2', 'Bolt', '', 'Germany', NULL, NULL, 'A1', 'U9', NULL, NULL, NULL, NULL),
            ('A3', 'Core', NULL, 'AT', NULL, NULL, NULL, 'U1', 'FALSE', 'Cleo', '', NULL),
            ('A4', 'Gone', NULL, NULL, NULL, NULL, NULL, 'U1', 'TRUE', NULL, NULL, true))
            AS t (id, name, industry, billing_country, billing_country_code, number_of_employees, parent_id, owner_id,
                  is_deleted, csm_c, desired_outcomes_c, _fivetran_active)",
    ),
    (
        "salesforce_user",
        "SELECT * FROM (VALUES ('U1', 'Ada Byron', true), ('U1', 'Ada Lovelace', false)) AS t (id, name, _fivetran_active)",
    ),
];

#[test]
fn accounts_of_salesforce_have_their_owner_and_are_not_deleted() {
    let project = project(&["--crm", "salesforce"], SALESFORCE);
    // Some loaders write booleans as text.
    project.edit_toml("is_deleted = \"bool?\"", "is_deleted = \"text?\"");
    let query = "SELECT account_id, industry, country, employees, parent_account_id, csm, array_to_string(desired_outcomes, '|')
                 FROM staging.accounts ORDER BY account_id";
    let expected = "\
A1,Retail,DE,12,,Ada Byron,save_time|cut_costs
A2,,,,A1,,
A3,,AT,,,Cleo,
";
    assert_eq!(rows(&project, query), expected);
}

const HUBSPOT: Extracts = &[
    (
        "hubspot_company",
        "SELECT * FROM (VALUES
            (1, false, 'Acme', 'RETAIL', 'Germany', 'de', 12, 7, false), (2, NULL, 'Bolt', '', 'AT', NULL, NULL, 8, NULL),
            (3, true, 'Gone', NULL, NULL, NULL, NULL, 7, false), (4, false, 'Gone', NULL, NULL, NULL, NULL, 7, true))
            AS t (id, is_deleted, property_name, property_industry, property_country, property_hs_country_code,
                  property_numberofemployees, property_hubspot_owner_id, _fivetran_deleted)",
    ),
    (
        "hubspot_owner",
        "SELECT * FROM (VALUES (7, ' Ada', 'Byron'), (8, '', NULL)) AS t (owner_id, first_name, last_name)",
    ),
];

#[test]
fn accounts_of_hubspot_have_their_owner_and_are_not_deleted() {
    let project = project(&["--crm", "hubspot"], HUBSPOT);
    let query = "SELECT account_id, name, industry, country, employees, csm FROM staging.accounts ORDER BY account_id";
    assert_eq!(rows(&project, query), "1,Acme,RETAIL,DE,12,Ada Byron\n2,Bolt,,AT,,\n");
}

const SEGMENT: Extracts = &[
    (
        "segment_tracks",
        r#"SELECT column1 AS id, column2 AS user_id, column3 AS event, CAST(column4 AS TIMESTAMP) AS received_at,
            CAST(column5 AS TIMESTAMP) AS "timestamp", column6 AS context_group_id FROM VALUES
            ('e1', 'u1', 'report_opened', '2026-06-01T23:30:00', '2026-06-01T23:00:00', NULL),
            ('e2', 'u1', 'report_opened', '2026-06-02T10:00:00', '2030-01-01T00:00:00', 'A9'),
            ('e3', 'u2', 'export', '2026-06-03T10:00:00', NULL, NULL),
            ('e4', NULL, 'visit', '2026-06-03T10:00:00', NULL, NULL),
            ('e5', 'u1', 'too_late', '2026-07-03T10:00:00', '2026-06-03T10:00:00', NULL)"#,
    ),
    (
        "segment_groups",
        "SELECT column1 AS id, column2 AS user_id, column3 AS group_id, CAST(column4 AS TIMESTAMP) AS received_at
            FROM VALUES ('g1', 'u1', 'A0', '2026-01-01'), ('g2', 'u1', 'A1', '2026-02-01'),
                        ('g3', 'u1', 'A2', '2026-07-01')",
    ),
    (
        "segment_identifies",
        "SELECT column1 AS id, column2 AS user_id, column3 AS account_id, CAST(column4 AS TIMESTAMP) AS received_at
            FROM VALUES ('i1', 'u1', 'A8', '2026-03-01'), ('i2', 'u2', 'A2', '2026-03-01'),
                        ('i3', 'u2', NULL, '2026-04-01')",
    ),
];

#[test]
fn events_of_segment_belong_to_the_account_of_their_user() {
    let project = project(&["--usage", "segment"], SEGMENT);
    let query = "SELECT account_id, user_id, feature, occurred_on, quantity FROM staging.usage_events ORDER BY feature, occurred_on";
    // The day is that of Berlin; a clock that is ahead counts as the time of receipt.
    let expected = "\
A2,u2,export,2026-06-03,1
A1,u1,report_opened,2026-06-02,1
A9,u1,report_opened,2026-06-02,1
";
    assert_eq!(rows(&project, query), expected);
}

const AMPLITUDE: Extracts = &[(
    "amplitude_event",
    r#"SELECT column1 AS uuid, 'u1' AS user_id, column2 AS event_type, CAST(column3 AS TIMESTAMP) AS event_time,
        TIMESTAMP '2026-06-02 10:00:00' AS server_received_time, column4 AS "groups", column5 AS user_properties FROM VALUES
        ('1', 'export', '2026-06-01T10:00:00', '{"account_id":["A1"]}', '{"account_id":"A2"}'),
        ('2', 'import', '2026-06-01T10:00:00', '{}', '{"account_id": "A2"}'),
        ('6', 'invite', NULL, '{"account_id":[7]}', NULL),
        ('3', 'ahead', '2030-01-01T00:00:00', '{"account_id":"A1"}', NULL),
        ('4', 'visit', '2026-06-01T10:00:00', NULL, '{"account_id": null}'),
        ('5', '$identify', '2026-06-01T10:00:00', '{"account_id":"A1"}', NULL)"#,
)];

#[test]
fn events_of_amplitude_belong_to_their_group_or_the_users_account() {
    let project = project(&["--usage", "amplitude"], AMPLITUDE);
    let query =
        "SELECT account_id, feature, occurred_on FROM staging.usage_events ORDER BY feature";
    assert_eq!(
        rows(&project, query),
        "A1,ahead,2026-06-02\nA1,export,2026-06-01\nA2,import,2026-06-01\n7,invite,2026-06-02\n"
    );
}

const ZENDESK: Extracts = &[
    (
        "zendesk_ticket",
        "SELECT column1 AS id, column2 AS organization_id, column3 AS requester_id,
            TIMESTAMP '2026-06-01 00:00:00' AS created_at, CAST(column5 AS TIMESTAMP) AS updated_at, 'normal' AS priority,
            column4 AS status, column1 = 8 AS _fivetran_deleted FROM VALUES
            (1, 10, 100, 'closed', '2026-06-09'), (2, NULL, 100, 'open', '2026-06-04'),
            (3, 10, 100, 'solved', '2026-07-02'), (4, 11, 100, 'open', '2026-06-01'),
            (5, NULL, 101, 'open', '2026-06-01'), (6, 10, 100, 'deleted', '2026-06-01'),
            (7, 10, 100, 'closed', '2026-06-08'), (8, 10, 100, 'open', '2026-06-08')",
    ),
    (
        "zendesk_ticket_field_history",
        "SELECT column1 AS ticket_id, column2 AS field_name, CAST(column3 AS TIMESTAMP) AS updated, column4 AS value
            FROM VALUES
            (1, 'status', '2026-06-01', 'new'), (1, 'status', '2026-06-02', 'solved'),
            (1, 'status', '2026-06-03', 'open'), (1, 'status', '2026-06-05', 'solved'),
            (1, 'status', '2026-06-09', 'closed'), (1, 'priority', '2026-06-04', 'urgent'),
            (1, 'satisfaction_score', '2026-06-05', 'offered'), (1, 'satisfaction_score', '2026-06-06', 'bad'),
            (2, 'status', '2026-06-02', 'solved'), (2, 'status', '2026-06-04', 'open'),
            (3, 'status', '2026-07-02', 'solved'), (3, 'satisfaction_score', '2026-07-02', 'good')",
    ),
    (
        "zendesk_organization",
        "SELECT * FROM (VALUES (10, 'A1'), (11, NULL)) AS t (id, external_id)",
    ),
    (
        "zendesk_user",
        "SELECT * FROM (VALUES (100, 10), (101, NULL)) AS t (id, organization_id)",
    ),
];

#[test]
fn tickets_of_zendesk_are_what_their_history_had_made_of_them() {
    let project = project(&["--support", "zendesk"], ZENDESK);
    let query = "SELECT ticket_id, account_id, CAST(closed_at AS DATE), CAST(escalated_at AS DATE), satisfaction
                 FROM staging.tickets ORDER BY ticket_id";
    // 7 has no history.
    let expected = "1,A1,2026-06-05,2026-06-04,1\n2,A1,,,\n3,A1,,,\n7,A1,2026-06-08,,\n";
    assert_eq!(rows(&project, query), expected);
}

const FRESHDESK: Extracts = &[
    (
        "freshdesk_ticket",
        "SELECT column1 AS id, column2 AS company_id, TIMESTAMP '2026-06-01 00:00:00' AS created_at,
            CAST(column3 AS TIMESTAMP) AS due_by, column4 AS priority, column5 AS status, column6 AS is_escalated,
            column7 AS spam, CAST(column8 AS TIMESTAMP) AS stats_resolved_at FROM VALUES
            (1, 10, '2026-06-03', 4, 5, true, false, '2026-06-05'), (2, 11, '2026-07-03', 1, 2, true, NULL, NULL),
            (3, 10, '2026-06-03', 2, 4, false, false, '2026-07-05'), (4, 10, NULL, 2, 2, false, false, '2026-06-05'),
            (5, 12, NULL, 2, 2, false, false, NULL), (6, 10, NULL, 2, 2, false, true, NULL)",
    ),
    (
        "freshdesk_company",
        r#"SELECT * FROM (VALUES (10, '{"account_id":"A1"}', NULL), (11, '{"account_id": 42}', NULL), (12, 'none', ''))
            AS t (id, custom_fields, custom_account_id)"#,
    ),
];

const TICKETS: &str = "SELECT ticket_id, account_id, CAST(closed_at AS DATE), CAST(escalated_at AS DATE), priority, satisfaction
                       FROM staging.tickets ORDER BY ticket_id";

#[test]
fn tickets_of_freshdesk_are_closed_when_resolved_and_escalated_when_due() {
    let project = project(&["--support", "freshdesk"], FRESHDESK);
    let expected =
        "1,A1,2026-06-05,2026-06-03,urgent,\n2,42,,,low,\n3,A1,,,medium,\n4,A1,,,medium,\n";
    assert_eq!(rows(&project, TICKETS), expected);
}

const FRESHSERVICE: Extracts = &[
    (
        "freshservice_ticket",
        "SELECT column1 AS id, column2 AS department_id, TIMESTAMP '2026-06-01 00:00:00' AS created_at,
            1 AS priority, column3 AS status, column4 AS deleted, CAST(column5 AS TIMESTAMP) AS stats_closed_at FROM VALUES
            (1, 10, 5, false, '2026-06-05'), (2, 10, 2, true, NULL)",
    ),
    (
        "freshservice_department",
        r#"SELECT * FROM (VALUES (10, '{"account_id":"A1"}')) AS t (id, custom_fields)"#,
    ),
];

#[test]
fn tickets_of_freshservice_belong_to_a_department() {
    let project = project(&["--support", "freshservice"], FRESHSERVICE);
    assert_eq!(rows(&project, TICKETS), "1,A1,2026-06-05,,low,\n");
}

const ZOHO: Extracts = &[
    (
        "zoho_ticket",
        r#"SELECT column1 AS id, column2 AS "accountId", TIMESTAMP '2026-06-01 00:00:00' AS "createdTime",
            CAST(column3 AS TIMESTAMP) AS "closedTime", TIMESTAMP '2026-06-03 00:00:00' AS "dueDate",
            'High' AS priority, column4 AS "isEscalated", column5 AS "isSpam" FROM VALUES
            ('1', 'z1', '2026-06-05', true, false), ('2', 'z1', '2026-07-05', false, false),
            ('3', 'z2', NULL, false, false), ('4', 'z1', NULL, false, true)"#,
    ),
    (
        "zoho_account",
        r#"SELECT * FROM (VALUES ('z1', '{"cf_account_id":"A1"}'), ('z2', '{}')) AS t (id, cf)"#,
    ),
];

#[test]
fn tickets_of_zoho_belong_to_the_account_that_theirs_names() {
    let project = project(&["--support", "zoho"], ZOHO);
    assert_eq!(rows(&project, TICKETS), "1,A1,2026-06-05,2026-06-03,high,\n2,A1,,,high,\n");
}
