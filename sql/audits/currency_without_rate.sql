/*
+++
title    = "Every amount has an exchange rate"
severity = "abort"
+++
An amount that can not be converted is NULL, and would quietly leave every sum and tier: better no night than a wrong one.
Deliver the currency's rate in fx_rates (a row on or before the night), or convert in staging.
*/
SELECT currency,
       source,
       count(*) AS amounts
FROM (
    SELECT currency, 'subscriptions' AS source FROM staging.subscriptions WHERE arr IS NULL
    UNION ALL
    SELECT currency, 'invoices' AS source FROM staging.invoices WHERE amount IS NULL
    UNION ALL
    SELECT currency, 'orders' AS source FROM staging.orders WHERE amount IS NULL
)
GROUP BY currency, source
ORDER BY currency, source
