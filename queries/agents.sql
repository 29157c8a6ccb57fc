-- title: Running machines that Systems Manager does not see
-- description: Instances that run without its agent, or whose agent has been
--   silent for long, with their owner. Places whose agents could not be listed
--   are left out, since nothing is known of them.
-- param: hours = 24  hours of silence
SELECT
  d.account_id,
  a.name AS account,
  d.region,
  d.device_id,
  d.name AS device,
  d.tags['owner'] AS owner,
  d.platform,
  d.first_seen_at,
  d.last_seen_at
FROM devices AS d
SEMI JOIN (
  SELECT account_id, region
  FROM stocktake_coverage
  WHERE table_name = 'aws_ssm_managed_instances' AND outcome IN ('ok', 'partial')
) AS known USING (account_id, region)
LEFT JOIN aws_organizations_accounts AS a ON a.account_id = d.account_id
WHERE d.kind = 'ec2' AND d.state = 'running'
  AND (NOT d.is_managed OR d.last_seen_at < now() - to_hours($hours::INTEGER))
ORDER BY d.account_id, d.region, d.device_id
