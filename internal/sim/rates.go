package sim

import (
	"time"

	"golang.org/x/time/rate"
)

// pace is a published request rate: per operation or for the whole service, per account and region.
type pace struct {
	perSecond rate.Limit
	burst     int
	shared    bool // one bucket for all operations of the service
}

var standardPace = pace{perSecond: 10, burst: 20}

// paces holds the rates by service, and by service and operation where one differs.
var paces = map[string]pace{
	"ec2":                      {perSecond: 20, burst: 100},
	"iam":                      {perSecond: 5, burst: 10, shared: true},
	"organizations":            {perSecond: 5, burst: 10, shared: true},
	"account":                  {perSecond: 5, burst: 10, shared: true},
	"securityhub":              {perSecond: 10, burst: 30},
	"securityhub.GetFindings":  {perSecond: 3, burst: 6},
	"ssoadmin":                 {perSecond: 10, burst: 20, shared: true},
	"identitystore":            {perSecond: 10, burst: 20, shared: true},
	"cloudwatch.ListMetrics":   {perSecond: 25, burst: 25},
	"cloudwatch":               {perSecond: 9, burst: 9},
	"route53":                  {perSecond: 5, burst: 5, shared: true},
	"sts":                      {perSecond: 600, burst: 600, shared: true},
	"resourceexplorer2":        {perSecond: 3, burst: 3},
	"resourceexplorer2.Search": {perSecond: 5, burst: 5},
}

// paceOf returns the rate of an operation, and by which of its parts calls share
// a bucket.
func paceOf(k Key) (pace, Key) {
	p, ok := paces[k.Service+"."+k.Operation]
	if !ok {
		p, ok = paces[k.Service]
	}
	if !ok {
		p = standardPace
	}
	if p.shared {
		k.Operation = ""
	}
	return p, k
}

// LeastTime is how long the calls of an account so far take at the least, at the
// rates that AWS allows: those of its slowest bucket.
func (o *Organization) LeastTime(account string) (least time.Duration) {
	buckets := map[Key]int{}
	o.mu.Lock()
	defer o.mu.Unlock()
	for k, n := range o.state.calls {
		if k.Account == account {
			_, bucket := paceOf(k)
			buckets[bucket] += n
		}
	}
	for k, n := range buckets {
		p, _ := paceOf(k)
		if over := n - p.burst; over > 0 {
			least = max(least, time.Duration(float64(over)/float64(p.perSecond)*float64(time.Second)))
		}
	}
	return least
}

// tooFast takes from the caller's bucket. It reads the process clock, which a testing bubble can fake.
func (o *Organization) tooFast(c *call) bool {
	if !o.opts.EnforceRates {
		return false
	}
	p, k := paceOf(Key{Account: c.account.id, Region: c.region, Service: c.service.name, Operation: c.name})
	o.mu.Lock()
	defer o.mu.Unlock()
	b, ok := o.state.buckets[k]
	if !ok {
		b = rate.NewLimiter(p.perSecond, p.burst)
		o.state.buckets[k] = b
	}
	return !b.AllowN(time.Now(), 1)
}
