/*
+++
title     = "Value and health"
owner     = "customer-success"
tags      = ["composed", "value", "core"]
labels    = ["grow", "save", "automate", "watch", "unknown"]
exclusive = true
total     = true
playbook  = "grow: sell more; save: save plan; automate: digital only; watch: digital help; unknown: find out"
limits    = { min_members = 1, max_change = 0.30 }
+++
Where an hour of a person pays: value against health. `grow` is of high value and good health, `save` of high value and worse,
`automate` of low value and good health, `watch` of low value and worse. High is above the median ARR of tonight's accounts: by
definition no more than half of them, whatever the prices are.
*/
WITH placed AS (
    SELECT a.account_id,
           arr,
           arr > median(arr) OVER () AS high_value,
           h.segment                 AS health
    FROM feature.account AS a
    JOIN segment.health AS h ON h.account_id = a.account_id
)
SELECT account_id,
       CASE WHEN health = 'unknown' THEN 'unknown'
            WHEN high_value AND health = 'good' THEN 'grow'
            WHEN high_value THEN 'save'
            WHEN health = 'good' THEN 'automate'
            ELSE 'watch' END AS segment,
       arr                   AS score,
       health
FROM placed
