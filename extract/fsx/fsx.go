// Package fsx collects file systems for Windows, Lustre, ONTAP and OpenZFS,
// their volumes and their backups.
package fsx

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/fsx"
	"github.com/aws/aws-sdk-go-v2/service/fsx/types"

	"stocktake/extract"
)

var service = extract.Service[fsx.Client, fsx.Options]{
	Info: extract.ServiceInfo{Name: "fsx", ID: fsx.ServiceID},
	New:  fsx.NewFromConfig,
}

// page asks for more than any page has: FSx cuts it to its own limits, which it
// does not tell.
var page = aws.Int32(1000)

// Collectors of this service.
var Collectors = []extract.Collector{
	extract.List(service, "aws_fsx_file_systems", fsx.NewDescribeFileSystemsPaginator,
		&fsx.DescribeFileSystemsInput{MaxResults: page},
		func(o *fsx.DescribeFileSystemsOutput) []types.FileSystem { return o.FileSystems }),

	extract.List(service, "aws_fsx_backups", fsx.NewDescribeBackupsPaginator,
		&fsx.DescribeBackupsInput{MaxResults: page},
		func(o *fsx.DescribeBackupsOutput) []types.Backup { return o.Backups }),

	extract.List(service, "aws_fsx_volumes", fsx.NewDescribeVolumesPaginator,
		&fsx.DescribeVolumesInput{MaxResults: page},
		func(o *fsx.DescribeVolumesOutput) []types.Volume { return o.Volumes }),
}
