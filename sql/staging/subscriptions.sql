-- One row per subscription, ARR in the project's currency. renewed_on and cancelled_on are masked: NULL until they came true.
-- LEFT JOIN: without a rate arr is NULL, and audits/currency_without_rate.sql stops the night. An inner join would lose the
-- customer without a word.
SELECT s.subscription_id,
       s.account_id,
       s.plan,
       s.products,
       CAST(s.arr * f.rate AS DECIMAL(18, 2)) AS arr,
       s.currency,
       s.started_on,
       s.renewal_date,
       s.renewed_on,
       s.cancelled_on,
       s.seats
FROM raw.subscriptions AS s
LEFT JOIN staging.fx_rates AS f USING (currency)
