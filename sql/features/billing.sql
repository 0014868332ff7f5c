-- How each live account pays, and what its contracts were worth a year ago.
-- An account without a single invoice tells nothing about paying: NULL, not "never late".
-- Unpaid is open or failed: a payment that we gave up to collect is still one that did not come.
WITH billed AS (
    SELECT account_id,
           COALESCE(sum(amount) FILTER (WHERE status IN ('open', 'failed') AND due_on < as_of()), 0) AS overdue_amount,
           COALESCE(as_of() - min(due_on) FILTER (WHERE status IN ('open', 'failed') AND due_on < as_of()), 0) AS overdue_days,
           -- A year: payments that failed before that belong to another budget.
           count(*) FILTER (WHERE status = 'failed'
                              AND CAST(issued_at AS DATE) > as_of() - INTERVAL '12 months')          AS failed_payments_12m
    FROM staging.invoices
    GROUP BY account_id
),
-- An amendment ends a subscription and starts another, so what was live a year ago still has its price. Where a billing system
-- changes the price in place, this is last year's contracts at today's prices.
a_year_ago AS (
    SELECT account_id,
           -- As in feature.contract: one unknown amount makes the whole unknown.
           CASE WHEN count(arr) = count(*) THEN sum(arr) END AS arr_a_year_ago
    FROM staging.subscriptions
    WHERE started_on <= as_of() - INTERVAL '12 months'
      AND (cancelled_on IS NULL OR cancelled_on > as_of() - INTERVAL '12 months')
    GROUP BY account_id
)
SELECT c.account_id,
       overdue_amount,
       overdue_days,
       failed_payments_12m,
       arr_a_year_ago,
       -- Exact up to the one division. NULL for who was no customer then, or if nobody knows at what price.
       CAST(arr - arr_a_year_ago AS DOUBLE) / CAST(NULLIF(arr_a_year_ago, 0) AS DOUBLE) AS expansion_12m
FROM feature.contract AS c
LEFT JOIN billed ON billed.account_id = c.account_id
LEFT JOIN a_year_ago ON a_year_ago.account_id = c.account_id
