-- title: What could not be read, and what to do about it
-- description: Tables that are not complete, by account and cause, with the
--   regions concerned and the permission that is missing.
SELECT
  account_id,
  outcome,
  string_agg(DISTINCT table_name, ', ' ORDER BY table_name) AS tables,
  count(DISTINCT region) AS regions,
  sum(carried_rows) AS carried_rows,
  missing_action,
  any_value(advice) AS advice
FROM coverage_gaps
GROUP BY account_id, outcome, missing_action
ORDER BY account_id, outcome, missing_action
