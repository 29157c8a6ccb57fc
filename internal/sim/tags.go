package sim

import (
	"strconv"
	"strings"
)

type tag struct{ key, value string }

func tagMap(tags []tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.key] = t.value
	}
	return m
}

// tagList makes a service's own tag type.
func tagList[T any](tags []tag, to func(key, value *string) T) []T {
	var list []T
	for _, t := range tags {
		list = append(list, to(&t.key, &t.value))
	}
	return list
}

// resourceTags are the tags that a team gives a thing. Most keep to the company's rules, and some do not.
func (o *Organization) resourceTags(a *account, s seed, name, component string) []tag {
	d := s.s("tags").draw()
	if d.chance(9) {
		return nil
	}
	var tags []tag
	if name != "" {
		tags = append(tags, tag{"Name", name})
	}
	owner := "team-" + a.prod.team + "@example.com"
	switch {
	case d.chance(12): // no owner, no cost centre
		return append(tags, tag{"environment", a.env})
	case d.chance(4): // both spellings, of two generations of templates
		tags = append(tags, tag{"Owner", o.person(d.n(100)).email()})
	}
	tags = append(tags, tag{"owner", owner}, tag{"cost-centre", a.prod.costCentre}, tag{"environment", a.env}, tag{"service", component})
	return append(tags, oddTags(d)...)
}

func oddTags(d *draw) []tag {
	switch d.n(60) {
	case 0:
		return []tag{{"beschreibung", "Größe für Spitzenlast, bitte nicht löschen"}}
	case 1:
		return []tag{{"用途", "決済バッチ"}}
	case 2:
		return []tag{{"do-not-stop", ""}}
	case 3:
		return []tag{{"runbook", "https://wiki.example.com/runbooks/" + strings.Repeat("restore-", 20) + "step/1"}}
	case 4:
		return []tag{{"note", longNote}}
	case 5:
		return []tag{{"created=by", `terraform "legacy" \ v0.11`}}
	}
	return nil
}

// longNote has 200 characters, as people write who take a tag for a wiki.
var longNote = (strings.Repeat("kept for the migration of the old billing jobs; ask before removing. ", 3))[:200]

func itoa(n int) string { return strconv.Itoa(n) }
