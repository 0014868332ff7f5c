-- What is left of each live account's ARR after the last 12 months' cost to serve, as a share of ARR.
-- No cost row in that time is "not known", never "costs nothing". A customer of a few months has a few months' cost: its margin
-- looks better than it will be.
WITH served AS (
    SELECT account_id,
           sum(cost_to_serve) AS cost_12m
    FROM staging.costs
    WHERE month > as_of() - INTERVAL '12 months'
    GROUP BY account_id
)
SELECT account_id,
       cost_12m,
       -- Exact up to the one division; no ARR, no margin.
       CASE WHEN arr > 0 THEN CAST(arr - cost_12m AS DOUBLE) / CAST(NULLIF(arr, 0) AS DOUBLE) END AS margin
FROM feature.contract
LEFT JOIN served USING (account_id)
