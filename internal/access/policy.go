package access

import (
	"slices"
	"strings"
)

// MaxPolicySize is the most characters of a managed policy, white space not
// counted (IAM User Guide, "IAM and AWS STS quotas").
const MaxPolicySize = 6144

// Policy grants the needs and nothing else, with a statement for each service.
// What does not fit into one document goes on in the next; each is valid alone.
// A service is split only where it would not fit by itself.
func Policy(needs []Need) []Document {
	actions := map[string][]string{}
	var services []string
	for _, n := range needs {
		s := n.Service()
		if actions[s] == nil {
			services = append(services, s)
		}
		actions[s] = append(actions[s], n.Action)
	}
	slices.Sort(services)
	var list []Document
	d := document()
	for _, service := range services {
		s := Statement{Sid: sid(service), Effect: "Allow", Action: sortedSet(actions[service]), Resource: []string{"*"}}
		if whole := document(append(slices.Clone(d.Statement), s)...); whole.Size() <= MaxPolicySize {
			d = whole
			continue
		}
		if len(d.Statement) > 0 {
			list = append(list, d)
		}
		parts := fitting(s.Action, func(some []string) Document {
			part := s
			part.Action = some
			return document(part)
		})
		list, d = append(list, parts[:len(parts)-1]...), parts[len(parts)-1]
	}
	if len(d.Statement) > 0 {
		list = append(list, d)
	}
	return list
}

// fitting makes documents of parts of the values, each as large as fits.
func fitting(values []string, of func([]string) Document) []Document {
	var list []Document
	start := 0
	for end := range values {
		if d := of(values[start : end+1]); d.Size() > MaxPolicySize && end > start {
			list = append(list, of(slices.Clip(values[start:end])))
			start = end
		}
	}
	return append(list, of(values[start:]))
}

// sid names a statement after a service: a Sid has letters and digits only.
func sid(service string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(service, "-") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

func sortedSet(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
