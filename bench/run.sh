#!/bin/sh
# Measures the built program: a run over one account against a program that
# makes the identical calls and drops the answers; 2,000,000 findings; and the
# Go benchmarks of the row path. Prints what it finds, and fails on nothing.
set -eu
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for program in ./cmd/stocktake ./bench/drop ./bench/server ./bench/measure ./bench/findings; do
	go build -tags grpcnotrace -ldflags "-s -w" -o "$dir/" "$program"
done
mkdir "$dir/one" "$dir/findings"
"$dir/measure" -bin "$dir" -dir "$dir/one"
"$dir/findings" -dir "$dir/findings.out"
go test -tags grpcnotrace -run xxx -bench . -benchtime 2x ./transform ./internal/spool ./internal/rowmerge ./load
