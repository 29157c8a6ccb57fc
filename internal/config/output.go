package config

import "strings"

func outputShape(o *Output) shape {
	s := chainShape("output", &o.Hops, false)
	s.keys = append([]entry{
		{key: "mode", value: text(&o.Mode, oneOf(full, drop)), def: full,
			doc: "full for the whole warehouse, or drop for an identity that may only put: snapshots, events and manifests, which no run reads back"},
		{key: "region", value: located(&o.Region, bucketRegion), doc: "the region of the bucket; that of the SDK's default chain where left out"},
		{key: "endpoint", value: text(&o.Endpoint, serverURL), doc: "the URL of an S3 server other than AWS's, or of an interface endpoint"},
		{key: "path_style", value: boolean(&o.PathStyle), def: false, doc: "whether the bucket stands in the path of a request in place of its host name"},
		{key: "encryption", value: text(&o.Encryption, oneOf("none", "AES256", kmsEncryption)),
			doc: "the encryption that each object asks for; none leaves it to the bucket, and so does leaving the key out"},
		{key: "kms_key", value: located(&o.KMSKey, kmsKey), doc: "the key of aws:kms: its ARN or ID, or an alias; AWS's own where left out"},
		{key: "bucket_key", value: boolean(&o.BucketKey), def: false, doc: "whether S3 asks KMS once for many objects"},
		{key: "bucket_owner", value: text(&o.BucketOwner, accountID), doc: "the account that the bucket must belong to"},
		{key: "storage_class", value: text(&o.StorageClass, storageClass), doc: "the storage class of the objects; STANDARD where left out"},
		{key: "tags", value: dictionary[string]{p: &o.Tags, keys: tagKey, item: func(v *string) value { return text(v, tagValue) }, most: 10},
			doc: "tags of each object"},
		{key: "credentials", value: maybe(&o.Credentials, credentialsShape),
			doc: "the identity that reaches the bucket or takes the first hop to it; the SDK's default chain where left out"},
	}, s.keys...)
	s.needs = append(s.needs, need{"endpoint", "region"})
	chain := s.done
	s.done = func(r *reader, key string) {
		chain(r, key)
		checkEncryption(r, key, o)
		checkPlace(r, key, o)
	}
	return s
}

// The modes of a warehouse on S3.
const (
	full = "full"
	drop = "drop"
)

const kmsEncryption = "aws:kms"

func checkEncryption(r *reader, key string, o *Output) {
	if o.Encryption == kmsEncryption {
		return
	}
	const only = "encryption: aws:kms beside it"
	if o.KMSKey != "" {
		r.problem(key+".kms_key", "a key without encryption: aws:kms", only, "")
	}
	if o.BucketKey {
		r.problem(key+".bucket_key", "true without encryption: aws:kms", only, "")
	}
}

// checkPlace holds region, endpoint, roles and KMS key against each other.
func checkPlace(r *reader, key string, o *Output) {
	if o.Region != "" && o.Endpoint == "" && !regionName.fits(o.Region) {
		r.problem(key+".region", shown(o.Region), regionName.expect, "other names are for an endpoint")
	}
	before := len(r.problems)
	settlePartition(r, key, nil)
	if len(r.problems) > before || o.Region == "" {
		return
	}
	if parts := strings.Split(o.KMSKey, ":"); len(parts) > 3 && parts[3] != o.Region {
		r.problem(key+".kms_key", "a key in "+parts[3], "a key in "+o.Region+", the region of the bucket", "")
	}
}

// finishOutput gives a warehouse on S3 its output, and refuses what does not
// go with where the warehouse is. given is nil where the file has no output.
func finishOutput(r *reader, f *File, given *Output) {
	switch {
	case !f.OnS3():
		if given != nil && f.Warehouse != "" {
			r.problem("output", "settings of S3 for a warehouse in a folder", "warehouse: s3://BUCKET/PREFIX, or no output", "")
		}
		return
	case given != nil:
		f.Output = *given
	default:
		section{outputShape(&f.Output)}.unset(nil)
	}
	if f.Output.Mode != drop {
		return
	}
	if f.Keep != nil {
		r.problem("keep", "a rule of what stays with output.mode: drop", "no keep", "an identity that may only put can neither list nor delete; expire objects by a lifecycle rule of the bucket")
	}
	if r.given("carry") {
		r.problem("carry", "a rule of what is carried with output.mode: drop", "no carry", "an identity that may only put cannot read the rows of the last run")
	}
}

func keepShape(k *Keep) shape {
	return shape{
		name: "keep",
		keys: []entry{
			{key: "daily", value: integer(&k.Daily, 0, 10_000), doc: "how many days with a snapshot to keep"},
			{key: "weekly", value: integer(&k.Weekly, 0, 10_000), doc: "how many weeks to keep the last snapshot of"},
			{key: "monthly", value: integer(&k.Monthly, 0, 10_000), doc: "how many months to keep the last snapshot of"},
		},
		done: func(r *reader, key string) {
			if *k == (Keep{}) {
				r.problem(key, "nothing to keep", "at least one of daily, weekly, monthly above 0", "without the key keep every snapshot stays")
			}
		},
	}
}
