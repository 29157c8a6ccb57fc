package s3proxy

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// A refusal is a request that the proxy does not pass on.
type refusal struct {
	status int
	why    string
}

func (r *refusal) Error() string { return r.why }

// writeFailure answers with a status that DuckDB leaves be: of those of S3, it explains
// 400 by a wrong region and 403 by missing credentials, and 3xx might lead elsewhere. It
// asks again after 5xx. What the client could not ask S3 it has tried more than once.
func writeFailure(w http.ResponseWriter, err error) {
	status := http.StatusConflict
	var refused *refusal
	var answered *smithyhttp.ResponseError
	switch {
	case errors.As(err, &refused):
		status = refused.status
	case errors.As(err, &answered):
		if s := answered.HTTPStatusCode(); s == http.StatusNotFound || s == http.StatusRequestedRangeNotSatisfiable || s >= 500 {
			status = s
		}
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(status)
}

// listing is the answer to ListObjectsV2.
type listing struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	Name                  string
	EncodingType          string
	KeyCount              int
	IsTruncated           bool
	NextContinuationToken string `xml:",omitempty"`
	Contents              []entry
	CommonPrefixes        []commonPrefix
}

type entry struct {
	Key          string
	LastModified string
	ETag         string
	Size         int64
}

type commonPrefix struct {
	Prefix string
}

func (p *Proxy) list(w http.ResponseWriter, r *http.Request) error {
	in, err := p.listInput(r.URL.RawQuery)
	if err != nil {
		return err
	}
	out, err := p.options.Objects.ListObjectsV2(r.Context(), in)
	if err != nil {
		return err
	}
	l := listing{
		Name: p.options.Bucket, EncodingType: "url", KeyCount: len(out.Contents) + len(out.CommonPrefixes),
		IsTruncated: aws.ToBool(out.IsTruncated), NextContinuationToken: aws.ToString(out.NextContinuationToken),
	}
	for _, o := range out.Contents {
		l.Contents = append(l.Contents, entry{
			Key: url.QueryEscape(aws.ToString(o.Key)), LastModified: aws.ToTime(o.LastModified).UTC().Format(time.RFC3339),
			ETag: aws.ToString(o.ETag), Size: aws.ToInt64(o.Size),
		})
	}
	for _, c := range out.CommonPrefixes {
		l.CommonPrefixes = append(l.CommonPrefixes, commonPrefix{url.QueryEscape(aws.ToString(c.Prefix))})
	}
	text, err := xml.Marshal(l)
	if err != nil {
		return fmt.Errorf("write the list: %w", err)
	}
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	if _, err := w.Write(text); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

func (p *Proxy) listInput(rawQuery string) (*awss3.ListObjectsV2Input, error) {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, &refusal{http.StatusMisdirectedRequest, "the list has a query that cannot be read"}
	}
	if query.Get("list-type") != "2" {
		return nil, &refusal{http.StatusMisdirectedRequest, "the bucket can only be listed"}
	}
	in := &awss3.ListObjectsV2Input{Bucket: &p.options.Bucket, ExpectedBucketOwner: p.owner()}
	for name, values := range query {
		value := values[0]
		switch name {
		case "list-type", "encoding-type":
		case "prefix":
			in.Prefix = &value
		case "delimiter":
			in.Delimiter = &value
		case "continuation-token":
			in.ContinuationToken = &value
		default:
			return nil, &refusal{http.StatusMisdirectedRequest, fmt.Sprintf("a list with %s is not expected", name)}
		}
	}
	return in, p.inside(aws.ToString(in.Prefix))
}
