package main

import "fmt"

// Sizes of the account.
const (
	instances  = 5000
	volumes    = 2500
	interfaces = 1500
	groups     = 400
	rules      = 800
	subnets    = 100
	networks   = 10
	pageSize   = 1000
)

func playSTS(a answers) {
	a.put(string(fields("GetCallerIdentityResponse", fields(
		"GetCallerIdentityResult", fields("Arn", arn("iam", "", "user/stocktake"), "UserId", "AIDAEXAMPLEEXAMPLEEX", "Account", account),
		"ResponseMetadata", fields("RequestId", requestID)))), "text/xml", "sts GetCallerIdentity")
}

func playEC2(a answers) {
	paged := func(operation, set string, n int, item func(int) raw) {
		for start := 0; start < n; start += pageSize {
			items := each(min(pageSize, n-start), func(i int) raw { return item(start + i) })
			next, token := raw(""), ""
			if start+pageSize < n {
				next = fields("nextToken", fmt.Sprintf("page-%d", start/pageSize+1))
			}
			if start > 0 {
				token = fmt.Sprintf(" page-%d", start/pageSize)
			}
			body := fields(operation+"Response", fields("requestId", requestID, set, list("item", items...))+next)
			a.put(string(body), "text/xml;charset=UTF-8", "ec2 "+operation+token)
		}
	}
	names := []string{"us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "eu-north-1",
		"ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ca-central-1", "sa-east-1"}
	paged("DescribeRegions", "regionInfo", len(names), func(i int) raw {
		return fields("regionName", names[i], "regionEndpoint", "ec2."+names[i]+".amazonaws.com", "optInStatus", "opt-in-not-required")
	})
	paged("DescribeInstances", "reservationSet", instances, reservation)
	paged("DescribeVolumes", "volumeSet", volumes, volume)
	paged("DescribeNetworkInterfaces", "networkInterfaceSet", interfaces, networkInterface)
	paged("DescribeSecurityGroups", "securityGroupInfo", groups, securityGroup)
	paged("DescribeSecurityGroupRules", "securityGroupRuleSet", rules, securityGroupRule)
	paged("DescribeSubnets", "subnetSet", subnets, subnet)
	paged("DescribeVpcs", "vpcSet", networks, network)
}

func zone(i int) string { return region + pick([]string{"a", "b", "c"}, i) }

func groupSet(i int) raw {
	g := func(i int) raw {
		return fields("groupId", id("sg-", i%groups), "groupName", fmt.Sprintf("%s-%s", pick(products, i), pick(roles, i)))
	}
	return list("item", g(i), g(i+1))
}

func dnsName(i int) string {
	return fmt.Sprintf("ip-%s.%s.compute.internal", digits("dns", i, 12), region)
}

func reservation(i int) raw {
	return fields(
		"reservationId", id("r-", i), "ownerId", account, "groupSet", raw(""), "requesterId", "940372691376",
		"instancesSet", list("item", instance(i)))
}

func instance(i int) raw {
	return fields(
		"instanceId", id("i-", i), "imageId", id("ami-", i/40), "instanceState", fields("code", 16, "name", "running"),
		"privateDnsName", dnsName(i), "dnsName", "", "reason", "", "keyName", "ops-2026", "amiLaunchIndex", 0, "productCodes", raw(""),
		"instanceType", pick([]string{"m7g.large", "c7g.xlarge", "r7g.2xlarge", "t4g.medium"}, i), "launchTime", at(i),
		"placement", fields("availabilityZone", zone(i), "availabilityZoneId", "euw1-az1", "groupName", "", "tenancy", "default"),
		"monitoring", fields("state", "disabled"), "subnetId", id("subnet-", i%subnets), "vpcId", id("vpc-", i%networks),
		"privateIpAddress", ip(i), "sourceDestCheck", true, "groupSet", groupSet(i), "architecture", "arm64",
		"rootDeviceType", "ebs", "rootDeviceName", "/dev/xvda",
		"blockDeviceMapping", list("item", blockDevice(i, "/dev/xvda", 0), blockDevice(i, "/dev/sdf", 1)),
		"virtualizationType", "hvm", "clientToken", digits("token", i, 32), "tagSet", tags("node", i, "item", "key", "value"), "hypervisor", "xen",
		"networkInterfaceSet", list("item", attachedInterface(i)),
		"iamInstanceProfile", fields("arn", arn("iam", "", "instance-profile/"+pick(roles, i)), "id", "AIPA"+digits("profile", i%5, 17)),
		"ebsOptimized", true, "enaSupport", true, "cpuOptions", fields("coreCount", 2, "threadsPerCore", 1),
		"capacityReservationSpecification", fields("capacityReservationPreference", "open"), "hibernationOptions", fields("configured", false),
		"metadataOptions", fields("state", "applied", "httpTokens", "required", "httpPutResponseHopLimit", 2, "httpEndpoint", "enabled",
			"httpProtocolIpv6", "disabled", "instanceMetadataTags", "disabled"),
		"enclaveOptions", fields("enabled", false), "bootMode", "uefi", "currentInstanceBootMode", "uefi",
		"platformDetails", "Linux/UNIX", "usageOperation", "RunInstances", "usageOperationUpdateTime", at(i),
		"privateDnsNameOptions", fields("hostnameType", "ip-name", "enableResourceNameDnsARecord", false, "enableResourceNameDnsAAAARecord", false),
		"maintenanceOptions", fields("autoRecovery", "default", "rebootMigration", "default"),
		"networkPerformanceOptions", fields("bandwidthWeighting", "default"), "operator", fields("managed", false))
}

func blockDevice(i int, name string, n int) raw {
	return fields("deviceName", name, "ebs", fields("volumeId", id("vol-", 2*i+n), "status", "attached", "attachTime", at(i),
		"deleteOnTermination", n == 0, "operator", fields("managed", false)))
}

func addresses(i int) raw {
	return list("item", fields("privateIpAddress", ip(i), "privateDnsName", dnsName(i), "primary", true))
}

func attachedInterface(i int) raw {
	return fields("networkInterfaceId", id("eni-", i), "subnetId", id("subnet-", i%subnets), "vpcId", id("vpc-", i%networks), "description", "",
		"ownerId", account, "status", "in-use", "macAddress", "0a:"+digits("mac", i, 12), "privateIpAddress", ip(i), "privateDnsName", dnsName(i),
		"sourceDestCheck", true, "groupSet", groupSet(i),
		"attachment", fields("attachmentId", id("eni-attach-", i), "deviceIndex", 0, "status", "attached", "attachTime", at(i), "deleteOnTermination", true, "networkCardIndex", 0),
		"privateIpAddressesSet", addresses(i), "ipv6AddressesSet", raw(""), "interfaceType", "interface", "operator", fields("managed", false))
}

func volume(i int) raw {
	return fields("volumeId", id("vol-", i), "size", 20+i%20*10, "snapshotId", id("snap-", i/40), "availabilityZone", zone(i/2), "availabilityZoneId", "euw1-az1",
		"status", "in-use", "createTime", at(i), "attachmentSet", list("item", fields("volumeId", id("vol-", i), "instanceId", id("i-", i/2),
			"device", pick([]string{"/dev/xvda", "/dev/sdf"}, i), "status", "attached", "attachTime", at(i), "deleteOnTermination", i%2 == 0)),
		"tagSet", tags("disk", i, "item", "key", "value"), "volumeType", "gp3", "iops", 3000, "throughput", 125, "encrypted", true,
		"kmsKeyId", arn("kms", region, "key/"+digits("key", i%4, 32)), "multiAttachEnabled", false, "operator", fields("managed", false))
}

func networkInterface(i int) raw {
	return fields("networkInterfaceId", id("eni-", i), "subnetId", id("subnet-", i%subnets), "vpcId", id("vpc-", i%networks), "availabilityZone", zone(i), "availabilityZoneId", "euw1-az1",
		"description", "", "ownerId", account, "requesterManaged", false, "status", "in-use", "macAddress", "0a:"+digits("mac", i, 12),
		"privateIpAddress", ip(i), "privateDnsName", dnsName(i), "sourceDestCheck", true, "groupSet", groupSet(i),
		"attachment", fields("attachmentId", id("eni-attach-", i), "instanceId", id("i-", i), "instanceOwnerId", account, "deviceIndex", 0, "networkCardIndex", 0,
			"status", "attached", "attachTime", at(i), "deleteOnTermination", true),
		"tagSet", tags("eni", i, "item", "key", "value"), "privateIpAddressesSet", addresses(i), "ipv6AddressesSet", raw(""), "interfaceType", "interface", "denyAllIgwTraffic", false)
}

func permission(i int) raw {
	return fields("ipProtocol", "tcp", "fromPort", 443+i%3, "toPort", 443+i%3,
		"groups", list("item", fields("userId", account, "groupId", id("sg-", (i+1)%groups), "description", "from "+pick(roles, i))),
		"ipRanges", list("item", fields("cidrIp", fmt.Sprintf("10.%d.0.0/16", 16+i%networks), "description", "the network of "+pick(products, i))),
		"ipv6Ranges", raw(""), "prefixListIds", raw(""))
}

func securityGroup(i int) raw {
	all := fields("ipProtocol", "-1", "groups", raw(""), "ipRanges", list("item", fields("cidrIp", "0.0.0.0/0")), "ipv6Ranges", raw(""), "prefixListIds", raw(""))
	return fields("ownerId", account, "groupId", id("sg-", i), "groupName", fmt.Sprintf("%s-%s-%d", pick(products, i), pick(roles, i), i),
		"groupDescription", "Traffic of "+pick(products, i), "vpcId", id("vpc-", i%networks), "securityGroupArn", arn("ec2", region, "security-group/"+id("sg-", i)),
		"ipPermissions", list("item", permission(i), permission(i+1)), "ipPermissionsEgress", list("item", all), "tagSet", tags("group", i, "item", "key", "value"))
}

func securityGroupRule(i int) raw {
	return fields("securityGroupRuleId", id("sgr-", i), "securityGroupRuleArn", arn("ec2", region, "security-group-rule/"+id("sgr-", i)), "groupId", id("sg-", i/2), "groupOwnerId", account,
		"isEgress", i%2 == 1, "ipProtocol", "tcp", "fromPort", 443, "toPort", 443, "cidrIpv4", fmt.Sprintf("10.%d.0.0/16", 16+i%networks), "description", "the network of "+pick(products, i),
		"tagSet", tags("rule", i, "item", "key", "value"))
}

func subnet(i int) raw {
	return fields("subnetId", id("subnet-", i), "subnetArn", arn("ec2", region, "subnet/"+id("subnet-", i)), "state", "available", "vpcId", id("vpc-", i%networks), "ownerId", account,
		"cidrBlock", fmt.Sprintf("10.%d.%d.0/24", 16+i%networks, i/networks), "ipv6CidrBlockAssociationSet", raw(""), "availableIpAddressCount", 200, "availabilityZone", zone(i),
		"availabilityZoneId", "euw1-az1", "defaultForAz", false, "mapPublicIpOnLaunch", false, "mapCustomerOwnedIpOnLaunch", false, "assignIpv6AddressOnCreation", false, "enableDns64", false,
		"ipv6Native", false, "privateDnsNameOptionsOnLaunch", fields("hostnameType", "ip-name", "enableResourceNameDnsARecord", false, "enableResourceNameDnsAAAARecord", false),
		"tagSet", tags("subnet", i, "item", "key", "value"))
}

func network(i int) raw {
	block := func(n int) raw {
		return fields("associationId", id("vpc-cidr-assoc-", 2*i+n), "cidrBlock", fmt.Sprintf("10.%d.0.0/16", 16+i+n*networks), "cidrBlockState", fields("state", "associated"))
	}
	return fields("vpcId", id("vpc-", i), "ownerId", account, "state", "available", "cidrBlock", fmt.Sprintf("10.%d.0.0/16", 16+i), "dhcpOptionsId", id("dopt-", 0), "instanceTenancy", "default",
		"isDefault", false, "cidrBlockAssociationSet", list("item", block(0), block(1)), "tagSet", tags("vpc", i, "item", "key", "value"))
}
