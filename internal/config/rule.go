package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// rule is what a string must look like; the decoder and the JSON Schema both
// ask it.
type rule struct {
	expect   string // completes "expected …"
	hint     string
	pattern  *regexp.Regexp
	deny     *regexp.Regexp
	min, max int // length in characters; 0 is no bound
	words    []string
}

func (ru rule) fits(s string) bool {
	n := utf8.RuneCountInString(s)
	return n >= ru.min && (ru.max == 0 || n <= ru.max) &&
		(ru.words == nil || slices.Contains(ru.words, s)) &&
		(ru.pattern == nil || ru.pattern.MatchString(s)) &&
		(ru.deny == nil || !ru.deny.MatchString(s))
}

func (ru rule) schema() map[string]any {
	s := map[string]any{"type": "string"}
	if ru.min > 0 {
		s["minLength"] = ru.min
	}
	if ru.max > 0 {
		s["maxLength"] = ru.max
	}
	if ru.words != nil {
		s["enum"] = ru.words
	}
	if ru.pattern != nil {
		s["pattern"] = ru.pattern.String()
	}
	if ru.deny != nil {
		s["not"] = map[string]any{"pattern": ru.deny.String()}
	}
	return s
}

// partition is a separate world of AWS: no role leads from one to another.
type partition struct {
	name   string
	region string // pattern of its region names
	home   string // where its global services are called
}

var partitions = []partition{
	{"aws", `(us|eu|ap|sa|ca|me|af|il|mx)-[a-z]+-\d+`, "us-east-1"},
	{"aws-cn", `cn-[a-z]+-\d+`, "cn-northwest-1"},
	{"aws-us-gov", `us-gov-[a-z]+-\d+`, "us-gov-west-1"},
	{"aws-eusc", `eusc-de-[a-z]+-\d+`, "eusc-de-east-1"},
	{"aws-iso", `us-iso-[a-z]+-\d+`, "us-iso-east-1"},
	{"aws-iso-b", `us-isob-[a-z]+-\d+`, "us-isob-east-1"},
	{"aws-iso-e", `eu-isoe-[a-z]+-\d+`, "eu-isoe-west-1"},
	{"aws-iso-f", `us-isof-[a-z]+-\d+`, "us-isof-south-1"},
}

func each(of func(partition) string) []string {
	out := make([]string, len(partitions))
	for i, p := range partitions {
		out[i] = of(p)
	}
	return out
}

// partitionOf takes a region name or a role ARN; "" is neither, or an ARN
// template that leaves the partition open.
func partitionOf(s string) string {
	if rest, ok := strings.CutPrefix(s, "arn:"); ok {
		name, _, _ := strings.Cut(rest, ":")
		if name == "{partition}" {
			return ""
		}
		return name
	}
	for i, re := range regionPatterns {
		if re.MatchString(s) {
			return partitions[i].name
		}
	}
	return ""
}

// HomeRegion is where global services of a partition are called.
func HomeRegion(partition string) string {
	for _, p := range partitions {
		if p.name == partition {
			return p.home
		}
	}
	return partitions[0].home
}

var (
	partitionNames   = each(func(p partition) string { return p.name })
	anyPartition     = strings.Join(partitionNames, "|")
	anyRegion        = strings.Join(each(func(p partition) string { return p.region }), "|")
	regionPatterns   = compileEach(each(func(p partition) string { return `^` + p.region + `$` }))
	referencePattern = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)
)

func compileEach(patterns []string) []*regexp.Regexp {
	out := make([]*regexp.Regexp, len(patterns))
	for i, p := range patterns {
		out[i] = regexp.MustCompile(p)
	}
	return out
}

const (
	rolePath = `([!-z|~]+/)*`
	roleName = `[A-Za-z0-9_+=,.@-]{1,64}`
	// In a member role's name the templates stand for what differs by account.
	// Its path has no colon, or an ARN of one fixed account would pass for one.
	memberPath = `([!-9;-z|~]+/)*`
	memberName = `([A-Za-z0-9_+=,.@-]|\{account_id\}|\{partition\}){1,64}`

	keyID    = `(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})`
	keyAlias = `alias/[A-Za-z0-9/_-]{1,250}`
)

var (
	control = regexp.MustCompile(`[\x00-\x1f\x7f]`)

	anyText = rule{expect: "one line of text", min: 1, deny: control}

	localPath = rule{
		expect: "the path of a local folder",
		hint:   "for the home directory write ${HOME}/…",
		min:    1,
		deny:   regexp.MustCompile(`^(~|[A-Za-z][A-Za-z0-9+.-]*://)|` + control.String()),
	}
	// A prefix has no =, which engines would read as a partition, nothing that
	// a glob or a URL gives a meaning to, and no part that begins with a dot,
	// which engines skip.
	bucketURL = rule{
		expect:  "s3://BUCKET/PREFIX",
		pattern: regexp.MustCompile(`^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*/?$`),
		deny:    regexp.MustCompile(`^s3://[^/]*\.\.|^s3://[0-9]+(\.[0-9]+){3}(/|$)`),
		max:     512,
	}
	link = rule{
		expect:  "a link that starts with https://",
		pattern: regexp.MustCompile(`^https?://\S+$`),
	}
	sourceName = rule{
		expect:  "a name of up to 63 lower-case letters, digits, - and _ that starts with a letter or digit",
		pattern: regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`),
	}
	accountID = rule{
		expect:  "an account ID: 12 digits in quotes",
		pattern: regexp.MustCompile(`^[0-9]{12}$`),
	}
	unitID = rule{
		expect:  "the ID of a root (r-…) or an organizational unit (ou-…-…)",
		pattern: regexp.MustCompile(`^(r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[0-9a-z]{8,32})$`),
	}
	roleReference = rule{
		expect:  "a role ARN of the form arn:PARTITION:iam::ACCOUNT_ID:role/NAME",
		pattern: regexp.MustCompile(`^arn:(` + anyPartition + `):iam::[0-9]{12}:role/` + rolePath + roleName + `$`),
		max:     2048,
	}
	memberRole = rule{
		expect:  "a role name, PATH/NAME, or a role ARN with {account_id} in the account's place",
		hint:    "the only templates are {account_id} and {partition}",
		pattern: regexp.MustCompile(`^(arn:(\{partition\}|` + anyPartition + `):iam::\{account_id\}:role/|/)?` + memberPath + memberName + `$`),
		max:     2048,
	}
	externalID = rule{
		expect:  "an external ID: 2 to 1224 letters, digits and _+=,.@:/-",
		pattern: regexp.MustCompile(`^[A-Za-z0-9_+=,.@:/-]*$`),
		min:     2,
		max:     1224,
	}
	sessionName = rule{
		expect:  "a session name: 2 to 64 letters, digits and _+=,.@-",
		pattern: regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{2,64}$`),
	}
	accessKeyID = rule{
		expect:  "an access key ID: 16 to 128 letters, digits and _",
		pattern: regexp.MustCompile(`^[A-Za-z0-9_]{16,128}$`),
	}
	keyMaterial = rule{
		expect:  "key material without spaces",
		pattern: regexp.MustCompile(`^[!-~]+$`),
	}
	regionName = rule{
		expect:  "a region name such as eu-central-1",
		pattern: regexp.MustCompile(`^(` + anyRegion + `)$`),
	}
	storeID = rule{
		expect:  "an identity store ID such as d-1234567890",
		pattern: regexp.MustCompile(`^(d-[0-9a-f]{10}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$`),
	}
	collectPattern = rule{
		expect: "a stream, a table, or a glob that matches some",
		min:    1,
		deny:   control,
	}
	rateKey = rule{
		expect:  "a service such as ec2, or an operation such as ec2:DescribeInstances",
		pattern: regexp.MustCompile(`^[a-z][a-z0-9-]*(:[A-Z][A-Za-z0-9]*)?$`),
	}
	serverURL = rule{
		expect:  "a URL such as https://s3.example.com:9000, without user, query or fragment",
		pattern: regexp.MustCompile(`^https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?(/[A-Za-z0-9_./-]*)?$`),
	}
	// Servers other than AWS's have regions of other names.
	bucketRegion = rule{
		expect:  regionName.expect,
		pattern: regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`),
	}
	kmsKey = rule{
		expect: "the ARN or ID of a KMS key, or alias/NAME",
		pattern: regexp.MustCompile(`^(arn:(` + anyPartition + `):kms:(` + anyRegion + `):[0-9]{12}:(key/` + keyID + `|` + keyAlias + `)|` +
			keyID + `|` + keyAlias + `)$`),
	}
	storageClass = rule{
		expect: "one of " + quoted(readable),
		hint:   "what is in an archive class cannot be read when it is asked for",
		words:  readable,
	}
	tagKey = rule{
		expect:  "a tag's key: up to 128 letters, digits, spaces and _.:/=+@-, not beginning with aws:",
		pattern: regexp.MustCompile(`^[\p{L}\p{N} _.:/=+@-]+$`),
		deny:    regexp.MustCompile(`^[aA][wW][sS]:`),
		max:     128,
	}
	tagValue = rule{
		expect:  "a tag's value: up to 256 letters, digits, spaces and _.:/=+@-, no colon before a space",
		hint:    "in { } a key with a colon needs quotes",
		pattern: regexp.MustCompile(`^[\p{L}\p{N} _.:/=+@-]*$`),
		deny:    regexp.MustCompile(`: `), // how the parser reads {a:b: c}
		max:     256,
	}
	cronText = rule{
		expect: `five fields of cron such as "30 2 * * *", or a word such as @daily`,
		min:    1,
		deny:   control,
	}
	timeZone = rule{
		expect: "a time zone such as Europe/Berlin or UTC",
		min:    1,
		deny:   control,
	}
	listenAddress = rule{
		expect:  "an address such as 127.0.0.1:9108, or :9108 for all of the machine's",
		pattern: regexp.MustCompile(`^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]*):[0-9]{1,5}$`),
	}
	hostName = rule{
		expect:  "the name or address of a host",
		pattern: regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$|^[0-9A-Fa-f:]+:[0-9A-Fa-f:.]+$`),
		max:     253,
	}
	mailAddress = rule{
		expect:  "an e-mail address such as cloud@example.com",
		pattern: regexp.MustCompile(`^[^\s@<>()",;:\\]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`),
		deny:    control,
		max:     254,
	}
	password = rule{expect: "a password: one line of text", min: 1, deny: control}

	webhookURL = rule{
		expect:  "a URL that starts with https:// or http://",
		pattern: regexp.MustCompile(`^https?://[A-Za-z0-9\[][!-~]*$`),
	}
	durationText = rule{
		expect:  "a duration such as 90s, 1h or 14d",
		pattern: regexp.MustCompile(`^([0-9]+d|([0-9]+(\.[0-9]+)?(ms|s|m|h))+)$`),
	}
)

// readable are the storage classes whose objects can be read at once.
var readable = []string{"STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"}

func oneOf(words ...string) rule {
	return rule{expect: "one of " + quoted(words), words: words}
}

func quoted(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = fmt.Sprintf("%q", w)
	}
	return strings.Join(out, ", ")
}

// outline describes a secret by its length and by the worst kind of character
// in it; the characters themselves stay hidden.
func outline(s string) string {
	what := fmt.Sprintf("a hidden value of length %d", utf8.RuneCountInString(s))
	kinds := []struct {
		name string
		is   func(rune) bool
	}{
		{"a space or line break", unicode.IsSpace},
		{"a control character", unicode.IsControl},
		{"a character outside ASCII", func(c rune) bool { return c > unicode.MaxASCII }},
		{"a punctuation mark other than _+=,.@:/-", func(c rune) bool { return !externalID.pattern.MatchString(string(c)) }},
	}
	for _, k := range kinds {
		if strings.ContainsFunc(s, k.is) {
			return what + " with " + k.name + " in it"
		}
	}
	return what
}
