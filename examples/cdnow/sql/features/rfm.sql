-- Recency, frequency and money of each customer, and its place among the others from 1 to 5 (5 = best) on each axis.
WITH per_customer AS (
    SELECT customer_id,
           rfm(order_date, amount, as_of()) AS bought
    FROM staging.purchases
    GROUP BY customer_id
)
SELECT customer_id,
       bought['recency_days'] AS recency_days,
       bought['frequency']    AS frequency,
       bought['monetary']     AS monetary,
       -- Fifths by percent_rank: equal values get equal scores. NTILE would split the 1,218 customers who bought on one day only.
       quantile_score(bought['recency_days'], 5, best => 'low') OVER () AS r,
       quantile_score(bought['frequency'], 5) OVER ()                   AS f,
       quantile_score(bought['monetary'], 5) OVER ()                    AS m
FROM per_customer
