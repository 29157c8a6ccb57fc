package sim

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
)

func stsService() service {
	return service{
		id: "STS", name: "sts", dialect: queryDialect,
		errors: model(
			func(m *string) smithy.APIError { return &types.ExpiredTokenException{Message: m} },
			func(m *string) smithy.APIError { return &types.RegionDisabledException{Message: m} },
		),
		operations: []operation{
			op(callerIdentity).withoutPermission(),
			op(assumeRole, "RoleArn", "RoleSessionName", "DurationSeconds", "ExternalId"),
		},
	}
}

func callerIdentity(c *call, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	return &sts.GetCallerIdentityOutput{
		Account: aws.String(c.account.id), Arn: aws.String(c.who.arn), UserId: aws.String(c.who.userID),
	}, nil
}

var (
	sessionNameForm = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	externalIDForm  = regexp.MustCompile(`^[\w+=,.@:/-]+$`)
)

func assumeRole(c *call, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	arn := aws.ToString(in.RoleArn)
	duration := time.Duration(aws.ToInt32(in.DurationSeconds)) * time.Second
	if duration == 0 {
		duration = time.Hour
	}
	if err := checkAssumeRole(c, in, duration); err != nil {
		return nil, err
	}
	a, role, ok := c.o.trusting(c.who, arn, aws.ToString(in.ExternalId))
	if !ok {
		// One answer for a missing role, a foreign caller and a wrong external ID: AWS does not say which.
		return nil, c.fault("AccessDenied", 403, "User: %s is not authorized to perform: sts:AssumeRole on resource: %s", c.who.arn, arn)
	}
	longest := role.MaxSession
	if longest == 0 {
		longest = time.Hour
	}
	if c.who.session != nil && duration > time.Hour {
		return nil, c.fault("ValidationError", 400, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	if duration > longest {
		return nil, c.fault("ValidationError", 400, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return c.o.issue(a, role.Name, aws.ToString(in.RoleSessionName), duration), nil
}

func checkAssumeRole(c *call, in *sts.AssumeRoleInput, duration time.Duration) error {
	switch {
	case !sessionNameForm.MatchString(aws.ToString(in.RoleSessionName)):
		return c.fault("ValidationError", 400, "1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]* and have length 2 to 64", aws.ToString(in.RoleSessionName))
	case in.ExternalId != nil && (len(*in.ExternalId) < 2 || len(*in.ExternalId) > 1224 || !externalIDForm.MatchString(*in.ExternalId)):
		return c.fault("ValidationError", 400, "1 validation error detected: Value at 'externalId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@:\\/-]* and have length 2 to 1224")
	case duration < 15*time.Minute || duration > 12*time.Hour:
		return c.fault("ValidationError", 400, "1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value between 900 and 43200", int(duration.Seconds()))
	case !strings.HasPrefix(aws.ToString(in.RoleArn), "arn:"):
		return c.fault("ValidationError", 400, "%s is invalid", aws.ToString(in.RoleArn))
	}
	return nil
}

// trusting finds the role of an ARN if its trust policy lets the caller in.
func (o *Organization) trusting(who *principal, arn, externalID string) (*account, Role, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	rest, ok := strings.CutPrefix(arn, o.arnPrefix()+":iam::")
	if !ok {
		return nil, Role{}, false
	}
	id, name, _ := strings.Cut(rest, ":role/")
	a, ok := o.byID[id]
	if !ok || o.closedLocked(a) {
		return nil, Role{}, false
	}
	role, ok := o.state.roles[roleKey{id, name}]
	if !ok || (role.ExternalID != "" && role.ExternalID != externalID && !slices.Contains(role.Accepts, externalID)) {
		return nil, Role{}, false
	}
	names := []string{who.account.id, who.arn, o.arn("iam", "", who.account.id, "root")}
	if s := who.session; s != nil {
		names = append(names, o.roleARN(s.account, s.role))
	}
	trusted := slices.ContainsFunc(role.Trusts, func(p string) bool { return slices.Contains(names, p) })
	return a, role, trusted
}

// issue starts a session. Its end is told in the process clock, which credential caches compare it with.
func (o *Organization) issue(a *account, role, name string, duration time.Duration) *sts.AssumeRoleOutput {
	o.mu.Lock()
	defer o.mu.Unlock()
	if limit := o.state.lifetime; limit > 0 {
		duration = min(duration, limit)
	}
	now := o.opts.Now.Add(o.state.advanced)
	o.state.issued++
	d := o.seed.s("session").i(o.state.issued).draw()
	key, token := "ASIA"+d.upper(16), d.alnum(200)
	o.forgetExpired(now)
	o.state.sessions[key] = &session{account: a, role: role, name: name, token: token, expires: now.Add(duration)}
	return &sts.AssumeRoleOutput{
		AssumedRoleUser: &types.AssumedRoleUser{
			Arn:           aws.String(o.arn("sts", "", a.id, "assumed-role/"+role+"/"+name)),
			AssumedRoleId: aws.String(o.roleID(a, role) + ":" + name),
		},
		Credentials: &types.Credentials{
			AccessKeyId: aws.String(key), SecretAccessKey: aws.String(d.alnum(40)), SessionToken: aws.String(token),
			Expiration: aws.Time(time.Now().Add(duration).UTC()),
		},
		PackedPolicySize: aws.Int32(0),
	}
}

// forgetExpired keeps the sessions bounded. A session stays for a day after its end, to be refused as expired
// and not as unknown. The caller holds the lock.
func (o *Organization) forgetExpired(now time.Time) {
	if o.state.issued%256 != 0 {
		return
	}
	for key, s := range o.state.sessions {
		if now.Sub(s.expires) > 24*time.Hour {
			delete(o.state.sessions, key)
		}
	}
}
