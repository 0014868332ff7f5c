-- One row per event of the product's tracker. An event without a quantity is one use: most trackers send none.
-- occurred_on is the day in the project's time zone, as everywhere.
SELECT account_id,
       user_id,
       occurred_at,
       CAST(occurred_at AS DATE) AS occurred_on,
       feature,
       COALESCE(quantity, 1)     AS quantity
FROM raw.usage_events
