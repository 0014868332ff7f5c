/*
+++
title    = "Top accounts"
owner    = "revenue-operations"
tags     = ["value", "core"]
playbook = "executive-sponsor"
limits   = { max_change = 0.75 }
severity = "warn"                        # few members: one more or less is a large share
+++
The fewest accounts that make half of all ARR: whom to know by name. Not a fixed number, so that it says how much hangs on how
few. Accounts of equal ARR on the line are all in.
*/
WITH ranked AS (
    SELECT account_id,
           arr,
           sum(arr) OVER ()                                                   AS arr_of_all,
           -- The frame ends with the last of equal ARR; without these it is what larger accounts bring.
           sum(arr) OVER (ORDER BY arr DESC) - arr * count(*) OVER (PARTITION BY arr) AS arr_of_larger
    FROM feature.account
    WHERE arr > 0
)
SELECT account_id,
       arr AS score,
       CAST(arr AS DOUBLE) / CAST(NULLIF(arr_of_all, 0) AS DOUBLE) AS share_of_arr
FROM ranked
WHERE 2 * arr_of_larger < arr_of_all
