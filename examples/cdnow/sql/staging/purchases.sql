-- One row per customer and day: who orders twice on a day has been there once.
-- Money from whole cents, as decimal: exact, and the same whatever the order of the rows (amount is a float in the file).
SELECT customer_id,
       order_date,
       CAST(sum(amount_cents) AS DECIMAL(18, 0)) * CAST(0.01 AS DECIMAL(3, 2)) AS amount
FROM raw.transactions
GROUP BY customer_id, order_date
