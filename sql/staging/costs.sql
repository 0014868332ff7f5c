-- One row per account and month: what serving it cost, already in the project's currency. month is its first day.
SELECT account_id,
       month,
       cost_to_serve
FROM raw.costs
