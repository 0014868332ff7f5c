-- One row per order, in the project's currency. A refund is a row of its own with a negative amount.
SELECT o.order_id,
       o.account_id,
       o.ordered_at,
       CAST(o.amount * f.rate AS DECIMAL(18, 2)) AS amount,
       o.currency,
       o.status
FROM raw.orders AS o
LEFT JOIN staging.fx_rates AS f USING (currency)
