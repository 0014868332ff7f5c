-- One row per price: what one unit costs in a year, in its currency. Prices and plans have one set of ids; a price is newer.
-- NULL: not known before the bill is written, as for tiers and packages, or in parts of a cent.
WITH listed AS (
    SELECT id, product_id, currency, nickname, unit_amount AS amount, recurring_interval AS period,
           recurring_interval_count AS periods, recurring_usage_type AS usage_type,
           transform_quantity_divide_by AS package
    FROM raw.stripe_price
    UNION ALL
    SELECT p.id, p.product_id, p.currency, p.nickname, p.amount, p.interval, p.interval_count, p.usage_type,
           p.transform_usage_divide_by
    FROM raw.stripe_plan AS p
    LEFT ANTI JOIN raw.stripe_price AS newer ON newer.id = p.id
)
SELECT l.id                                                            AS price_id,
       upper(l.currency)                                               AS currency,
       COALESCE(NULLIF(trim(p.name), ''), NULLIF(trim(l.nickname), ''), l.id) AS product,
       l.usage_type IS NOT DISTINCT FROM 'metered'                     AS metered,
       -- A year has 365 days here, 52 weeks and 12 months.
       CASE WHEN l.package IS NULL THEN CAST(l.amount AS DECIMAL(18, 0)) END
           * CASE l.period WHEN 'day' THEN 365 WHEN 'week' THEN 52 WHEN 'month' THEN 12 WHEN 'year' THEN 1 END
           / l.periods
           / COALESCE(m.per_unit, 100)                                 AS per_year
FROM listed AS l
LEFT JOIN raw.stripe_product AS p ON p.id = l.product_id
LEFT JOIN staging.minor_units AS m ON m.currency = upper(l.currency)
