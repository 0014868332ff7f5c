-- What each live account is worth among the others, and what speaks for growth.
WITH grown AS (
    SELECT c.account_id,
           arr,
           usage_trend_30,
           adoption,
           seats_used,
           -- A quotient of whole numbers: +10 % on paper is exactly the 0.10 that it is compared with.
           CAST(employees - employees_a_year_ago AS DOUBLE) / NULLIF(employees_a_year_ago, 0) AS employees_growth_12m
    FROM feature.contract AS c
    LEFT JOIN staging.accounts AS a ON a.account_id = c.account_id
    JOIN feature.usage    AS u ON u.account_id = c.account_id
    JOIN feature.adoption AS d ON d.account_id = c.account_id
)
SELECT account_id,
       -- Fifths by rank among all live accounts, 5 = highest; equal ARR is always on the same side of the line.
       quantile_score(arr, 5) OVER () AS arr_fifth,
       employees_growth_12m,
       -- One sign alone is noise, so they are counted; what is not known is no sign.
       CASE WHEN usage_trend_30 >= 0.10 THEN 1 ELSE 0 END
           + CASE WHEN adoption >= 60 THEN 1 ELSE 0 END
           + CASE WHEN employees_growth_12m >= 0.10 THEN 1 ELSE 0 END
           -- nearly all seats taken: the next hire needs one more
           + CASE WHEN seats_used >= 0.90 THEN 1 ELSE 0 END AS growth_signs
FROM grown
