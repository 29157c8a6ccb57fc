package main

import (
	"fmt"
	"net/url"
	"strings"
)

const (
	databases = 100
	users     = 20
	iamRoles  = 150
	policies  = 60
	buckets   = 40
)

func playRDS(a answers) {
	body := fields("DescribeDBInstancesResponse", fields("DescribeDBInstancesResult", fields("DBInstances", list("DBInstance", each(databases, database)...)),
		"ResponseMetadata", fields("RequestId", requestID)))
	a.put(string(body), "text/xml", "rds DescribeDBInstances")
}

func database(i int) raw {
	name := fmt.Sprintf("%s-%d", pick(products, i), i)
	return fields("DBInstanceIdentifier", name, "DBInstanceArn", arn("rds", region, "db:"+name), "DbiResourceId", "db-"+strings.ToUpper(digits("db", i, 26)), "DBInstanceClass", "db.r7g.large",
		"Engine", "postgres", "EngineVersion", "17.4", "DBInstanceStatus", "available", "MasterUsername", "postgres", "DBName", "main",
		"Endpoint", fields("Address", name+".c1a2b3c4d5e6."+region+".rds.amazonaws.com", "Port", 5432, "HostedZoneId", "Z29XKXDKYMONMX"),
		"AllocatedStorage", 200, "StorageType", "gp3", "Iops", 3000, "StorageThroughput", 125, "InstanceCreateTime", at(i), "PreferredBackupWindow", "03:10-03:40",
		"BackupRetentionPeriod", 14, "VpcSecurityGroups", list("VpcSecurityGroupMembership", fields("VpcSecurityGroupId", id("sg-", i), "Status", "active")),
		"DBParameterGroups", list("DBParameterGroup", fields("DBParameterGroupName", "postgres17", "ParameterApplyStatus", "in-sync")), "AvailabilityZone", zone(i),
		"DBSubnetGroup", fields("DBSubnetGroupName", "databases", "DBSubnetGroupDescription", "Subnets of databases", "VpcId", id("vpc-", i%networks), "SubnetGroupStatus", "Complete",
			"Subnets", list("Subnet", each(3, func(n int) raw {
				return fields("SubnetIdentifier", id("subnet-", i%networks+n*networks), "SubnetAvailabilityZone", fields("Name", zone(n)), "SubnetStatus", "Active")
			})...)),
		"PreferredMaintenanceWindow", "sun:04:00-sun:04:30", "MultiAZ", true, "AutoMinorVersionUpgrade", true, "LicenseModel", "postgresql-license",
		"OptionGroupMemberships", list("OptionGroupMembership", fields("OptionGroupName", "default:postgres-17", "Status", "in-sync")),
		"PubliclyAccessible", false, "StorageEncrypted", true, "KmsKeyId", arn("kms", region, "key/"+digits("key", i%4, 32)), "CACertificateIdentifier", "rds-ca-rsa2048-g1",
		"CopyTagsToSnapshot", true, "MonitoringInterval", 60, "MonitoringRoleArn", arn("iam", "", "role/rds-monitoring"), "IAMDatabaseAuthenticationEnabled", true, "PerformanceInsightsEnabled", true,
		"DeletionProtection", true, "TagList", tags("db", i, "Tag", "Key", "Value"), "MaxAllocatedStorage", 1000,
		"CertificateDetails", fields("CAIdentifier", "rds-ca-rsa2048-g1", "ValidTill", at(i+9000)), "NetworkType", "IPV4", "BackupTarget", "region")
}

func iamAnswer(operation string, result raw) string {
	return string(fields(operation+"Response", fields(operation+"Result", result, "ResponseMetadata", fields("RequestId", requestID))))
}

func document(i int) string {
	return url.PathEscape(encode(map[string]any{"Version": "2012-10-17", "Statement": []any{
		map[string]any{"Sid": "Read", "Effect": "Allow", "Action": []string{"s3:GetObject", "s3:ListBucket", "dynamodb:GetItem", "dynamodb:Query"}, "Resource": "arn:aws:s3:::" + bucketName(i%buckets) + "/*"},
		map[string]any{"Sid": "Write", "Effect": "Allow", "Action": []string{"s3:PutObject"}, "Resource": "arn:aws:s3:::" + bucketName((i+1)%buckets) + "/*",
			"Condition": map[string]any{"StringEquals": map[string]any{"aws:PrincipalTag/stage": pick(stages, i)}}},
	}}))
}

func attached(element string, i int) raw {
	return list(element, fields("PolicyName", fmt.Sprintf("policy-%d", i%policies), "PolicyArn", arn("iam", "", fmt.Sprintf("policy/policy-%d", i%policies))))
}

func playIAM(a answers) {
	put := func(operation, selector string, result raw) {
		a.put(iamAnswer(operation, result), "text/xml", strings.TrimSpace("iam "+operation+" "+selector))
	}
	user := func(i int) (string, raw) {
		name := fmt.Sprintf("svc-%s-%d", pick(products, i), i)
		return name, fields("Path", "/", "UserName", name, "UserId", "AIDA"+strings.ToUpper(digits("user", i, 17)), "Arn", arn("iam", "", "user/"+name), "CreateDate", at(i))
	}
	role := func(i int) raw {
		name := fmt.Sprintf("%s-%s-%d", pick(products, i), pick(roles, i), i)
		return fields("Path", "/", "RoleName", name, "RoleId", "AROA"+strings.ToUpper(digits("role", i, 17)), "Arn", arn("iam", "", "role/"+name), "CreateDate", at(i), "AssumeRolePolicyDocument", document(i))
	}
	put("ListUsers", "", fields("IsTruncated", false, "Users", list("member", each(users, func(i int) raw { _, u := user(i); return u })...)))
	put("ListRoles", "", fields("IsTruncated", false, "Roles", list("member", each(iamRoles, func(i int) raw {
		return role(i) + fields("Description", "Runs "+pick(products, i), "MaxSessionDuration", 3600)
	})...)))
	details := fields("IsTruncated", false,
		"UserDetailList", list("member", each(users, func(i int) raw {
			_, u := user(i)
			return u + fields("GroupList", list("member", "automation"), "AttachedManagedPolicies", attached("member", i), "Tags", tags("user", i, "member", "Key", "Value"))
		})...),
		"GroupDetailList", list("member", each(5, func(i int) raw {
			name := pick([]string{"automation", "developers", "operators", "auditors", "finance"}, i)
			return fields("Path", "/", "GroupName", name, "GroupId", "AGPA"+strings.ToUpper(digits("group", i, 17)), "Arn", arn("iam", "", "group/"+name), "CreateDate", at(i), "AttachedManagedPolicies", attached("member", i), "GroupPolicyList", raw(""))
		})...),
		"RoleDetailList", list("member", each(iamRoles, func(i int) raw {
			return role(i) + fields("InstanceProfileList", raw(""), "RolePolicyList", list("member", fields("PolicyName", "inline", "PolicyDocument", document(i))),
				"AttachedManagedPolicies", attached("member", i), "Tags", tags("role", i, "member", "Key", "Value"), "RoleLastUsed", fields("LastUsedDate", at(i+200), "Region", region))
		})...),
		"Policies", list("member", each(policies, func(i int) raw {
			name := fmt.Sprintf("policy-%d", i)
			return fields("PolicyName", name, "PolicyId", "ANPA"+strings.ToUpper(digits("policy", i, 17)), "Arn", arn("iam", "", "policy/"+name), "Path", "/", "DefaultVersionId", "v1", "AttachmentCount", 3, "PermissionsBoundaryUsageCount", 0,
				"IsAttachable", true, "CreateDate", at(i), "UpdateDate", at(i+20), "PolicyVersionList", list("member", fields("Document", document(i), "VersionId", "v1", "IsDefaultVersion", true, "CreateDate", at(i))))
		})...))
	put("GetAccountAuthorizationDetails", "", details)
	for i := range users {
		name, _ := user(i)
		key := "AKIA" + strings.ToUpper(digits("access key", i, 16))
		put("ListAccessKeys", name, fields("IsTruncated", false, "AccessKeyMetadata", list("member", fields("UserName", name, "AccessKeyId", key, "Status", "Active", "CreateDate", at(i)))))
		put("GetAccessKeyLastUsed", key, fields("UserName", name, "AccessKeyLastUsed", fields("LastUsedDate", at(i+500), "ServiceName", "s3", "Region", region)))
	}
}

func bucketName(i int) string {
	return fmt.Sprintf("larkfield-%s-%s-%d", pick(products, i), pick(stages, i), i)
}

// s3Operation tells operations apart by their subresource.
func s3Operation(u *url.URL) (operation, selector string) {
	bucket := strings.Trim(u.Path, "/")
	if bucket == "" {
		return "ListBuckets", ""
	}
	for name := range u.Query() {
		if operation, ok := subresources[name]; ok {
			return operation, bucket
		}
	}
	return "unknown", bucket
}

var subresources = map[string]string{
	"tagging": "GetBucketTagging", "policy": "GetBucketPolicy", "policyStatus": "GetBucketPolicyStatus", "publicAccessBlock": "GetPublicAccessBlock",
	"ownershipControls": "GetBucketOwnershipControls", "acl": "GetBucketAcl", "encryption": "GetBucketEncryption", "versioning": "GetBucketVersioning",
	"logging": "GetBucketLogging", "lifecycle": "GetBucketLifecycleConfiguration", "replication": "GetBucketReplication", "object-lock": "GetObjectLockConfiguration",
	"website": "GetBucketWebsite", "notification": "GetBucketNotificationConfiguration", "cors": "GetBucketCors",
}

func playS3(a answers) {
	a.put(string(fields("ListAllMyBucketsResult", fields("Owner", fields("ID", digits("owner", 0, 64)), "Buckets", list("Bucket", each(buckets, func(i int) raw {
		return fields("Name", bucketName(i), "CreationDate", at(i), "BucketRegion", region)
	})...)))), "application/xml", "s3 ListBuckets")
	for i := range buckets {
		name := bucketName(i)
		put := func(operation, root string, content raw) {
			a.put(string(fields(root, content)), "application/xml", "s3", operation, name)
		}
		never := func(operation, code string) {
			body := fields("Error", fields("Code", code, "Message", "The setting was never made.", "BucketName", name, "RequestId", "4442587FB7D0A2F9", "HostId", digits("host", i, 40)))
			a.fail(404, string(body), "application/xml", "s3", operation, name)
		}
		put("GetBucketTagging", "Tagging", fields("TagSet", tags("bucket", i, "Tag", "Key", "Value")))
		a.put(encode(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{"Sid": "TLS", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
			"Resource": []string{"arn:aws:s3:::" + name, "arn:aws:s3:::" + name + "/*"}, "Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}}}}}), "application/json", "s3", "GetBucketPolicy", name)
		put("GetBucketPolicyStatus", "PolicyStatus", fields("IsPublic", false))
		put("GetPublicAccessBlock", "PublicAccessBlockConfiguration", fields("BlockPublicAcls", true, "IgnorePublicAcls", true, "BlockPublicPolicy", true, "RestrictPublicBuckets", true))
		put("GetBucketOwnershipControls", "OwnershipControls", fields("Rule", fields("ObjectOwnership", "BucketOwnerEnforced")))
		a.put(string(fields("AccessControlPolicy", fields("Owner", fields("ID", digits("owner", 0, 64)))+
			`<AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>`+raw(digits("owner", 0, 64))+
			`</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList>`)), "application/xml", "s3", "GetBucketAcl", name)
		put("GetBucketEncryption", "ServerSideEncryptionConfiguration", fields("Rule", fields("ApplyServerSideEncryptionByDefault", fields("SSEAlgorithm", "aws:kms", "KMSMasterKeyID", arn("kms", region, "key/"+digits("key", i%4, 32))), "BucketKeyEnabled", true)))
		put("GetBucketVersioning", "VersioningConfiguration", fields("Status", "Enabled"))
		put("GetBucketLogging", "BucketLoggingStatus", fields("LoggingEnabled", fields("TargetBucket", bucketName(0), "TargetPrefix", name+"/")))
		put("GetBucketLifecycleConfiguration", "LifecycleConfiguration", fields("Rule", fields("ID", "expire", "Filter", fields("Prefix", "tmp/"), "Status", "Enabled", "Expiration", fields("Days", 30))))
		put("GetBucketNotificationConfiguration", "NotificationConfiguration", fields("EventBridgeConfiguration", raw("")))
		never("GetBucketReplication", "ReplicationConfigurationNotFoundError")
		never("GetObjectLockConfiguration", "ObjectLockConfigurationNotFoundError")
		never("GetBucketWebsite", "NoSuchWebsiteConfiguration")
		never("GetBucketCors", "NoSuchCORSConfiguration")
	}
}
