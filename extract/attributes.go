package extract

import (
	"reflect"
	"strconv"
	"time"

	"stocktake/transform"
)

// Attributes fills the fields of a row that are called like attributes, which
// some services send as text whatever they are, and returns those that the row
// has no field for. Text that does not read as its field's type leaves the
// column NULL, and the row names it. R embeds Incomplete.
func Attributes[R any](row *R, attributes map[string]string) (others map[string]string) {
	others = map[string]string{}
	for name, text := range attributes {
		known, err := setText(reflect.ValueOf(row).Elem().FieldByName(name), text)
		switch {
		case !known:
			others[name] = text
		case err != nil:
			any(row).(incompleteRow).Miss(transform.SnakeCase(name))
		}
	}
	return others
}

// setText sets an optional field from text. known is false where there is no
// such field; times are seconds since 1970.
func setText(field reflect.Value, text string) (known bool, err error) {
	if !field.IsValid() || !field.CanSet() {
		return false, nil
	}
	switch to := field.Addr().Interface().(type) {
	case **string:
		*to = &text
	case **int64:
		var n int64
		if n, err = strconv.ParseInt(text, 10, 64); err == nil {
			*to = &n
		}
	case **bool:
		var b bool
		if b, err = strconv.ParseBool(text); err == nil {
			*to = &b
		}
	case **time.Time:
		var n int64
		if n, err = strconv.ParseInt(text, 10, 64); err == nil {
			at := time.Unix(n, 0).UTC()
			*to = &at
		}
	default:
		return false, nil
	}
	return true, err
}
