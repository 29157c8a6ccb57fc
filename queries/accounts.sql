-- title: Accounts, their owners, and what is in them
-- description: Every account of the organization with owner and cost centre,
--   the number of instances and buckets, and its open critical findings.
SELECT
  a.account_id,
  a.name,
  a.state,
  a.tags['owner']       AS owner,
  a.tags['cost-centre'] AS cost_centre,
  coalesce(i.instances, 0) AS instances,
  coalesce(b.buckets, 0)   AS buckets,
  coalesce(f.critical, 0)  AS critical_findings
FROM aws_organizations_accounts AS a
LEFT JOIN (SELECT account_id, count(*) AS instances FROM aws_ec2_instances GROUP BY ALL) AS i USING (account_id)
LEFT JOIN (SELECT account_id, count(*) AS buckets FROM aws_s3_buckets GROUP BY ALL) AS b USING (account_id)
LEFT JOIN (
  SELECT account_id, count(*) AS critical
  FROM aws_securityhub_findings
  WHERE severity.label = 'CRITICAL' AND workflow.status IN ('NEW', 'NOTIFIED')
  GROUP BY ALL
) AS f USING (account_id)
ORDER BY critical_findings DESC, instances DESC, a.account_id
