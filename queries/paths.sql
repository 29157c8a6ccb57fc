-- title: Machines that the internet reaches through a load balancer
-- description: Instances behind listeners of internet-facing load balancers
--   whose security groups let any address in on the listener's port, with the
--   health of the target and open weaknesses that Inspector calls critical.
WITH listeners AS (
  SELECT account_id, region, load_balancer_arn, protocol, port,
    unnest(list_distinct(flatten([
      list_transform(default_actions, x -> x.target_group_arn),
      flatten(list_transform(default_actions, x -> coalesce(list_transform(x.forward_config.target_groups, g -> g.target_group_arn), [])))
    ]))) AS target_group_arn
  FROM aws_elbv2_listeners
), weaknesses AS (
  SELECT account_id, region, instance_id, count(*) AS critical
  FROM (
    SELECT account_id, region, unnest(resources).id AS instance_id
    FROM aws_inspector2_findings
    WHERE severity = 'CRITICAL' AND status = 'ACTIVE'
  )
  GROUP BY ALL
)
SELECT
  b.account_id,
  a.name AS account,
  b.region,
  b.load_balancer_name,
  l.protocol,
  l.port,
  i.instance_id,
  i.tags['Name'] AS instance,
  t.target_port,
  t.target_health.state AS health,
  coalesce(w.critical, 0) AS critical_findings
FROM aws_elbv2_load_balancers AS b
JOIN listeners AS l ON l.load_balancer_arn = b.arn
JOIN aws_elbv2_target_health AS t ON t.target_group_arn = l.target_group_arn
JOIN aws_ec2_instances AS i ON i.instance_id = t.target_id AND i.account_id = b.account_id AND i.region = b.region
LEFT JOIN weaknesses AS w ON w.instance_id = i.instance_id AND w.account_id = i.account_id AND w.region = i.region
LEFT JOIN aws_organizations_accounts AS a ON a.account_id = b.account_id
WHERE b.scheme = 'internet-facing' AND i.state.name = 'running'
  AND EXISTS (
    FROM aws_ec2_security_group_rules AS r
    WHERE r.account_id = b.account_id AND r.region = b.region AND list_contains(b.security_groups, r.group_id)
      AND NOT r.is_egress AND (r.cidr_ipv4 = '0.0.0.0/0' OR r.cidr_ipv6 = '::/0')
      AND (r.ip_protocol = '-1' OR l.port BETWEEN r.from_port AND r.to_port)
  )
ORDER BY critical_findings DESC, b.account_id, b.region, i.instance_id, l.port
