-- One row per currency whose minor unit is not the hundredth: how many minor units make one. Amounts in all others are
-- hundredths. https://docs.stripe.com/currencies#minor-units. ISK and UGX have no minor unit either, and are hundredths to Stripe.
SELECT column1 AS currency,
       column2 AS per_unit
FROM VALUES
    ('BIF', 1), ('CLP', 1), ('DJF', 1), ('GNF', 1), ('JPY', 1), ('KMF', 1), ('KRW', 1), ('MGA', 1), ('PYG', 1),
    ('RWF', 1), ('VND', 1), ('VUV', 1), ('XAF', 1), ('XOF', 1), ('XPF', 1),
    ('BHD', 1000), ('JOD', 1000), ('KWD', 1000), ('OMR', 1000), ('TND', 1000)
