#!/bin/sh
# Checks what the linker made of the program: the size of the stripped binary,
# and that nothing turned off the pruning of methods. text/template and
# whatever else calls methods by computed names would keep every operation of
# every service.
set -eu
limit=160000000
size=$(wc -c < bin/stocktake)
if [ "$size" -gt "$limit" ]; then
	echo "bin/stocktake has $size bytes: expected at most $limit" >&2
	exit 1
fi
if go build -tags grpcnotrace -ldflags=-dumpdep -o /dev/null ./cmd/stocktake 2>&1 | grep -m1 ReflectMethod; then
	echo "the line above turns off method pruning (go build -ldflags=-dumpdep): find what imports it" >&2
	exit 1
fi
echo "binary: $size bytes of at most $limit; methods are pruned"
