package transform

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"stocktake/internal/schema"
)

// maxLeaves is the size from which a field becomes one JSON column: nobody
// selects among hundreds of columns of which a row fills three.
const maxLeaves = 200

// Infer proposes the columns of a table from its item type. Fields that feed
// the standard columns arn, tags, account_id and region of s are left out.
// What it proposes is edited by hand and then frozen in schemas/.
func Infer(s *schema.Schema, item reflect.Type) ([]schema.Column, error) {
	if item.Kind() != reflect.Struct {
		return nil, fmt.Errorf("item type %s: expected a struct", item)
	}
	tags, _, _ := strings.Cut(s.Tags, ".")
	used := []string{s.ARN, tags}
	if s.Owner != nil {
		used = append(used, s.Owner.AccountID, s.Owner.Region)
	}
	var columns []schema.Column
	for _, f := range reflect.VisibleFields(item) {
		if f.Anonymous || !f.IsExported() || f.Name == "ResultMetadata" || f.Name == "NotCollected" {
			continue
		}
		if slices.Contains(used, f.Name) && !(f.Name == s.Tags && moreThanTags(f.Type)) {
			continue
		}
		c := inferField(f, []reflect.Type{item})
		if schema.IsStandard(c.Name) {
			c.Name = "item_" + c.Name
			if f.Name == s.Tags {
				c.Type, c.Fields = "list<struct>", inferFields(f.Type.Elem(), []reflect.Type{item})
			}
		}
		columns = append(columns, c)
	}
	return columns, nil
}

// moreThanTags reports a tag list whose entries say more than key and value.
func moreThanTags(t reflect.Type) bool {
	if !IsTagList(t) {
		return false
	}
	n := 0
	for i := range t.Elem().NumField() {
		if t.Elem().Field(i).IsExported() {
			n++
		}
	}
	return n > 2
}

func inferFields(t reflect.Type, above []reflect.Type) []schema.Column {
	var fields []schema.Column
	for _, f := range reflect.VisibleFields(t) {
		if f.IsExported() && !f.Anonymous && f.Name != "ResultMetadata" {
			fields = append(fields, inferField(f, above))
		}
	}
	return fields
}

func inferField(f reflect.StructField, above []reflect.Type) schema.Column {
	c := schema.Column{Name: SnakeCase(f.Name), Source: f.Name}
	c.Type, c.Fields = inferType(f.Type, above)
	if suspicious(f.Name) {
		c.Redact = schema.Secret
	}
	return c
}

// suspicious names are proposed as secret; the author of the table decides.
func suspicious(name string) bool {
	lower := strings.ToLower(name)
	for _, word := range []string{"password", "secretkey", "secretaccesskey", "userdata", "presharedkey", "privatekey", "sharedsecret", "clientsecret"} {
		if strings.Contains(lower, word) {
			return true
		}
	}
	return false
}

func inferType(t reflect.Type, above []reflect.Type) (string, []schema.Column) {
	if t.Kind() == reflect.Pointer {
		return inferType(t.Elem(), above)
	}
	switch {
	case t == timeType:
		return "timestamp", nil
	case t == bytesType:
		return "binary", nil
	case IsTagList(t) && !moreThanTags(t):
		return "map<utf8,utf8>", nil
	case slices.Contains(above, t), leaves(t, above) > maxLeaves:
		return "json", nil
	}
	switch t.Kind() {
	case reflect.String:
		return "utf8", nil
	case reflect.Bool:
		return "bool", nil
	case reflect.Int32:
		return "int32", nil
	case reflect.Int64, reflect.Int:
		return "int64", nil
	case reflect.Float32, reflect.Float64:
		return "float64", nil
	case reflect.Slice:
		elem, fields := inferType(t.Elem(), above)
		return "list<" + elem + ">", fields
	case reflect.Map:
		elem, fields := inferType(t.Elem(), above)
		return "map<utf8," + elem + ">", fields
	case reflect.Struct:
		fields := inferFields(t, append(slices.Clone(above), t))
		if len(fields) == 0 {
			return "json", nil // an empty struct: its presence is its meaning
		}
		return "struct", fields
	}
	return "json", nil
}

// leaves counts the columns that t would become, where any part that becomes
// JSON is one.
func leaves(t reflect.Type, above []reflect.Type) int {
	if t == timeType || t == bytesType || slices.Contains(above, t) {
		return 1
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return leaves(t.Elem(), above)
	case reflect.Struct:
		n := 0
		above = append(slices.Clone(above), t)
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && f.Name != "ResultMetadata" {
				if l := leaves(f.Type, above); l <= maxLeaves {
					n += l
				} else {
					n++
				}
			}
		}
		return n
	}
	return 1
}

// SnakeCase turns an AWS field name into a column name: VpcId gives vpc_id,
// DBInstanceArn db_instance_arn, IPv6 ipv6.
func SnakeCase(name string) string {
	for _, word := range [][2]string{{"IPv", "Ipv"}, {"ARNs", "Arns"}, {"IDs", "Ids"}, {"IPs", "Ips"}, {"VPCs", "Vpcs"}, {"OAuth", "Oauth"}, {"CoIp", "Coip"}} {
		name = strings.ReplaceAll(name, word[0], word[1])
	}
	var out []rune
	runes := []rune(name)
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 {
			before := runes[i-1]
			startsWord := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if unicode.IsLower(before) || unicode.IsDigit(before) || unicode.IsUpper(before) && startsWord {
				out = append(out, '_')
			}
		}
		out = append(out, unicode.ToLower(r))
	}
	return string(out)
}
