package access

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"stocktake/internal/config"
)

// Assumption is what an identity has to be allowed, in as few documents as hold it.
type Assumption struct {
	Holder    string     `json:"holder"`         // in words: a role's ARN, a profile, …
	Role      string     `json:"role,omitempty"` // its ARN, where the holder is a role
	Documents []Document `json:"documents"`
}

// Assume allows each identity the roles that it assumes in the configuration,
// and no others. The base identities come first. They assume the first hop only:
// each hop assumes the next one. Sources without names are all of them, with
// the output; nothing to assume is none.
func Assume(f *config.File, sources ...string) []Assumption {
	var all assumptions
	for i := range f.Sources {
		s := &f.Sources[i]
		if len(sources) > 0 && !slices.Contains(sources, s.Name) {
			continue
		}
		base := baseOf(s.Credentials, "source "+s.Name)
		switch {
		case s.Keys != nil:
		case s.Role != nil:
			all.chain(base, s.Role.Hops, s.Role.WholeOrganization)
		case s.Roles != nil:
			for _, role := range s.Roles {
				all.chain(base, role.Hops, false)
			}
		default:
			o := s.Organization
			if o.Discovery != nil {
				from := base
				if o.Discovery.Credentials != nil {
					from = baseOf(o.Discovery.Credentials, "the discovery of source "+s.Name)
				}
				all.chain(from, o.Discovery.Hops, false)
			}
			accounts := o.Accounts.Include
			if len(accounts) == 0 {
				accounts = []string{"*"}
			}
			for _, id := range accounts {
				all.add(base, o.MemberRoleARN(s.Partition(), id))
			}
		}
	}
	if len(sources) == 0 {
		all.chain(baseOf(f.Output.Credentials, "the output"), f.Output.Hops, false)
	}
	return all.list()
}

// holder is an identity that assumes roles.
type holder struct{ name, role string }

func baseOf(k *config.Keys, of string) holder {
	switch {
	case k == nil || k.Profile == "" && k.AccessKeyID == "":
		return holder{name: "the identity of the SDK's default chain"}
	case k.Profile != "":
		return holder{name: fmt.Sprintf("the identity of profile %q", k.Profile)}
	}
	return holder{name: "the identity of the access key of " + of}
}

// assumptions are the roles that holders assume, in the order of the configuration.
type assumptions struct {
	holders []holder
	roles   map[holder][]string
}

func (a *assumptions) add(h holder, role string) {
	if a.roles == nil {
		a.roles = map[holder][]string{}
	}
	if a.roles[h] == nil {
		a.holders = append(a.holders, h)
	}
	a.roles[h] = append(a.roles[h], role)
}

// chain adds the hops, each of which is assumed by the one before. The last of
// a whole organization has namesakes in every account.
func (a *assumptions) chain(from holder, hops []config.Hop, whole bool) {
	for i, hop := range hops {
		role := hop.RoleARN
		if whole && i == len(hops)-1 {
			parts := strings.SplitN(role, ":", 6)
			parts[4] = "*"
			role = strings.Join(parts, ":")
		}
		a.add(from, role)
		from = holder{name: hop.RoleARN, role: hop.RoleARN}
	}
}

func (a *assumptions) list() []Assumption {
	slices.SortStableFunc(a.holders, func(x, y holder) int { return cmp.Compare(min(len(x.role), 1), min(len(y.role), 1)) })
	var list []Assumption
	for _, h := range a.holders {
		list = append(list, Assumption{Holder: h.name, Role: h.role, Documents: fitting(sortedSet(a.roles[h]), func(roles []string) Document {
			return document(Statement{Sid: "AssumeRoles", Effect: "Allow", Action: []string{"sts:AssumeRole"}, Resource: roles})
		})})
	}
	return list
}
