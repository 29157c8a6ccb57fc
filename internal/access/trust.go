package access

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// TrustOptions say who may assume a role, and on which conditions; all of them
// must hold.
type TrustOptions struct {
	Principals     []string // account IDs, or ARNs of users and roles
	ExternalIDs    []string // one of which has to be given
	OrganizationID string   // that the principal's account belongs to
	SourceIPs      []string // addresses and ranges (CIDR) that the call comes from
}

var (
	trustable       = regexp.MustCompile(`^([0-9]{12}|arn:aws[a-z-]*:iam::[0-9]{12}:(root|(role|user)/[!-)+->@-~]+))$`)
	sessionARN      = regexp.MustCompile(`^(arn:aws[a-z-]*):sts::([0-9]{12}):assumed-role/([^/]+)/`)
	externalIDs     = regexp.MustCompile(`^[A-Za-z0-9_+=,.@:/-]*$`)
	organizationIDs = regexp.MustCompile(`^o-[a-z0-9]{10,32}$`)
)

// Trust is the trust policy of a role. The errors do not repeat external IDs.
func Trust(o TrustOptions) (Document, error) {
	if len(o.Principals) == 0 {
		return Document{}, errors.New("no principal: expected the account ID, or the ARN of the user or role, that is to assume the role")
	}
	for _, p := range o.Principals {
		if m := sessionARN.FindStringSubmatch(p); m != nil {
			return Document{}, fmt.Errorf("principal %q is one session of a role: give the role, %s:iam::%s:role/%s, with its path where it has one", p, m[1], m[2], m[3])
		}
		if !trustable.MatchString(p) {
			return Document{}, fmt.Errorf("principal %q: expected an account ID of 12 digits, or the ARN of a user or a role such as arn:aws:iam::999900001111:role/stocktake-runner", p)
		}
	}
	condition := map[string]map[string][]string{}
	add := func(operator, key string, values []string) {
		if condition[operator] == nil {
			condition[operator] = map[string][]string{}
		}
		condition[operator][key] = values
	}
	if len(o.ExternalIDs) > 0 {
		for i, id := range o.ExternalIDs {
			if len(id) < 2 || len(id) > 1224 || !externalIDs.MatchString(id) {
				return Document{}, fmt.Errorf("external ID %d: expected 2 to 1224 letters, digits and _+=,.@:/-", i+1)
			}
		}
		add("StringEquals", "sts:ExternalId", sortedSet(o.ExternalIDs))
	}
	if o.OrganizationID != "" {
		if !organizationIDs.MatchString(o.OrganizationID) {
			return Document{}, fmt.Errorf("organization %q: expected an ID such as o-a1b2c3d4e5", o.OrganizationID)
		}
		add("StringEquals", "aws:PrincipalOrgID", []string{o.OrganizationID})
	}
	if len(o.SourceIPs) > 0 {
		for _, ip := range o.SourceIPs {
			if err := checkSource(ip); err != nil {
				return Document{}, err
			}
		}
		add("IpAddress", "aws:SourceIp", sortedSet(o.SourceIPs))
	}
	s := Statement{
		Sid: "Stocktake", Effect: "Allow",
		Principal: map[string][]string{"AWS": sortedSet(o.Principals)},
		Action:    []string{"sts:AssumeRole"},
	}
	if len(condition) > 0 {
		s.Condition = condition
	}
	return document(s), nil
}

// checkSource refuses what aws:SourceIp never is.
func checkSource(source string) error {
	p, err := netip.ParsePrefix(source)
	if !strings.Contains(source, "/") {
		var a netip.Addr
		if a, err = netip.ParseAddr(source); err == nil {
			p = netip.PrefixFrom(a, a.BitLen())
		}
	}
	switch {
	case err != nil || p.Addr().Zone() != "":
		return fmt.Errorf("source IP %q: expected an address or a range such as 203.0.113.0/24", source)
	case p != p.Masked():
		return fmt.Errorf("source IP %q has bits beyond its range: expected %s", source, p.Masked())
	case p.Addr().IsPrivate() || p.Addr().IsLoopback() || p.Addr().IsLinkLocalUnicast():
		return fmt.Errorf("source IP %q is not public: give the address that AWS sees, such as that of the NAT gateway", source)
	}
	return nil
}
