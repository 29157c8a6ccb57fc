package access

import (
	"errors"
	"strings"

	"stocktake/internal/config"
	"stocktake/load/store/s3"
)

// ErrLocal says that a warehouse needs no rights.
var ErrLocal = errors.New("the warehouse is a folder: no rights of AWS are needed to write it; for a warehouse on S3 set warehouse: s3://BUCKET/PREFIX")

// Output is what the identity that writes the warehouse needs, in the mode and
// with the key of the configuration.
func Output(f *config.File) (Document, error) {
	if !f.OnS3() {
		return Document{}, ErrLocal
	}
	bucket, prefix, err := s3.Parse(f.Warehouse)
	if err != nil {
		return Document{}, err
	}
	o := f.Output
	place := "arn:" + partition(f) + ":s3:::" + bucket
	objects := place + "/*"
	if prefix != "" {
		objects = place + "/" + prefix + "/*"
	}
	rights := []string{"s3:AbortMultipartUpload", "s3:PutObject"}
	if !f.WriteOnly() {
		rights = append(rights, "s3:DeleteObject", "s3:GetObject", "s3:ListMultipartUploadParts")
	}
	if len(o.Tags) > 0 {
		rights = append(rights, "s3:PutObjectTagging")
	}
	statements := []Statement{{Sid: "Objects", Effect: "Allow", Action: sortedSet(rights), Resource: []string{objects}}}
	if !f.WriteOnly() {
		statements = append(statements, Statement{Sid: "Bucket", Effect: "Allow", Action: []string{"s3:ListBucket", "s3:ListBucketMultipartUploads"}, Resource: []string{place}})
	}
	if o.KMSKey != "" {
		statements = append(statements, keyStatement(f))
	}
	return document(statements...), nil
}

// keyStatement allows the key that files are encrypted with. A policy cannot
// name an alias as a resource: a condition does (KMS Developer Guide, "Use
// aliases to control access to KMS keys").
func keyStatement(f *config.File) Statement {
	s := Statement{Sid: "Key", Effect: "Allow", Action: []string{"kms:Decrypt", "kms:GenerateDataKey"}}
	// The account of a key without an ARN is that of the identity that asks.
	region, account, key := f.Output.Region, "*", f.Output.KMSKey
	if region == "" {
		region = "*"
	}
	if hops := f.Output.Hops; len(hops) > 0 {
		account = strings.Split(hops[len(hops)-1].RoleARN, ":")[4]
	}
	if parts := strings.SplitN(key, ":", 6); len(parts) == 6 {
		region, account, key = parts[3], parts[4], parts[5]
	}
	key = strings.TrimPrefix(key, "key/")
	if strings.HasPrefix(key, "alias/") {
		s.Condition = map[string]map[string][]string{"ForAnyValue:StringEquals": {"kms:ResourceAliases": {key}}}
		key = "*"
	}
	s.Resource = []string{"arn:" + partition(f) + ":kms:" + region + ":" + account + ":key/" + key}
	return s
}

// partition is that of the output: a role or a region of its own tells it, else
// the sources do.
func partition(f *config.File) string {
	for _, arn := range append([]string{f.Output.KMSKey}, roles(f.Output.Hops)...) {
		if parts := strings.Split(arn, ":"); len(parts) > 1 {
			return parts[1]
		}
	}
	if p := (config.Source{HomeRegion: f.Output.Region}).Partition(); p != "" {
		return p
	}
	if len(f.Sources) > 0 && f.Output.Region == "" {
		return f.Sources[0].Partition()
	}
	return "aws"
}

func roles(hops []config.Hop) []string {
	var list []string
	for _, h := range hops {
		list = append(list, h.RoleARN)
	}
	return list
}
