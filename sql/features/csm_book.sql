-- What each customer success manager looks after, against what one can: one row per manager who has accounts or is in the list of
-- managers, and one without a name for the accounts that nobody has.
-- ARR: 2,000,000 a manager is a rule of thumb that nobody has derived, and no law:
-- https://remark-able.at/2021/04/07/optimizing-the-number-of-customer-success-managers/
-- Time: what care needs decides; 40 hours a week are then 15 accounts at high touch, 40 at mid and 160 at low touch, which are
-- usual ranges (8 to 15, 30 to 50, 100 to 200: https://cust.co/customer-success-manager/).
WITH plan AS (
    SELECT column1 AS care_level,
           column2 AS minutes_a_week
    FROM VALUES ('high_touch', 160), ('mid_touch', 60), ('low_touch', 15), ('tech_touch', 0)
),
booked AS (
    SELECT csm                 AS booked_csm,
           count(*)            AS accounts,
           sum(arr)            AS arr,
           -- Whole minutes: a sum of floats would depend on the order of the rows.
           sum(minutes_a_week) AS minutes_needed
    FROM feature.account AS a
    JOIN plan ON plan.care_level = a.care_level
    GROUP BY csm
),
books AS (
    SELECT COALESCE(booked_csm, csm)          AS csm,
           m.csm IS NOT NULL                  AS listed,
           -- In the list and not said to have left. Without a list nobody is known to have left.
           CASE WHEN m.csm IS NOT NULL THEN COALESCE(active, TRUE)
                WHEN booked_csm IS NOT NULL AND (SELECT count(*) FROM staging.csms) > 0 THEN FALSE END AS active,
           region,
           languages,
           hours_per_week,
           COALESCE(accounts, 0)              AS accounts,
           COALESCE(arr, 0)                   AS arr,
           CAST(COALESCE(minutes_needed, 0) AS DOUBLE) / 60 AS hours_needed
    FROM booked
    FULL JOIN staging.csms AS m ON m.csm = booked_csm
),
loads AS (
    -- 1 is a full book.
    SELECT *,
           CAST(arr AS DOUBLE) / 2000000            AS arr_load,   -- in the project's currency
           hours_needed / NULLIF(hours_per_week, 0) AS hours_load
    FROM books
)
SELECT csm,
       listed,
       active,
       region,
       languages,
       hours_per_week,
       accounts,
       arr,
       hours_needed,
       arr_load,
       hours_load,
       -- Over one of the two; NULL where ARR is within, and the hours of the week are not known.
       CASE WHEN csm IS NOT NULL THEN arr_load > 1 OR hours_load > 1 END AS overbooked
FROM loads
