package honesttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"stocktake/extract"
	"stocktake/extract/all"
	"stocktake/internal/outcome"
	"stocktake/internal/sim"
	"stocktake/schemas"
)

// TestPartitions runs all tables in each of AWS's partitions, those that the
// configuration does not simulate too. Endpoints are those that the SDK resolves.
func TestPartitions(t *testing.T) {
	for _, p := range []struct {
		name, home string
		domains    []string // of IPv4 alone, and of services that have both
	}{
		{"aws", "us-east-1", []string{"amazonaws.com", "api.aws"}},
		{"aws-cn", "cn-northwest-1", []string{"amazonaws.com.cn", "api.amazonwebservices.com.cn"}},
		{"aws-us-gov", "us-gov-west-1", []string{"amazonaws.com", "api.aws"}},
		{"aws-eusc", "eusc-de-east-1", []string{"amazonaws.eu", "api.amazonwebservices.eu"}},
		{"aws-iso", "us-iso-east-1", []string{"c2s.ic.gov", "api.aws.ic.gov"}},
		{"aws-iso-b", "us-isob-east-1", []string{"sc2s.sgov.gov", "api.aws.scloud"}},
		{"aws-iso-e", "eu-isoe-west-1", []string{"cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"}},
		{"aws-iso-f", "us-isof-south-1", []string{"csp.hci.ic.gov", "api.aws.hci.ic.gov"}},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			w, regions := partitionWorld(t, p.name)
			var off string
			if len(regions) > 1 {
				off = regions[1]
				w.org.DisableRegion(w.members[0], off)
			}
			hosts := listenHosts(w)
			result := w.run(t)

			asked := map[string]bool{}
			for _, h := range hosts() {
				asked[h.service] = true
				if !slices.ContainsFunc(p.domains, func(d string) bool { return strings.HasSuffix(h.host, "."+d) }) {
					t.Errorf("service %s in %s: got host %s, want one in %q", h.service, h.region, h.host, p.domains)
				}
				if global[h.service] && h.region != p.home {
					t.Errorf("service %s: asked in %s, want %s", h.service, h.region, p.home)
				}
			}
			for _, c := range w.collectors {
				if !asked[c.Service.ID] {
					t.Errorf("service %s is never asked", c.Service.Name)
				}
			}

			disabled := 0
			for c := range result.Coverage {
				switch {
				case c.Outcome.Incomplete(false):
					t.Errorf("%v: got %s: %s %s", idOf(c), c.Outcome, c.ErrorCode, c.ErrorMessage)
				case c.Outcome == outcome.RegionDisabled && c.AccountID == w.members[0] && c.Region == off:
					disabled++
				case c.Outcome == outcome.RegionDisabled:
					t.Errorf("%v: got %s", idOf(c), c.Outcome)
				}
			}
			if (disabled > 0) != (off != "") {
				t.Errorf("got %d tables in the region that is off", disabled)
			}
			read(t, w.open(t)).wantPartition(p.name, p.home)
		})
	}
}

// global are the services with one endpoint for the partition.
var global = map[string]bool{"IAM": true, "Organizations": true, "Route 53": true, "CloudFront": true, "Account": true}

// wantPartition looks at all columns of all tables that hold ARNs, and at where
// those of global services were asked for.
func (r *reader) wantPartition(partition, home string) {
	r.t.Helper()
	found := false
	for _, table := range r.tables() {
		if collectorOf[table].Scope == extract.Global {
			for _, got := range r.keys("SELECT DISTINCT collected_region FROM " + table + " WHERE collected_region <> '" + home + "'") {
				r.t.Errorf("%s: got rows collected in %s, want %s", table, got, home)
			}
		}
		sch, err := schemas.Newest(table)
		if err != nil {
			r.t.Fatal(err)
		}
		var others []string
		for _, c := range sch.AllColumns() {
			if c.Type != "utf8" || c.Name == "arn" && sch.ARN == "" {
				continue
			}
			wrong := fmt.Sprintf("starts_with(%q, 'arn:') AND NOT starts_with(%[1]q, 'arn:%s:')", c.Name, partition)
			switch c.Name {
			case "arn":
				wrong = fmt.Sprintf("NOT starts_with(arn, 'arn:%s:')", partition)
				found = true
			case "partition":
				wrong = fmt.Sprintf("partition <> '%s'", partition)
			}
			others = append(others, fmt.Sprintf("SELECT '%s ', min(%q) FROM %s WHERE %s HAVING count(*) > 0", c.Name, c.Name, table, wrong))
		}
		for _, got := range r.keys(strings.Join(others, " UNION ALL ")) {
			r.t.Errorf("%s: column %s, in partition %s", table, got, partition)
		}
	}
	if !found {
		r.t.Error("no table has ARNs: the test shows nothing")
	}
}

// partitionWorld is a company in two regions of a partition, where it has that
// many, whose source names them and collects all tables.
func partitionWorld(t *testing.T, partition string) (*world, []string) {
	t.Helper()
	regions := sim.Regions(partition, 2)
	w := &world{dir: t.TempDir(), now: monday, collectors: all.Collectors}
	w.org = sim.New(sim.Options{Seed: 7, Accounts: company.accounts, Regions: regions, Partition: partition, Scale: 0.05, Now: monday})
	for _, a := range w.org.Accounts() {
		if !slices.Contains([]string{w.org.Management(), w.org.SecurityAccount(), w.org.BaseAccount()}, a.ID) {
			w.members = append(w.members, a.ID)
		}
	}
	var tables []string
	for _, c := range all.Collectors {
		for _, table := range c.Tables {
			tables = append(tables, table.Name)
		}
	}
	arn, discoveryID := w.org.DiscoveryRole()
	role, memberID := w.org.MemberRole()
	w.file = w.load(t, fmt.Sprintf(`  - name: acme
    organization:
      discovery: {role_arn: %q, external_id: %q}
      member_role: %s
      external_id: %q
    regions: [%s]
    collect: [%s]
`, arn, discoveryID, role, memberID, strings.Join(regions, ", "), strings.Join(tables, ", ")))
	w.sweep(t)
	return w, regions
}

// host is whom a request was addressed to.
type host struct{ service, region, host string }

// listenHosts returns a function that returns the hosts of all requests so far.
func listenHosts(w *world) func() []host {
	var mu sync.Mutex
	var seen []host
	listen := middleware.FinalizeMiddlewareFunc("Hosts", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		h := host{awsmiddleware.GetServiceID(ctx), awsmiddleware.GetRegion(ctx), in.Request.(*smithyhttp.Request).URL.Host}
		mu.Lock()
		if !slices.Contains(seen, h) {
			seen = append(seen, h)
		}
		mu.Unlock()
		return next.HandleFinalize(ctx, in)
	})
	w.stack = append(w.stack, func(cfg *aws.Config) {
		cfg.APIOptions = append(cfg.APIOptions, func(s *middleware.Stack) error { return s.Finalize.Add(listen, middleware.After) })
	})
	return func() []host {
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
}
