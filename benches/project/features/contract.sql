-- What is paid for, and until when.
SELECT account_id,
       CAST(sum(mrr) AS DOUBLE) AS mrr,
       sum(seats)               AS seats,
       min(renewal_date) FILTER (WHERE renewal_date > as_of()) AS next_renewal
FROM raw.contracts
WHERE status = 'active'
GROUP BY account_id
