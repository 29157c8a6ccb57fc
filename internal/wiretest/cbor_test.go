package wiretest

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

const (
	cborType     = "application/cbor"
	cborProtocol = "rpc-v2-cbor"

	moment = "$time" // the only key of an object that stands for a time
	epoch  = 1       // tag of times
)

// toCBOR encodes JSON. Numbers with a point are doubles.
func toCBOR(text string) ([]byte, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	c, err := item(value)
	if err != nil {
		return nil, err
	}
	return cbor.Encode(c), nil
}

func item(value any) (cbor.Value, error) {
	switch v := value.(type) {
	case nil:
		return &cbor.Nil{}, nil
	case bool:
		return cbor.Bool(v), nil
	case string:
		return cbor.String(v), nil
	case json.Number:
		return number(v)
	case []any:
		list := make(cbor.List, len(v))
		for i := range v {
			var err error
			if list[i], err = item(v[i]); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		if text, ok := v[moment].(string); ok {
			at, err := time.Parse(time.RFC3339Nano, text)
			return &cbor.Tag{ID: epoch, Value: cbor.Float64(float64(at.UnixMilli()) / 1000)}, err
		}
		fields := cbor.Map{}
		for key := range v {
			var err error
			if fields[key], err = item(v[key]); err != nil {
				return nil, err
			}
		}
		return fields, nil
	}
	return nil, fmt.Errorf("encode %T: there is no such JSON", value)
}

func number(n json.Number) (cbor.Value, error) {
	if strings.ContainsAny(n.String(), ".eE") {
		f, err := n.Float64()
		return cbor.Float64(f), err
	}
	if digits, negative := strings.CutPrefix(n.String(), "-"); negative {
		i, err := strconv.ParseUint(digits, 10, 64)
		return cbor.NegInt(i), err
	}
	i, err := strconv.ParseUint(n.String(), 10, 64)
	return cbor.Uint(i), err
}

// fromCBOR decodes a request to what JSON would decode to.
func fromCBOR(body []byte) (any, error) {
	value, err := cbor.Decode(body)
	if err != nil {
		return nil, err
	}
	return plain(value)
}

func plain(value cbor.Value) (any, error) {
	switch v := value.(type) {
	case cbor.Bool:
		return bool(v), nil
	case cbor.String:
		return string(v), nil
	case cbor.Uint:
		return float64(v), nil
	case cbor.NegInt:
		return -float64(v), nil
	case cbor.Float64:
		return float64(v), nil
	case cbor.List:
		list := make([]any, len(v))
		for i := range v {
			var err error
			if list[i], err = plain(v[i]); err != nil {
				return nil, err
			}
		}
		return list, nil
	case cbor.Map:
		fields := map[string]any{}
		for key := range v {
			var err error
			if fields[key], err = plain(v[key]); err != nil {
				return nil, err
			}
		}
		return fields, nil
	case *cbor.Tag:
		seconds, err := plain(v.Value)
		if f, ok := seconds.(float64); ok && v.ID == epoch {
			return map[string]any{moment: time.UnixMilli(int64(math.Round(f * 1000))).UTC().Format(time.RFC3339Nano)}, err
		}
	}
	return nil, fmt.Errorf("decode %T: no request has one", value)
}
