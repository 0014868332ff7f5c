-- One row per invoice that was sent, in the project's currency, tax included. Pending ones are not sent yet.
-- status as of the night. not_paid is failed: Chargebee has given up to collect it, and it is still owed. It does not say since
-- when, so a night of the past may see a failure that came later.
SELECT i.id                                                            AS invoice_id,
       COALESCE(a.account_id, i.customer_id)                           AS account_id,
       i.date                                                          AS issued_at,
       CAST(i.due_date AS DATE)                                        AS due_on,
       i.paid_at,
       CAST(CAST(i.total AS DECIMAL(18, 0)) / CAST(COALESCE(m.per_unit, 100) AS DECIMAL(18, 6)) * f.rate
            AS DECIMAL(18, 2))                                         AS amount,
       upper(i.currency_code)                                          AS currency,
       CASE
           WHEN i.voided_at IS NOT NULL THEN 'void'
           WHEN i.paid_at IS NOT NULL THEN 'paid'
           WHEN i.status = 'not_paid' THEN 'failed'
           ELSE 'open'
       END                                                             AS status
FROM raw.chargebee_invoice AS i
LEFT JOIN staging.chargebee_accounts AS a ON a.customer_id = i.customer_id
LEFT JOIN staging.minor_units AS m ON m.currency = upper(i.currency_code)
LEFT JOIN staging.fx_rates AS f ON f.currency = upper(i.currency_code)
WHERE (i.status IS DISTINCT FROM 'pending')
  AND CAST(i.deleted AS BOOLEAN) IS NOT TRUE
