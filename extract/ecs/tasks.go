package ecs

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"stocktake/extract"
)

type (
	// Task is a types.Task.
	Task struct {
		types.Task
		extract.Incomplete
	}
	// TaskDefinition is a types.TaskDefinition with its tags.
	TaskDefinition struct {
		types.TaskDefinition
		extract.Incomplete
		Tags []types.Tag
	}
)

// tasks are those that run or are about to; ECS forgets the others within the hour.
var tasks = extract.Level[ecs.Client, Cluster, Task]{
	Table: "aws_ecs_tasks",
	Gone:  []string{gone},
	Rows: extract.Described(
		extract.Pages(service, ecs.NewListTasksPaginator,
			func(in *Cluster) *ecs.ListTasksInput {
				return &ecs.ListTasksInput{Cluster: in.ClusterArn, MaxResults: page}
			},
			func(o *ecs.ListTasksOutput) []string { return o.TaskArns }),
		extract.DescribeBatch(100, (*ecs.Client).DescribeTasks,
			func(in *Cluster, arns []string) *ecs.DescribeTasksInput {
				return &ecs.DescribeTasksInput{Cluster: in.ClusterArn, Tasks: arns, Include: types.TaskField("").Values()}
			},
			func(o *ecs.DescribeTasksOutput) ([]Task, error) {
				return extract.Map(o.Tasks, func(t types.Task) Task { return Task{Task: t} }), failed(o.Failures)
			}).Gone(gone).
			Else(func(in *Cluster, arn string) Task {
				return Task{Task: types.Task{TaskArn: &arn, ClusterArn: in.ClusterArn}}
			}, "cluster_arn", "arn")),
}

var taskDefinitions = extract.Tree(service, extract.Level[ecs.Client, extract.Root, TaskDefinition]{
	Table: "aws_ecs_task_definitions",
	Rows: extract.Described(
		extract.Pages(service, ecs.NewListTaskDefinitionsPaginator,
			extract.Always(&ecs.ListTaskDefinitionsInput{Status: types.TaskDefinitionStatusActive, MaxResults: page}),
			func(o *ecs.ListTaskDefinitionsOutput) []string { return o.TaskDefinitionArns }),
		extract.DescribeEach((*ecs.Client).DescribeTaskDefinition,
			func(_ *extract.Root, arn string) *ecs.DescribeTaskDefinitionInput {
				return &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(arn), Include: types.TaskDefinitionField("").Values()}
			},
			func(o *ecs.DescribeTaskDefinitionOutput) TaskDefinition {
				return TaskDefinition{TaskDefinition: *o.TaskDefinition, Tags: o.Tags}
			}).Gone("ClientException").
			Else(func(_ *extract.Root, arn string) TaskDefinition {
				return TaskDefinition{TaskDefinition: types.TaskDefinition{TaskDefinitionArn: &arn}}
			}, "arn")),
})
