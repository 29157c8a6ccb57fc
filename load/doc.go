// Package load turns what a run has spooled into the files of a warehouse and
// publishes them: it merges new rows with those that stay, writes and verifies
// one Parquet file per table, and commits them all at once. It knows Arrow,
// Parquet and the layout of a warehouse; it knows neither AWS nor configuration
// files nor a query engine, and reaches the destination only through package
// store.
package load
