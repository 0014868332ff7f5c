-- One row per invoice that was sent, in the project's currency, tax included. Drafts are not sent yet.
-- status as of the night, from the times of its transitions: Stripe's own is that of today. `uncollectible` is failed: it is still
-- owed. An invoice that is charged automatically has no due_date: it is due when it is made.
SELECT i.id                                                            AS invoice_id,
       COALESCE(a.account_id, i.customer_id)                           AS account_id,
       i.created                                                       AS issued_at,
       CAST(COALESCE(i.due_date, i.created) AS DATE)                   AS due_on,
       i.status_transitions_paid_at                                    AS paid_at,
       CAST(i.total / CAST(COALESCE(m.per_unit, 100) AS DECIMAL(18, 6)) * f.rate AS DECIMAL(18, 2)) AS amount,
       upper(i.currency)                                               AS currency,
       CASE
           WHEN i.status_transitions_voided_at IS NOT NULL THEN 'void'
           WHEN i.status_transitions_paid_at IS NOT NULL THEN 'paid'
           WHEN i.status_transitions_marked_uncollectible_at IS NOT NULL THEN 'failed'
           ELSE 'open'
       END                                                             AS status
FROM raw.stripe_invoice AS i
LEFT JOIN staging.stripe_accounts AS a ON a.customer_id = i.customer_id
LEFT JOIN staging.minor_units AS m ON m.currency = upper(i.currency)
LEFT JOIN staging.fx_rates AS f ON f.currency = upper(i.currency)
WHERE (i.status IS DISTINCT FROM 'draft')
  AND CAST(i.is_deleted AS BOOLEAN) IS NOT TRUE
  AND CAST(i.livemode AS BOOLEAN) IS NOT FALSE
