/*
+++
title    = "Gaps of coverage"
owner    = "customer-success"
tags     = ["capacity", "core"]
labels   = ["no_csm", "csm_left", "csm_overbooked", "other_region", "other_language"]
playbook = "assign-accounts"
limits   = { max_change = 0.75 }         # one manager who leaves or is overbooked takes a whole book along
severity = "warn"
allow    = { null_logic = "what is not known of a manager or an account is no gap" }
+++
Whose customer success manager is missing or does not fit, one row per reason. `no_csm`: nobody's name stands there, though the
care level takes calls (high or mid touch; low touch is pooled). `csm_left`: the name is of somebody who is not active, or not in
the list of managers. `csm_overbooked`: more than a full book by ARR or hours (features/csm_book.sql). `other_region`,
`other_language`: the manager works in another band of time zones, or speaks no language of the account's country. Where one side
is not known, nothing is said.
*/
WITH books AS (
    SELECT a.account_id,
           a.arr,
           a.care_level,
           a.csm,
           active,
           arr_load,
           hours_load,
           [CASE WHEN a.csm IS NULL AND care_level IN ('high_touch', 'mid_touch') THEN 'no_csm' END,
            CASE WHEN NOT active THEN 'csm_left' END,
            -- Too much ARR is known without a list of managers, too.
            CASE WHEN active IS NOT FALSE AND overbooked THEN 'csm_overbooked' END,
            CASE WHEN active AND region <> p.time_zone_band THEN 'other_region' END,
            -- The engine's array_has_any() takes an unknown list for an empty one where all of a column are unknown.
            CASE WHEN active AND b.languages IS NOT NULL AND p.languages IS NOT NULL
                      AND NOT array_has_any(b.languages, p.languages) THEN 'other_language' END] AS gaps
    FROM feature.account AS a
    JOIN feature.place AS p ON p.account_id = a.account_id
    LEFT JOIN feature.csm_book AS b ON b.csm = a.csm
)
SELECT account_id,
       unnest(gaps) AS segment,
       arr          AS score,
       care_level,
       csm,
       arr_load,
       hours_load
FROM books
