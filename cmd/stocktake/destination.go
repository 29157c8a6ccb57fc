package main

import (
	"context"

	"stocktake/internal/config"
	"stocktake/load/store"
	"stocktake/load/store/local"
)

// destination opens the warehouse of a configuration.
func (a *app) destination(_ context.Context, file *config.File) (store.Store, error) {
	return local.Open(file.Warehouse)
}
