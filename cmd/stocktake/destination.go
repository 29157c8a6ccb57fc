package main

import (
	"context"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"stocktake/extract"
	"stocktake/internal/config"
	"stocktake/load/store"
	"stocktake/load/store/local"
	"stocktake/load/store/s3"
)

// destination opens the warehouse of a configuration.
func (a *app) destination(ctx context.Context, file *config.File) (store.Store, error) {
	if !file.OnS3() {
		return local.Open(file.Warehouse)
	}
	client, err := outputClient(ctx, file)
	if err != nil {
		return nil, err
	}
	bucket, prefix, err := s3.Parse(file.Warehouse)
	if err != nil {
		return nil, err
	}
	o := file.Output
	return s3.New(client, s3.Options{
		Bucket: bucket, Prefix: prefix, WriteOnly: file.WriteOnly(),
		Encryption: o.Encryption, KMSKey: o.KMSKey, BucketKey: o.BucketKey,
		BucketOwner: o.BucketOwner, StorageClass: o.StorageClass, Tags: o.Tags,
	})
}

// outputClient acts as the identity that the output has of its own, also where
// the sources are simulated. Its credentials are renewed as they run out.
func outputClient(ctx context.Context, file *config.File) (*awss3.Client, error) {
	o := file.Output
	// Without a time for the whole of a call: a part of a file may take long.
	cfg, err := extract.LoadAWS(ctx, awshttp.NewBuildableClient(), o.Credentials, o.Region)
	if err != nil {
		return nil, err
	}
	for _, hop := range o.Hops {
		client := sts.NewFromConfig(cfg, func(o *sts.Options) {
			if plain, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
				o.HTTPClient = plain.WithTimeout(file.Retry.Timeout)
			}
		})
		cfg = extract.AssumeRole(cfg, client, hop, "stocktake-output")
	}
	return s3.NewClient(cfg, o.Region, o.Endpoint, o.PathStyle), nil
}
