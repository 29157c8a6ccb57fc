package query

import (
	"fmt"
	"strings"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// A dataType is a DuckDB type with what reading its vectors takes.
type dataType struct {
	id       duckdb.Type
	name     string // as DuckDB writes it: STRUCT(a INTEGER, b VARCHAR[])
	storage  duckdb.Type
	scale    int
	size     uint64   // of an ARRAY
	labels   []string // STRUCT fields, UNION tags, ENUM values
	children []*dataType
	json     bool
}

// scalarNames are the types that are told apart by their identifier alone.
var scalarNames = map[duckdb.Type]string{
	duckdb.TypeBoolean:     "BOOLEAN",
	duckdb.TypeTinyInt:     "TINYINT",
	duckdb.TypeSmallInt:    "SMALLINT",
	duckdb.TypeInteger:     "INTEGER",
	duckdb.TypeBigInt:      "BIGINT",
	duckdb.TypeUTinyInt:    "UTINYINT",
	duckdb.TypeUSmallInt:   "USMALLINT",
	duckdb.TypeUInteger:    "UINTEGER",
	duckdb.TypeUBigInt:     "UBIGINT",
	duckdb.TypeFloat:       "FLOAT",
	duckdb.TypeDouble:      "DOUBLE",
	duckdb.TypeTimestamp:   "TIMESTAMP",
	duckdb.TypeDate:        "DATE",
	duckdb.TypeTime:        "TIME",
	duckdb.TypeInterval:    "INTERVAL",
	duckdb.TypeHugeInt:     "HUGEINT",
	duckdb.TypeUHugeInt:    "UHUGEINT",
	duckdb.TypeVarchar:     "VARCHAR",
	duckdb.TypeBlob:        "BLOB",
	duckdb.TypeTimestampS:  "TIMESTAMP_S",
	duckdb.TypeTimestampMS: "TIMESTAMP_MS",
	duckdb.TypeTimestampNS: "TIMESTAMP_NS",
	duckdb.TypeUUID:        "UUID",
	duckdb.TypeBit:         "BIT",
	duckdb.TypeTimeTZ:      "TIME WITH TIME ZONE",
	duckdb.TypeTimestampTZ: "TIMESTAMP WITH TIME ZONE",
	duckdb.TypeTimeNS:      "TIME_NS",
	duckdb.TypeBigNum:      "BIGNUM",
	duckdb.TypeSQLNull:     "NULL",
}

// newDataType reads a logical type and destroys it.
func newDataType(lt duckdb.LogicalType) (*dataType, error) {
	defer duckdb.DestroyLogicalType(&lt)
	t := &dataType{id: duckdb.GetTypeId(lt)}
	var err error
	switch t.id {
	case duckdb.TypeDecimal:
		t.scale, t.storage = int(duckdb.DecimalScale(lt)), duckdb.DecimalInternalType(lt)
		t.name = fmt.Sprintf("DECIMAL(%d,%d)", duckdb.DecimalWidth(lt), t.scale)
	case duckdb.TypeEnum:
		t.name, t.storage = "ENUM", duckdb.EnumInternalType(lt)
		for i := range duckdb.EnumDictionarySize(lt) {
			t.labels = append(t.labels, duckdb.EnumDictionaryValue(lt, duckdb.IdxT(i)))
		}
	case duckdb.TypeList:
		err = t.addChild("", duckdb.ListTypeChildType(lt))
	case duckdb.TypeArray:
		t.size = uint64(duckdb.ArrayTypeArraySize(lt))
		err = t.addChild("", duckdb.ArrayTypeChildType(lt))
	case duckdb.TypeMap:
		if err = t.addChild("", duckdb.MapTypeKeyType(lt)); err == nil {
			err = t.addChild("", duckdb.MapTypeValueType(lt))
		}
	case duckdb.TypeStruct:
		for i := duckdb.IdxT(0); i < duckdb.StructTypeChildCount(lt) && err == nil; i++ {
			err = t.addChild(duckdb.StructTypeChildName(lt, i), duckdb.StructTypeChildType(lt, i))
		}
	case duckdb.TypeUnion:
		for i := duckdb.IdxT(0); i < duckdb.UnionTypeMemberCount(lt) && err == nil; i++ {
			err = t.addChild(duckdb.UnionTypeMemberName(lt, i), duckdb.UnionTypeMemberType(lt, i))
		}
	default:
		if t.name = scalarNames[t.id]; t.name == "" {
			err = fmt.Errorf("values of DuckDB type number %d cannot be shown, cast them to VARCHAR or JSON", t.id)
		}
		t.json = t.id == duckdb.TypeVarchar && duckdb.LogicalTypeGetAlias(lt) == "JSON"
	}
	if err != nil {
		return nil, err
	}
	t.nameNested()
	return t, nil
}

func (t *dataType) addChild(label string, lt duckdb.LogicalType) error {
	child, err := newDataType(lt)
	if err != nil {
		return err
	}
	t.labels, t.children = append(t.labels, label), append(t.children, child)
	return nil
}

func (t *dataType) nameNested() {
	switch t.id {
	case duckdb.TypeList:
		t.name = t.children[0].name + "[]"
	case duckdb.TypeArray:
		t.name = fmt.Sprintf("%s[%d]", t.children[0].name, t.size)
	case duckdb.TypeMap:
		t.name = fmt.Sprintf("MAP(%s, %s)", t.children[0].name, t.children[1].name)
	case duckdb.TypeStruct:
		t.name = "STRUCT(" + t.fields() + ")"
	case duckdb.TypeUnion:
		t.name = "UNION(" + t.fields() + ")"
	}
	if t.json {
		t.name = "JSON"
	}
}

func (t *dataType) fields() string {
	fields := make([]string, len(t.children))
	for i, child := range t.children {
		fields[i] = identifier(t.labels[i]) + " " + child.name
	}
	return strings.Join(fields, ", ")
}

// numeric says whether a column of the type reads best aligned to the right.
func (t *dataType) numeric() bool {
	switch t.id {
	case duckdb.TypeTinyInt, duckdb.TypeSmallInt, duckdb.TypeInteger, duckdb.TypeBigInt, duckdb.TypeHugeInt,
		duckdb.TypeUTinyInt, duckdb.TypeUSmallInt, duckdb.TypeUInteger, duckdb.TypeUBigInt, duckdb.TypeUHugeInt,
		duckdb.TypeFloat, duckdb.TypeDouble, duckdb.TypeDecimal, duckdb.TypeBigNum:
		return true
	}
	return false
}
