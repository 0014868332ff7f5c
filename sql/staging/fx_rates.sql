-- One row per currency: the latest rate not after the night, in units of the project's currency.
-- One rate for all amounts of a night, old ones too: a customer who pays the same as last year must not look grown because a
-- currency moved. The project's currency is always 1, so that a company with one currency needs no rates.
SELECT currency,
       max("on") AS "on",
       -- `on` is unique in a currency: there is exactly one latest rate.
       first_value(rate ORDER BY "on" DESC) AS rate
FROM raw.fx_rates
WHERE "on" <= as_of()
  AND currency <> 'EUR'
GROUP BY currency
UNION ALL
SELECT 'EUR', as_of(), CAST(1 AS DECIMAL(18, 6))
