-- title: Users who have not signed in for a long time
-- description: IAM users that can sign in, by password or access key, and whose
--   last sign-in or use of a key, or creation where there was none, is long ago.
--   Other services do not tell when a user was last seen. Accounts whose keys
--   or credential report could not be read to the end are left out.
-- param: days = 90  days without sign-in
SELECT
  u.account_id,
  a.name AS account,
  u.user_name,
  u.mfa_active,
  u.created_at,
  u.last_used_at,
  date_diff('day', coalesce(u.last_used_at, u.created_at), now()) AS days_unused
FROM users AS u
SEMI JOIN (
  SELECT account_id
  FROM stocktake_coverage
  WHERE table_name = 'aws_iam_access_keys' AND outcome = 'ok'
) AS known USING (account_id)
LEFT JOIN aws_organizations_accounts AS a ON a.account_id = u.account_id
WHERE u.kind = 'iam' AND u.status = 'active'
  AND coalesce(u.last_used_at, u.created_at) < now() - to_days($days::INTEGER)
ORDER BY days_unused DESC, u.account_id, u.user_name
