package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The shapes below are the one description of the file.

func fileShape(f *File) shape {
	var output *Output
	return shape{
		name: "file",
		keys: []entry{
			{key: "warehouse", value: place(&f.Warehouse), required: true,
				doc: "the folder of the warehouse, whose relative path starts at this file, or s3://BUCKET/PREFIX"},
			{key: "output", value: maybe(&output, outputShape),
				doc: "how a warehouse on S3 is written and read; not for a folder"},
			{key: "spool", value: text(&f.Spool, localPath), sample: "warehouse/.spool",
				doc: "the folder for what a run has collected and not loaded yet; where left out .spool in the warehouse, or .stocktake/spool beside this file for a warehouse on S3"},
			{key: "external_ids", value: text(&f.ExternalIDs, localPath),
				doc: "a file with the external IDs of roles that have none in this file, which stocktake access external-ids makes and no other user may read; its relative path starts at this file"},
			{key: "require_external_id", value: boolean(&f.RequireExternalID), def: false,
				doc: "whether a source with a role that would be entered without an external ID is refused"},
			{key: "httpfs", value: text(&f.HTTPFS, localPath),
				doc: "the file of DuckDB's httpfs extension, which queries of a warehouse on S3 need; looked for in the standard places where left out"},
			{key: "simulation", value: maybe(&f.Simulation, simulationShape),
				doc: "a simulated organization in place of AWS"},
			{key: "sources", value: mappings(&f.Sources, sourceShape, func(s Source) string { return s.Name }, ".name"), required: true,
				doc: "the ways into AWS: a list of sources; of two that cover the same account, region and table the first collects"},
			{key: "keep", value: maybe(&f.Keep, keepShape), sample: map[string]any{"daily": 31, "weekly": 13, "monthly": 24},
				doc: "which snapshots stay after a run; all where left out"},
			{key: "max_duration", value: duration(&f.MaxDuration, "1m", "30d"), sample: "6h",
				doc: "how long a run may take; what is not collected by then is recorded as failed, and the run is published; without limit where left out"},
			{key: "schedule", value: maybe(&f.Schedule, scheduleShape), sample: map[string]any{"cron": "30 2 * * *"},
				doc: "when stocktake schedule starts runs by itself"},
			{key: "alerts", value: section{alertsShape(&f.Alerts)},
				doc: "who hears of runs that need someone; stocktake schedule sends them"},
			{key: "concurrency", value: section{concurrencyShape(&f.Concurrency)},
				doc: "how much runs at the same time"},
			{key: "rates", value: dictionary[Rate]{p: &f.Rates, keys: rateKey, item: func(r *Rate) value { return section{rateShape(r)} }}, sample: map[string]any{"iam": map[string]any{"per_second": 5, "burst": 10}},
				doc: "request rates of one account and region, by service or service:Operation, that replace the built-in ones; an operation that has a slower one built in keeps it unless it is named itself"},
			{key: "retry", value: section{retryShape(&f.Retry)},
				doc: "when a call is given up"},
			{key: "carry", value: section{carryShape(&f.Carry)},
				doc: "what becomes of rows that could not be collected anew"},
			{key: "full_pull", value: duration(&f.FullPull, "0s", "90d"), def: "7d",
				doc: "how often findings that are read incrementally, by what has changed, are read as a whole, since what AWS deletes is not among the changes; 0s is in every run"},
			{key: "cloudtrail", value: section{cloudTrailShape(&f.CloudTrail)},
				doc: "which events the table aws_cloudtrail_events takes"},
			{key: "ecr", value: section{ecrShape(&f.ECR)},
				doc: "of which images the table aws_ecr_image_scan_findings takes the scans"},
			{key: "metrics", value: section{metricsShape(&f.Metrics)},
				doc: "which metrics the table aws_cloudwatch_metric_data takes"},
			{key: "accept_blocked", value: boolean(&f.AcceptBlocked), def: false,
				doc: "whether units that a service control policy or permission boundary blocks leave the exit code at 0"},
			{key: "redact", value: text(&f.Redact, oneOf("", "personal")), sample: "personal",
				doc: "the word personal stores names, e-mail addresses and phone numbers as hashes; secrets are always removed"},
		},
		done: func(r *reader, key string) {
			finishOutput(r, f, output)
			finishPaths(f)
			f.Metrics.read(r)
			finishSources(r, f)
			if r.before != nil {
				r.before(r, f)
			}
			if readExternalIDs(r, f) {
				requireExternalIDs(r, f)
			}
			checkJobs(r, f)
			checkAlerts(r, f)
		},
	}
}

func cloudTrailShape(c *CloudTrail) shape {
	return shape{
		name: "cloudtrail",
		keys: []entry{
			{key: "look_back", value: duration(&c.LookBack, "1m", "90d"), def: "1d", doc: "how far back the first run reads; later ones go on where the last has ended. CloudTrail keeps 90 days, and answers 100 events a second"},
			{key: "read_only", value: boolean(&c.ReadOnly), def: false, doc: "whether events that only read are taken too; they are most of all events"},
		},
	}
}

func ecrShape(e *ECR) shape {
	return shape{
		name: "ecr",
		keys: []entry{
			{key: "newest", value: integer(&e.Newest, 0, 100_000), def: 0, doc: "how many images of each repository are asked for their scans, those that were pushed last; coverage says how many that leaves out, and all within it are asked in every run; 0 is all images"},
		},
	}
}

func metricsShape(m *Metrics) shape {
	return shape{
		name: "metrics",
		keys: []entry{
			{key: "list", value: text(&m.List, localPath), doc: "a file with the metrics and statistics of each namespace, in place of the built-in list, which stocktake metrics prints"},
			{key: "look_back", value: duration(&m.LookBack, "5m", "15d"), def: "3h", doc: "how far back the first run reads; later ones go on where the last has ended"},
		},
	}
}

func simulationShape(s *Simulation) shape {
	return shape{
		name: "simulation",
		keys: []entry{
			{key: "seed", value: integer(&s.Seed, -1<<53, 1<<53), def: 1, doc: "the number that the organization grows from; the same one gives the same organization"},
			{key: "accounts", value: integer(&s.Accounts, 1, 10_000), def: 25, doc: "how many accounts it has"},
			{key: "regions", value: integer(&s.Regions, 1, 17), def: 4, doc: "how many regions it uses"},
			{key: "scale", value: number(&s.Scale, 1000), def: 1, doc: "the factor on the number of resources"},
			{key: "partition", value: text(&s.Partition, oneOf("aws", "aws-cn", "aws-us-gov", "aws-eusc")), def: "aws", doc: "the partition it lives in"},
			{key: "faults", value: boolean(&s.Faults), def: true, doc: "whether it has its built-in troubles, such as a partly denied account"},
		},
	}
}

func sourceShape(s *Source) shape {
	return shape{
		name: "source",
		keys: []entry{
			{key: "name", value: text(&s.Name, sourceName), required: true, doc: "the name of the source, as it appears in coverage"},
			{key: "contact", value: text(&s.Contact, anyText), doc: "who to ask about the source"},
			{key: "console", value: text(&s.Console, link), doc: "a link to the source's console"},
			{key: "activate", value: boolean(&s.Activate), def: true, doc: "whether the source takes part in runs"},
			{key: "credentials", value: maybe(&s.Credentials, credentialsShape),
				doc: "the base identity that takes the first hop; the SDK's default chain where left out"},
			{key: "keys", value: maybe(&s.Keys, keysShape), doc: "credentials of one account; {} is the SDK's default chain"},
			{key: "role", value: maybe(&s.Role, roleShape), doc: "one role to assume"},
			{key: "roles", value: mappings(&s.Roles, listedRoleShape, Role.last, ""), doc: "a list of roles to assume, one for each account"},
			{key: "organization", value: maybe(&s.Organization, organizationShape),
				doc: "all accounts of an organization, each through a role of one name"},
			{key: "external_id", value: secret(&s.ExternalID, externalID), doc: "the external ID of all hops of roles that have none of their own"},
			{key: "regions", value: regions{&s.Regions}, required: true, doc: "a list of region names, or the word all for those that each account has enabled"},
			{key: "home_region", value: located(&s.HomeRegion, regionName),
				doc: "the region where global services are called; the partition's usual one where left out"},
			{key: "collect", value: texts(&s.Collect, collected), required: true, doc: "a list of what to collect: streams, tables, or globs over them"},
			{key: "identity_store", value: maybe(&s.IdentityStore, identityStoreShape),
				doc: "the identity store, where the role may not search for it"},
			{key: "organization_views", value: texts(&s.OrganizationViews, ruled(oneOf("resource_explorer"))), sample: []any{"resource_explorer"},
				doc: "services whose view of the whole organization is read in place of each account's own: resource_explorer, where the delegated administrator, or else the organization's account, has a view of the organization beside its aggregator index"},
		},
		choices: []choice{{keys: []string{"keys", "role", "roles", "organization"}, required: true}},
		needs:   []need{{"external_id", "roles"}},
		done: func(*reader, string) {
			for _, role := range s.Roles {
				for i := range role.Hops {
					if role.Hops[i].ExternalID == "" {
						role.Hops[i].ExternalID = s.ExternalID
					}
				}
			}
		},
	}
}

func credentialsShape(k *Keys) shape {
	return shape{
		name: "credentials",
		keys: []entry{
			{key: "profile", value: text(&k.Profile, anyText), doc: "a profile of the shared AWS configuration"},
			{key: "access_key_id", value: secret(&k.AccessKeyID, accessKeyID), doc: "an access key ID, best as ${NAME}"},
			{key: "secret_access_key", value: guarded(&k.SecretAccessKey, keyMaterial), doc: "its secret; literal only in a file that others cannot read"},
			{key: "session_token", value: guarded(&k.SessionToken, keyMaterial), doc: "its session token, if it is temporary; literal only in a file that others cannot read"},
		},
		choices: []choice{{keys: []string{"profile", "access_key_id"}}},
		needs: []need{
			{"access_key_id", "secret_access_key"},
			{"secret_access_key", "access_key_id"},
			{"session_token", "access_key_id"},
		},
	}
}

func keysShape(k *Keys) shape {
	s := credentialsShape(k)
	s.name = "keys"
	s.keys = append(s.keys, entry{key: "account", value: text(&k.Account, accountID), doc: "the account that they must turn out to belong to"})
	return s
}

// hopKeys are the keys of one hop, in a list of hops or as the short form.
func hopKeys(h *Hop) []entry {
	return []entry{
		{key: "role_arn", value: located(&h.RoleARN, roleReference), doc: "the role to assume"},
		{key: "external_id", value: secret(&h.ExternalID, externalID), doc: "the external ID that its trust policy asks for"},
		{key: "session_name", value: text(&h.SessionName, sessionName), doc: "the session's name in CloudTrail; made from the run where left out"},
		{key: "duration", value: duration(&h.Duration, "15m", "12h"), def: "1h", doc: "how long the session lasts; at most 1h from the second hop on"},
	}
}

func hopShape(h *Hop) shape {
	s := shape{name: "hop", keys: hopKeys(h)}
	s.keys[0].required = true
	return s
}

// chainShape is a list of hops, or the keys of a single one in its place.
func chainShape(name string, hops *[]Hop, required bool) shape {
	var single Hop
	return shape{
		name: name,
		keys: append(hopKeys(&single), entry{key: "hops", value: mappings(hops, hopShape, nil, ""),
			doc: "a list of roles to assume one after the other, in place of role_arn"}),
		choices: []choice{{keys: []string{"role_arn", "hops"}, required: required}},
		needs:   []need{{"external_id", "role_arn"}, {"session_name", "role_arn"}, {"duration", "role_arn"}},
		done: func(r *reader, key string) {
			if *hops == nil && single.RoleARN != "" {
				*hops = []Hop{single}
			}
			for i, h := range *hops {
				if i > 0 && h.Duration > time.Hour {
					r.problem(fmt.Sprintf("%s.hops[%d].duration", key, i), h.Duration.String(), "at most 1h",
						"AWS allows no more where one role assumes the next")
				}
			}
		},
	}
}

func listedRoleShape(role *Role) shape {
	s := chainShape("listed_role", &role.Hops, true)
	s.keys = append(s.keys, entry{key: "account", value: text(&role.Account, accountID), doc: "the account that the last hop must lead to"})
	chain := s.done
	s.done = func(r *reader, key string) {
		chain(r, key)
		account := accountOf(role.last())
		if role.Account != "" && account != "" && role.Account != account {
			r.problem(key+".account", shown(role.Account), "the account of the last hop's role", "")
		}
		role.Account = account
	}
	return s
}

func roleShape(role *Role) shape {
	s := listedRoleShape(role)
	s.name = "role"
	s.keys = append(s.keys, entry{key: "whole_organization", value: boolean(&role.WholeOrganization), def: false,
		doc: "whether the role lists the accounts of its organization, each of which is then entered through a role of the same name"})
	return s
}

// last is the ARN of the role that collects.
func (role Role) last() string {
	if len(role.Hops) == 0 {
		return ""
	}
	return role.Hops[len(role.Hops)-1].RoleARN
}

func accountOf(arn string) string {
	parts := strings.Split(arn, ":")
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}

func organizationShape(o *Organization) shape {
	return shape{
		name: "organization",
		keys: []entry{
			{key: "discovery", value: maybe(&o.Discovery, discoveryShape),
				doc: "the identity that lists the accounts, usually a role in the management account; the base credentials where left out"},
			{key: "member_role", value: text(&o.MemberRole, memberRole), required: true,
				doc: "the role to assume in each account: a name, PATH/NAME, or a role ARN; {account_id} and {partition} stand for the account's"},
			{key: "external_id", value: secret(&o.ExternalID, externalID), doc: "the external ID that the member role's trust policy asks for"},
			{key: "session_name", value: text(&o.SessionName, sessionName), doc: "the session's name in CloudTrail; made from the run where left out"},
			{key: "duration", value: duration(&o.Duration, "15m", "12h"), def: "1h", doc: "how long a session in a member account lasts"},
			{key: "accounts", value: section{filterShape(&o.Accounts)}, doc: "which of the accounts to collect; all where left out"},
		},
		done: func(r *reader, key string) {
			if name := partitionOf(o.MemberRole); strings.HasPrefix(o.MemberRole, "arn:") && name != "" {
				r.clues = append(r.clues, clue{join(key, "member_role"), name})
			}
		},
	}
}

func discoveryShape(d *Discovery) shape {
	s := chainShape("discovery", &d.Hops, false)
	s.keys = append(s.keys, entry{key: "credentials", value: maybe(&d.Credentials, credentialsShape),
		doc: "the identity that takes the first hop; the source's where left out"})
	return s
}

func filterShape(a *AccountFilter) shape {
	return shape{
		name: "accounts",
		keys: []entry{
			{key: "include", value: texts(&a.Include, ruled(accountID)), sample: []any{"111122223333"}, doc: "the only accounts to collect"},
			{key: "exclude", value: texts(&a.Exclude, ruled(accountID)), sample: []any{"444455556666"}, doc: "accounts to leave out"},
			{key: "units", value: texts(&a.Units, ruled(unitID)), sample: []any{"ou-ab12-11111111"}, doc: "the only roots and organizational units to collect, with all below them"},
		},
		done: func(r *reader, key string) {
			for i, id := range a.Exclude {
				if id != "" && slices.Contains(a.Include, id) {
					r.problem(fmt.Sprintf("%s.exclude[%d]", key, i), "an account that include names too", "each account in one of the lists", "")
				}
			}
		},
	}
}

func identityStoreShape(s *IdentityStore) shape {
	return shape{
		name: "identity_store",
		keys: []entry{
			{key: "id", value: text(&s.ID, storeID), required: true, doc: "the ID of the store"},
			{key: "region", value: located(&s.Region, regionName), required: true, doc: "the region of the store"},
		},
	}
}

func concurrencyShape(c *Concurrency) shape {
	return shape{
		name: "concurrency",
		keys: []entry{
			{key: "accounts", value: integer(&c.Accounts, 1, 1000), def: 16, doc: "accounts at the same time"},
			{key: "units", value: integer(&c.Units, 1, 10_000), def: 384, doc: "units at the same time, over all accounts; most of them wait for AWS"},
			{key: "per_service", value: integer(&c.PerService, 1, 100), def: 4, doc: "calls in flight for each account, region and service"},
			{key: "s3", value: integer(&c.S3, 1, 1000), def: 32, doc: "calls in flight to S3 for each account and region, in place of per_service"},
		},
	}
}

func rateShape(rate *Rate) shape {
	return shape{
		name: "rate",
		keys: []entry{
			{key: "per_second", value: number(&rate.PerSecond, 10_000), required: true, doc: "requests per second over time"},
			{key: "burst", value: integer(&rate.Burst, 1, 10_000), def: 1, doc: "requests that may come at once"},
		},
	}
}

func retryShape(t *Retry) shape {
	return shape{
		name: "retry",
		keys: []entry{
			{key: "max_attempts", value: integer(&t.MaxAttempts, 1, 100), def: 8, doc: "attempts of one call, the first included"},
			{key: "max_backoff", value: duration(&t.MaxBackoff, "1ms", "1h"), def: "30s", doc: "the longest wait between two attempts"},
			{key: "timeout", value: duration(&t.Timeout, "1s", "1h"), def: "60s", doc: "the time that one attempt may take"},
		},
	}
}

func carryShape(c *Carry) shape {
	return shape{
		name: "carry",
		keys: []entry{
			{key: "max_age", value: duration(&c.MaxAge, "1h", "3650d"), def: "14d", doc: "how old the last good rows of a failing unit may get before they are dropped"},
		},
	}
}

// finishPaths makes local paths absolute.
func finishPaths(f *File) {
	absolute := func(path string) string {
		if filepath.IsAbs(path) {
			return filepath.Clean(path)
		}
		return filepath.Join(f.Dir, path)
	}
	spool := filepath.Join(".stocktake", "spool")
	if !f.OnS3() {
		f.Warehouse = absolute(f.Warehouse)
		spool = filepath.Join(f.Warehouse, ".spool")
	}
	f.Spool = absolute(cmp.Or(f.Spool, spool))
	if f.Metrics.List != "" {
		f.Metrics.List = absolute(f.Metrics.List)
	}
	if f.ExternalIDs != "" {
		f.ExternalIDs = absolute(f.ExternalIDs)
	}
	if f.HTTPFS != "" {
		f.HTTPFS = absolute(f.HTTPFS)
	}
}

// finishSources settles the partition of each source.
func finishSources(r *reader, f *File) {
	for i := range f.Sources {
		name := settlePartition(r, fmt.Sprintf("sources[%d]", i), f.Simulation)
		if s := &f.Sources[i]; s.HomeRegion == "" {
			s.HomeRegion = HomeRegion(name)
		}
	}
}

// settlePartition holds all that tells the partition of a source, or of the
// output, against each other. A role outweighs a region, since its ARN names
// the partition.
func settlePartition(r *reader, source string, sim *Simulation) string {
	clues := slices.DeleteFunc(slices.Clone(r.clues), func(c clue) bool { return !strings.HasPrefix(c.key, source+".") })
	slices.SortStableFunc(clues, func(a, b clue) int { return b.weight() - a.weight() })
	if sim != nil && sim.Partition != "" {
		clues = slices.Insert(clues, 0, clue{"simulation.partition", sim.Partition})
	}
	if len(clues) == 0 {
		return partitions[0].name
	}
	for _, c := range clues[1:] {
		if c.partition != clues[0].partition {
			r.problem(c.key, "partition "+c.partition, "partition "+clues[0].partition+", that of "+clues[0].key, "no role leads from one partition to another")
		}
	}
	return clues[0].partition
}
