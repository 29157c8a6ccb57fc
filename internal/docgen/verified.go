package main

import (
	"fmt"
	"slices"

	"stocktake/internal/mototest"
	"stocktake/internal/wiretest"
)

// wired are tables that the tests of their own packages play a server for.
var wired = map[string]string{
	"aws_config_compliance_details":   "extract/configservice/wire_test.go",
	"aws_config_resource_counts":      "extract/configservice/wire_test.go",
	"aws_config_resources":            "extract/configservice/wire_test.go",
	"aws_config_rule_compliance":      "extract/configservice/wire_test.go",
	"aws_resourceexplorer2_indexes":   "extract/resourceexplorer2/resourceexplorer2_test.go",
	"aws_resourceexplorer2_resources": "extract/resourceexplorer2/resourceexplorer2_test.go",
	"aws_resourceexplorer2_views":     "extract/resourceexplorer2/resourceexplorer2_test.go",
}

// verification says what tables have been read from, beside the simulation.
func verification(tables []table) error {
	scenes, err := wiretest.Tables()
	if err != nil {
		return fmt.Errorf("list the tables of wiretest: %w", err)
	}
	for i, t := range tables {
		if t.collector == nil {
			continue
		}
		if !slices.Contains(mototest.Unserved, t.Name) {
			tables[i].verified = append(tables[i].verified, "moto")
		}
		if slices.Contains(scenes, t.Name) || wired[t.Name] != "" {
			tables[i].verified = append(tables[i].verified, "wire")
		}
	}
	return nil
}
