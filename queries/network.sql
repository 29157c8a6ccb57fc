-- title: Instances that the internet can reach
-- description: Instances with a public address whose security groups let any
--   address in, with the ports that are open.
-- param: except_port = 443  a port that is meant to be open
SELECT
  i.account_id,
  a.name AS account,
  i.region,
  i.instance_id,
  i.tags['Name'] AS instance,
  e.association.public_ip AS public_ip,
  string_agg(DISTINCT CASE
    WHEN r.ip_protocol = '-1' THEN 'all'
    WHEN r.from_port = r.to_port THEN r.from_port::VARCHAR
    ELSE r.from_port || '-' || r.to_port
  END, ', ') AS open_ports,
  string_agg(DISTINCT r.group_id, ', ') AS security_groups
FROM aws_ec2_network_interfaces AS e
JOIN aws_ec2_instances AS i
  ON i.instance_id = e.attachment.instance_id AND i.account_id = e.account_id AND i.region = e.region
JOIN aws_ec2_security_group_rules AS r
  ON r.account_id = e.account_id AND r.region = e.region
 AND list_contains(list_transform(e.groups, g -> g.group_id), r.group_id)
LEFT JOIN aws_organizations_accounts AS a ON a.account_id = i.account_id
WHERE e.association.public_ip IS NOT NULL
  AND i.state.name = 'running'
  AND NOT r.is_egress
  AND (r.cidr_ipv4 = '0.0.0.0/0' OR r.cidr_ipv6 = '::/0')
  AND NOT (r.from_port = $except_port::INTEGER AND r.to_port = $except_port::INTEGER)
GROUP BY ALL
ORDER BY i.account_id, i.region, i.instance_id
