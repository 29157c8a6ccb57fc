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
	"ec2":                     {perSecond: 20, burst: 100},
	"iam":                     {perSecond: 5, burst: 10, shared: true},
	"organizations":           {perSecond: 5, burst: 10, shared: true},
	"account":                 {perSecond: 5, burst: 10, shared: true},
	"securityhub":             {perSecond: 10, burst: 30},
	"securityhub.GetFindings": {perSecond: 3, burst: 6},
	"ssoadmin":                {perSecond: 10, burst: 20, shared: true},
	"identitystore":           {perSecond: 10, burst: 20, shared: true},
	"cloudwatch.ListMetrics":  {perSecond: 25, burst: 25},
	"cloudwatch":              {perSecond: 9, burst: 9},
	"sts":                     {perSecond: 600, burst: 600, shared: true},
}

// tooFast takes from the caller's bucket. It reads the process clock, which a testing bubble can fake.
func (o *Organization) tooFast(c *call) bool {
	if !o.opts.EnforceRates {
		return false
	}
	name := c.service.name
	p, ok := paces[name+"."+c.name]
	if !ok {
		p, ok = paces[name]
	}
	if !ok {
		p = standardPace
	}
	k := Key{Account: c.account.id, Region: c.region, Service: name, Operation: c.name}
	if p.shared {
		k.Operation = ""
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	b, ok := o.state.buckets[k]
	if !ok {
		b = rate.NewLimiter(p.perSecond, p.burst)
		o.state.buckets[k] = b
	}
	return !b.AllowN(time.Now(), 1)
}
