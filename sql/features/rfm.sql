-- Recency, frequency and money of each live account's purchases, and its place among the others from 1 to 5 (5 = best).
-- Purchases are orders, or paid invoices where the company has no orders at all: never one for some accounts and the other for
-- the rest, since the scores compare accounts with each other.
WITH purchases AS (
    SELECT account_id, ordered_at AS purchased_at, amount
    FROM staging.orders
    UNION ALL
    SELECT account_id, issued_at AS purchased_at, amount
    FROM staging.invoices
    WHERE status = 'paid'
      AND (SELECT count(*) FROM staging.orders) = 0
),
summed AS (
    SELECT account_id,
           -- A refund is no purchase: it is not counted and not recent, but its money is taken off.
           rfm(purchased_at, amount, as_of()) FILTER (WHERE amount > 0) AS bought,
           sum(amount)                                                  AS monetary
    FROM purchases
    GROUP BY account_id
    HAVING count(*) FILTER (WHERE amount > 0) > 0
),
per_account AS (
    SELECT account_id,
           bought['recency_days'] AS recency_days,
           bought['frequency']    AS frequency,
           monetary
    FROM feature.contract
    LEFT JOIN summed USING (account_id)
)
SELECT account_id,
       recency_days,
       frequency,
       monetary,
       -- Fifths by rank (percent_rank): equal values always get equal scores. NTILE would split them by chance.
       quantile_score(recency_days, 5, best => 'low') OVER () AS r,
       quantile_score(frequency, 5) OVER ()                   AS f,
       quantile_score(monetary, 5) OVER ()                    AS m
FROM per_account
