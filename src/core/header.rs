//! The keys of the front matter.

use super::{Key, Keys, Shape};

/// Of `sql/staging/` and `sql/features/`.
pub const OF_TABLES: Keys = Keys {
    name: "the front matter",
    meaning: "Of a file in `sql/staging/` or `sql/features/`.",
    keys: &[&TITLE, &OWNER, &TAGS, &ALLOW],
};

/// Of `sql/segments/`.
pub const OF_SEGMENTS: Keys = Keys {
    name: "the front matter",
    meaning: "Of a file in `sql/segments/`: what the segmentation is for, and what its rows promise.",
    keys: &[
        &TITLE, &OWNER, &TAGS, &PLAYBOOK, &LABELS, &EXCLUSIVE, &TOTAL, &GROUP, &PRIORITY, &LIMITS,
        &SEVERITY, &ALLOW,
    ],
};

/// Of `sql/audits/`.
pub const OF_AUDITS: Keys = Keys {
    name: "the front matter",
    meaning: "Of a file in `sql/audits/`: a query that must return no rows.",
    keys: &[&TITLE, &OWNER, &TAGS, &PLAYBOOK, &AUDIT_SEVERITY, &ALLOW],
};

/// `limits = { .. }` of a segmentation.
pub(super) const OF_LIMITS: Keys = Keys {
    name: "limits",
    meaning: "Bounds on the number of members, which are distinct keys, and on their drift. What is outside fails the audit.",
    keys: &[
        &Key {
            name: "min_members",
            shape: Shape::Count,
            default: Some("no bound"),
            meaning: "Distinct keys, at least.",
            example: "1",
            mistakes: &["limit_range"],
        },
        &Key {
            name: "max_members",
            shape: Shape::Count,
            default: Some("no bound"),
            meaning: "Distinct keys, at most.",
            example: "5000",
            mistakes: &["limit_range"],
        },
        &Key {
            name: "max_change",
            shape: Shape::Number,
            default: Some("no bound"),
            meaning: "Largest change of the number of members against the previous night, as a share of them: 0.30 \
                      is 30 %.",
            example: "0.30",
            mistakes: &["limit_range"],
        },
        &Key {
            name: "max_drift",
            shape: Shape::Number,
            default: Some("no bound"),
            meaning: "Largest population stability index against the previous night, of members by segment and of \
                      scores, as `drift` has them: 0.1 is little, 0.25 another population.",
            example: "0.25",
            mistakes: &["limit_range"],
        },
    ],
};

/// What a failed audit does.
pub(super) const SEVERITIES: [&str; 3] = ["warn", "block", "abort"];

const TITLE: Key = Key {
    name: "title",
    shape: Shape::Text,
    default: Some("none"),
    meaning: "What people call it; a column of `summary`.",
    example: "\"Renewal due\"",
    mistakes: &[],
};

const OWNER: Key = Key {
    name: "owner",
    shape: Shape::Text,
    default: Some("none"),
    meaning: "Who answers for it; a column of `summary`.",
    example: "\"cs-ops\"",
    mistakes: &[],
};

const TAGS: Key = Key {
    name: "tags",
    shape: Shape::Texts,
    default: Some("none"),
    meaning: "Words to select by: `roster run --select tag:renewals`.",
    example: "[\"renewals\"]",
    mistakes: &[],
};

const PLAYBOOK: Key = Key {
    name: "playbook",
    shape: Shape::Text,
    default: Some("none"),
    meaning: "What customer success does with the members; a column of `summary`.",
    example: "\"renewal-follow-up\"",
    mistakes: &[],
};

const LABELS: Key = Key {
    name: "labels",
    shape: Shape::Texts,
    default: Some("any label"),
    meaning: "The closed set of labels: another one fails the audit.",
    example: "[\"overdue\", \"due_30\", \"due_90\"]",
    mistakes: &["no_labels", "repeated_label"],
};

const EXCLUSIVE: Key = Key {
    name: "exclusive",
    shape: Shape::Flag,
    default: Some("false"),
    meaning: "A key has at most one label. The account table then has a column `segment_<name>`, the `transition` \
              table its moves, and a change of label counts as a move.",
    example: "true",
    mistakes: &[],
};

const TOTAL: Key = Key {
    name: "total",
    shape: Shape::Flag,
    default: Some("false"),
    meaning: "Every key of the universe has a label; one without fails the audit.",
    example: "true",
    mistakes: &[],
};

const GROUP: Key = Key {
    name: "group",
    shape: Shape::Text,
    default: Some("none"),
    meaning: "Segmentations of one group exclude each other: a key that several claim goes to the one of the lowest \
              `priority`. When one of a group fails, all of it is kept as it was.",
    example: "\"outreach\"",
    mistakes: &["group_without_priority"],
};

const PRIORITY: Key = Key {
    name: "priority",
    shape: Shape::Count,
    default: Some("none; needed with `group`"),
    meaning: "The rank in the group, each its own; the lowest wins.",
    example: "1",
    mistakes: &["group_without_priority", "same_priority"],
};

const LIMITS: Key = Key {
    name: "limits",
    shape: Shape::Table(&OF_LIMITS),
    default: Some("no bounds"),
    meaning: "Bounds on the number of members.",
    example: "{ min_members = 1, max_change = 0.30 }",
    mistakes: &["limit_range"],
};

const SEVERITY: Key = Key {
    name: "severity",
    shape: Shape::Word(&SEVERITIES),
    default: Some("\"block\""),
    meaning: "What its failed audits do: `warn` tells it and publishes, `block` keeps the segmentation as it was the \
              night before (exit code 4), `abort` publishes nothing (exit code 2). Rows without a key, or with one \
              twice, are never published.",
    example: "\"warn\"",
    mistakes: &["unknown_severity"],
};

const AUDIT_SEVERITY: Key = Key {
    meaning: "What rows do: `warn` tells of them, `block` keeps the segmentations that it reads as they were the \
              night before (exit code 4), `abort` publishes nothing (exit code 2). An audit that reads no \
              segmentation can keep none back: there `block` does what `abort` does.",
    ..SEVERITY
};

const ALLOW: Key = Key {
    name: "allow",
    shape: Shape::Reasons,
    default: Some("none"),
    meaning: "Warnings of `roster check` that are wrong for this file, each with the reason.",
    example: "{ null_logic = \"no plan is no customer yet\" }",
    mistakes: &["unknown_warning", "empty_reason"],
};
