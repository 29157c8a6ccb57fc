#!/bin/sh
# Measures the built program: a run over one account against a program that
# makes the identical calls and drops the answers; 2,000,000 findings; a table of
# 1 GB that is published to an S3 server; file sizes against DuckDB's; and the Go
# benchmarks of the row path. A target that is missed is printed, and is no
# failure. Takes about fifteen minutes.
set -eu
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/bin" "$dir/one" "$dir/findings" "$dir/publish"
for program in ./cmd/stocktake ./bench/drop ./bench/server ./bench/measure ./bench/findings ./bench/publish ./bench/size; do
	go build -tags grpcnotrace -ldflags "-s -w" -o "$dir/bin/" "$program"
done

echo "== one account"
"$dir/bin/measure" -bin "$dir/bin" -dir "$dir/one"

echo "== 2,000,000 Security Hub findings"
"$dir/bin/findings" -dir "$dir/findings"

echo "== a table of 1 GB to S3"
"$dir/bin/publish" -dir "$dir/publish"

echo "== file sizes"
sed -e "s|^warehouse: .*|warehouse: $dir/simulated|" -e "s|^  accounts: .*|&\n  scale: 20|" testdata/demo.yaml >"$dir/simulated.yaml"
# Exit code 3 is the account of the simulation that is partly denied.
"$dir/bin/stocktake" run --config "$dir/simulated.yaml" --collect ec2,security_hub >"$dir/simulated.log" 2>&1 || [ $? -eq 3 ] || { cat "$dir/simulated.log"; exit 1; }
"$dir/bin/size" "$dir/one/warehouse" "$dir/simulated" "$dir/findings/warehouse"

echo "== rows a second and allocations a row"
go test -tags grpcnotrace -run '^$' -bench . -benchtime 2s ./transform ./internal/conformance ./internal/spool ./internal/rowmerge ./load
