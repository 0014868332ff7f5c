-- One row per feature that a plan contains: what a customer has paid for, used or not.
SELECT plan, feature
FROM raw.plan_features
