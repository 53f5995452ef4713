package main

import "github.com/spf13/cobra"

func doctorCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:     "doctor",
		Short:   "Check what works of the network (not in this version)",
		Example: examples("earshot doctor", "say what works, what does not, and what to do"),
		Args:    arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			return notInThisVersion("earshot doctor",
				"run `earshot status` for the daemon, and `earshot join` shows how far a connection comes")
		},
	}
	p.addJSON(c)
	return c
}
