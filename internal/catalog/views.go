package catalog

// View is a view over tables, which every warehouse has that holds some of them.
type View struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Views by name. Those of single versions of a table are not listed.
var Views = []View{
	{"coverage_gaps", "What the last run could not read, and what to do about it: coverage without the outcomes that are answers."},
	{"devices", "Machines of EC2 and those that Systems Manager's agent runs on; one that both know is one row."},
	{"stocktake_coverage_history", "How each table was collected, in every run."},
	{"users", "Users of IAM, Identity Center, Cognito and Connect."},
}
