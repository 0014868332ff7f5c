-- How much of a person's time each live account needs, in points: by need, not by pay. Stage, complexity and risk.
-- What is not known of risk counts as a little of it: somebody has to find out. Seats that are not known add nothing.
WITH points AS (
    SELECT c.account_id,
           CASE stage WHEN 'onboarding' THEN 2 WHEN 'adopting' THEN 1 ELSE 0 END              AS stage_points,
           CASE WHEN seats >= 200 THEN 2 WHEN seats >= 50 THEN 1 ELSE 0 END                   AS complexity_points,
           CASE health_band WHEN 'poor' THEN 2 WHEN 'good' THEN 0 ELSE 1 END                  AS risk_points
    FROM feature.contract AS c
    JOIN feature.lifecycle AS l ON l.account_id = c.account_id
    JOIN feature.health    AS h ON h.account_id = c.account_id
)
SELECT account_id,
       stage_points,
       complexity_points,
       risk_points,
       stage_points + complexity_points + risk_points AS care_points,
       tier(stage_points + complexity_points + risk_points, [1, 3, 5],
            ['tech_touch', 'low_touch', 'mid_touch', 'high_touch']) AS care_level
FROM points
