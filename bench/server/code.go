package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/smithy-go/encoding/cbor"
)

const (
	repositories = 10
	images       = 10 // in each
	findings     = 12 // in each image
	functions    = 30
	alarms       = 100
)

const amzJSON = "application/x-amz-json-1.1"

func playECR(a answers) {
	var list []any
	for i := range repositories {
		name := fmt.Sprintf("%s/%s", pick(products, i), pick(roles, i/2)) + fmt.Sprint(i)
		where := arn("ecr", region, "repository/"+name)
		list = append(list, map[string]any{
			"repositoryArn": where, "registryId": account, "repositoryName": name, "repositoryUri": account + ".dkr.ecr." + region + ".amazonaws.com/" + name,
			"createdAt": epoch(i), "imageTagMutability": "IMMUTABLE", "imageScanningConfiguration": map[string]any{"scanOnPush": true},
			"encryptionConfiguration": map[string]any{"encryptionType": "KMS", "kmsKey": arn("kms", region, "key/"+digits("key", i%4, 32))},
		})
		var pairs []any
		for _, l := range labels("repository", i) {
			pairs = append(pairs, map[string]any{"Key": l[0], "Value": l[1]})
		}
		a.put(encode(map[string]any{"tags": pairs}), amzJSON, "ecr ListTagsForResource", where)
		a.put(encode(map[string]any{"registryId": account, "repositoryName": name, "policyText": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"ecr:BatchGetImage"}]}`}),
			amzJSON, "ecr GetRepositoryPolicy", name)
		a.fail(400, encode(map[string]any{"__type": "LifecyclePolicyNotFoundException", "message": "Lifecycle policy does not exist"}), amzJSON, "ecr GetLifecyclePolicy", name)
		var details []any
		for j := range images {
			digest := "sha256:" + digits("image", i*images+j, 64)
			details = append(details, map[string]any{
				"registryId": account, "repositoryName": name, "imageDigest": digest, "imageTags": []string{fmt.Sprintf("1.%d.0", j)}, "imageSizeInBytes": 81234567 + j, "imagePushedAt": epoch(i*images + j),
				"imageScanStatus":          map[string]any{"status": "COMPLETE", "description": "The scan was completed successfully."},
				"imageScanFindingsSummary": map[string]any{"imageScanCompletedAt": epoch(i*images + j), "findingSeverityCounts": map[string]any{"HIGH": 2, "MEDIUM": 10}},
				"imageManifestMediaType":   "application/vnd.docker.distribution.manifest.v2+json",
				"artifactMediaType":        "application/vnd.docker.container.image.v1+json",
				"lastRecordedPullTime":     epoch(i*images + j + 30),
			})
			var found []any
			for k := range findings {
				found = append(found, map[string]any{
					"name": fmt.Sprintf("CVE-2026-%d", 1000+k*7), "severity": pick([]string{"HIGH", "MEDIUM"}, k), "uri": fmt.Sprintf("https://security-tracker.debian.org/tracker/CVE-2026-%d", 1000+k*7),
					"description": "A crafted input can make the library read past the end of a buffer.",
					"attributes":  []any{map[string]any{"key": "package_name", "value": pick([]string{"openssl", "zlib", "curl"}, k)}, map[string]any{"key": "package_version", "value": fmt.Sprintf("3.%d.1", k)}},
				})
			}
			a.put(encode(map[string]any{"registryId": account, "repositoryName": name, "imageId": map[string]any{"imageDigest": digest}, "imageScanStatus": map[string]any{"status": "COMPLETE"},
				"imageScanFindings": map[string]any{"imageScanCompletedAt": epoch(i), "vulnerabilitySourceUpdatedAt": epoch(i), "findingSeverityCounts": map[string]any{"HIGH": 6, "MEDIUM": 6}, "findings": found}}),
				amzJSON, "ecr DescribeImageScanFindings", digest)
		}
		a.put(encode(map[string]any{"imageDetails": details}), amzJSON, "ecr DescribeImages", name)
	}
	a.put(encode(map[string]any{"repositories": list}), amzJSON, "ecr DescribeRepositories")
}

// lambdaOperation reads the path: /<date>/functions[/<name>[/<what>]] or
// /<date>/tags/<arn>.
func lambdaOperation(u *url.URL) (operation, selector string) {
	parts := strings.SplitN(strings.Trim(u.Path, "/"), "/", 3)
	switch {
	case len(parts) == 2:
		return "ListFunctions", u.Query().Get("Marker")
	case parts[1] == "tags":
		return "ListTags", parts[2]
	case strings.HasSuffix(parts[2], "/policy"):
		return "GetPolicy", strings.TrimSuffix(parts[2], "/policy")
	}
	return "ListFunctionUrlConfigs", strings.TrimSuffix(parts[2], "/urls")
}

func playLambda(a answers) {
	var list []any
	for i := range functions {
		name := fmt.Sprintf("%s-%s-%d", pick(products, i), pick(roles, i), i)
		where := arn("lambda", region, "function:"+name)
		list = append(list, map[string]any{
			"FunctionName": name, "FunctionArn": where, "Runtime": "python3.13", "Role": arn("iam", "", "role/"+name), "Handler": "main.handler", "CodeSize": 1234567, "Description": "Handles " + pick(products, i), "Timeout": 30,
			"MemorySize": 512, "LastModified": "2026-03-04T05:06:07.000+0000", "CodeSha256": digits("code", i, 44), "Version": "$LATEST", "TracingConfig": map[string]any{"Mode": "Active"}, "RevisionId": digits("revision", i, 32),
			"VpcConfig":   map[string]any{"SubnetIds": []string{id("subnet-", i)}, "SecurityGroupIds": []string{id("sg-", i)}, "VpcId": id("vpc-", i%networks), "Ipv6AllowedForDualStack": false},
			"Environment": map[string]any{"Variables": map[string]any{"STAGE": pick(stages, i), "LOG_LEVEL": "info"}}, "PackageType": "Zip", "Architectures": []string{"arm64"}, "EphemeralStorage": map[string]any{"Size": 512},
			"SnapStart": map[string]any{"ApplyOn": "None", "OptimizationStatus": "Off"}, "LoggingConfig": map[string]any{"LogFormat": "JSON", "LogGroup": "/aws/lambda/" + name},
		})
		pairs := map[string]any{}
		for _, l := range labels("function", i) {
			pairs[l[0]] = l[1]
		}
		a.put(encode(map[string]any{"Tags": pairs}), "application/json", "lambda ListTags", where)
		a.put(encode(map[string]any{"Policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"` + where + `"}]}`, "RevisionId": digits("revision", i, 32)}),
			"application/json", "lambda GetPolicy", where)
		a.put(encode(map[string]any{"FunctionUrlConfigs": []any{}}), "application/json", "lambda ListFunctionUrlConfigs", where)
	}
	a.put(encode(map[string]any{"Functions": list}), "application/json", "lambda ListFunctions")
}

func playCloudWatch(a answers) {
	text := func(pairs ...string) cbor.Map {
		m := cbor.Map{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = cbor.String(pairs[i+1])
		}
		return m
	}
	var list cbor.List
	for i := range alarms {
		name := fmt.Sprintf("%s-cpu-%d", pick(products, i), i)
		m := text("AlarmName", name, "AlarmArn", arn("cloudwatch", region, "alarm:"+name), "AlarmDescription", "The machine is busy for long", "StateValue", "OK", "StateReason", "Threshold Crossed: 1 datapoint was not greater than the threshold.",
			"MetricName", "CPUUtilization", "Namespace", "AWS/EC2", "Statistic", "Average", "ComparisonOperator", "GreaterThanThreshold", "TreatMissingData", "missing")
		m["ActionsEnabled"], m["Threshold"], m["Period"], m["EvaluationPeriods"] = cbor.Bool(true), cbor.Float64(90), cbor.Uint(300), cbor.Uint(3)
		m["Dimensions"] = cbor.List{text("Name", "InstanceId", "Value", id("i-", i))}
		m["AlarmActions"] = cbor.List{cbor.String(arn("sns", region, "on-call"))}
		for _, name := range []string{"AlarmConfigurationUpdatedTimestamp", "StateUpdatedTimestamp", "StateTransitionedTimestamp"} {
			m[name] = &cbor.Tag{ID: 1, Value: cbor.Float64(epoch(i))}
		}
		list = append(list, m)
	}
	a.put(string(cbor.Encode(cbor.Map{"MetricAlarms": list, "CompositeAlarms": cbor.List{}})), "application/cbor", "monitoring DescribeAlarms")
	a["monitoring DescribeAlarms"].header.Set("Smithy-Protocol", "rpc-v2-cbor")
}
