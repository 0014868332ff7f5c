/*
+++
title    = "Every amount has an exchange rate"
severity = "abort"
+++
An amount that can not be converted is NULL, and would quietly leave every sum and tier: better no night than a wrong one.
Deliver the currency's rate in fx_rates (a row on or before the night), or convert in staging. Where a rate is shown, the amount
itself is not known: staging says what it was made of. Of subscriptions those count that make a live account's ARR unknown.
*/
SELECT m.currency,
       m.source,
       max(f.rate) AS rate,
       count(*)    AS amounts
FROM (
    SELECT s.currency, 'subscriptions' AS source
    FROM staging.subscriptions AS s
    JOIN feature.contract AS c ON c.account_id = s.account_id
    WHERE s.arr IS NULL
      AND c.arr IS NULL
    UNION ALL
    SELECT currency, 'invoices' AS source FROM staging.invoices WHERE amount IS NULL
    UNION ALL
    SELECT currency, 'orders' AS source FROM staging.orders WHERE amount IS NULL
) AS m
LEFT JOIN staging.fx_rates AS f ON f.currency = m.currency
GROUP BY m.currency, m.source
ORDER BY m.currency, m.source
