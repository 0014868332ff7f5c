-- One row per subscription, ARR in the project's currency, by list prices: discounts are not taken off.
-- What is metered is not agreed on beforehand and not part of ARR. One item without a known price (tiers) makes the whole
-- unknown, and audits/currency_without_rate.sql stops the night: write here what was agreed.
-- The plan is the item that costs most, or one without a known price: tiers are rather of plans than of what is added to them.
-- All items are the products. seats is the quantity of the plan: where a plan is a flat fee, its quantity of 1 is no seat, so
-- write NULL here.
-- A trial is no contract yet: a subscription begins when its trial ends, and one that ended with its trial never began.
-- past_due and unpaid are contracts still: what is owed is in the invoices. cancel_at_period_end may be taken back until the
-- period ends: it is over on ended_at.
-- renewal_date is the end of the period that is paid: with monthly terms it is never more than a month away.
WITH priced AS (
    SELECT i.id,
           i.subscription_id,
           i.current_period_start,
           i.current_period_end,
           p.currency,
           p.product,
           CASE WHEN p.metered THEN NULL ELSE i.quantity END           AS seats,
           CASE WHEN p.metered THEN 0 ELSE p.per_year * i.quantity END AS arr
    FROM raw.stripe_subscription_item AS i
    LEFT JOIN staging.stripe_prices AS p ON p.price_id = i.plan_id
),
items AS (
    SELECT subscription_id,
           max(currency)                                                                  AS currency,
           first_value(product ORDER BY arr DESC NULLS FIRST, id)                         AS plan,
           array_agg(DISTINCT product ORDER BY product) FILTER (WHERE product IS NOT NULL) AS products,
           CASE WHEN count(arr) = count(*) THEN sum(arr) END                              AS arr,
           first_value(seats ORDER BY arr DESC NULLS FIRST, id)                           AS seats,
           min(current_period_start)                                                      AS period_start,
           min(current_period_end)                                                        AS period_end
    FROM priced
    GROUP BY subscription_id
),
begun AS (
    SELECT *,
           CAST(
               -- A trial may also come later, on top of a contract that runs.
               CASE WHEN COALESCE(trial_start, start_date) <= start_date THEN COALESCE(trial_end, start_date)
                   ELSE start_date
               END AS DATE
           ) AS started_on
    FROM raw.stripe_subscription
    -- The first payment never came; or a trial is over, and nobody has said how to pay.
    WHERE (status IS NULL OR status NOT IN ('incomplete', 'incomplete_expired', 'paused'))
      AND (trial_end IS NOT NULL OR status IS DISTINCT FROM 'trialing')
      AND CAST(livemode AS BOOLEAN) IS NOT FALSE
      AND CAST(_fivetran_active AS BOOLEAN) IS NOT FALSE
)
SELECT s.id                                                            AS subscription_id,
       COALESCE(a.account_id, s.customer_id)                           AS account_id,
       i.plan,
       i.products,
       CAST(i.arr * f.rate AS DECIMAL(18, 2))                          AS arr,
       i.currency,
       s.started_on,
       -- Periods are of the items since Stripe's release of 2025-03-31.
       CAST(COALESCE(i.period_end, s.current_period_end) AS DATE)      AS renewal_date,
       CASE WHEN CAST(COALESCE(i.period_start, s.current_period_start) AS DATE) > s.started_on
             AND CAST(COALESCE(i.period_start, s.current_period_start) AS DATE) <= as_of()
           THEN CAST(COALESCE(i.period_start, s.current_period_start) AS DATE)
       END                                                             AS renewed_on,
       CAST(s.ended_at AS DATE)                                        AS cancelled_on,
       i.seats
FROM begun AS s
LEFT JOIN items AS i ON i.subscription_id = s.id
LEFT JOIN staging.stripe_accounts AS a ON a.customer_id = s.customer_id
LEFT JOIN staging.fx_rates AS f ON f.currency = i.currency
WHERE s.ended_at IS NULL OR CAST(s.ended_at AS DATE) > s.started_on
