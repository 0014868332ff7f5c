-- Which of the features that an account pays for it has used in the last 90 days: a quarter, so that monthly reports count.
-- Use of what the plan does not contain is ignored: a trial of another plan's feature is not adoption.
-- NULL where the plan lists no features, and for all where nobody used any of them: then the tracker's names are not the plan's,
-- or there is no tracker, and 0 % for everybody would be a lie.
WITH used AS (
    SELECT DISTINCT account_id, feature
    FROM staging.usage_events
    WHERE occurred_on > as_of() - 90
),
counted AS (
    SELECT c.account_id,
           count(p.feature)                                                    AS features_entitled,
           count(u.feature)                                                    AS features_used,
           array_agg(p.feature ORDER BY p.feature) FILTER (WHERE u.feature IS NULL) AS features_unused
    FROM feature.contract AS c
    JOIN staging.plan_features AS p ON p.plan = c.plan
    LEFT JOIN used AS u ON u.account_id = c.account_id AND u.feature = p.feature
    GROUP BY c.account_id
),
known AS (
    SELECT *,
           sum(features_used) OVER () > 0 AS adoption_known
    FROM counted
)
SELECT account_id,
       features_entitled,
       CASE WHEN adoption_known THEN features_used END                         AS features_used,
       CASE WHEN adoption_known THEN features_unused END                       AS features_unused,
       CASE WHEN adoption_known
            THEN CAST(100 * features_used AS DOUBLE) / NULLIF(features_entitled, 0) END AS adoption
FROM feature.contract
LEFT JOIN known USING (account_id)
