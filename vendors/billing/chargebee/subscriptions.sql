-- One row per subscription, in the project's currency. ARR is 12 x the MRR that Chargebee computes: intervals and the discounts
-- that its settings count are in it. Without one it is unknown, and so is what a cancelled one was worth whose MRR is 0 today.
-- plan, products: the item, or the item price where that extract is not there. seats: the quantity of the plan. Where a plan is a
-- flat fee, its quantity of 1 is no seat: write NULL here.
-- A trial is no contract yet: a subscription begins when its trial ends, and one that ended with its trial never began.
-- non_renewing and paused are contracts still, until cancelled_at.
-- renewal_date is the end of the term that is paid: with monthly terms it is never more than a month away.
WITH items AS (
    SELECT i.subscription_id,
           -- A subscription has one item of the type plan.
           max(COALESCE(p.item_id, i.item_price_id)) FILTER (WHERE i.item_type = 'plan') AS plan,
           array_agg(DISTINCT COALESCE(p.item_id, i.item_price_id)
                     ORDER BY COALESCE(p.item_id, i.item_price_id))                      AS products,
           max(i.quantity) FILTER (WHERE i.item_type = 'plan')                           AS seats
    FROM raw.chargebee_subscription_item AS i
    LEFT JOIN raw.chargebee_item_price AS p ON p.id = i.item_price_id
    GROUP BY i.subscription_id
),
begun AS (
    SELECT *,
           CAST(COALESCE(trial_end, started_at) AS DATE)               AS started_on,
           CAST(current_term_start AS DATE)                            AS term_started_on,
           CASE WHEN status = 'cancelled' THEN NULLIF(mrr, 0) ELSE mrr END AS monthly
    FROM raw.chargebee_subscription
    WHERE (status IS DISTINCT FROM 'future')
      AND (trial_end IS NOT NULL OR status IS DISTINCT FROM 'in_trial')
      AND CAST(deleted AS BOOLEAN) IS NOT TRUE
)
SELECT s.id                                                            AS subscription_id,
       COALESCE(a.account_id, s.customer_id)                           AS account_id,
       i.plan,
       i.products,
       CAST(CAST(s.monthly AS DECIMAL(18, 0)) * 12 / CAST(COALESCE(m.per_unit, 100) AS DECIMAL(18, 6)) * f.rate
            AS DECIMAL(18, 2))                                         AS arr,
       upper(s.currency_code)                                          AS currency,
       s.started_on,
       CAST(s.current_term_end AS DATE)                                AS renewal_date,
       CASE WHEN s.term_started_on > s.started_on AND s.term_started_on <= as_of()
           THEN s.term_started_on
       END                                                             AS renewed_on,
       CAST(s.cancelled_at AS DATE)                                    AS cancelled_on,
       i.seats
FROM begun AS s
LEFT JOIN items AS i ON i.subscription_id = s.id
LEFT JOIN staging.chargebee_accounts AS a ON a.customer_id = s.customer_id
LEFT JOIN staging.minor_units AS m ON m.currency = upper(s.currency_code)
LEFT JOIN staging.fx_rates AS f ON f.currency = upper(s.currency_code)
WHERE s.cancelled_at IS NULL OR CAST(s.cancelled_at AS DATE) > s.started_on
