package config

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// ExternalIDs are the external IDs that a source has in the file of external
// IDs: by account, and under EveryOther for accounts that have none of their own.
type ExternalIDs map[string]Secret

// Names in the file of external IDs that are not accounts.
const (
	ForDiscovery = "discovery" // the roles that list an organization's accounts
	EveryOther   = "*"         // the accounts without an ID of their own
)

// Of is the external ID of the roles in an account, or "".
func (ids ExternalIDs) Of(account string) Secret {
	if id, ok := ids[account]; ok {
		return id
	}
	return ids[EveryOther]
}

// ExternalIDOf is the external ID of the member role in an account. It is ""
// where none is configured; missing says that other accounts have one.
func (o Organization) ExternalIDOf(account string) (id Secret, missing bool) {
	if o.ExternalID != "" {
		return o.ExternalID, false
	}
	id = o.ExternalIDs.Of(account)
	return id, id == "" && len(o.ExternalIDs) > 0
}

// ExternalIDFor is the external ID that the source sends to its roles in an
// account, to those of ForDiscovery, or to those of EveryOther account. The
// errors do not repeat it.
func (s Source) ExternalIDFor(name string) (Secret, error) {
	var hops []Hop
	in := func(chain []Hop) {
		for _, h := range chain {
			if accountOf(h.RoleARN) == name {
				hops = append(hops, h)
			}
		}
	}
	member := func(o *Organization) {
		id, _ := o.ExternalIDOf(name)
		hops = append(hops, Hop{ExternalID: id})
	}
	for _, role := range s.Roles {
		in(role.Hops)
	}
	if s.Role != nil {
		in(s.Role.Hops)
		if len(hops) == 0 && s.Role.WholeOrganization {
			member(s.Role.Members())
		}
	}
	if o := s.Organization; o != nil {
		if name != ForDiscovery {
			member(o)
		} else if o.Discovery != nil && len(o.Discovery.Hops) > 0 {
			hops = o.Discovery.Hops[len(o.Discovery.Hops)-1:]
		}
	}
	switch {
	case len(hops) == 0:
		return "", fmt.Errorf("source %s assumes no role there", s.Name)
	case slices.ContainsFunc(hops, func(h Hop) bool { return h.ExternalID != hops[0].ExternalID }):
		return "", fmt.Errorf("source %s assumes several roles there, with different external IDs", s.Name)
	case hops[0].ExternalID == "":
		return "", fmt.Errorf("source %s has no external ID for it: `stocktake access external-ids` makes one", s.Name)
	}
	return hops[0].ExternalID, nil
}

var externalIDName = rule{
	expect:  `an account ID in quotes, discovery, or "*"`,
	pattern: regexp.MustCompile(`^([0-9]{12}|discovery|\*)$`),
}

func externalIDsShape(sources *map[string]ExternalIDs) shape {
	return shape{
		name: "external_ids",
		keys: []entry{{
			key: "sources", required: true, doc: "the external IDs of each source, by account",
			value: dictionary[ExternalIDs]{p: sources, keys: sourceName, item: func(ids *ExternalIDs) value {
				return dictionary[Secret]{p: (*map[string]Secret)(ids), keys: externalIDName, item: func(s *Secret) value {
					return secret(s, externalID)
				}}
			}},
		}},
		done: func(r *reader, key string) { checkAlike(r, key, *sources) },
	}
}

// checkAlike refuses an ID that stands for two. Two sources may enter the
// same role, so the same name in both may have the same ID.
func checkAlike(r *reader, key string, sources map[string]ExternalIDs) {
	type place struct{ key, name string }
	first := map[Secret]place{}
	for _, source := range slices.Sorted(maps.Keys(sources)) {
		for _, name := range slices.Sorted(maps.Keys(sources[source])) {
			id, at := sources[source][name], place{join(join(key, "sources"), source+"."+name), name}
			other, ok := first[id]
			switch {
			case id == "": // was refused already
			case !ok:
				first[id] = at
			case other.name != name:
				r.problem(at.key, fmt.Sprintf("the external ID of %s in line %d", other.key, r.where[other.key].line),
					"another one for each account, for discovery and for *", "remove the line, and run stocktake access external-ids")
			}
		}
	}
}

// readExternalIDs reads the file of external IDs and gives them to the hops
// that have none of their own. It says whether all is well with the file.
func readExternalIDs(r *reader, f *File) bool {
	if f.ExternalIDs == "" {
		return true
	}
	text, mode, err := readFile(f.ExternalIDs)
	if r.beforeIDs && os.IsNotExist(err) {
		return true
	}
	if err != nil {
		r.problem("external_ids", "a file that cannot be read ("+err.Error()+")", "a file of external IDs", "stocktake access external-ids makes one")
		return false
	}
	if exposed(mode) {
		r.problem("external_ids", fmt.Sprintf("%s with mode %04o, which others can read", f.ExternalIDs, mode.Perm()), "a file of mode 0600", "chmod 600 "+f.ExternalIDs)
		return false
	}
	var sources map[string]ExternalIDs
	ids := newReader(f.ExternalIDs, mode, nil)
	if root := ids.parse(text); root != nil {
		ids.mapping(root, "", externalIDsShape(&sources))
	}
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		checkUse(ids, "sources."+name, f, name, sources[name])
	}
	r.problems = append(r.problems, ids.problems...)
	if len(ids.problems) > 0 {
		return false
	}
	if r.beforeIDs {
		return true
	}
	for i := range f.Sources {
		f.Sources[i].take(sources[f.Sources[i].Name])
	}
	return true
}

func exposed(mode fs.FileMode) bool { return mode.Perm()&0o077 != 0 }

// checkUse refuses what no role of the source would use.
func checkUse(r *reader, key string, f *File, name string, ids ExternalIDs) {
	i := slices.IndexFunc(f.Sources, func(s Source) bool { return s.Name == name })
	switch {
	case i < 0:
		names := make([]string, len(f.Sources))
		for i, s := range f.Sources {
			names[i] = s.Name
		}
		r.problem(key, "an unknown source", "one of "+strings.Join(names, ", "), "")
	case f.Sources[i].Keys != nil:
		r.problem(key, "a source of keys", "a source that enters roles", "")
	case ids[ForDiscovery] != "" && (f.Sources[i].Organization == nil || f.Sources[i].Organization.Discovery == nil || f.Sources[i].Organization.Discovery.Hops == nil):
		r.problem(join(key, ForDiscovery), "an external ID of a discovery role", "a source of an organization with one", "")
	}
}

// take gives the IDs of the file to the hops that have none.
func (s *Source) take(ids ExternalIDs) {
	if len(ids) == 0 {
		return
	}
	members := maps.Clone(ids)
	delete(members, ForDiscovery)
	if o := s.Organization; o != nil {
		if o.Discovery != nil {
			fill(o.Discovery.Hops, func(Hop) Secret { return ids[ForDiscovery] })
		}
		if o.ExternalID == "" && len(members) > 0 {
			o.ExternalIDs = members
		}
	}
	own := func(h Hop) Secret { return members.Of(accountOf(h.RoleARN)) }
	if role := s.Role; role != nil {
		if last := len(role.Hops) - 1; last >= 0 && role.WholeOrganization && role.Hops[last].ExternalID == "" {
			role.ExternalIDs = members
		}
		fill(role.Hops, own)
	}
	for _, role := range s.Roles {
		fill(role.Hops, own)
	}
}

func fill(hops []Hop, id func(Hop) Secret) {
	for i, h := range hops {
		if h.ExternalID == "" {
			hops[i].ExternalID = id(h)
		}
	}
}

// requireExternalIDs refuses sources with a role that would be entered without one.
func requireExternalIDs(r *reader, f *File) {
	if !f.RequireExternalID || r.beforeIDs {
		return
	}
	hint := "write external_id, or have stocktake access external-ids make one"
	for i, s := range f.Sources {
		key := fmt.Sprintf("sources[%d]", i)
		hops := func(key string, hops []Hop) {
			for j, h := range hops {
				at := key + ".external_id"
				if r.given(key + ".hops") {
					at = fmt.Sprintf("%s.hops[%d].external_id", key, j)
				}
				if h.ExternalID == "" {
					r.problem(at, "no external ID for "+shown(h.RoleARN), "one, since require_external_id is set", hint)
				}
			}
		}
		if s.Role != nil {
			hops(key+".role", s.Role.Hops)
		}
		for j, role := range s.Roles {
			hops(fmt.Sprintf("%s.roles[%d]", key, j), role.Hops)
		}
		if o := s.Organization; o != nil {
			if o.Discovery != nil {
				hops(key+".organization.discovery", o.Discovery.Hops)
			}
			if o.ExternalID == "" && len(o.ExternalIDs) == 0 {
				r.problem(key+".organization.external_id", "no external ID for "+shown(o.MemberRole), "one, since require_external_id is set", hint)
			}
		}
	}
}

// externalIDsFile is where external IDs are made when the configuration names no file.
const externalIDsFile = "external-ids.yaml"

// LoadBeforeExternalIDs reads the configuration for those who make its external
// IDs: their file may be missing, and is checked but not used, so that what
// the hops have is what the configuration itself says. configured is false
// where the configuration names no file, and ExternalIDs is then the usual one
// beside it. A file that is not "" stands in for the one of the configuration.
func LoadBeforeExternalIDs(path, file string, checkCollect func(pattern string) error) (f *File, configured bool, err error) {
	f, err = loadWith(path, checkCollect, func(r *reader, f *File) {
		r.beforeIDs, configured = true, f.ExternalIDs != ""
		switch {
		case file != "":
			f.ExternalIDs = file
		case !configured:
			f.ExternalIDs = filepath.Join(f.Dir, externalIDsFile)
		}
	})
	return f, configured, err
}
