package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
	"time"
)

const (
	account = "111122223333"
	region  = "eu-west-1"
)

// raw is XML that is not escaped again.
type raw string

// fields are elements: names and values in turn.
func fields(pairs ...any) raw {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i].(string)
		b.WriteString("<" + name + ">")
		if r, ok := pairs[i+1].(raw); ok {
			b.WriteString(string(r))
		} else if err := xml.EscapeText(&b, []byte(fmt.Sprint(pairs[i+1]))); err != nil {
			panic(err) // a strings.Builder takes everything
		}
		b.WriteString("</" + name + ">")
	}
	return raw(b.String())
}

// list is the content of a list whose elements have one name.
func list(element string, items ...raw) raw {
	var b strings.Builder
	for _, i := range items {
		b.WriteString("<" + element + ">" + string(i) + "</" + element + ">")
	}
	return raw(b.String())
}

// each makes n items.
func each(n int, item func(i int) raw) []raw {
	items := make([]raw, n)
	for i := range items {
		items[i] = item(i)
	}
	return items
}

// id is a name that AWS might have given to the i-th of its kind.
func id(prefix string, i int) string { return prefix + digits(prefix, i, 17) }

func digits(kind string, i, n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s%d", kind, i))
	return hex.EncodeToString(sum[:])[:n]
}

func at(i int) string {
	return time.Date(2026, 1, 5, 7, 12, 30, 0, time.UTC).Add(time.Duration(i) * 37 * time.Minute).Format(time.RFC3339)
}

func epoch(i int) float64 {
	return float64(time.Date(2026, 1, 5, 7, 12, 30, 0, time.UTC).Add(time.Duration(i) * 37 * time.Minute).Unix())
}

func arn(service, where, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, where, account, resource)
}

func ip(i int) string { return fmt.Sprintf("10.%d.%d.%d", 16+i/62500, i/250%250, 4+i%250) }

var (
	products = []string{"payments", "storefront", "orders", "search", "data-platform", "reporting", "identity", "delivery"}
	roles    = []string{"web", "api", "worker", "cache", "batch"}
	stages   = []string{"prod", "staging", "dev"}
)

func pick(of []string, i int) string { return of[i%len(of)] }

// labels are the eight tags of the i-th thing of a kind.
func labels(kind string, i int) [][2]string {
	return [][2]string{
		{"Name", fmt.Sprintf("%s-%s-%s-%04d", pick(products, i), pick(roles, i/3), kind, i)},
		{"product", pick(products, i)}, {"stage", pick(stages, i/7)}, {"team", "team-" + pick(products, i)},
		{"cost-centre", fmt.Sprint(4100 + i%8*10)}, {"data-class", "internal"},
		{"managed-by", "terraform"}, {"repository", "https://git.example.com/" + pick(products, i) + "/infrastructure"},
	}
}

// tags are labels as XML, in the spelling of the service.
func tags(kind string, i int, element, key, value string) raw {
	var items []raw
	for _, l := range labels(kind, i) {
		items = append(items, fields(key, l[0], value, l[1]))
	}
	return list(element, items...)
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of text and numbers always encode
	}
	return string(b)
}
