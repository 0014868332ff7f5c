-- One row per outcome that customer success works towards: the known set, for segments/desired_outcome.sql. No extract: an outcome
-- is added here and to the labels there, once there is a playbook for it.
SELECT column1 AS outcome
FROM VALUES
    ('save_time'),
    ('cut_costs'),
    ('grow_revenue'),
    ('stay_compliant'),
    ('better_decisions'),
    ('faster_onboarding'),
    ('happier_customers')
