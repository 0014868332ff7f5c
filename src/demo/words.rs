//! What the demo's companies, people and features are called.

use chrono_tz::Tz;

use super::dice::Dice;

/// Where customers are, how they pay, and how many are there.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) country: &'static str,
    pub(super) zone: Tz,
    pub(super) currency: &'static str,
    pub(super) weight: f64,
    pub(super) region: &'static str,
    legal_form: &'static str,
}

const fn place(
    country: &'static str,
    zone: Tz,
    currency: &'static str,
    weight: f64,
    region: &'static str,
    legal_form: &'static str,
) -> Place {
    Place { country, zone, currency, weight, region, legal_form }
}

pub(super) const PLACES: [Place; 18] = [
    place("DE", Tz::Europe__Berlin, "EUR", 26.0, "emea", "GmbH"),
    place("AT", Tz::Europe__Vienna, "EUR", 5.0, "emea", "GmbH"),
    place("CH", Tz::Europe__Zurich, "EUR", 5.0, "emea", "AG"),
    place("FR", Tz::Europe__Paris, "EUR", 8.0, "emea", "SARL"),
    place("NL", Tz::Europe__Amsterdam, "EUR", 6.0, "emea", "B.V."),
    place("ES", Tz::Europe__Madrid, "EUR", 4.0, "emea", "S.L."),
    place("IT", Tz::Europe__Rome, "EUR", 4.0, "emea", "S.r.l."),
    place("SE", Tz::Europe__Stockholm, "EUR", 2.0, "emea", "AB"),
    place("PL", Tz::Europe__Warsaw, "EUR", 2.0, "emea", "sp. z o.o."),
    place("GB", Tz::Europe__London, "GBP", 10.0, "emea", "Ltd"),
    place("US", Tz::America__New_York, "USD", 10.0, "americas", "Inc."),
    place("US", Tz::America__Los_Angeles, "USD", 6.0, "americas", "LLC"),
    place("CA", Tz::America__Toronto, "USD", 3.0, "americas", "Ltd."),
    place("BR", Tz::America__Sao_Paulo, "USD", 2.0, "americas", "Ltda."),
    place("IN", Tz::Asia__Kolkata, "USD", 2.0, "apac", "Pvt. Ltd."),
    place("SG", Tz::Asia__Singapore, "USD", 1.0, "apac", "Pte. Ltd."),
    place("JP", Tz::Asia__Tokyo, "EUR", 2.0, "apac", "K.K."),
    place("AU", Tz::Australia__Sydney, "USD", 2.0, "apac", "Pty Ltd"),
];

const FOUNDERS: [&str; 40] = [
    "Müller",
    "O'Brien",
    "Schäfer",
    "Lindqvist",
    "d'Alembert",
    "Nguyen",
    "García",
    "Kowalski",
    "Ångström",
    "Weiß",
    "Fernández",
    "L'Oréane",
    "Petrov",
    "Sato",
    "Öztürk",
    "MacLeod",
    "Rossi",
    "Dvořák",
    "Jørgensen",
    "Almeida",
    "Vogel",
    "Brandt",
    "Hughes",
    "Bauer",
    "Köhler",
    "Dubois",
    "van der Berg",
    "Singh",
    "Tanaka",
    "Okafor",
    "Novak",
    "Moreau",
    "Conti",
    "Larsen",
    "Zimmermann",
    "Hoffmann",
    "Fischer",
    "Walsh",
    "Costa",
    "Brügge",
];

const PLACE_WORDS: [&str; 30] = [
    "Nordlicht",
    "Blue Harbor",
    "Silverline",
    "Alpenblick",
    "Rheintal",
    "Northwind",
    "Clear River",
    "Montclair",
    "Grünfeld",
    "Sunrise",
    "Oakridge",
    "Hafen",
    "Belle Vue",
    "Iron Bridge",
    "Delta",
    "Polaris",
    "Terra Nova",
    "Pico Alto",
    "Kestrel",
    "Waldsee",
    "Meridian",
    "Atlas",
    "Lumen",
    "Zephyr",
    "Quartz",
    "Elbe",
    "Tramontana",
    "Cobalt",
    "Juniper",
    "Vega",
];

const TRADES: [&str; 24] = [
    "Logistics",
    "Software",
    "Analytics",
    "Foods",
    "Energy",
    "Health",
    "Capital",
    "Media",
    "Robotics",
    "Textil",
    "Maschinenbau",
    "Consulting",
    "Labs",
    "Mobility",
    "Systems",
    "Bäckerei",
    "Retail",
    "Insurance",
    "Studios",
    "Pharma",
    "Education",
    "Travel",
    "& Söhne",
    "Partners",
];

const FAR_NAMES: [&str; 8] = [
    "株式会社さくら",
    "北京云帆科技有限公司",
    "東京データ工房",
    "한빛소프트웨어",
    "上海明月贸易",
    "ООО «Северный путь»",
    "合同会社 青い鳥",
    "Ελληνική Ναυτιλία A.E.",
];

/// A company's name; unusual ones too, all legal text.
pub(super) fn company_name(dice: &mut Dice, place: &Place) -> String {
    let far = if place.region == "apac" { 0.25 } else { 0.01 };
    if dice.chance(far) {
        return format!("{} {}", dice.pick(&FAR_NAMES), dice.between(1, 99));
    }
    let first = if dice.chance(0.5) { dice.pick(&FOUNDERS) } else { dice.pick(&PLACE_WORDS) };
    let trade = dice.pick(&TRADES);
    match dice.below(8) {
        0 => format!("{first} \"{}\" {}", dice.pick(&PLACE_WORDS), place.legal_form),
        1 => format!("{first}, {} & {}", dice.pick(&FOUNDERS), dice.pick(&FOUNDERS)),
        2 => format!("{first} {trade}"),
        _ => format!("{first} {trade} {}", place.legal_form),
    }
}

pub(super) const INDUSTRIES: [&str; 11] = [
    "software",
    "manufacturing",
    "retail",
    "financial_services",
    "healthcare",
    "education",
    "logistics",
    "media",
    "energy",
    "public_sector",
    "professional_services",
];

pub(super) const USE_CASES: [&str; 6] =
    ["reporting", "automation", "collaboration", "compliance", "planning", "customer_portal"];

pub(super) const OUTCOMES: [&str; 7] = [
    "save_time",
    "cut_costs",
    "grow_revenue",
    "stay_compliant",
    "better_decisions",
    "faster_onboarding",
    "happier_customers",
];

pub(super) const PERSONAS: [&str; 5] =
    ["admin", "executive", "practitioner", "developer", "finance"];

pub(super) const PRODUCTS: [&str; 4] = ["core", "insights", "automate", "connect"];

/// The cheapest plan has the first features only.
pub(super) const FEATURES: [&str; 24] = [
    "dashboard",
    "search",
    "import",
    "comments",
    "export",
    "notifications",
    "mobile_app",
    "templates",
    "report_builder",
    "shared_views",
    "integrations",
    "permissions",
    "api",
    "workflow",
    "scheduled_reports",
    "audit_log",
    "forecast",
    "webhooks",
    "custom_fields",
    "sso",
    "sandbox",
    "data_residency",
    "ai_assistant",
    "white_label",
];

/// Used by a few before it is part of any plan.
pub(super) const BETA_FEATURE: &str = "canvas_beta";

pub(super) const FIRST_NAMES: [&str; 24] = [
    "jana", "tom", "aisha", "lukas", "maria", "sofie", "kenji", "priya", "noah", "elena", "björn",
    "chloé", "diego", "fatima", "greta", "hugo", "ines", "jonas", "katja", "liam", "mei", "nils",
    "olivia", "pavel",
];

pub(super) const LAST_NAMES: [&str; 16] = [
    "weiss", "keller", "khan", "oneill", "sato", "moreau", "lopez", "berg", "rossi", "patel",
    "novak", "stein", "ahmed", "park", "silva", "wolf",
];
