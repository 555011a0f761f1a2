package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) phantomCommand() *cobra.Command {
	return nil
}

var _ = fmt.Sprint
