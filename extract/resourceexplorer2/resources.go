package resourceexplorer2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/resourceexplorer2"
	"github.com/aws/aws-sdk-go-v2/service/resourceexplorer2/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"stocktake/extract"
)

// resourcesPage is one less than the most that ListResources takes: it names no
// next page to who asks for the most.
const resourcesPage = 999

// noView says that a region has no view that the caller may use.
const noView = "no view can be used"

// resources reads what the indexes of the regions hold, each through its
// default view, or else through one that leaves nothing out.
func (w *walk) resources(ctx context.Context, regions []string) error {
	var mu sync.Mutex
	var without []string
	err := extract.Parallel(ctx, regions, func(ctx context.Context, region *string) error {
		usable, err := w.region(ctx, *region)
		if err == nil && !usable {
			mu.Lock()
			defer mu.Unlock()
			without = append(without, *region)
		}
		return err
	})
	if err != nil || len(without) == 0 {
		return err
	}
	slices.Sort(without)
	where := noView + " in " + strings.Join(without, ", ")
	const cure = "create a default view there without a filter, and allow its use (resource-explorer-2:Search, resource-explorer-2:GetView)"
	if len(without) == len(regions) {
		return extract.Off("Resource Explorer has an index, but " + where + "; " + cure)
	}
	return &extract.Incompleteness{Code: "no_view", Message: where, Advice: "To have all regions, " + cure + ", or make one index the aggregator."}
}

// noDefault reports whether AWS says that there is no default view, or none for
// the caller: it does not tell the two apart.
func noDefault(err error) bool {
	code := extract.Code(err)
	return code == "UnauthorizedException" || code == "ResourceNotFoundException"
}

// region reads the resources that the index of a region holds, if a view lets it.
func (w *walk) region(ctx context.Context, region string) (usable bool, err error) {
	err = newReader(w.unit, region, nil).read(ctx)
	if !noDefault(err) {
		return true, err
	}
	w.unit.Expect(err, []string{extract.Code(err)})
	view, err := w.unfiltered(ctx, region)
	if err != nil || view == "" {
		return false, err
	}
	err = newReader(w.unit, region, &view).read(ctx)
	if noDefault(err) {
		w.unit.Expect(err, []string{extract.Code(err)})
		return false, nil
	}
	return true, err
}

// reader reads the resources that a view shows.
type reader struct {
	unit   *extract.Unit
	client *resourceexplorer2.Client
	region string
	view   *string         // nil is the region's default
	of     map[string]bool // accounts whose resources are wanted
	alone  bool            // asked about itself, and not for others

	mu     sync.Mutex
	leaves []string // queries whose answers AWS cut
}

func newReader(u *extract.Unit, region string, view *string) *reader {
	r := &reader{unit: u, client: service.In(u, region), region: region, view: view, of: map[string]bool{}, alone: len(u.Covers) == 0}
	if r.alone {
		r.of[u.Account], r.of[""] = true, true
	}
	for _, p := range u.Covers {
		r.of[p.Account] = true
	}
	return r
}

// read asks for a list, which has no end to it but the last page. Where that is
// refused, or may have been cut, searches find the rest.
func (r *reader) read(ctx context.Context) error {
	doubtful, err := r.list(ctx)
	switch {
	case err != nil && !unknown(err):
		return err
	case err == nil && !doubtful:
		return nil
	}
	if err := r.search(ctx, nil); err != nil {
		return err
	}
	if len(r.leaves) == 0 {
		return nil
	}
	slices.Sort(r.leaves)
	return &extract.Incompleteness{
		Code:    "incomplete_search",
		Message: fmt.Sprintf("in %s, %d searches have more than 1,000 results and cannot be split further: %s", r.region, len(r.leaves), strings.Join(r.leaves, "; ")),
		Advice:  "Allow resource-explorer-2:ListResources where policies name single operations, or search through a view with fewer resources.",
	}
}

// refusedList is a refusal of the list's first page. What had begun to be
// listed fails as a whole.
type refusedList struct{ error }

func (e refusedList) Unwrap() error { return e.error }

// unknown reports whether the list is not to be had, by the caller or at all.
func unknown(err error) bool {
	var first refusedList
	if !errors.As(err, &first) {
		return false
	}
	switch extract.Code(err) {
	case "AccessDenied", "AccessDeniedException", "UnknownOperationException", "InvalidAction":
		return true
	}
	var response *smithyhttp.ResponseError
	return errors.As(err, &response) && response.HTTPStatusCode() == http.StatusNotFound && !noDefault(err)
}

// list emits all pages of ListResources. A last page that is full may be the
// end that AWS sets to an answer, and not that of the resources.
func (r *reader) list(ctx context.Context) (doubtful bool, err error) {
	in := &resourceexplorer2.ListResourcesInput{ViewArn: r.view, MaxResults: aws.Int32(resourcesPage)}
	for first := true; ; first = false {
		out, err := r.client.ListResources(ctx, in)
		switch {
		case err != nil && first:
			return false, refusedList{err}
		case err != nil:
			return false, err
		case first && in.Filters == nil && r.alone && r.foreign(out.Resources):
			in.Filters = &types.SearchFilter{FilterString: aws.String(r.own())}
			continue
		}
		if err := r.emit(out.Resources); err != nil {
			return false, err
		}
		if aws.ToString(out.NextToken) == "" {
			return len(out.Resources) >= resourcesPage, nil
		}
		in.NextToken = out.NextToken
	}
}

// own is the filter of what the account itself has, for views that show more.
func (r *reader) own() string { return "accountid:" + r.unit.Account }

func (r *reader) foreign(resources []types.Resource) bool {
	return slices.ContainsFunc(resources, func(a types.Resource) bool { return !r.wants(a) })
}

// wants reports whether the unit is to have a resource.
func (r *reader) wants(a types.Resource) bool { return r.of[aws.ToString(a.OwningAccountId)] }

func (r *reader) emit(resources []types.Resource) error {
	resources = slices.DeleteFunc(resources, func(a types.Resource) bool { return !r.wants(a) })
	return extract.Emit(r.unit, resourcesTable, extract.Map(resources, row))
}

// tagsProperty is the name of the property that holds a resource's tags.
const tagsProperty = "tags"

// row takes the tags out of the properties, where what is secret about them
// would be kept. Where their form is not known, the row says that it lacks them.
func row(a types.Resource) Resource {
	r := Resource{Resource: a}
	for _, p := range a.Properties {
		if aws.ToString(p.Name) != tagsProperty {
			r.Properties = append(r.Properties, p)
			continue
		}
		var ok bool
		if r.Tags, ok = tagsOf(p); !ok {
			r.Miss("tags")
		}
	}
	return r
}

func tagsOf(p types.ResourceProperty) (map[string]string, bool) {
	if p.Data == nil {
		return nil, true
	}
	var list []struct{ Key, Value *string }
	text, err := p.Data.MarshalSmithyDocument()
	if err != nil || json.Unmarshal(text, &list) != nil {
		return nil, false
	}
	tags := map[string]string{}
	for _, t := range list {
		if t.Key == nil {
			return nil, false
		}
		tags[*t.Key] = aws.ToString(t.Value)
	}
	return tags, true
}
