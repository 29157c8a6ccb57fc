package sim

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Role is a role that can be assumed.
type Role struct {
	Name       string
	Trusts     []string // principals: account IDs, or ARNs of users and roles
	ExternalID string   // "": none is asked for
	Accepts    []string // further external IDs
	Allow      []string // IAM action patterns with *; nil: everything
	MaxSession time.Duration
}

// allows says whether the role's identity policies grant an action.
func (r Role) allows(action string) bool {
	if r.Allow == nil {
		return true
	}
	return slices.ContainsFunc(r.Allow, func(pattern string) bool { return like(pattern, action) })
}

// like matches an IAM pattern; case counts for neither.
func like(pattern, s string) bool {
	pattern, s = strings.ToLower(pattern), strings.ToLower(s)
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, head)
	if !ok {
		return false
	}
	parts := strings.Split(rest, "*")
	for _, part := range parts[:len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, parts[len(parts)-1])
}

// principal is who signed a call.
type principal struct {
	account *account
	arn     string
	userID  string
	session *session // nil: a user with keys of its own
}

// session is what AssumeRole gave out.
type session struct {
	account   *account
	role      string
	name      string
	token     string
	expires   time.Time // in the company's time
	countdown *int      // calls left, shared by the sessions that ExpireSessions named; nil: no limit
}

// principal finds who signed; nil where nobody is known by that key and token.
func (o *Organization) principal(s scope) *principal {
	o.mu.Lock()
	defer o.mu.Unlock()
	if a, ok := o.state.keys[s.key]; ok {
		d := o.seed.s("automation user").s(a.id).draw()
		return &principal{account: a, arn: o.userARN(a, automation), userID: "AIDA" + d.upper(17)}
	}
	held, ok := o.state.sessions[s.key]
	if !ok || held.token != s.token {
		return nil
	}
	return &principal{
		account: held.account,
		arn:     o.arn("sts", "", held.account.id, "assumed-role/"+held.role+"/"+held.name),
		userID:  o.roleID(held.account, held.role) + ":" + held.name,
		session: held,
	}
}

func (o *Organization) accessKeyOf(a *account) string {
	d := o.seed.s("access key").s(a.id).draw()
	return "AKIA" + d.upper(16)
}

func (o *Organization) userARN(a *account, name string) string {
	return o.arn("iam", "", a.id, "user/"+name)
}

func (o *Organization) roleID(a *account, name string) string {
	d := o.seed.s("role").s(a.id).s(name).draw()
	return "AROA" + d.upper(17)
}

// absent: the region has no endpoint of the service.
func absent(c *call) error {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	if c.o.state.absent[place{c.region, c.service.name}] {
		return noSuchHost(c.method, c.host)
	}
	return nil
}

func authenticate(c *call) error {
	d := c.service.dialect
	if c.who == nil {
		return &d.invalidKey
	}
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	if s := c.who.session; s != nil {
		if !c.now.Before(s.expires) {
			return &d.expired
		}
		if s.countdown != nil {
			if *s.countdown <= 0 {
				return &d.expired
			}
			*s.countdown--
		}
	}
	if c.o.closedLocked(c.account) {
		return &d.invalidKey
	}
	return nil
}

// inRegion: an account that has not turned a region on is unknown there.
func inRegion(c *call) error {
	if c.service.global || (c.service.name == "sts" && c.region == c.o.home()) {
		return nil
	}
	if c.o.regionStatus(c.account, c.region).on() {
		return nil
	}
	return &c.service.dialect.invalidKey
}

func notThrottled(c *call) error {
	if c.o.take(ruleThrottle, c) != nil || c.o.tooFast(c) {
		return &c.service.dialect.throttled
	}
	return nil
}

func notFailing(c *call) error {
	if r := c.o.take(ruleFail, c); r != nil {
		f := r.fault
		if f.Code == "" {
			f = c.service.dialect.internal
		}
		return &f
	}
	return nil
}

func enabled(c *call) error {
	if c.o.take(ruleDisable, c) != nil {
		f := c.service.notEnabled
		f.Message = strings.ReplaceAll(f.Message, "{account}", c.account.id)
		return &f
	}
	return nil
}

// authorize evaluates the service control policies, then the caller's own policies.
func authorize(c *call) error {
	for _, action := range c.operation.actions() {
		// Service control policies bind members only.
		if c.account != c.o.management && c.o.take(ruleSCP, c) != nil {
			return c.denied(action, "with an explicit deny in a service control policy", true)
		}
		allowed := true
		if s := c.who.session; s != nil {
			role, ok := c.o.role(s.account, s.role)
			allowed = ok && role.allows(action)
		}
		if !allowed || c.o.take(ruleDeny, c) != nil {
			return c.denied(action, "because no identity-based policy allows the "+action+" action", false)
		}
	}
	return nil
}

// denied words a refusal as the family of services does.
func (c *call) denied(action, why string, explicit bool) error {
	d := c.service.dialect.denied
	text := fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s %s", c.who.arn, action, c.resource(), why)
	if c.service.name != "ec2" {
		return d.saying(text)
	}
	if !explicit {
		text = fmt.Sprintf("User: %s is not authorized to perform: %s %s", c.who.arn, action, why)
	}
	b := c.o.seed.s("authorization failure").s(c.who.arn).s(action).draw()
	secret := base64.RawURLEncoding.EncodeToString([]byte(b.alnum(150)))
	return d.saying("You are not authorized to perform this operation. " + text + ". Encoded authorization failure message: " + secret)
}

// resource names what was asked for, roughly as AWS does where a call has no resource of its own.
func (c *call) resource() string {
	switch c.service.name {
	case "s3":
		if b := c.bucketName(); b != "" {
			return `"` + c.o.arnPrefix() + ":s3:::" + b + `"`
		}
		return `"` + c.o.arnPrefix() + `:s3:::*"`
	case "iam":
		return c.o.arn("iam", "", c.account.id, "*")
	case "organizations":
		return "*"
	case "sts":
		return c.text("RoleArn")
	}
	return c.o.arn(c.service.prefix, c.region, c.account.id, "*")
}

func (o *Organization) arnPrefix() string { return "arn:" + o.opts.Partition }
