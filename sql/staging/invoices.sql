-- One row per invoice, in the project's currency. paid_at and status were filled in later than the row and are masked:
-- a NULL status is an invoice that was still open on the night, whatever became of it.
-- status: open, paid, failed (the dunning gave up: still owed), void (never owed).
SELECT i.invoice_id,
       i.account_id,
       i.issued_at,
       i.due_on,
       i.paid_at,
       CAST(i.amount * f.rate AS DECIMAL(18, 2)) AS amount,
       i.currency,
       COALESCE(i.status, 'open') AS status
FROM raw.invoices AS i
LEFT JOIN staging.fx_rates AS f USING (currency)
